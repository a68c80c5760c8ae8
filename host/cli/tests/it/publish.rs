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

#[test]
fn a_newcomers_slips_are_answered_with_the_next_command() {
    let desk = Desk::new();
    let server = desk.serve(&[]);
    let url = server.url.clone();
    desk.json("admin", &["login", "--registry", &url, "--token-file", "data/operator-token"]);
    desk.write("it.wasm", programs::ECHO, "1.0.0");
    std::fs::write(desk.path("wrong"), "not this\n").unwrap();
    /// Each is refused with its code, and says all of these words.
    #[track_caller]
    fn slips(desk: &Desk, home: &str, slips: &[(&[&str], i32, &str, &[&str])]) {
        for (command, exit, code, words) in slips {
            let ran = desk.run(home, command);
            assert_eq!(ran.error(), (*exit, (*code).to_owned()), "{command:?}: {ran:#?}");
            assert!(words.iter().all(|word| ran.stderr.contains(word)), "{command:?}: {words:?} {ran:#?}");
        }
    }
    let publish = ["publish", "it.wasm", "--key", "release", "--passphrase-file", "pass"];
    let elsewhere = format!("{url}/nowhere");
    let here = url.trim_start_matches("http://");
    let sign_in = ["login", "--registry", &url, "--user", "ada", "--password-file", "password"];
    slips(
        &desk,
        "ada",
        &[
            // An address that is none, that is another's, where nobody listens.
            (&["registry", "add", here], 2, "registry-url-malformed", &[&format!("did you mean {url}?")]),
            (&["registry", "add", &elsewhere], 8, "route-not-found", &["is this a registry's address?"]),
            (
                &["registry", "add", "http://127.0.0.1:1"],
                1,
                "registry-unreachable",
                &["connection refused\"", "does it run?", "--registry URL"],
            ),
            (&["install", "acme:echo"], 2, "registry-not-trusted", &["jackfield registry add URL"]),
            (&publish, 2, "registry-unknown", &["jackfield login --registry URL"]),
            (&sign_in, 3, "login-failed", &["no account yet?", "jackfield user create ada"]),
        ],
    );
    desk.json("admin", &["user", "create", "ada", "--password-file", "password"]);
    desk.json("ada", &sign_in);
    slips(&desk, "ada", &[(&publish, 8, "key-not-found", &["jackfield key new release"])]);
    desk.json("ada", &["key", "new", "release", "--passphrase-file", "pass"]);
    desk.json("ada", &["key", "new", "other", "--passphrase-file", "pass"]);
    let wrong = ["publish", "it.wasm", "--key", "release", "--passphrase-file", "wrong"];
    slips(
        &desk,
        "ada",
        &[
            (&wrong, 3, "key-passphrase-wrong", &["the passphrase of the key `release`"]),
            (&["publish", "it.wasm", "--key", "relase"], 8, "key-not-found", &["did you mean `release`?"]),
            (&publish, 8, "namespace-not-found", &["jackfield namespace create acme"]),
        ],
    );
    desk.json("ada", &["namespace", "create", "acme"]);
    let next = ["jackfield namespace keyset acme --key release"];
    slips(&desk, "ada", &[(&publish, 3, "keyset-missing", &next)]);
    desk.json("ada", &["namespace", "keyset", "acme", "--key", "release", "--passphrase-file", "pass"]);
    let other = ["publish", "it.wasm", "--key", "other", "--passphrase-file", "pass"];
    let keyset = ["namespace", "keyset", "acme", "--key", "other", "--passphrase-file", "pass"];
    slips(
        &desk,
        "ada",
        &[
            (&other, 3, "signer-unknown", &["`other`", "(release)"]),
            (&keyset, 3, "keyset-threshold", &["--sign-with NAME"]),
        ],
    );
    desk.release_echo("1.0.0");
    slips(
        &desk,
        "ada",
        &[
            (
                &["yank", "acme:echo@1.0.0", "--reason", "odd"],
                3,
                "forbidden",
                &["jackfield yank acme:echo@1.0.0", "--key"],
            ),
            (&["yank", "acme:echo", "--reason", "odd"], 2, "version-missing", &["acme:crm@1.2.3"]),
        ],
    );
    desk.believer("ada", &server);
    desk.json("ada", &["install", "acme:echo"]);
    let near = ["did you mean `acme:echo`?"];
    slips(
        &desk,
        "ada",
        &[
            (&["upgrade", "acme:ecko"], 8, "not-from-registry", &near),
            (&["upgrade", "echo"], 8, "not-installed", &near),
            (&["upgrade", "acme:echo@3.0.0"], 3, "release-not-found", &["there is 1.0.0"]),
        ],
    );
    server.stop();
    slips(&desk, "ada", &[(&["search", "echo"], 1, "registry-unreachable", &["does it run?"])]);
    desk.json("ada", &["invoke", "acme:echo", "run"]);
}
