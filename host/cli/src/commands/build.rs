//! `jackfield build`: compiles, asks the component what it does, writes that and connector.toml into it as its manifest,
//! and holds the result against the rules.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use jackfield_package::{
    Manifest, Package,
    cassettes::Cassettes,
    check::{self, Level, Outcome, Report, State},
    manifest::{Effect, Operation, OperationKind},
    section,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    cargo, cassette,
    context::Context,
    error::{Done, Failed, Kind},
    flags,
    page::grouped,
    project::Project,
    sandbox::Sandbox,
    words::{count, shell_path},
};

/// What a build gives.
pub(crate) struct Built {
    /// The package's file.
    pub(crate) path: PathBuf,
    pub(crate) package: Package,
    /// What the rules say of it.
    report: Report,
}

pub(crate) async fn run(flags: flags::Build, context: &Context) -> Done {
    let project = Project::load(&flags.path)?;
    let built = build(&project, flags.debug, context).await?;
    let Built { path, package, report } = &built;
    require_passed(&project, report)?;
    let manifest = package.manifest();
    let answer = json!({
        "name": manifest.name,
        "version": manifest.version,
        "path": path,
        "digest": package.digest(),
        "bytes": package.size(),
        "checks": report,
    });
    let size = u64::try_from(package.size()).unwrap_or(u64::MAX);
    context.ui.answer(&answer, |page| {
        page.strong(&format!("{}@{}", manifest.name, manifest.version)).fields([
            ("file", path.display().to_string()),
            ("digest", package.digest().to_string()),
            ("size", format!("{} bytes", grouped(size))),
        ]);
    })?;
    for outcome in report.outcomes.iter().filter(|outcome| outcome.state != State::Pass) {
        context.ui.warn(&format!("{}: {}", outcome.id, told(outcome)));
    }
    if !flags.debug {
        context.ui.note(&format!(
            "\nNext:\n  jackfield sign {0} --key NAME     to hand the file out yourself\n  \
             jackfield publish {0} --key NAME  to release it at a registry",
            shell_path(path)
        ));
    }
    Ok(())
}

/// Builds the project's package and writes it to `<target>/jackfield/`, whatever the rules say of it. The same source gives
/// the same bytes.
pub(crate) async fn build(project: &Project, debug: bool, context: &Context) -> Result<Built, Failed> {
    let compiled = cargo::build(project.folder(), debug, context.ui.is_quiet())?;
    let component = context.read_component(&compiled.component)?;
    let operations = operations_of(project, &component).await?;
    let cassettes = cassettes(project)?;
    let package = package(project, &component, project.manifest(operations), cassettes.as_deref())?;
    let report = check::check(&package);

    let mut folder = compiled.target_directory.join("jackfield");
    if debug {
        // Never where somebody looks for what he signs.
        folder.push("debug");
    }
    let path = folder.join(project.artifact_name());
    write(&path, package.bytes())?;
    Ok(Built { path: from_here(&path), package, report })
}

/// What the code says that it does. The component must be a package before a host runs anything of it, so it gets a
/// manifest with a stand-in for what is yet to be found out.
async fn operations_of(project: &Project, component: &[u8]) -> Result<Vec<Operation>, Failed> {
    let stand_in = Operation {
        name: "describe".parse()?,
        kind: OperationKind::Action,
        title: "Describe".to_owned(),
        description: String::new(),
        input: json!({}),
        output: json!({}),
        effect: Effect::Read,
        idempotent: true,
        scopes: Vec::new(),
    };
    let package = package(project, component, project.manifest(vec![stand_in]), None)?;
    let described = Sandbox::new()?.describe(&package).await?;
    let malformed = |problem: String| {
        Failed::new(Kind::Refused, "describe-malformed", format!("the component's `describe` answers {problem}"))
            .hint("build it with the SDK of this release, which writes `describe`: connector!(…)")
    };
    let described: Described = serde_json::from_str(&described).map_err(|error| malformed(error.to_string()))?;
    if described.operations.is_empty() {
        return Err(malformed("that it has no operations".to_owned()));
    }
    Ok(described.operations)
}

/// The answer of `describe`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Described {
    operations: Vec<Operation>,
}

/// The section of the project's cassettes; none if it has none.
fn cassettes(project: &Project) -> Result<Option<Vec<u8>>, Failed> {
    let mut carried = BTreeMap::new();
    for (name, path) in cassette::in_folder(&project.cassettes())? {
        carried.insert(name, cassette::to_carry(&path)?);
    }
    if carried.is_empty() {
        return Ok(None);
    }
    let section = Cassettes::new(carried)?.to_bytes()?;
    // What is written must be readable by the same rules.
    Cassettes::parse(&section)?;
    Ok(Some(section))
}

fn package(
    project: &Project,
    component: &[u8],
    manifest: Manifest,
    cassettes: Option<&[u8]>,
) -> Result<Package, Failed> {
    let manifest = manifest.to_bytes();
    let mut sections = vec![(section::MANIFEST, manifest.as_slice())];
    sections.extend(project.readme().map(|readme| (section::README, readme)));
    sections.extend(project.icon().map(|icon| (section::ICON, icon)));
    sections.extend(cassettes.map(|cassettes| (section::CASSETTES, cassettes)));
    let package = section::embed(component, &sections)?;
    Ok(Package::parse(package)?)
}

fn require_passed(project: &Project, report: &Report) -> Done {
    if report.passed() {
        return Ok(());
    }
    let broken = report.outcomes.iter().filter(|outcome| outcome.level == Level::Error && outcome.state != State::Pass);
    let broken: Vec<String> = broken.map(|outcome| format!("{}: {}", outcome.id, told(outcome))).collect();
    let message = format!("{} breaks {}\n{}", project.name(), count(broken.len(), "rule"), broken.join("\n"));
    let report = serde_json::to_value(report).unwrap_or(Value::Null);
    Err(Failed::new(Kind::Refused, "check-failed", message)
        .hint(format!(
            "mend {} or the code, and build again",
            shell_path(&project.folder().join(crate::project::FILE_NAME))
        ))
        .detail("checks", report))
}

/// What a rule says, with what to do about it.
fn told(outcome: &Outcome) -> String {
    match &outcome.hint {
        Some(hint) => format!("{}\n  ({hint})", outcome.message),
        None => outcome.message.clone(),
    }
}

/// Written aside and renamed: whoever reads the package at that moment has the old one or the new one, whole.
fn write(path: &Path, bytes: &[u8]) -> Done {
    let write = || -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut file = tempfile::Builder::new().prefix(".jackfield-").tempfile_in(folder)?;
        io::Write::write_all(&mut file, bytes)?;
        use std::os::unix::fs::PermissionsExt as _;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|error| Failed::file(format!("cannot write `{}`", path.display()), &error))
}

/// The path as somebody in the current folder would type it.
fn from_here(path: &Path) -> PathBuf {
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    match here {
        Ok(here) => path.strip_prefix(here).map_or_else(|_| path.to_owned(), Path::to_owned),
        Err(_) => path.to_owned(),
    }
}
