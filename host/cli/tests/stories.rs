//! What becomes of a call, through the real binary and the real sandbox: each way for it to end has its exit code.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::{
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use jackfield_test_kit::{PackageBuilder, programs, publisher};
use serde_json::{Value, json};

/// A folder with a home in it that trusts the test kit's publisher.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(desk.path("publisher.pem"), publisher().public_key().to_pem()).unwrap();
        desk.ok(&["trust", "add", "publisher.pem", "--namespace", "test"]);
        desk
    }

    /// With this package installed, which asks for nothing that is not granted by `flags`.
    fn installed(package: &PackageBuilder, flags: &[&str]) -> Self {
        let desk = Self::new();
        desk.write(package);
        desk.ok(&[&["install", "it.wasm"], flags].concat());
        desk
    }

    fn write(&self, package: &PackageBuilder) {
        let (package, bundle) = package.signed();
        std::fs::write(self.path("it.wasm"), package.bytes()).unwrap();
        std::fs::write(self.path("it.wasm.sigstore.json"), bundle.to_bytes()).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jackfield"));
        command.env_clear().env("JACKFIELD_HOME", self.path("home")).current_dir(self.folder.path());
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        told(self.command(arguments).output().unwrap())
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let (code, stdout, stderr) = self.run(arguments);
        assert_eq!(code, 0, "{arguments:?}\n{stdout}\n{stderr}");
        stdout
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.ok(&[arguments, &["--output", "json"]].concat())).unwrap()
    }

    /// A call that runs until somebody stops it, and does run by now.
    fn spinning(&self, flags: &[&str]) -> Child {
        self.ok(&["grant", "test:spin", "--limit", "fuel=1_000_000_000_000_000", "--limit", "time-ms=60000"]);
        let child = self.command(&[&["invoke", "test:spin", "run"], flags].concat()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(1_500));
        child
    }
}

