//! The rules that need more than a package's bytes: what the registry holds a release against.
//!
//! The rules of the bytes stand in `jackfield_package::check`, those of the sandbox and [`offline`] with whoever implements
//! [`crate::validator::Validator`]. docs/spec/checks.md has a line for each.

use std::borrow::Cow;

use jackfield_package::{
    Manifest, PackageName,
    check::{Level, Outcome, State},
    difference::{self, Difference},
    egress::HostPattern,
    statement::PublishStatement,
};
use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::store::{Earlier, PackageRow, Release};
use crate::{Problem, validator::Facts};

/// Version of all rules together, as a checks statement names it. It grows when a rule is added or made stricter.
pub const RULESET: &str = "1";

/// One rule.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Stable id.
    pub id: &'static str,
    /// What it asks for.
    pub title: &'static str,
    /// The ruleset that brought it.
    pub since: &'static str,
    /// How grave it is.
    pub level: Level,
    /// Whether breaking it is a question for a person and no verdict.
    pub holds: bool,
    /// What to do about it.
    pub hint: &'static str,
}

const fn rule(id: &'static str, title: &'static str, hint: &'static str) -> Rule {
    Rule { id, title, since: "1", level: Level::Error, holds: false, hint }
}

/// The bytes are a connector that can be read at all.
pub const COMPONENT_VALID: Rule = rule(
    "component-valid",
    "a valid component with a manifest, which imports only what hosts give",
    "build it with `jackfield build`",
);
/// What the code says equals what the manifest says, each time.
pub const DESCRIBE_EQUAL: Rule = rule(
    "describe-equal",
    "describe() answers the manifest's operations",
    "build again with the SDK, which writes both from the same source: jackfield build",
);
/// No egress to everything below a public suffix.
pub const EGRESS_PUBLIC_SUFFIX: Rule = rule(
    "egress-public-suffix",
    "egress covers no domain under which strangers have names",
    "name the host, or take it from the config: `{field}` with a pattern",
);
/// The OCI documents say what the bytes say.
pub const OCI_RECOMPUTED: Rule = rule(
    "oci-recomputed",
    "the OCI manifest and config say what the component says",
    "push it with `jackfield publish` or a current `wkg`",
);
/// The bytes carry the name and version they were pushed under.
pub const NAME_EQUAL: Rule = rule(
    "name-equal",
    "the manifest, the repository and the tag name one release",
    "push it to the repository of its own name, under its own version",
);
/// Enough keys signed this release.
pub const STATEMENT_SIGNED: Rule = rule(
    "statement-signed",
    "as many keys of the namespace as its threshold says have signed this release",
    "sign with the namespace's current keys: jackfield publish --key NAME",
);
/// The statement continues the chain.
pub const PREVIOUS_RELEASE: Rule = rule(
    "previous-release",
    "the statement names the release before this one",
    "another release came in between: sign again",
);
/// Versions grow.
pub const VERSION_ORDER: Rule = rule(
    "version-order",
    "the version is greater than those it is compatible with",
    "publish it under a greater version",
);
/// The version says what changes.
pub const SEMVER_COMPATIBLE: Rule = rule(
    "semver-compatible",
    "the version grows by as much as what changes asks for",
    "publish it under the version that the changes need, or undo them",
);
/// Nobody mistakes it for another package.
pub const NAME_CONFUSABLE: Rule = Rule {
    holds: true,
    ..rule(
        "name-confusable",
        "the package's name is not easily taken for another's",
        "a moderator looks at it; say in an appeal why the name is right, or choose another",
    )
};
/// The namespace may publish.
pub const NAMESPACE_ACTIVE: Rule = Rule {
    holds: true,
    ..rule("namespace-active", "the namespace is not held", "a moderator must look at the namespace first")
};

/// Rules that a validator must have an outcome for, besides those of `jackfield_package::check`.
pub const EXAMINED: &[Rule] = &[COMPONENT_VALID, DESCRIBE_EQUAL, EGRESS_PUBLIC_SUFFIX];
/// Rules that the registry applies itself.
pub const REGISTERED: &[Rule] = &[
    NAME_EQUAL,
    OCI_RECOMPUTED,
    STATEMENT_SIGNED,
    PREVIOUS_RELEASE,
    VERSION_ORDER,
    SEMVER_COMPATIBLE,
    NAME_CONFUSABLE,
    NAMESPACE_ACTIVE,
];

