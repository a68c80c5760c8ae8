//! The rules that need more than a package's bytes: what the registry holds a release against.
//!
//! The rules of the bytes stand in `jackfield_package::check`, those of the sandbox and [`offline`] with whoever implements
//! [`crate::validator::Validator`]. docs/spec/checks.md has a line for each. Here stand their names and words; [`judge`] holds a
//! release against them, and [`verdict()`] says what follows.

mod judge;
mod verdict;

use std::borrow::Cow;

use jackfield_package::{
    Manifest,
    check::{Level, Outcome, State},
    egress::HostPattern,
};

pub use judge::{Case, StoredFacts, judge};
pub use verdict::{Verdict, verdict};

/// Version of all rules together, as a checks statement names it. It grows when a rule is added or made stricter.
pub const RULESET: &str = "3";

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
/// What was recorded of it still comes of it.
pub const CASSETTES_REPLAY: Rule = Rule {
    since: "2",
    ..rule(
        "cassettes-replay",
        "what the package's cassettes record comes of their calls",
        "see it where it is built: jackfield test; then record the call anew, or mend the code",
    )
};
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
/// Versions grow; the patches of a minor version apart from what came after it.
pub const VERSION_ORDER: Rule = rule(
    "version-order",
    "the version is greater than those it follows",
    "publish it under a version above the one that the message names",
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
pub const EXAMINED: &[Rule] = &[COMPONENT_VALID, DESCRIBE_EQUAL, CASSETTES_REPLAY, EGRESS_PUBLIC_SUFFIX];
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

#[cfg(test)]
mod tests {
    use super::*;

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
