//! Each rule of the check, broken by one change of a manifest that passes all.

mod common;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use common::{Builder, cassette, manifest, manifest_with};
use jackfield_package::{
    Manifest,
    check::{Level, Report, State, check, describe_matches},
};
use serde_json::{Value, json};

fn failing(report: &Report) -> Vec<&str> {
    report.outcomes.iter().filter(|outcome| outcome.state != State::Pass).map(|outcome| &*outcome.id).collect()
}

#[test]
fn a_good_package_passes_every_rule() {
    let report = check(&Builder::default().package());
    assert_eq!(failing(&report), [""; 0], "{:#?}", report.outcomes);
    assert!(report.passed());
    let mut ids: Vec<&str> = report.outcomes.iter().map(|outcome| &*outcome.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), report.outcomes.len(), "ids are unique");
}

#[test]
fn each_rule_finds_what_it_is_for() {
    let egress = |entry: Value| manifest_with("/egress/0", entry);
    let host = |host: &str| {
        let mut manifest = manifest_with("/egress/-", json!({"host": host, "reason": "For the test."}));
        manifest["auth"][0]["hosts"] = json!(["api.acme.example"]);
        manifest
    };
    let template = |pattern: Value| manifest_with("/egress/1/pattern", pattern);
    let config = |schema: Value| manifest_with("/config/properties/extra", schema);
    let rows: Vec<(&str, Value)> = vec![
        ("license-spdx", manifest_with("/license", json!("My Own Licence"))),
        ("license-spdx", manifest_with("/license", json!("GPL-3"))),
        ("links-https", manifest_with("/links/homepage", json!("http://acme.example"))),
        ("links-https", manifest_with("/links/homepage", json!("javascript:alert(1)"))),
        ("links-https", manifest_with("/links/homepage", json!("https://github.com@evil.example/"))),
        ("text-visible", manifest_with("/title", json!("Wea\u{200B}ther"))),
        ("text-visible", manifest_with("/egress/0/reason", json!("\u{202E}gniht rehto"))),
        ("text-visible", manifest_with("/operations/0/input/properties/city", json!({"description": "a\u{1b}[2Jb"}))),
        ("egress-hosts", host("93.184.216.34")),
        ("egress-hosts", host("[2606:2800:220:1::1]")),
        ("egress-hosts", host("*.com")),
        ("egress-hosts", host("localhost")),
        ("egress-hosts", host("printer.local")),
        ("egress-hosts", host("metadata.google.internal")),
        ("egress-template", template(Value::Null)),
        ("egress-template", template(json!("[a-z]+\\.acme\\.example$"))),
        ("egress-template", template(json!("^[a-z]+\\.acme\\.example"))),
        ("egress-template", template(json!("^[a-z]+\\.acme\\.example\\$"))),
        ("egress-template", template(json!("^(?i)[a-z]+\\.acme\\.example$"))),
        ("egress-template", template(json!("^([a-z$"))),
        ("egress-template", template(json!("^a)|(b$"))),
        ("egress-template", manifest_with("/config/properties/station", json!({"type": "integer"}))),
        ("egress-template", manifest_with("/config/properties", json!({}))),
        ("egress-template", egress(json!({"host": "api.acme.example", "pattern": "^a$", "reason": "x"}))),
        ("egress-template-wide", template(json!("^.*$"))),
        ("egress-plain-http", egress(json!({"host": "api.acme.example", "ports": "any", "reason": "x"}))),
        (
            "operations-unique",
            manifest_with("/operations", json!([manifest()["operations"][0], manifest()["operations"][0]])),
        ),
        (
            "operations-exported",
            manifest_with(
                "/operations",
                json!([manifest()["operations"][0], {
                    "name": "changes", "kind": "poll", "title": "Changes", "input": {}, "output": {}, "effect": "read"
                }]),
            ),
        ),
        ("auth-unique", manifest_with("/auth", json!([manifest()["auth"][0], manifest()["auth"][0]]))),
        ("auth-hosts", manifest_with("/auth/0/hosts", json!(["evil.example"]))),
        ("auth-hosts", manifest_with("/auth/0/hosts", json!(["*.acme.example"]))),
        ("auth-attach", manifest_with("/auth/0/attach", json!({"in": "header", "name": "Authorization"}))),
        ("auth-attach", manifest_with("/auth/0/attach", json!({"in": "header", "name": "host"}))),
        ("auth-attach", manifest_with("/auth/0/attach", json!({"in": "header", "name": "x-key", "prefix": "clé "}))),
        ("auth-attach", manifest_with("/auth/0/attach", json!({"in": "query", "name": "access_token"}))),
        ("auth-attach", manifest_with("/auth/0/attach", json!({"in": "signature"}))),
        ("auth-test", manifest_with("/auth/0/test", json!("missing"))),
        ("auth-test", manifest_with("/operations/0/effect", json!("write"))),
        ("auth-scopes", manifest_with("/operations/0/scopes", json!(["weather.write"]))),
        ("config-secrets", config(json!({"type": "object", "properties": {"apiKey": {"type": "string"}}}))),
        ("config-secrets", config(json!({"type": "string", "format": "password"}))),
        ("limits-within", manifest_with("/limits/memory_bytes", json!(2u64 << 30))),
        ("limits-within", manifest_with("/limits/time_ms", json!(0))),
        ("config-schema", manifest_with("/config/type", json!("array"))),
        ("config-schema", config(json!({"type": "strnig"}))),
        ("config-schema", config(json!({"$ref": "https://evil.example/schema.json"}))),
        ("operation-schemas", manifest_with("/operations/0/output", json!({"$ref": "#"}))),
        ("examples-valid", manifest_with("/examples/0/input", json!({"city": 1}))),
        ("examples-valid", manifest_with("/examples/0/output", json!({"celsius": "warm"}))),
        ("examples-valid", manifest_with("/examples/0/operation", json!("missing"))),
    ];
    for (id, manifest) in rows {
        let report = check(&Builder::default().manifest(&manifest).package());
        let outcome = report.outcome(id).expect("a rule of that id");
        assert_eq!(outcome.state, State::Fail, "{id}: {manifest}");
        assert!(!outcome.message.is_empty() && outcome.hint.is_some(), "{id}");
        assert!(!outcome.message.contains(['\u{202E}', '\u{1b}']), "{id}: messages are safe to print");
        assert_eq!(report.passed(), outcome.level == Level::Warning, "{id}");
        let others: Vec<&str> = failing(&report).into_iter().filter(|other| *other != id).collect();
        let expected: &[&str] = match id {
            // A schema that is none can't hold examples.
            "operation-schemas" => &["examples-valid"],
            _ => &[],
        };
        assert_eq!(others, expected, "{id} alone is broken");
    }
}