impl Rule {
    /// It holds.
    pub fn pass(&self) -> Outcome {
        self.outcome(State::Pass, String::new())
    }

    /// It is broken there.
    pub fn fail(&self, message: impl Into<String>) -> Outcome {
        self.outcome(State::Fail, message.into())
    }

    /// It could not be found out.
    pub fn unknown(&self, message: impl Into<String>) -> Outcome {
        self.outcome(State::Unknown, message.into())
    }

    /// It holds if there are no faults.
    pub fn judge(&self, faults: &[String]) -> Outcome {
        if faults.is_empty() { self.pass() } else { self.fail(faults.join("\n")) }
    }

    fn outcome(&self, state: State, message: String) -> Outcome {
        let hint = (state != State::Pass).then(|| self.hint.to_owned());
        let (id, title) = (Cow::Borrowed(self.id), Cow::Borrowed(self.title));
        Outcome { id, title, level: self.level, state, message, hint }
    }
}

/// The rules that need nothing but the manifest and a list that changes: the same in `jackfield check` and here.
pub fn offline(manifest: &Manifest) -> Vec<Outcome> {
    let faults: Vec<String> = manifest
        .egress
        .iter()
        .enumerate()
        .filter_map(|(index, egress)| {
            let (name, below) = match &egress.host {
                HostPattern::Exact(name) => (name, false),
                HostPattern::Suffix(name) => (name, true),
                HostPattern::Template(_) => return None,
            };
            let suffix = psl::suffix(name.as_bytes())?;
            let whole = suffix.as_bytes() == name.as_bytes();
            // A host may stand at the top of a private registry (`github.io` answers); at the top of a public one none does.
            let icann = suffix.typ() == Some(psl::Type::Icann);
            (whole && (below || icann || !suffix.is_known()))
                .then(|| format!("egress[{index}], `{}`: anybody can have a name below `{name}`", egress.host))
        })
        .collect();
    vec![EGRESS_PUBLIC_SUFFIX.judge(&faults)]
}

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
    if let Err(problem) = super::statements::is_about(statement, case.origin, case.package, case.version, case.release)
    {
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
    match super::statements::previous_is(statement, last) {
        Ok(()) => PREVIOUS_RELEASE.pass(),
        Err(problem) => PREVIOUS_RELEASE.fail(problem.message),
    }
}

