//! The registry's own rules: what the bytes say, against what was pushed, signed and released before.

use jackfield_package::{
    Manifest, PackageName,
    check::Outcome,
    difference::{self, Difference},
    statement::PublishStatement,
};
use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    NAME_CONFUSABLE, NAME_EQUAL, NAMESPACE_ACTIVE, OCI_RECOMPUTED, PREVIOUS_RELEASE, SEMVER_COMPATIBLE,
    STATEMENT_SIGNED, VERSION_ORDER,
};
use crate::{
    Problem,
    publish::{
        statements,
        store::{Earlier, PackageRow, Release},
    },
    validator::Facts,
};

/// What a release's row keeps of [`Facts`], as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFacts {
    /// Names of what it imports.
    pub imports: Vec<String>,
    /// Names of what it exports.
    pub exports: Vec<String>,
}

/// Everything that the registry's own rules look at. Gathered in one transaction; what decides here does not act.
#[derive(Debug)]
pub struct Case<'a> {
    /// The release.
    pub release: &'a Release,
    /// Its package.
    pub package: &'a PackageName,
    /// Its version.
    pub version: &'a Version,
    /// What the validator found in its bytes.
    pub facts: &'a Facts,
    /// The same, parsed.
    pub manifest: &'a Manifest,
    /// The OCI manifest and the config it names.
    pub oci: (&'a [u8], &'a [u8]),
    /// What enough keys signed, or why not.
    pub statement: Result<PublishStatement, Problem>,
    /// The registry's own name.
    pub origin: &'a str,
    /// Releases before this one, the newest first.
    pub earlier: &'a [Earlier],
    /// The package's row.
    pub row: &'a PackageRow,
    /// Why the name could be taken for another one.
    pub suspicion: Option<String>,
    /// Whether the namespace is active.
    pub namespace_active: bool,
}

/// What the registry's own rules say, in the order of [`REGISTERED`].
pub fn judge(case: &Case<'_>) -> Vec<Outcome> {
    vec![
        names(case),
        oci(case),
        signed(case),
        previous(case),
        order(case),
        compatible(case),
        confusable(case),
        if case.namespace_active { NAMESPACE_ACTIVE.pass() } else { NAMESPACE_ACTIVE.fail("the namespace is held") },
    ]
}

fn names(case: &Case<'_>) -> Outcome {
    let mut faults = Vec::new();
    if case.manifest.name != *case.package {
        faults.push(format!("the manifest names `{}`, the repository `{}`", case.manifest.name, case.package));
    }
    if case.manifest.version != *case.version {
        faults.push(format!("the manifest has version `{}`, the tag `{}`", case.manifest.version, case.version));
    }
    NAME_EQUAL.judge(&faults)
}

/// Whatever a pushed document states about the component must be what the component says.
fn oci(case: &Case<'_>) -> Outcome {
    let parse = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes);
    let (Ok(manifest), Ok(config)) = (parse(case.oci.0), parse(case.oci.1)) else {
        return OCI_RECOMPUTED.fail("the OCI manifest or its config is not JSON");
    };
    let mut faults = Vec::new();
    let facts = case.facts;
    let digest = facts.digest.to_string();
    let layers = manifest["layers"].as_array().map(Vec::as_slice).unwrap_or_default();
    match layers {
        [layer] => {
            if layer["digest"] != digest.as_str() || layer["size"].as_u64() != Some(facts.size) {
                faults.push("the manifest's layer is not the component".to_owned());
            }
        }
        _ => faults.push(format!("the manifest has {} layers: expected the component alone", layers.len())),
    }
    let stated_version = &manifest["annotations"]["org.opencontainers.image.version"];
    if !stated_version.is_null() && *stated_version != case.version.to_string().as_str() {
        faults.push("the manifest's annotation `org.opencontainers.image.version` is another version".to_owned());
    }
    let stated_layers = &config["layerDigests"];
    if !stated_layers.is_null() && *stated_layers != Value::from(vec![digest]) {
        faults.push("the config's `layerDigests` are not the component's digest".to_owned());
    }
    for (which, found) in [("imports", &facts.imports), ("exports", &facts.exports)] {
        let Some(stated) = config["component"][which].as_array() else { continue };
        let mut stated: Vec<&str> = stated.iter().filter_map(Value::as_str).collect();
        let mut found: Vec<&str> = found.iter().map(String::as_str).collect();
        stated.sort_unstable();
        found.sort_unstable();
        if stated != found {
            faults.push(format!("the config's `component.{which}` are not the component's"));
        }
    }
    OCI_RECOMPUTED.judge(&faults)
}

