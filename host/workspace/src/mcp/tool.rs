//! An operation as a tool: its name, and what a model is told of it.

use std::sync::Arc;

use jackfield_host::{Host, Installation};
use jackfield_package::{
    PackageName,
    manifest::{Effect, Operation, OperationKind},
};
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{Problem, answer::HostError};

/// Characters of a tool's name, so that every client takes it.
const NAME_CHARS: usize = 64;

/// Characters of the full name that a shortened one begins with: what the hash leaves.
const HEAD_CHARS: usize = NAME_CHARS - "__".len() - 2 * HASH_BYTES;

/// Bytes of SHA-256 that a shortened name ends with: nobody finds another name with the same.
const HASH_BYTES: usize = 8;

/// The key that an input which is no object stands under: arguments are always an object.
const WRAPPED: &str = "input";

/// `namespace_name_operation`: labels have no underscore. What is longer than 64 characters begins with its first 46, and ends with
/// `__` and 16 digits of its SHA-256.
pub fn name(package: &PackageName, operation: &str) -> String {
    let full = format!("{}_{}_{operation}", package.namespace(), package.name());
    if full.len() <= NAME_CHARS {
        return full;
    }
    let hash = Sha256::digest(&full);
    format!("{}__{}", &full[..HEAD_CHARS], hex::encode(&hash[..HASH_BYTES]))
}

/// The operation that a tool's name means; none if there is no such one.
pub(super) fn find(host: &Host, name: &str) -> Result<Option<(Installation, Operation)>, Problem> {
    let candidates = match name.contains("__") {
        true => host.installations().map_err(HostError)?,
        false => {
            let mut labels = name.split('_');
            let named = labels.next().zip(labels.next()).map(|(namespace, name)| format!("{namespace}:{name}"));
            let Some(package) = named.and_then(|named| named.parse().ok()) else { return Ok(None) };
            match host.installation(&package) {
                Ok(installation) => vec![installation],
                Err(jackfield_host::Error::NotInstalled { .. }) => Vec::new(),
                Err(error) => return Err(HostError(error).into()),
            }
        }
    };
    Ok(candidates.into_iter().find_map(|installation| {
        let is_it = |operation: &&Operation| self::name(&installation.name, operation.name.as_str()) == name;
        let operation = actions(&installation).find(is_it).cloned()?;
        Some((installation, operation))
    }))
}

/// The tools of one installation: none while it is switched off, and those only whose operations are granted.
pub fn all(installation: &Installation) -> impl Iterator<Item = Tool> {
    let granted = |operation: &&Operation| installation.grant.allows_operation(operation.name.as_str());
    actions(installation)
        .filter(move |operation| installation.enabled && granted(operation))
        .map(|operation| of(installation, operation))
}

/// What is called by name.
fn actions(installation: &Installation) -> impl Iterator<Item = &Operation> {
    installation.manifest.operations.iter().filter(|operation| operation.kind == OperationKind::Action)
}

fn of(installation: &Installation, operation: &Operation) -> Tool {
    let manifest = &installation.manifest;
    let title = format!("{}: {}", manifest.title, operation.title);
    let description = match operation.description.is_empty() {
        true => format!("{}. {}", operation.title, manifest.summary),
        false => operation.description.clone(),
    };
    let reads = operation.effect == Effect::Read;
    let annotations = ToolAnnotations::with_title(&title)
        .read_only(reads)
        .destructive(operation.effect == Effect::Destructive)
        .idempotent(reads || operation.idempotent)
        .open_world(!manifest.egress.is_empty());
    let name = name(&installation.name, operation.name.as_str());
    let mut tool =
        Tool::new(name, description, input(&operation.input)).with_title(title).with_annotations(annotations);
    tool.output_schema = output(&operation.output);
    tool
}

/// An input's schema, as one of an object.
fn input(schema: &Value) -> Arc<JsonObject> {
    if is_wrapped(schema) {
        let mut schema = without_dialect(schema);
        // References lead to the root.
        let definitions = schema.remove("$defs");
        let mut wrapped = JsonObject::from_iter([
            ("type".to_owned(), json!("object")),
            ("properties".to_owned(), json!({ WRAPPED: schema })),
            ("required".to_owned(), json!([WRAPPED])),
            ("additionalProperties".to_owned(), json!(false)),
        ]);
        wrapped.extend(definitions.map(|definitions| ("$defs".to_owned(), definitions)));
        return Arc::new(wrapped);
    }
    let mut schema = without_dialect(schema);
    schema.insert("type".to_owned(), json!("object"));
    Arc::new(schema)
}

/// An output's schema; none where it says nothing.
fn output(schema: &Value) -> Option<Arc<JsonObject>> {
    let schema = without_dialect(schema);
    (!schema.is_empty()).then(|| Arc::new(schema))
}

/// There is one dialect, in manifests as in the protocol, and clients that know it need not be told.
fn without_dialect(schema: &Value) -> JsonObject {
    let mut schema = schema.as_object().cloned().unwrap_or_default();
    schema.remove("$schema");
    schema
}

/// Whether an input is no object.
fn is_wrapped(schema: &Value) -> bool {
    match schema.get("type") {
        None => false,
        Some(Value::Array(types)) => !types.contains(&json!("object")),
        Some(word) => word != "object",
    }
}

/// What the operation is given.
pub(super) fn unwrapped(operation: &Operation, mut arguments: JsonObject) -> Value {
    match is_wrapped(&operation.input) {
        true => arguments.remove(WRAPPED).unwrap_or_default(),
        false => Value::Object(arguments),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]
    use super::*;

    fn named(package: &str, operation: &str) -> String {
        name(&package.parse().unwrap(), operation)
    }

    #[test]
    fn every_client_takes_the_names_and_no_two_operations_share_one() {
        assert_eq!(named("jackfield:csv", "to-json-lines"), "jackfield_csv_to-json-lines");
        let long = "a".repeat(64);
        let names = [
            named("acme:crm", "list"),
            named("acme:crm-list", "x"),
            named("acme-crm:list", "x"),
            named(&format!("{long}:{long}"), &long),
            named(&format!("{long}:{long}"), "b"),
            named(&format!("acme:{long}"), "c"),
            named(&format!("acme:{long}"), "d"),
        ];
        for (at, name) in names.iter().enumerate() {
            let is_fine = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
            assert!(name.len() <= NAME_CHARS && name.chars().all(is_fine), "{name}");
            assert!(!names[..at].contains(name), "{name}");
        }
        assert_eq!(named(&format!("acme:{long}"), "c").len(), NAME_CHARS);
    }

    #[test]
    fn an_input_is_an_object() {
        let plain = json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties": { "a": {} } });
        assert_eq!(Value::Object((*input(&plain)).clone()), json!({ "type": "object", "properties": { "a": {} } }));
        assert_eq!(Value::Object((*input(&json!(true))).clone()), json!({ "type": "object" }));
        let list =
            json!({ "type": "array", "items": { "$ref": "#/$defs/row" }, "$defs": { "row": { "type": "string" } } });
        let wanted = json!({
            "type": "object",
            "properties": { "input": { "type": "array", "items": { "$ref": "#/$defs/row" } } },
            "required": ["input"],
            "additionalProperties": false,
            "$defs": { "row": { "type": "string" } },
        });
        assert_eq!(Value::Object((*input(&list)).clone()), wanted);
        assert!(output(&json!(true)).is_none() && output(&json!({})).is_none() && output(&list).is_some());
    }
}
