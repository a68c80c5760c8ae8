//! What the validator found in a component, as it was stored.

use serde::Deserialize;

#[derive(Deserialize)]
struct Form {
    #[serde(default)]
    imports: Vec<String>,
    #[serde(default)]
    exports: Vec<String>,
}

/// Names of what a component imports; empty if that is not known yet.
pub(crate) fn imports(facts: Option<&str>) -> Vec<String> {
    read(facts).imports
}

/// Names of what a component exports; empty if that is not known yet.
pub(crate) fn exports(facts: Option<&str>) -> Vec<String> {
    read(facts).exports
}

fn read(facts: Option<&str>) -> Form {
    facts.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Form { imports: Vec::new(), exports: Vec::new() })
}
