//! Schemas and the values that must be valid against them.

use serde_json::Value;

use super::{Level, Rule, quote};
use crate::{
    Manifest,
    manifest::Example,
    schema::Schema,
    strict_json::{self, Floats},
};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "config-schema",
        title: "the config's schema is a JSON Schema of an object",
        level: Level::Error,
        hint: "JSON Schema 2020-12, references within the schema only, `\"type\": \"object\"`",
        faults: |package| config_faults(package.manifest()),
    },
    Rule {
        id: "operation-schemas",
        title: "each operation's schemas are JSON Schemas",
        level: Level::Error,
        hint: "JSON Schema 2020-12, references within the schema only",
        faults: |package| operation_faults(package.manifest()),
    },
    Rule {
        id: "examples-valid",
        title: "each example is valid against its operation's schemas",
        level: Level::Error,
        hint: "mend the example or the schema",
        faults: |package| example_faults(package.manifest()),
    },
];

fn config_faults(manifest: &Manifest) -> Vec<String> {
    let Some(config) = &manifest.config else { return Vec::new() };
    if config.get("type").and_then(Value::as_str) != Some("object") {
        return vec!["config: the schema's `type` is not `object`".to_owned()];
    }
    Schema::compile(config).err().map(|refusal| format!("config: {}", refusal.message)).into_iter().collect()
}

fn operation_faults(manifest: &Manifest) -> Vec<String> {
    let mut faults = Vec::new();
    for operation in &manifest.operations {
        for (which, schema) in [("input", &operation.input), ("output", &operation.output)] {
            if let Err(refusal) = Schema::compile(schema) {
                faults.push(format!("operation {}, {which}: {}", quote(operation.name.as_str()), refusal.message));
            }
        }
    }
    faults
}

fn example_faults(manifest: &Manifest) -> Vec<String> {
    manifest.examples.iter().flat_map(|example| faults_of_example(manifest, example)).collect()
}

fn faults_of_example(manifest: &Manifest, example: &Example) -> Vec<String> {
    let place = format!("example {}", quote(&example.title));
    let Some(operation) = manifest.operation(example.operation.as_str()) else {
        return vec![format!("{place}: there is no operation {}", quote(example.operation.as_str()))];
    };
    let held = |which: &str, schema: &Value, value: &Value| match Schema::compile(schema) {
        Ok(schema) => schema.faults(value).into_iter().map(|fault| format!("{place}, {which}: {fault}")).collect(),
        Err(_) => vec![format!("{place}, {which}: its schema is no JSON Schema")],
    };
    let mut faults: Vec<String> = held("input", &operation.input, &example.input);
    if let Some(output) = &example.output {
        faults.extend(held("output", &operation.output, output));
    }
    faults
}

/// The places where the answer of `describe` is not what the manifest says.
pub(super) fn describe_faults(manifest: &Manifest, describe_json: &str) -> Vec<String> {
    let described = match strict_json::parse_with(describe_json.as_bytes(), Floats::Allowed) {
        Ok(described) => described,
        Err(refusal) => return vec![format!("describe() does not answer strict JSON: {}", refusal.message)],
    };
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Described {
        operations: Vec<crate::manifest::Operation>,
    }
    let described: Described = match strict_json::from_value(described, "describe-equal") {
        Ok(described) => described,
        Err(refusal) => return vec![format!("describe(), {}", refusal.message)],
    };
    let mut faults = Vec::new();
    for operation in &described.operations {
        match manifest.operation(operation.name.as_str()) {
            None => faults.push(format!("the code has {}, and the manifest has not", quote(operation.name.as_str()))),
            Some(stated) if stated != operation => {
                faults.push(format!(
                    "{} differs in {}",
                    quote(operation.name.as_str()),
                    differing_keys(stated, operation)
                ));
            }
            Some(_) => {}
        }
    }
    for stated in &manifest.operations {
        if !described.operations.iter().any(|operation| operation.name == stated.name) {
            faults.push(format!("the manifest has {}, and the code has not", quote(stated.name.as_str())));
        }
    }
    if faults.is_empty() && described.operations != manifest.operations {
        faults.push("the operations stand in another order".to_owned());
    }
    faults
}

fn differing_keys(stated: &crate::manifest::Operation, described: &crate::manifest::Operation) -> String {
    let (Ok(Value::Object(stated)), Ok(Value::Object(described))) =
        (serde_json::to_value(stated), serde_json::to_value(described))
    else {
        return "its form".to_owned();
    };
    let mut keys: Vec<&str> = stated
        .iter()
        .filter(|(key, value)| described.get(*key) != Some(value))
        .map(|(key, _)| key.as_str())
        .chain(described.keys().filter(|key| !stated.contains_key(*key)).map(String::as_str))
        .collect();
    keys.sort_unstable();
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}
