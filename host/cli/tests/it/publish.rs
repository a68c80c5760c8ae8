//! `jackfield publish` against `jackfield serve`: the real child, the real sandbox.

use std::{process::Stdio, time::Duration};

use jackfield_test_kit::programs;
use serde_json::{Value, json};

use crate::kit::{Desk, Server};

/// A desk with a served registry, a namespace and its key.
pub(crate) fn publisher() -> (Desk, Server) {
    let desk = Desk::new();
    let server = desk.serve(&[]);
    desk.publisher(&server);
    (desk, server)
}

pub(crate) fn states(answer: &Value) -> Vec<String> {
    answer["events"].as_array().unwrap().iter().map(|event| event["state"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_component_is_published_and_a_bad_one_is_not() {
    let (desk, server) = publisher();
    desk.write("it.wasm", programs::ECHO, "1.0.0");
    let ran = desk.publish_file("it.wasm", &[]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
    let released: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(released["state"], "released");
    assert_eq!(states(&released), ["staged", "checking", "ready", "logged", "released"]);
    // What the registry found is what `check` finds here: one validator, one outcome.
    let here = desk.json("ada", &["check", "it.wasm"]);
    let of = |answer: &Value, id: &str| {
        answer.as_array().unwrap().iter().find(|outcome| outcome["id"] == id).map(|outcome| outcome["state"].clone())
    };
    for outcome in here["outcomes"].as_array().unwrap() {
        let id = outcome["id"].as_str().unwrap();
        assert_eq!(of(&released["checks"], id), Some(outcome["state"].clone()), "{id}");
    }
    assert_eq!(of(&released["checks"], "describe-equal"), Some(json!("pass")));
    // Again: nothing to do, and no harm.
    let again = desk.publish_file("it.wasm", &[]);
    assert_eq!(again.code, 0, "{}", again.stderr);

    // A version that its changes don't allow gets as far as the registry.
    desk.write("small.wasm", programs::ECHO, "0.9.0");
    desk.write("lower.wasm", programs::ECHO, "1.0.0-beta.1");
    let rejected = desk.publish_file("lower.wasm", &[]);
    assert_eq!(rejected.code, 3, "{}", rejected.stderr);
    assert!(
        rejected.stderr.contains("release-rejected") && rejected.stderr.contains("version-order"),
        "{}",
        rejected.stderr
    );
    // One that fails here is not even uploaded.
    desk.write("spins.wasm", programs::SPIN_IN_DESCRIBE, "2.0.0");
    let refused = desk.publish_file("spins.wasm", &[]);
    assert_eq!(refused.code, 3);
    assert!(refused.stderr.contains("check-failed"), "{}", refused.stderr);
    // Without a token, nothing at all.
    let nobody = desk.run("server-home", &["publish", "it.wasm", "--key", "release", "--registry", &server.url]);
    assert_eq!(nobody.code, 3);
    assert!(nobody.stderr.contains("unauthenticated"), "{}", nobody.stderr);
}

#[test]
fn killed_while_it_publishes_a_registry_goes_on_where_it_was() {
    let (desk, mut server) = publisher();
    let listen = server.address();
    for (round, delay_ms) in [100u64, 900].into_iter().enumerate() {
        let version = format!("1.{round}.0");
        desk.write("it.wasm", programs::ECHO, &version);
        let arguments = ["publish", "it.wasm", "--key", "release", "--passphrase-file", "pass", "--output", "json"];
        let mut publishing =
            desk.command("ada", &arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(400 + delay_ms));
        server.kill();
        let _ = publishing.kill();
        let _ = publishing.wait();
        server = desk.serve_at(&listen, &[]);
        // A lease of the dead server may have to end first; then it goes on by itself.
        let ran = desk.publish_file("it.wasm", &[]);
        assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
        let released: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(states(&released), ["staged", "checking", "ready", "logged", "released"], "once, and in order");
    }
}

#[test]
fn a_child_without_memory_or_time_gives_no_pass() {
    let desk = Desk::new();
    desk.write("it.wasm", programs::ECHO, "1.0.0");
    desk.write("spins.wasm", programs::SPIN_IN_DESCRIBE, "1.0.0");
    let examined = |file: &str, memory: &str, seconds: &str| -> Option<String> {
        let output = desk.command("home", &["examine-component", file, memory, seconds]).output().unwrap();
        if !output.status.success() {
            return None;
        }
        let examination: Value = serde_json::from_slice(&output.stdout).unwrap();
        let outcomes = examination["outcomes"].as_array().unwrap();
        let describe = outcomes.iter().find(|outcome| outcome["id"] == "describe-equal").unwrap();
        Some(describe["state"].as_str().unwrap().to_owned())
    };
    let plenty = (4u64 << 30).to_string();
    assert_eq!(examined("it.wasm", &plenty, "60"), Some("pass".to_owned()));
    for memory in [1u64 << 20, 16 << 20, 256 << 20, 1 << 30] {
        let came = examined("it.wasm", &memory.to_string(), "60");
        assert_ne!(came.as_deref(), Some("pass"), "{memory} bytes");
        assert_ne!(came.as_deref(), Some("fail"), "{memory} bytes: no verdict on the component");
    }
    assert_ne!(examined("spins.wasm", &plenty, "1").as_deref(), Some("pass"));
}
