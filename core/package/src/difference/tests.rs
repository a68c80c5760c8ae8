use serde_json::{Value, json};

use super::*;

fn contained(outer: Value, inner: Value) -> bool {
    schema::contains(&outer, &inner).is_ok()
}

#[test]
fn a_schema_takes_what_another_takes() {
    let text = || json!({"type": "string"});
    let object = |properties: Value| json!({"type": "object", "properties": properties});
    let closed = |properties: Value, required: Value| json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
    let tagged = |tag: &str| json!({"type": "object", "properties": {"kind": {"const": tag}}, "required": ["kind"]});
    // (outer, inner, whether outer takes all of inner)
    let rows = [
        (json!({}), json!({"type": "string"}), true),
        (json!(true), json!({}), true),
        (json!({"type": "string"}), json!({}), false),
        (json!({"type": "string"}), json!(false), true),
        (json!(false), text(), false),
        (json!({"type": "number"}), json!({"type": "integer"}), true),
        (json!({"type": "integer"}), json!({"type": "number"}), false),
        (json!({"type": ["string", "null"]}), text(), true),
        (text(), json!({"type": ["string", "null"]}), false),
        (json!({"type": "string", "description": "x"}), json!({"type": "string", "title": "y"}), true),
        (json!({"type": "integer", "minimum": 0}), json!({"type": "integer", "minimum": 1}), true),
        (json!({"type": "integer", "minimum": 1}), json!({"type": "integer", "minimum": 0}), false),
        (json!({"type": "integer", "maximum": 5}), json!({"type": "integer", "exclusiveMaximum": 5}), true),
        (json!({"type": "integer", "exclusiveMaximum": 5}), json!({"type": "integer", "maximum": 5}), false),
        (json!({"minimum": 0}), json!({"enum": [0, 3]}), true),
        (json!({"minimum": 1}), json!({"enum": [0, 3]}), false),
        (json!({"type": "string", "maxLength": 9}), text(), false),
        (text(), json!({"type": "string", "maxLength": 9}), true),
        (json!({"type": "string", "minLength": 0}), text(), true),
        (json!({"type": "string", "pattern": "^a"}), json!({"type": "string", "pattern": "^a"}), true),
        (json!({"type": "string", "pattern": "^a"}), json!({"type": "string", "pattern": "^b"}), false),
        // A keyword of another type says nothing.
        (json!({"pattern": "^a"}), json!({"type": "integer"}), true),
        (json!({"enum": ["a", "b"]}), json!({"enum": ["a"]}), true),
        (json!({"enum": ["a"]}), json!({"enum": ["a", "b"]}), false),
        (json!({"enum": ["a"]}), json!({"const": "a"}), true),
        (text(), json!({"enum": ["a", 1]}), false),
        // An optional property more, a required one more.
        (object(json!({"a": text(), "b": text()})), object(json!({"a": text()})), true),
        (object(json!({"a": text()})), object(json!({"a": text(), "b": text()})), true),
        (closed(json!({"a": text(), "b": text()}), json!([])), closed(json!({"a": text()}), json!([])), true),
        (closed(json!({"a": text()}), json!([])), closed(json!({"a": text(), "b": text()}), json!([])), false),
        (closed(json!({"a": text()}), json!(["a"])), closed(json!({"a": text()}), json!([])), false),
        (closed(json!({"a": text()}), json!([])), closed(json!({"a": text()}), json!(["a"])), true),
        (closed(json!({"a": text()}), json!([])), object(json!({"a": text()})), false),
        (object(json!({"a": {"type": "integer"}})), object(json!({"a": text()})), false),
        (
            json!({"type": "object", "additionalProperties": {"type": "number"}}),
            json!({"type": "object", "additionalProperties": {"type": "integer"}}),
            true,
        ),
        (
            json!({"type": "object", "properties": {"a": text()}}),
            json!({"type": "object", "additionalProperties": true}),
            false,
        ),
        (json!({"type": "array", "items": {}}), json!({"type": "array", "items": text()}), true),
        (json!({"type": "array", "items": text()}), json!({"type": "array"}), false),
        (json!({"type": "array", "items": text(), "maxItems": 3}), json!({"type": "array", "items": text()}), false),
        (json!({"anyOf": [text(), {"type": "null"}]}), text(), true),
        (json!({"anyOf": [text(), {"type": "null"}]}), json!({"anyOf": [{"type": "null"}, text()]}), true),
        (json!({"anyOf": [text()]}), json!({"anyOf": [{"type": "null"}, text()]}), false),
        (json!({"oneOf": [tagged("a"), tagged("b"), tagged("c")]}), json!({"oneOf": [tagged("a"), tagged("b")]}), true),
        (json!({"oneOf": [tagged("a")]}), json!({"oneOf": [tagged("a"), tagged("b")]}), false),
        // Alternatives that overlap: then exactly one is not what fits.
        (json!({"oneOf": [text(), {"type": "string", "maxLength": 3}]}), json!({"oneOf": [text()]}), false),
        (json!({"allOf": [text(), {"maxLength": 9}]}), json!({"type": "string", "maxLength": 3}), true),
        (json!({"allOf": [text(), {"maxLength": 2}]}), json!({"type": "string", "maxLength": 3}), false),
        (json!({"not": text()}), json!({"type": "integer"}), false),
        (json!({"not": text()}), json!({"not": text(), "minimum": 1}), true),
        // References, recursive ones too.
        (
            json!({"$defs": {"n": {"type": "object", "properties": {"next": {"$ref": "#/$defs/n"}}}}, "$ref": "#/$defs/n"}),
            json!({"$defs": {"m": {"type": "object", "properties": {"next": {"$ref": "#/$defs/m"}}}}, "$ref": "#/$defs/m"}),
            true,
        ),
        // The same text, and another meaning.
        (
            json!({"$defs": {"n": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/n"}}}),
            json!({"$defs": {"n": {"type": "number"}}, "properties": {"a": {"$ref": "#/$defs/n"}}}),
            false,
        ),
        (json!({"$ref": "#/$defs/gone"}), text(), false),
    ];
    for (outer, inner, expected) in rows {
        let found = schema::contains(&outer, &inner);
        assert_eq!(found.is_ok(), expected, "outer {outer}\ninner {inner}\n{found:?}");
    }
}

#[test]
fn what_is_shown_to_be_contained_is() {
    // Every value of the inner schema must be valid against the outer one.
    let schemas = [
        json!({"type": "integer", "minimum": 0}),
        json!({"type": ["integer", "null"], "maximum": 3}),
        json!({"enum": [1, "a", null]}),
        json!({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}),
        json!({"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": false}),
        json!({"type": "array", "items": {"type": "integer"}, "maxItems": 2}),
        json!({"anyOf": [{"type": "integer"}, {"type": "string", "maxLength": 2}]}),
        json!({"oneOf": [{"type": "integer"}, {"type": "string"}]}),
        json!({"not": {"type": "integer"}}),
        json!({}),
    ];
    let values = [
        json!(null),
        json!(0),
        json!(-1),
        json!(4),
        json!("a"),
        json!("abc"),
        json!([]),
        json!([1, 2]),
        json!(["a"]),
        json!([1, 2, 3]),
        json!({}),
        json!({"a": 1}),
        json!({"a": "x"}),
        json!({"b": 1}),
        json!(1.5),
        json!(true),
    ];
    for outer in &schemas {
        for inner in schemas.iter().filter(|inner| contained(outer.clone(), (*inner).clone())) {
            let (outer_schema, inner_schema) =
                (crate::schema::Schema::compile(outer).unwrap(), crate::schema::Schema::compile(inner).unwrap());
            for value in values.iter().filter(|value| inner_schema.is_valid(value)) {
                // What an open schema does not name is no part of its contract.
                let unnamed = value.get("a").is_some_and(|a| !a.is_i64()) && inner.get("properties").is_none();
                assert!(unnamed || outer_schema.is_valid(value), "outer {outer}\ninner {inner}\n{value}");
            }
        }
    }
}

#[test]
fn steps_of_versions() {
    let version = |text: &str| text.parse::<Version>().unwrap();
    let rows = [
        ("1.2.3", "1.2.4", Some(Bump::Patch)),
        ("1.2.3", "1.3.0", Some(Bump::Minor)),
        ("1.2.3", "2.0.0", Some(Bump::Major)),
        ("1.2.3", "1.2.3", None),
        ("1.2.3", "1.2.2", None),
        ("0.1.0", "0.1.1", Some(Bump::Minor)),
        ("0.1.0", "0.2.0", Some(Bump::Major)),
        ("0.0.1", "0.0.2", Some(Bump::Major)),
        ("1.0.0-alpha", "1.0.0", Some(Bump::Major)),
        ("1.0.0", "1.1.0-alpha", Some(Bump::Minor)),
    ];
    for (old, new, expected) in rows {
        assert_eq!(step(&version(old), &version(new)), expected, "{old} → {new}");
    }
}

fn manifest(change: impl FnOnce(&mut Value)) -> Manifest {
    let mut value = json!({
        "name": "acme:crm", "version": "1.0.0", "world": "jackfield:connector@0.1.0", "title": "CRM", "summary": "A CRM.",
        "license": "MIT",
        "egress": [{"host": "api.example.com", "reason": "the API"}],
        "auth": [{"id": "key", "type": "bearer", "hosts": ["api.example.com"],
                  "scopes": [{"name": "read", "reason": "to read"}]}],
        "operations": [{"name": "list", "kind": "action", "title": "List", "input": {"type": "object"},
                        "output": {"type": "object"}, "effect": "read", "idempotent": true}],
    });
    change(&mut value);
    Manifest::parse(value.to_string().as_bytes()).unwrap()
}

fn push(manifest: &mut Value, list: &str, value: Value) {
    manifest.pointer_mut(list).unwrap().as_array_mut().unwrap().push(value);
}

#[test]
fn each_change_has_its_word_and_its_weight() {
    let old = manifest(|_| {});
    assert_eq!(
        Difference::between(&old, &[], &manifest(|m| m["summary"] = json!("Other.")), &[]),
        Difference::default()
    );
    type Row = (&'static str, Bump, bool, fn(&mut Value));
    let rows: [Row; 18] = [
        ("host-added", Bump::Minor, true, |m| push(m, "/egress", json!({"host": "b.example.com", "reason": "more"}))),
        ("methods-widened", Bump::Minor, true, |m| m["egress"][0]["methods"] = json!(["GET", "POST"])),
        ("ports-widened", Bump::Minor, true, |m| m["egress"][0]["ports"] = json!([443, 8443])),
        ("scope-added", Bump::Minor, true, |m| push(m, "/auth/0/scopes", json!({"name": "write", "reason": "x"}))),
        ("scope-removed", Bump::Patch, false, |m| m["auth"][0]["scopes"] = json!([])),
        ("credential-changed", Bump::Minor, true, |m| m["auth"][0]["type"] = json!("api-key")),
        ("credential-hook-added", Bump::Minor, true, |m| m["auth"][0]["hook"] = json!({"reads": ["/error"]})),
        ("credential-removed", Bump::Patch, false, |m| m["auth"] = json!([])),
        ("operation-added", Bump::Minor, false, |m| {
            let mut more = m["operations"][0].clone();
            more["name"] = json!("list-more");
            push(m, "/operations", more);
        }),
        ("operation-added", Bump::Minor, true, |m| {
            let mut more = m["operations"][0].clone();
            more["name"] = json!("remove");
            more["effect"] = json!("destructive");
            push(m, "/operations", more);
        }),
        ("effect-widened", Bump::Minor, true, |m| m["operations"][0]["effect"] = json!("write")),
        ("idempotence-lost", Bump::Major, false, |m| m["operations"][0]["idempotent"] = json!(false)),
        ("operation-scope-added", Bump::Minor, true, |m| m["operations"][0]["scopes"] = json!(["read"])),
        ("operation-kind-changed", Bump::Major, false, |m| m["operations"][0]["kind"] = json!("poll")),
        ("input-narrowed", Bump::Major, false, |m| m["operations"][0]["input"]["required"] = json!(["a"])),
        ("output-narrowed", Bump::Minor, false, |m| m["operations"][0]["output"]["required"] = json!(["a"])),
        ("input-widened", Bump::Minor, false, |m| m["config"] = json!({"type": "object", "properties": {"a": {}}})),
        ("limit-changed", Bump::Patch, false, |m| m["limits"] = json!({"fuel": 5})),
    ];
    for (kind, needs, widens, change) in rows {
        let found = Difference::between(&old, &[], &manifest(change), &[]);
        assert_eq!(found.changes.len(), 1, "{kind}: {found:?}");
        let only = &found.changes[0];
        assert_eq!((only.kind.as_str(), only.needs, only.widens), (kind, needs, widens), "{found:?}");
    }
    let imports = |name: &str| vec![name.to_owned()];
    let found = Difference::between(&old, &[], &old, &imports("wasi:http/outgoing-handler@0.2.12"));
    assert!(found.widens() && found.needs() == Bump::Minor);
    let (a, b) = (imports("wasi:http/types@0.2.0"), imports("wasi:http/types@0.2.12"));
    assert_eq!(Difference::between(&old, &a, &old, &b), Difference::default());
}

#[test]
fn what_a_version_does_not_allow_is_listed() {
    let old = manifest(|_| {});
    let new = manifest(|m| m["operations"][0]["name"] = json!("other"));
    let found = Difference::between(&old, &[], &new, &[]);
    let beyond = |new: &str| found.beyond(&old.version, &new.parse().unwrap()).len();
    assert_eq!((beyond("1.0.1"), beyond("1.1.0"), beyond("2.0.0"), beyond("0.9.0")), (2, 1, 0, 2));
}
