//! `jackfield test`: replays each cassette against the compiled component, in the sandbox that runs it later, with no way to
//! any network.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use anstyle::{AnsiColor, Style};
use jackfield_host::{Bill, Denial, FileSource, Invocation, LogLine, grant::Grant};
use jackfield_package::{Label, Package, manifest::AuthType};
use serde::Serialize;
use serde_json::json;

use crate::{
    cassette::{Cassette, Connection, Player},
    commands::build,
    context::Context,
    error::{Done, Failed, Kind},
    flags,
    packages::read_package,
    page::Page,
    project::Project,
    sandbox::Sandbox,
    words::{count, shell_path, shown},
};

/// Stands in the place of every secret. Nothing ever sends it: the replay has no wire to put it on.
const NO_SECRET: &[u8] = b"no-secret:replayed-from-a-cassette";

/// What came of one cassette.
#[derive(Serialize)]
struct Verdict {
    /// The file's name without `.json`.
    name: String,
    file: String,
    passed: bool,
    /// What is otherwise than expected.
    problems: Vec<String>,
    /// What the connector logged.
    log: Vec<LogLine>,
    bill: Bill,
    wall_ms: u64,
}

pub(crate) async fn run(flags: flags::Test, context: &Context) -> Done {
    let (package, folder) = if flags.path.is_dir() {
        let project = Project::load(&flags.path)?;
        let package = build::build(&project, false, context).await?.package;
        (package, flags.cassettes.unwrap_or_else(|| project.folder().join("cassettes")))
    } else {
        (read_package(&flags.path, context)?, flags.cassettes.unwrap_or_else(|| PathBuf::from("cassettes")))
    };
    let cassettes = find(&folder, flags.filter.as_deref())?;
    let verdicts = play(&package, &cassettes).await?;

    let failed = verdicts.iter().filter(|verdict| !verdict.passed).count();
    let passed = verdicts.len() - failed;
    let answer = json!({
        "name": package.manifest().name,
        "version": package.manifest().version,
        "digest": package.digest(),
        "passed": passed,
        "failed": failed,
        "tests": verdicts,
    });
    context.ui.answer(&answer, |page| {
        for verdict in &verdicts {
            write(page, verdict);
        }
        page.line(&format!("{passed} passed, {failed} failed"));
    })?;
    if failed == 0 {
        return Ok(());
    }
    Err(Failed::new(
        Kind::Refused,
        "test-failed",
        format!("{} of {} failed", count(failed, "test"), package.manifest().name),
    ))
}

/// The cassettes, by name.
fn find(folder: &Path, filter: Option<&str>) -> Result<Vec<(String, PathBuf)>, Failed> {
    let cannot_list = |error| Failed::file(format!("cannot list the cassettes in `{}`", folder.display()), &error);
    let none = || {
        Failed::new(Kind::NotFound, "cassette-not-found", format!("there is no cassette in `{}`", shown(folder)))
            .hint("a test is a file such as cassettes/greet.json: see docs/guide/cassettes.md")
    };
    if !folder.exists() {
        return Err(none());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot_list)? {
        let path = entry.map_err(cannot_list)?.path();
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned());
        if let Some(name) = name
            && path.extension().is_some_and(|extension| extension == "json")
            && !name.starts_with('.')
        {
            found.push((name, path));
        }
    }
    if found.is_empty() {
        return Err(none());
    }
    let all = found.len();
    found.retain(|(name, _)| filter.is_none_or(|filter| name.contains(filter)));
    if let Some(filter) = filter
        && found.is_empty()
    {
        let message = format!("none of {} in `{}` contains `{filter}`", count(all, "cassette"), shown(folder));
        return Err(Failed::new(Kind::NotFound, "cassette-not-found", message)
            .hint(format!("see them all: ls {}", shell_path(folder))));
    }
    found.sort();
    Ok(found)
}

async fn play(package: &Package, cassettes: &[(String, PathBuf)]) -> Result<Vec<Verdict>, Failed> {
    // A slip in the last cassette shows before the first one runs.
    let read: Vec<Cassette> = cassettes.iter().map(|(_, path)| Cassette::read(path)).collect::<Result<_, _>>()?;
    let player = Player::default();
    let stage = Stage { sandbox: Sandbox::with_transport(Arc::new(player.clone()))?, player, package };
    let mut verdicts = Vec::new();
    for ((name, path), cassette) in cassettes.iter().zip(read) {
        verdicts.push(stage.play(name, path, cassette).await?);
    }
    Ok(verdicts)
}

