//! Cassettes that travel in a package are replayed by whoever checks it: the real command, the real child, the real sandbox.

use jackfield_package::{limits::CASSETTES, section};
use jackfield_test_kit::{PackageBuilder, programs};
use serde_json::{Value, json};

use crate::kit::Desk;

/// A cassette of the one operation that every program has.
fn call(rest: Value) -> Value {
    let mut cassette = json!({ "operation": "run" });
    cassette.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    cassette
}

fn echoes(said: &str) -> Value {
    call(json!({ "input": { "say": said }, "expect": { "output": { "say": said } } }))
}

/// What `jackfield check` says of a program that carries this: its exit code, and the outcomes.
fn check(program: &str, cassettes: &str) -> (i32, Vec<Value>) {
    let desk = Desk::new();
    desk.write_package("it.wasm", "1.0.0", PackageBuilder::of(program).section(section::CASSETTES, cassettes));
    let ran = desk.run("home", &["check", "it.wasm"]);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    (ran.code, report["outcomes"].as_array().unwrap().clone())
}

#[track_caller]
fn outcome<'a>(outcomes: &'a [Value], id: &str) -> &'a Value {
    outcomes.iter().find(|outcome| outcome["id"] == id).unwrap()
}

#[track_caller]
fn refused(program: &str, cassettes: &str, state: &str, expected: &str) {
    let (code, outcomes) = check(program, cassettes);
    let replay = outcome(&outcomes, "cassettes-replay");
    assert_eq!((code, replay["state"].as_str()), (3, Some(state)), "{replay}");
    assert!(replay["message"].as_str().unwrap().contains(expected), "{expected}: {replay}");
}

#[test]
fn what_was_recorded_is_replayed() {
    let (code, outcomes) = check(programs::ECHO, &json!({ "one": echoes("a"), "two": echoes("b") }).to_string());
    assert_eq!(code, 0, "{outcomes:?}");
    assert_eq!(outcome(&outcomes, "cassettes-replay")["state"], "pass");
    assert_eq!(outcome(&outcomes, "cassettes-present")["state"], "pass");

    // A package without any is no liar; it is told all the same.
    let (code, outcomes) = check(programs::ECHO, "{}");
    assert_eq!((code, &outcome(&outcomes, "cassettes-replay")["state"]), (0, &json!("pass")));
    let present = outcome(&outcomes, "cassettes-present");
    assert_eq!((&present["state"], &present["level"]), (&json!("fail"), &json!("warning")));
    assert_eq!(present["message"], "`run` has no cassette");
}

#[test]
fn what_does_not_come_of_its_call_is_shown() {
    let other = call(json!({ "input": { "say": "a" }, "expect": { "output": { "say": "b" } } }));
    refused(programs::ECHO, &json!({ "fits": echoes("a"), "lies": other }).to_string(), "fail", "`lies`: the output:");

    let never_sent = call(json!({
        "exchanges": [{ "request": { "method": "GET", "url": "https://api.example.com/" }, "response": {} }],
        "expect": { "output": {} },
    }));
    let never_sent = json!({ "lies": never_sent }).to_string();
    refused(programs::ECHO, &never_sent, "fail", "was never sent: GET https://api.example.com/");
    refused(programs::PANICS, &json!({ "panics": echoes("a") }).to_string(), "fail", "`panics`: expected an output");
}

#[test]
fn what_is_no_cassette_is_a_fault_of_the_package() {
    let many: serde_json::Map<_, _> = (0..=CASSETTES).map(|n| (format!("n{n}"), echoes("a"))).collect();
    for (cassettes, expected) in [
        (json!(many).to_string(), "cassettes-too-many"),
        ("no JSON".to_owned(), "json-malformed"),
        (r#"{"a": {}, "a": {}}"#.to_owned(), "json-duplicate-key"),
        (json!({ "bad": { "operation": "run" } }).to_string(), "`bad`: missing field `expect`"),
        (json!({ "bad": call(json!({ "expekt": 1 })) }).to_string(), "unknown field `expekt`"),
        (
            json!({ "reads": call(json!({ "files": { "f": { "path": "passwd" } }, "expect": { "output": 1 } })) })
                .to_string(),
            "a package carries none",
        ),
        (json!({ "gone": { "operation": "gone", "expect": { "output": 1 } } }).to_string(), "`gone`: "),
        (
            json!({ "bound": call(json!({ "connection": "key", "expect": { "output": 1 } })) }).to_string(),
            "no credential `key`",
        ),
    ] {
        refused(programs::ECHO, &cassettes, "fail", expected);
    }
}

#[test]
fn one_that_never_ends_is_stopped() {
    // By fuel, which is the same everywhere: a verdict. Each call has what the manifest wishes for, all together have a bound.
    refused(programs::SPIN, &json!({ "spins": echoes("a") }).to_string(), "fail", "fuel");
    let many: serde_json::Map<_, _> = (0..CASSETTES).map(|n| (format!("n{n:03}"), echoes("a"))).collect();
    let (code, outcomes) = check(programs::SPIN, &json!(many).to_string());
    let replay = outcome(&outcomes, "cassettes-replay");
    assert_eq!((code, &replay["state"]), (3, &json!("fail")), "{replay}");
    assert!(
        replay["message"].as_str().unwrap().contains("used all the"),
        "there is less than one call's fuel for each: {replay}"
    );
    // By the clock, which is no verdict on the connector.
    let sleeps = PackageBuilder::of(programs::SLEEP_FOREVER).manifest(|manifest| manifest.limits.time_ms = Some(200));
    let desk = Desk::new();
    desk.write_package(
        "it.wasm",
        "1.0.0",
        sleeps.section(section::CASSETTES, json!({ "sleeps": echoes("a") }).to_string()),
    );
    let (state, message) = examined(&desk, "it.wasm");
    assert_eq!(state, "unknown", "{message}");
    assert!(message.contains("its time ended"), "{message}");
}

/// What the registry's child says.
fn examined(desk: &Desk, component: &str) -> (String, String) {
    let memory = (4u64 << 30).to_string();
    let output = desk.command("home", &["examine-component", component, &memory, "100"]).output().unwrap();
    let examination: Value = serde_json::from_slice(&output.stdout).unwrap();
    let replay = outcome(examination["outcomes"].as_array().unwrap(), "cassettes-replay").clone();
    let text = |key: &str| replay[key].as_str().unwrap().to_owned();
    (text("state"), text("message"))
}

#[test]
fn a_token_in_a_cassette_is_found_and_not_repeated() {
    let token = format!("ghp_{}", "a1B2".repeat(9));
    let hidden = json!({ "leaks": echoes(&token) }).to_string().replace("ghp_", r"\u0067hp_");
    let (code, outcomes) = check(programs::ECHO, &hidden);
    let secrets = outcome(&outcomes, "secrets-none");
    assert_eq!((code, &secrets["state"]), (3, &json!("fail")), "{secrets}");
    assert!(
        secrets["message"].as_str().unwrap().contains("a GitHub token in the cassette `leaks`, `input.say`"),
        "{secrets}"
    );
    assert!(!json!(outcomes).to_string().contains(&token));
}