/// Earlier releases that this one claims to be compatible with, the greatest first.
fn same_line<'a>(case: &Case<'a>) -> Result<Vec<(Version, &'a Earlier)>, semver::Error> {
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

fn order(case: &Case<'_>) -> Outcome {
    match same_line(case) {
        Err(error) => VERSION_ORDER.unknown(error.to_string()),
        Ok(line) => match line.first() {
            Some((newest, _)) if newest >= case.version => {
                VERSION_ORDER.fail(format!("{newest} is released already, and {} is not greater", case.version))
            }
            _ => VERSION_ORDER.pass(),
        },
    }
}

fn compatible(case: &Case<'_>) -> Outcome {
    let line = match same_line(case) {
        Ok(line) => line,
        Err(error) => return SEMVER_COMPATIBLE.unknown(error.to_string()),
    };
    // A pre-release promises nothing.
    let Some((old_version, old)) = line.into_iter().find(|(version, _)| version.pre.is_empty()) else {
        return SEMVER_COMPATIBLE.pass();
    };
    let manifest = old.manifest.as_deref().and_then(|text| Manifest::parse(text.as_bytes()).ok());
    let facts = old.facts.as_deref().and_then(|text| serde_json::from_str::<StoredFacts>(text).ok());
    let (Some(manifest), Some(facts)) = (manifest, facts) else {
        return SEMVER_COMPATIBLE.unknown(format!("what {old_version} is can't be read"));
    };
    let found = Difference::between(&manifest, &facts.imports, case.manifest, &case.facts.imports);
    let faults: Vec<String> = found
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

/// What follows from all outcomes of one release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every rule of level error holds.
    Passed,
    /// A person must look.
    Held(String),
    /// A rule is broken.
    Rejected(String),
    /// Not every rule has an answer. Never a pass.
    Unknown(String),
}

/// Tri-state, and closed: a rule without an outcome counts as unknown, and unknown is never a pass.
pub fn verdict(outcomes: &[Outcome]) -> Verdict {
    let needed = jackfield_package::check::rules()
        .chain(EXAMINED.iter().chain(REGISTERED).map(|rule| (rule.id, rule.level)))
        .filter(|(_, level)| *level == Level::Error);
    let grave =
        |state: State| outcomes.iter().filter(move |outcome| outcome.level == Level::Error && outcome.state == state);
    let holds = |outcome: &Outcome| REGISTERED.iter().any(|rule| rule.holds && rule.id == outcome.id);
    let list =
        |outcomes: Vec<&Outcome>| outcomes.iter().map(|outcome| outcome.id.as_ref()).collect::<Vec<_>>().join(", ");
    let broken: Vec<_> = grave(State::Fail).filter(|outcome| !holds(outcome)).collect();
    if !broken.is_empty() {
        return Verdict::Rejected(format!("broken: {}", list(broken)));
    }
    let unknown: Vec<_> = grave(State::Unknown).collect();
    if !unknown.is_empty() {
        return Verdict::Unknown(format!("not found out: {}", list(unknown)));
    }
    for (id, _) in needed {
        let said: Vec<_> = outcomes.iter().filter(|outcome| outcome.id == id).collect();
        let [outcome] = said[..] else { return Verdict::Unknown(format!("the rule {id} has no outcome")) };
        if outcome.state == State::Unknown || outcome.level != Level::Error {
            return Verdict::Unknown(format!("the rule {id} has no good outcome"));
        }
    }
    let held: Vec<_> = grave(State::Fail).collect();
    match held.first() {
        Some(first) => Verdict::Held(format!("{}: {}", first.id, first.message)),
        None => Verdict::Passed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_pass() -> Vec<Outcome> {
        let of_bytes = jackfield_package::check::rules().map(|(id, level)| Outcome {
            id: Cow::Borrowed(id),
            title: Cow::Borrowed(""),
            level,
            state: State::Pass,
            message: String::new(),
            hint: None,
        });
        of_bytes.chain(EXAMINED.iter().chain(REGISTERED).map(Rule::pass)).collect()
    }

    #[test]
    fn only_a_full_set_of_passes_passes() {
        assert_eq!(verdict(&all_pass()), Verdict::Passed);
        assert!(matches!(verdict(&[]), Verdict::Unknown(_)));
        for index in 0..all_pass().len() {
            let mut one_less = all_pass();
            let outcome = one_less.remove(index);
            if outcome.level == Level::Warning {
                continue;
            }
            assert!(matches!(verdict(&one_less), Verdict::Unknown(_)), "{}", outcome.id);
            let with = |state: State| {
                let mut outcomes = one_less.clone();
                outcomes.push(Outcome { state, ..outcome.clone() });
                verdict(&outcomes)
            };
            assert!(matches!(with(State::Unknown), Verdict::Unknown(_)), "{}", outcome.id);
            let held = REGISTERED.iter().any(|rule| rule.holds && rule.id == outcome.id);
            assert_eq!(matches!(with(State::Fail), Verdict::Held(_)), held, "{}", outcome.id);
            assert_eq!(matches!(with(State::Fail), Verdict::Rejected(_)), !held, "{}", outcome.id);
            // A rule that a validator calls a mere warning is not passed by that.
            let mut mild = one_less.clone();
            mild.push(Outcome { level: Level::Warning, ..outcome.clone() });
            assert!(matches!(verdict(&mild), Verdict::Unknown(_)), "{}", outcome.id);
            let mut twice = all_pass();
            twice.push(outcome.clone());
            assert!(matches!(verdict(&twice), Verdict::Unknown(_)), "{}", outcome.id);
        }
    }

    #[test]
    fn public_suffixes_are_known() {
        let manifest = |host: &str| {
            let text = serde_json::json!({
                "name": "acme:crm", "version": "1.0.0", "world": "jackfield:connector@0.1.0", "title": "T", "summary": "S",
                "license": "MIT", "egress": [{"host": host, "reason": "r"}],
                "operations": [{"name": "a", "kind": "action", "title": "A", "input": {}, "output": {}, "effect": "read"}],
            });
            Manifest::parse(text.to_string().as_bytes()).unwrap()
        };
        for bad in ["*.com", "*.co.uk", "*.github.io", "co.uk", "*.s3.amazonaws.com", "*.nosuchtld"] {
            assert_eq!(offline(&manifest(bad))[0].state, State::Fail, "{bad}");
        }
        for good in ["api.example.com", "*.example.com", "github.io", "acme.github.io", "*.acme.github.io"] {
            assert_eq!(offline(&manifest(good))[0].state, State::Pass, "{good}");
        }
    }
}
