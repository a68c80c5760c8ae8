//! Whether the operations are tested by what travels with the package. That the cassettes hold is found out by replaying them,
//! which needs a sandbox.

use super::{Level, Rule, quote};
use crate::{Package, manifest::OperationKind};

pub(super) const RULES: &[Rule] = &[Rule {
    id: "cassettes-present",
    title: "each action is shown by a cassette",
    // A warning: what an operation does may be impossible to record, and a test that says nothing is soon written.
    level: Level::Warning,
    hint: "record a call of it in the folder `cassettes`, see docs/guide/cassettes.md; the build embeds them",
    faults,
}];

fn faults(package: &Package) -> Vec<String> {
    let cassettes = match package.cassettes() {
        Ok(cassettes) => cassettes.unwrap_or_default(),
        Err(refusal) => return vec![refusal.to_string()],
    };
    let actions = package.manifest().operations.iter().filter(|operation| operation.kind == OperationKind::Action);
    actions
        .filter(|operation| !cassettes.cover(operation.name.as_str()))
        .map(|operation| format!("{} has no cassette", quote(operation.name.as_str())))
        .collect()
}
