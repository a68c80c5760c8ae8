//! The rules that an author can mend, each with a stable id. The same code runs on the laptop and in the registry.
//!
//! Here stand the rules that need nothing but the package's bytes: no sandbox, no network, no registry. What needs a
//! sandbox is done by the caller, who hands in what he got: [`describe_matches`].

mod authority;
mod cassettes;
mod egress;
mod json;
mod secrets;
mod texts;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{Manifest, Package};

/// How grave a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A package that breaks it is not published.
    Error,
    /// Worth mending.
    Warning,
}

/// What came out. Unknown is never a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It holds.
    Pass,
    /// It is broken.
    Fail,
    /// It could not be found out.
    Unknown,
}

/// What one rule says of one package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The rule's stable id, such as `egress-hosts`.
    pub id: Cow<'static, str>,
    /// What it asks for, in a few words.
    pub title: Cow<'static, str>,
    /// How grave it is.
    pub level: Level,
    /// What came out.
    pub state: State,
    /// What is wrong, one place a line; empty where it holds.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// What all rules say of one package, in a fixed order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// One for each rule.
    pub outcomes: Vec<Outcome>,
}

impl Report {
    /// Whether every rule of level error holds; what is unknown does not.
    pub fn passed(&self) -> bool {
        self.outcomes.iter().all(|outcome| outcome.level == Level::Warning || outcome.state == State::Pass)
    }

    /// The outcome of that rule.
    pub fn outcome(&self, id: &str) -> Option<&Outcome> {
        self.outcomes.iter().find(|outcome| outcome.id == id)
    }
}

/// One rule: its id and level, and the function that lists the places which break it.
pub(crate) struct Rule {
    id: &'static str,
    title: &'static str,
    level: Level,
    hint: &'static str,
    faults: fn(&Package) -> Vec<String>,
}

/// Every rule, in the order of the report.
const RULES: &[&[Rule]] =
    &[texts::RULES, secrets::RULES, egress::RULES, authority::RULES, json::RULES, cassettes::RULES];

/// The ids and levels of the rules that [`check`] applies, in the order of the report.
pub fn rules() -> impl Iterator<Item = (&'static str, Level)> {
    RULES.iter().copied().flatten().map(|rule| (rule.id, rule.level))
}

/// Applies every rule.
pub fn check(package: &Package) -> Report {
    let outcomes = RULES.iter().copied().flatten().map(|rule| outcome(rule, (rule.faults)(package))).collect();
    Report { outcomes }
}

/// How many faults of one rule are listed: a person mends the first ones first.
const FAULTS_SHOWN: usize = 20;

fn outcome(rule: &Rule, faults: Vec<String>) -> Outcome {
    let Rule { id, title, level, hint, .. } = *rule;
    let (id, title) = (Cow::Borrowed(id), Cow::Borrowed(title));
    if faults.is_empty() {
        return Outcome { id, title, level, state: State::Pass, message: String::new(), hint: None };
    }
    let mut message = faults.iter().take(FAULTS_SHOWN).map(String::as_str).collect::<Vec<_>>().join("\n");
    if faults.len() > FAULTS_SHOWN {
        message.push_str(&format!("\nand {} more", faults.len() - FAULTS_SHOWN));
    }
    Outcome { id, title, level, state: State::Fail, message, hint: Some(hint.to_owned()) }
}

/// Whether what the code says of itself equals what the manifest says: `describe_json` is the answer of the component's
/// `describe`, `{"operations": […]}`, compared as values.
pub fn describe_matches(manifest: &Manifest, describe_json: &str) -> Outcome {
    let rule = Rule {
        id: "describe-equal",
        title: "describe() answers the manifest's operations",
        level: Level::Error,
        hint: "build again with the SDK, which writes both from the same source: jackfield build",
        faults: |_| Vec::new(),
    };
    outcome(&rule, json::describe_faults(manifest, describe_json))
}

/// Text from a package within a message: shortened, and with nothing that a terminal would obey.
pub(crate) fn quote(text: &str) -> String {
    format!("`{}`", text.chars().take(100).collect::<String>().escape_debug())
}