#[test]
fn rules_about_the_bytes_find_what_they_are_for() {
    let mut no_egress = manifest();
    no_egress["egress"] = json!([]);
    no_egress["auth"] = json!([]);
    no_egress["operations"][0]["scopes"] = json!([]);
    let token = format!("ghp_{}", "a1B2".repeat(9));
    let with = |pointer: &str, value: Value| {
        let mut cassette = cassette();
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        cassette.pointer_mut(parent).expect("the parent exists")[key] = value;
        json!({"zürich": cassette})
    };
    let descriptor = "jackfield:connector/descriptor@0.1.0";
    let operations = "jackfield:connector/operations@0.1.0";
    let hook = "jackfield:connector/auth-hook@0.1.0";
    let hooked = |hook_of_manifest: Value| {
        let manifest = manifest_with("/auth/0/hook", hook_of_manifest);
        Builder::default().manifest(&manifest).exports(&[descriptor, operations, hook])
    };
    let rows = [
        ("import-egress-undeclared", Builder::default().manifest(&no_egress)),
        ("egress-unused", Builder::default().imports(&["wasi:io/streams@0.2.6"])),
        ("import-stubs", {
            let mut builder = Builder::default();
            builder.imports.push("wasi:sockets/tcp@0.2.6".to_owned());
            builder
        }),
        ("readme-present", Builder::default().readme(b"  ")),
        ("readme-safe", Builder::default().readme(b"# Hi\n<script>alert(1)</script>")),
        ("text-visible", Builder::default().readme("# Hi\u{2066}".as_bytes())),
        ("secrets-none", Builder::default().data(token.as_bytes())),
        ("secrets-none", Builder::default().readme(format!("Use `{token}`.").as_bytes())),
        ("cassettes-present", Builder::default().cassettes(&json!({}))),
        ("secrets-none", Builder::default().cassettes(&json!({"leaks": cassette(), &token: cassette()}))),
        ("secrets-none", Builder::default().cassettes(&with("/input/city", json!(format!("Zürich {token}"))))),
        (
            "secrets-none",
            Builder::default().cassettes(&with("/exchanges/0/response/body", {
                // As a recording has it that is no text.
                json!({"base64": STANDARD.encode(format!("\0{token}\0"))})
            })),
        ),
        ("secrets-none", Builder::default().cassettes(&with("/exchanges/0/response/body/json", json!({&token: 1})))),
        ("secrets-none", {
            // The same token, written so that no search of the bytes sees it.
            let mut builder = Builder::default().cassettes(&with("/input/city", json!(token)));
            let hidden = String::from_utf8(builder.sections[2].1.clone()).expect("JSON").replace("ghp_", r"\u0067hp_");
            builder.sections[2].1 = hidden.into_bytes();
            builder
        }),
        ("secrets-none", {
            let headers = json!({"Set-Cookie": "session=c2VjcmV0"});
            Builder::default().cassettes(&with("/exchanges/0/response/headers", headers))
        }),
        ("secrets-none", {
            let headers = json!({"authorization": "Bearer of something"});
            Builder::default().cassettes(&with("/exchanges/0/request/headers", headers))
        }),
        (
            "interfaces-used",
            Builder::default().exports(&[descriptor, operations, "jackfield:connector/webhooks@0.1.0"]),
        ),
        ("auth-hook", Builder::default().exports(&[descriptor, operations, hook])),
        ("auth-hook", Builder::default().manifest(&manifest_with("/auth/0/hook", json!({})))),
        ("auth-hook", hooked(json!({"reads": ["error"]}))),
        ("auth-hook", {
            let mut of_no_provider = manifest_with("/auth/0/hook", json!({}));
            of_no_provider["auth"][0]["type"] = json!("bearer");
            Builder::default().manifest(&of_no_provider).exports(&[descriptor, operations, hook])
        }),
    ];
    assert_eq!(failing(&check(&hooked(json!({"reads": ["/error/code"]})).package())), [""; 0]);
    for (id, builder) in rows {
        let report = check(&builder.package());
        assert_eq!(failing(&report), [id], "{:?}", report.outcome(id));
        assert!(!serde_json::to_string(&report).expect("JSON").contains(&token), "{id}: a report repeats no secret");
    }
}

#[test]
fn what_the_code_says_must_be_what_the_manifest_says() {
    let parsed = Manifest::parse(manifest().to_string().as_bytes()).expect("a manifest");
    let operation = manifest()["operations"][0].clone();
    let with = |key: &str, value: Value| {
        let mut operation = operation.clone();
        operation[key] = value;
        json!({"operations": [operation]}).to_string()
    };
    let rows = [
        (State::Pass, json!({"operations": [operation]}).to_string(), ""),
        (State::Fail, with("effect", json!("write")), "`effect`"),
        (State::Fail, with("input", json!({})), "`input`"),
        (State::Fail, with("name", json!("other")), "the code has `other`"),
        (State::Fail, json!({"operations": []}).to_string(), "the manifest has `current`"),
        (State::Fail, json!({"operations": [operation], "more": 1}).to_string(), "unknown field"),
        (State::Fail, "{}{}".to_owned(), "strict JSON"),
        (State::Fail, String::new(), "strict JSON"),
    ];
    for (state, described, part) in rows {
        let outcome = describe_matches(&parsed, &described);
        assert_eq!(outcome.state, state, "{described}");
        assert!(outcome.message.contains(part), "{described}: {}", outcome.message);
    }
}