fn signed(case: &Case<'_>) -> Outcome {
    let statement = match &case.statement {
        Ok(statement) => statement,
        Err(problem) if problem.status.is_server_error() => return STATEMENT_SIGNED.unknown(problem.message.clone()),
        Err(problem) => return STATEMENT_SIGNED.fail(problem.message.clone()),
    };
    if let Err(problem) = statements::is_about(statement, case.origin, case.package, case.version, case.release) {
        return STATEMENT_SIGNED.fail(problem.message);
    }
    let mut faults = Vec::new();
    if statement.manifest_digest != case.facts.manifest_digest {
        faults.push("it was signed for another manifest section".to_owned());
    }
    if statement.world != case.manifest.world.to_string() {
        faults.push("it was signed for another world".to_owned());
    }
    STATEMENT_SIGNED.judge(&faults)
}

fn previous(case: &Case<'_>) -> Outcome {
    let Ok(statement) = &case.statement else { return PREVIOUS_RELEASE.unknown("there is no statement to look at") };
    let last = case.earlier.first().map(|earlier| earlier.component.as_str());
    match statements::previous_is(statement, last) {
        Ok(()) => PREVIOUS_RELEASE.pass(),
        Err(problem) => PREVIOUS_RELEASE.fail(problem.message),
    }
}

/// Released versions that this one claims to be compatible with, the greatest first.
fn compatible_line<'a>(case: &Case<'a>) -> Result<Vec<(Version, &'a Earlier)>, semver::Error> {
    let mut found = Vec::new();
    for earlier in case.earlier {
        let version: Version = earlier.version.parse()?;
        if difference::line(&version) == difference::line(case.version) {
            found.push((version, earlier));
        }
    }
    found.sort_by(|a, b| b.0.cmp(&a.0));
    Ok(found)
}

/// A minor version that is out may get patches whatever came after it; nothing else goes below what is released, since whoever
/// upgrades from it must find at least as much.
fn order(case: &Case<'_>) -> Outcome {
    let line = match compatible_line(case) {
        Ok(line) => line,
        Err(error) => return VERSION_ORDER.unknown(error.to_string()),
    };
    let same_minor = |other: &Version| (other.major, other.minor) == (case.version.major, case.version.minor);
    let patches = line.iter().any(|(version, _)| same_minor(version) && version.pre.is_empty());
    match line.iter().map(|(version, _)| version).find(|version| !patches || same_minor(version)) {
        Some(greatest) if greatest >= case.version => {
            VERSION_ORDER.fail(format!("{greatest} is released already, and {} is not greater", case.version))
        }
        _ => VERSION_ORDER.pass(),
    }
}

fn compatible(case: &Case<'_>) -> Outcome {
    let line = match compatible_line(case) {
        Ok(line) => line,
        Err(error) => return SEMVER_COMPATIBLE.unknown(error.to_string()),
    };
    // What it follows is the next lower version, not the last one in time. A pre-release promises nothing.
    let before = line.into_iter().find(|(version, _)| version < case.version && version.pre.is_empty());
    let Some((old_version, old)) = before else { return SEMVER_COMPATIBLE.pass() };
    let manifest = old.manifest.as_deref().and_then(|text| Manifest::parse(text.as_bytes()).ok());
    let facts = old.facts.as_deref().and_then(|text| serde_json::from_str::<StoredFacts>(text).ok());
    let (Some(manifest), Some(facts)) = (manifest, facts) else {
        return SEMVER_COMPATIBLE.unknown(format!("what {old_version} is can't be read"));
    };
    let changes = Difference::between(&manifest, &facts.imports, case.manifest, &case.facts.imports);
    let faults: Vec<String> = changes
        .beyond(&old_version, case.version)
        .into_iter()
        .map(|change| {
            format!("{} ({}): {}; needs a {} version", change.subject, change.kind, change.detail, change.needs)
        })
        .collect();
    SEMVER_COMPATIBLE.judge(&faults)
}

fn confusable(case: &Case<'_>) -> Outcome {
    let settled = case.row.state == "active" || case.row.name_approved_by.is_some();
    match &case.suspicion {
        Some(why) if !settled => NAME_CONFUSABLE.fail(why.clone()),
        _ => NAME_CONFUSABLE.pass(),
    }
}