fn told(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn an_answer_is_passed_on_as_it_was_written() {
    let desk = Desk::installed(&PackageBuilder::of(programs::ECHO), &[]);
    let input = r#"{"price": 1.10, "id": 12345678901234567890123}"#;
    assert_eq!(desk.run(&["invoke", "test:echo", "run", "--input", input]), (0, format!("{input}\n"), String::new()));

    std::fs::write(desk.path("input.json"), input).unwrap();
    let (code, stdout, stderr) =
        desk.run(&["invoke", "test:echo", "run", "--input", "@input.json", "--bill", "--output", "json"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.contains(r#""result": {"price": 1.10, "id": 12345678901234567890123}"#), "{stdout}");
    let outcome: Value = serde_json::from_str(&stdout).unwrap();
    assert!(outcome["bill"]["fuel"].as_u64().unwrap() > 0, "{stdout}");

    let (_, _, stderr) = desk.run(&["invoke", "test:echo", "run", "--bill"]);
    assert!(stderr.starts_with("Bill\n  fuel ") && stderr.contains("\n  peak memory "), "{stderr}");
}

#[test]
fn a_name_that_is_not_there_gets_the_nearest() {
    let desk = Desk::installed(&PackageBuilder::of(programs::ECHO), &[]);
    for (arguments, error) in [
        (
            ["test:ecko", "run"],
            "error: `test:ecko` is not installed\n  hint: did you mean `test:echo`? See: jackfield list\n",
        ),
        (["echo", "run"], "error: `echo` is not installed\n  hint: did you mean `test:echo`? See: jackfield list\n"),
        (["test:echo", "rum"], "error: `test:echo` has no operation `rum`\n  hint: did you mean `run`?\n"),
    ] {
        assert_eq!(desk.run(&["invoke", arguments[0], arguments[1]]), (8, String::new(), error.to_owned()));
    }
    let (code, _, stderr) = desk.run(&["invoke", "test:echo", "run", "--input", "{oops"]);
    assert_eq!(code, 2);
    assert!(stderr.starts_with("error: the input is not JSON: "), "{stderr}");
}

#[test]
fn each_way_to_fail_has_its_exit_code() {
    let desk = Desk::new();
    for (program, input, code, kind, error) in [
        (
            programs::GUEST_ERROR,
            r#"{"kind": "rate-limited", "retry_after_ms": 1500}"#,
            4,
            "connector",
            "error: the connector answered with an error: the ledger is locked [rate-limited, ledger-locked]\n  \
             details: {\"ledger\":7}\n  hint: the connector says to try again after 1500 ms\n",
        ),
        (
            programs::SPIN,
            "{}",
            6,
            "limit",
            "error: the connector was stopped: the limit `fuel` is 1000000000 units of fuel, the call used 1000000000\n  \
             hint: raise it: jackfield grant test:spin --limit fuel=2000000000\n",
        ),
        (programs::TRAPS, "{}", 7, "crashed", "error: the connector crashed: wasm trap: "),
    ] {
        let package = PackageBuilder::of(program);
        desk.write(&package);
        desk.ok(&["install", "it.wasm"]);
        let name = package.name().to_string();
        let (found, stdout, stderr) = desk.run(&["invoke", &name, "run", "--input", input]);
        assert_eq!((found, stdout.as_str()), (code, ""), "{stderr}");
        assert!(stderr.starts_with(error), "{stderr}");

        let (found, stdout, stderr) = desk.run(&["invoke", &name, "run", "--input", input, "--output", "json"]);
        let (outcome, error): (Value, Value) =
            (serde_json::from_str(&stdout).unwrap(), serde_json::from_str(&stderr).unwrap());
        assert_eq!((found, &error["error"]["kind"]), (code, &json!(kind)));
        assert!(outcome["bill"]["fuel"].as_u64().unwrap() > 0 && outcome.get("result").is_none(), "{stdout}");
    }
}

#[test]
fn a_panic_tells_its_last_words_and_where() {
    let desk = Desk::installed(&PackageBuilder::of(programs::PANICS), &[]);
    let (code, _, stderr) = desk.run(&["invoke", "test:panics", "run", "--quiet"]);
    assert_eq!(code, 7);
    assert!(
        stderr.contains("the ledger of nobody does not balance\n") && stderr.contains("\n  at panics::run\n"),
        "{stderr}"
    );
}

#[test]
fn a_denial_comes_with_the_command_that_lifts_it() {
    let package = PackageBuilder::of(programs::FETCH).asks("GET,POST https://api.example.com");
    let desk = Desk::installed(&package, &["--allow", "GET https://api.example.com"]);
    let input = r#"{"method": "POST", "url": "https://api.example.com/x?secret=1"}"#;
    let (code, _, stderr) = desk.run(&["invoke", "test:fetch", "run", "--input", input]);
    assert_eq!(code, 0, "the connector handled it");
    assert_eq!(
        stderr,
        "warning: test:fetch asked POST https://api.example.com:443/x in `run`, denied by the grant: the grant does not cover \
         POST to api.example.com\n  hint: jackfield grant test:fetch --allow 'POST https://api.example.com'\n"
    );
}

#[test]
fn a_grant_is_shown_changed_and_taken_back() {
    let package = PackageBuilder::of(programs::FETCH).asks("GET,POST https://api.example.com");
    let desk = Desk::installed(&package, &["--grant-none"]);
    let shown = desk.ok(&["grant", "test:fetch"]);
    assert!(shown.contains("      jackfield grant test:fetch --allow 'GET,POST https://api.example.com'\n"), "{shown}");

    let changed = desk.json(&["grant", "test:fetch", "--all", "--limit", "memory-bytes=32MiB"]);
    assert_eq!(
        (&changed["added"], &changed["removed"]),
        (&json!(["send GET,POST https://api.example.com", "limit memory-bytes=33554432 (32 MiB)"]), &json!([]))
    );
    let changed = desk.json(&["grant", "test:fetch", "--deny", "api.example.com", "--limit", "memory-bytes=default"]);
    assert_eq!((&changed["grant"]["egress"], &changed["grant"]["limits"]), (&json!([]), &json!({})));
    assert_eq!(desk.run(&["grant", "test:fetch", "--deny", "api.example.com"]).0, 8);
    let (code, _, stderr) = desk.run(&["grant", "test:fetch", "--operation", "sing"]);
    assert_eq!((code, stderr.as_str()), (3, "error: `test:fetch` has no operation `sing`\n  hint: it has: run\n"));
}

#[test]
fn what_is_disabled_stays_off_until_it_is_enabled() {
    let desk = Desk::installed(&PackageBuilder::of(programs::ECHO), &[]);
    desk.ok(&["disable", "test:echo"]);
    let (code, _, stderr) = desk.run(&["invoke", "test:echo", "run"]);
    assert_eq!(code, 5);
    assert!(stderr.ends_with("  hint: jackfield enable test:echo\n"), "{stderr}");
    // A new release is no way around the switch.
    desk.write(&PackageBuilder::of(programs::ECHO).version("1.0.1"));
    assert_eq!(desk.json(&["install", "it.wasm"])["enabled"], false);
    desk.ok(&["enable", "test:echo"]);
    desk.ok(&["invoke", "test:echo", "run"]);
    desk.ok(&["uninstall", "test:echo"]);
    assert_eq!(desk.json(&["list"]), json!({ "installations": [] }));
}

#[test]
fn a_release_by_another_key_is_refused() {
    let package = PackageBuilder::of(programs::ECHO);
    let desk = Desk::installed(&package, &[]);
    std::fs::write(desk.path("pass"), "correct horse").unwrap();
    desk.ok(&["key", "new", "thief", "--passphrase-file", "pass"]);
    desk.ok(&["trust", "add", "thief"]);
    let stolen = package.version("1.0.1").signed().0;
    let thief = jackfield_package::key::SigningKey::from_pem(
        &std::fs::read_to_string(desk.path("home/keys/thief.pem")).unwrap(),
        b"correct horse",
    )
    .unwrap();
    std::fs::write(desk.path("it.wasm"), stolen.bytes()).unwrap();
    let bundle = jackfield_package::statement::sign_publish(&stolen, &thief);
    std::fs::write(desk.path("it.wasm.sigstore.json"), bundle.to_bytes()).unwrap();
    let (code, _, stderr) = desk.run(&["install", "it.wasm", "--output", "json"]);
    let error: Value = serde_json::from_str(&stderr).unwrap();
    assert_eq!((code, &error["error"]["code"]), (3, &json!("signer-changed")));
    assert_eq!(desk.json(&["list"])["installations"][0]["version"], "1.0.0");
}

#[test]
fn the_kill_switch_stops_a_call_of_another_process_within_a_second() {
    let desk = Desk::installed(&PackageBuilder::of(programs::SPIN), &[]);
    let child = desk.spinning(&["--bill"]);
    let switched = Instant::now();
    desk.ok(&["disable", "test:spin"]);
    let (code, _, stderr) = told(child.wait_with_output().unwrap());
    assert_eq!(code, 130, "{stderr}");
    assert!(switched.elapsed() < Duration::from_secs(2), "it took {:?}", switched.elapsed());
    assert!(
        stderr.contains("Bill\n") && stderr.contains("hint: the installation was disabled or removed while it ran"),
        "{stderr}"
    );
}

#[test]
fn an_interrupt_cancels_and_the_bill_is_told() {
    let desk = Desk::installed(&PackageBuilder::of(programs::SPIN), &[]);
    let child = desk.spinning(&[]);
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let (code, stdout, stderr) = told(child.wait_with_output().unwrap());
    assert_eq!((code, stdout.as_str()), (130, ""), "{stderr}");
    assert!(stderr.starts_with("Cancelling… ") && stderr.contains("Bill\n  fuel "), "{stderr}");
    assert!(stderr.ends_with("error: the call was cancelled\n"), "{stderr}");
}

#[test]
fn files_go_in_by_id_and_come_out_by_name() {
    let desk = Desk::installed(&PackageBuilder::of(programs::FILES_COPY), &[]);
    std::fs::write(desk.path("table.csv"), "a,b\n").unwrap();
    let input = r#"{"file": {"$file": "table"}, "name": "copy.csv"}"#;
    let call = ["invoke", "test:files-copy", "run", "--input", input, "--file", "table=table.csv"];
    let (code, stdout, stderr) = desk.run(&[&call[..], &["--out", "made/here"]].concat());
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(serde_json::from_str::<Value>(&stdout).unwrap()["bytes"], 4);
    assert_eq!(std::fs::read_to_string(desk.path("made/here/copy.csv")).unwrap(), "a,b\n");

    let (_, _, stderr) = desk.run(&call);
    assert!(stderr.starts_with("It created 1 file, not kept for want of --out DIR:\n"), "{stderr}");
    let (code, _, stderr) = desk.run(&["invoke", "test:files-copy", "run", "--file", "table=nothing.csv"]);
    assert_eq!(
        (code, stderr.lines().next()),
        (8, Some("error: cannot hand in `nothing.csv` as file `table`: no such file or directory"))
    );
    let (code, _, stderr) = desk.run(&["invoke", "test:files-copy", "run", "--file", "table=made"]);
    assert_eq!(
        (code, stderr.lines().next()),
        (1, Some("error: cannot hand in `made` as file `table`: is a directory"))
    );
}

#[test]
fn checking_runs_describe_in_the_sandbox() {
    let desk = Desk::new();
    // Its manifest claims an operation that the code does not know.
    desk.write(&PackageBuilder::of(programs::ECHO).manifest(|manifest| {
        let mut more = manifest.operations[0].clone();
        more.name = "sing".parse().unwrap();
        manifest.operations.push(more);
    }));
    let (code, stdout, _) = desk.run(&["check", "it.wasm", "--output", "json"]);
    let report: Value = serde_json::from_str(&stdout).unwrap();
    let outcome =
        report["outcomes"].as_array().unwrap().iter().find(|outcome| outcome["id"] == "describe-equal").unwrap();
    assert_eq!((code, &outcome["state"]), (3, &json!("fail")), "{stdout}");
}
