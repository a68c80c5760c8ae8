//! The programs in examples/call, which call a workspace: what they print, and what they do about a no.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

use crate::{
    kit::{Desk, Server},
    staged::tool,
    workspaces::{Asks, operator, send},
};

const RUN: &str = "/main/installations/acme/echo/operations/run/invoke";

/// The programs, with what runs each; those that can be run here.
fn programs() -> Vec<(String, &'static str)> {
    let python = tool("Python", "JACKFIELD_TEST_PYTHON", "JACKFIELD_TEST_WITHOUT_PYTHON");
    let mut programs: Vec<_> = python.into_iter().map(|python| (python, "python.py")).collect();
    if std::env::var_os("JACKFIELD_TEST_WITHOUT_CURL").is_some() {
        eprintln!("MISSING: curl, so nothing was called by examples/call/shell.sh");
    } else {
        programs.push(("sh".to_owned(), "shell.sh"));
    }
    programs
}

fn run((runner, program): &(String, &str), server: &Server, token: &str, operation: &str, input: &str) -> Output {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/call").join(program);
    let mut command = Command::new(runner);
    command.arg(file).args(["acme:echo", operation]);
    command.env("JACKFIELD_WORKSPACE", format!("{}/v1/workspaces/main", server.url)).env("JACKFIELD_TOKEN", token);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn they_call_and_wait_when_told_to_and_say_what_was_refused() {
    let desk = Desk::new();
    let server = desk.serve(&["--set", "requests_per_minute=0"]);
    desk.publisher(&server);
    desk.release_echo("1.0.0");
    let admin = Asks::new(&server, operator(&desk));
    admin.post("/main/installations", json!({ "package": "acme:echo", "grant": "all" }), 201);
    let token = admin.post("/main/tokens", json!({ "label": "a program" }), 201)["token"].as_str().unwrap().to_owned();
    for program in &programs() {
        let ran = run(program, &server, &token, "run", r#"{"n": 1.10}"#);
        let answer: Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{program:?}: {ran:?}"));
        assert_eq!((ran.status.code(), &answer["result"]), (Some(0), &json!({ "n": 1.10 })), "{program:?}: {ran:?}");

        let ran = run(program, &server, &token, "walk", "{}");
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(1), "{program:?}: {said}");
        assert!(ran.stdout.is_empty() && said.contains("operation-unknown"), "{program:?}: {said}");

        // All calls of this minute are spent: the next goes through when the server says so.
        admin.expect(reqwest::Method::PUT, "/main/quota", Some(json!({ "calls_a_minute": 60 })), 204);
        let spent = (0..200).any(|_| {
            let answer = send(admin.request(reqwest::Method::POST, RUN).json(&json!({})));
            answer.status == 429
        });
        assert!(spent, "the quota holds");
        let ran = run(program, &server, &token, "run", "{}");
        assert_eq!(ran.status.code(), Some(0), "{program:?}: {ran:?}");
        admin.expect(reqwest::Method::PUT, "/main/quota", Some(json!({ "calls_a_minute": 10_000 })), 204);
    }
}
