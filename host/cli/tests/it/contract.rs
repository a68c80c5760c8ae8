//! The server answers as its OpenAPI document says, whatever is asked: schemathesis makes requests of it, right and wrong ones, and
//! looks at each answer. None may be a fault of the server's, of another shape than described, or a yes to what is no such request.

use std::path::Path;

use jackfield_test_kit::{PackageBuilder, programs};
use serde_json::json;

use crate::{
    kit::{Desk, Server},
    staged::tool,
    workspaces::{Asks, operator},
};

/// Seconds that one run may take. `SCHEMATHESIS_S` gives it longer.
const RUN_S: &str = "30";

/// What it found; nothing, if all is well.
fn try_as(python: &str, desk: &Desk, server: &Server, token: &str, paths: &str) -> Option<String> {
    let file = |name| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
    let seconds = std::env::var("SCHEMATHESIS_S").unwrap_or_else(|_| RUN_S.to_owned());
    let mut command = std::process::Command::new(python);
    command.args(["-m", "schemathesis.cli", "--config-file"]).arg(file("schemathesis.toml")).arg("run");
    command.arg(format!("{}/openapi.json", server.url));
    command.args(["--no-color", "--seed", "1", "--max-time", &seconds, "--max-examples", "20"]);
    command.args(["--phases", "examples,coverage,fuzzing", "--continue-on-failure", "--request-timeout", "30"]);
    command.args(["--include-path-regex", paths, "--suppress-health-check", "all", "--warnings", "off"]);
    command.arg("--header").arg(format!("Authorization: Bearer {token}"));
    command.env("SCHEMATHESIS_HOOKS", file("schemathesis.py"));
    let output = command.current_dir(desk.path("")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(said.contains(" generated, "), "it asked nothing: {said}\n{}", String::from_utf8_lossy(&output.stderr));
    (!output.status.success()).then(|| said.into_owned())
}

#[test]
fn the_server_answers_as_its_document_says() {
    let without = "JACKFIELD_TEST_WITHOUT_PYTHON";
    let Some(python) = tool("Python with schemathesis", "JACKFIELD_TEST_PYTHON", without) else { return };
    let desk = Desk::new();
    let server = desk.serve(&["--set", "requests_per_minute=0"]);
    desk.publisher(&server);
    let attach = json!({ "in": "header", "name": "authorization", "prefix": "Bearer " });
    let package = PackageBuilder::of(programs::ECHO).asks("GET https://api.example.com");
    desk.release("1.0.0", package.auth("account", &["api.example.com"], serde_json::from_value(attach).unwrap()));
    let admin = Asks::new(&server, operator(&desk));
    admin.post("/main/installations", json!({ "package": "acme:echo", "grant": "all" }), 201);
    admin.post("/main/connections", json!({ "connector": "acme:echo" }), 201);
    let workflow = admin.post("/main/tokens", json!({ "label": "a workflow" }), 201);
    let by_workflow = try_as(&python, &desk, &server, workflow["token"].as_str().unwrap(), "^/v1/workspaces/");
    let by_operator = try_as(&python, &desk, &server, &admin.token, "^/");
    assert_eq!((by_workflow, by_operator), (None, None));
}