/// Where the cassettes are played, one after the other.
struct Stage<'a> {
    sandbox: Sandbox,
    player: Player,
    package: &'a Package,
}

impl Stage<'_> {
    async fn play(&self, name: &str, path: &Path, cassette: Cassette) -> Result<Verdict, Failed> {
        let started = Instant::now();
        let named = |failed: Failed| failed.within(&shown(path).to_string());
        let Cassette { operation, input, config, connection, idempotency_key, files, exchanges, expect } = cassette;
        let mut grant = Grant::all_of(self.package.manifest());
        grant.config = config;
        for id in self.bound(&connection).map_err(named)? {
            grant.credentials.insert(id.clone(), self.no_secret(&id)?);
        }
        let installation = self.sandbox.install(self.package, grant).await.map_err(named)?;

        self.player.insert(exchanges);
        let mut invocation = Invocation::new(operation, input.to_string()).idempotency_key(idempotency_key);
        for (id, content) in files {
            invocation = invocation.file(id, FileSource::Bytes(content.to_bytes().into()));
        }
        let outcome = self.sandbox.host().invoke(&installation.name, invocation).await;
        let mut problems = self.player.eject();
        problems.extend(expect.problems(&outcome));
        if !problems.is_empty() {
            // First what was denied on the way: the rest follows from that.
            problems.splice(0..0, outcome.denials.iter().map(told));
        }
        Ok(Verdict {
            name: name.to_owned(),
            file: shown(path).to_string(),
            passed: problems.is_empty(),
            problems,
            log: outcome.log,
            bill: outcome.bill,
            wall_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// The `auth` entries that get a credential. What signs requests can't be bound to a file, and is left out.
    fn bound(&self, connection: &Connection) -> Result<Vec<Label>, Failed> {
        let auth = &self.package.manifest().auth;
        match connection {
            Connection::None => Ok(Vec::new()),
            Connection::One(id) if auth.iter().any(|auth| auth.id == *id) => Ok(vec![id.clone()]),
            Connection::One(id) => {
                let known: Vec<&str> = auth.iter().map(|auth| auth.id.as_str()).collect();
                let message = format!("`connection`: {} asks for no credential `{id}`", self.package.manifest().name);
                Err(Failed::new(Kind::Refused, "cassette-malformed", message).hint(match known[..] {
                    [] => "it asks for none".to_owned(),
                    _ => format!("it asks for: {}", known.join(", ")),
                }))
            }
            Connection::All => {
                let signs = |kind: AuthType| matches!(kind, AuthType::Hmac | AuthType::Sigv4);
                Ok(auth.iter().filter(|auth| !signs(auth.r#type)).map(|auth| auth.id.clone()).collect())
            }
        }
    }

    /// A file such as a host wants it.
    fn no_secret(&self, id: &Label) -> Result<PathBuf, Failed> {
        let path = self.sandbox.folder().join(format!("{id}.secret"));
        let written = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(NO_SECRET));
        written.map_err(|error| Failed::file(format!("cannot write `{}`", path.display()), &error))?;
        Ok(path)
    }
}

/// A denial, with the lines that would have prevented it.
fn told(denial: &Denial) -> String {
    let mut text = denial.to_string();
    if let Some(fix) = &denial.fix {
        text.push_str("\nto allow it:");
        text.extend(fix.lines().map(|line| format!("\n  {line}")));
    }
    text
}

fn write(page: &mut Page, verdict: &Verdict) {
    let (good, bad) = (AnsiColor::Green.on_default(), AnsiColor::Red.on_default());
    if verdict.passed {
        page.styled(good, &format!("ok      {}", verdict.name));
        return;
    }
    page.styled(bad.bold(), &format!("FAILED  {}", verdict.name));
    for line in verdict.problems.iter().flat_map(|problem| problem.lines()) {
        let style = match line.get(..2) {
            Some("- ") => good,
            Some("+ ") => bad,
            _ => Style::new(),
        };
        page.styled(style, &format!("        {line}"));
    }
    for line in &verdict.log {
        page.styled(Style::new().dimmed(), &format!("        log: {}", line.message));
    }
}
