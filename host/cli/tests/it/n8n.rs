//! The workflow in examples/n8n, run by n8n: made for an installation by its OpenAPI document, where each outcome of a call goes,
//! and that an answer which got lost costs no second call.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::Command,
    time::Duration,
};

use jackfield_test_kit::{PackageBuilder, programs};
use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::{
    kit::{Desk, Server},
    staged::tool,
    workspaces::{Asks, operator},
};

const ECHO: &str = "/main/installations/acme/echo";

/// An n8n of this desk, with nothing in it.
struct N8n<'a> {
    program: String,
    desk: &'a Desk,
}

impl N8n<'_> {
    /// What it says; it does what it is told.
    #[track_caller]
    fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(&self.program);
        command.args(arguments).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.desk.path("")).env("N8N_USER_FOLDER", self.desk.path(""));
        command.env("N8N_DIAGNOSTICS_ENABLED", "false");
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{arguments:?}\n{said}\n{}", String::from_utf8_lossy(&output.stderr));
        said
    }

    #[track_caller]
    fn import(&self, what: &str, content: &Value) {
        let file = self.desk.path("import.json");
        std::fs::write(&file, content.to_string()).unwrap();
        self.run(&[&format!("import:{what}"), &format!("--input={}", file.display())]);
    }

    /// Imports a workflow and executes it: what each node that was reached put out in each of its runs.
    #[track_caller]
    fn execute(&self, workflow: &Value) -> Value {
        self.import("workflow", workflow);
        let said = self.run(&["execute", "--id", workflow["id"].as_str().unwrap(), "--rawOutput"]);
        // It logs to where it answers.
        let answer = said.find("{\n").map(|from| &said[from..]).unwrap_or_default();
        let ran = Value::deserialize(&mut serde_json::Deserializer::from_str(answer));
        ran.unwrap_or_else(|error| panic!("{error}: {said}"))["data"]["resultData"]["runData"].take()
    }
}

fn example() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/n8n/workflow.json");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

fn node<'a>(workflow: &'a mut Value, name: &str) -> &'a mut Value {
    let nodes = workflow["nodes"].as_array_mut().unwrap();
    nodes.iter_mut().find(|node| node["name"] == name).unwrap()
}

/// The two things that examples/n8n/README.md tells people to change.
fn workflow(url: &str, input: &Value) -> Value {
    let mut workflow = example();
    node(&mut workflow, "Call")["parameters"]["url"] = json!(url);
    let assignments = &mut node(&mut workflow, "Input")["parameters"]["assignments"]["assignments"];
    assert_eq!(assignments[0]["name"], "input");
    assignments[0]["value"] = json!(input.to_string());
    workflow
}

/// What a node put out in its last run, the first item of it.
fn item<'a>(ran: &'a Value, node: &str) -> &'a Value {
    let run = ran[node].as_array().and_then(|runs| runs.last()).unwrap_or_else(|| panic!("{node}: {ran:#}"));
    &run["data"]["main"][0][0]["json"]
}

/// Passes requests on to a server, and keeps the first answer to itself: whoever asked can't know whether it was done.
fn loses_the_first_answer(server: &Server) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (url, server) = (format!("http://{}", listener.local_addr().unwrap()), server.address());
    std::thread::spawn(move || {
        for (nth, connection) in listener.incoming().enumerate() {
            let mut asking = BufReader::new(connection.unwrap());
            let (mut head, mut line, mut length) = (String::new(), String::new(), 0_usize);
            while asking.read_line(&mut line).unwrap() > 0 && line != "\r\n" {
                let lower = line.to_lowercase();
                if let Some(bytes) = lower.strip_prefix("content-length:") {
                    length = bytes.trim().parse().unwrap();
                }
                if !lower.starts_with("connection:") {
                    head += &line;
                }
                line.clear();
            }
            let mut body = vec![0; length];
            asking.read_exact(&mut body).unwrap();
            let mut asked = TcpStream::connect(&server).unwrap();
            write!(asked, "{head}connection: close\r\n\r\n").unwrap();
            asked.write_all(&body).unwrap();
            let mut answer = Vec::new();
            asked.read_to_end(&mut answer).unwrap();
            if nth > 0 {
                asking.get_mut().write_all(&answer).unwrap();
            }
        }
    });
    url
}

#[test]
fn a_workflow_calls_once_and_keeps_results_denials_and_problems_apart() {
    let Some(program) = tool("n8n", "JACKFIELD_TEST_N8N", "JACKFIELD_TEST_WITHOUT_N8N") else { return };
    let desk = Desk::new();
    let server = desk.serve(&["--set", "requests_per_minute=0"]);
    desk.publisher(&server);
    desk.release_echo("1.0.0");
    let admin = Asks::new(&server, operator(&desk));
    admin.post("/main/installations", json!({ "package": "acme:echo", "grant": "all" }), 201);
    let token = admin.post("/main/tokens", json!({ "label": "n8n", "packages": "acme:echo" }), 201)["token"].clone();

    // The node is what the installation's own document says.
    let document = Asks::new(&server, token.as_str().unwrap()).get(&format!("{ECHO}/openapi.json"));
    let (path, operation) = document["paths"].as_object().unwrap().iter().next().unwrap();
    let url = format!("{}{path}", document["servers"][0]["url"].as_str().unwrap());
    let mut example = example();
    let call = node(&mut example, "Call");
    assert_eq!((&call["parameters"]["method"], operation.get("post").is_some()), (&json!("POST"), true));
    for header in call["parameters"]["headerParameters"]["parameters"].as_array().unwrap() {
        let parameters = operation["post"]["parameters"].as_array().unwrap();
        assert!(parameters.iter().any(|it| it["in"] == "header" && it["name"] == header["name"]), "{header}");
    }

    let n8n = N8n { program, desk: &desk };
    let credential = &call["credentials"]["httpBearerAuth"];
    n8n.import(
        "credentials",
        &json!([{ "id": credential["id"], "name": credential["name"], "type": "httpBearerAuth", "data": { "token": token } }]),
    );

    // The first answer gets lost: under the same key the call is not made once more, and its answer is still there.
    let lossy = url.replace(&server.url, &loses_the_first_answer(&server));
    let ran = n8n.execute(&workflow(&lossy, &json!({ "n": 1 })));
    assert_eq!(item(&ran, "Call")["headers"]["idempotency-replayed"], "true", "{ran:#}");
    assert_eq!(item(&ran, "Result"), &json!({ "result": { "n": 1 } }), "{ran:#}");
    assert!(ran.get("Denied").is_none() && ran.get("Problem").is_none(), "{ran:#}");

    // Denied: a matter for an admin, and the hint says what.
    let switch = format!("{ECHO}/enabled");
    admin.put(&switch, json!({ "enabled": false }), 200);
    let ran = n8n.execute(&workflow(&url, &json!({})));
    assert_eq!(item(&ran, "Denied")["code"], "denied", "{ran:#}");
    assert!(item(&ran, "Denied")["hint"].as_str().unwrap().contains("enabled"), "{ran:#}");
    assert!(ran.get("Result").is_none() && ran.get("Problem").is_none(), "{ran:#}");
    admin.put(&switch, json!({ "enabled": true }), 200);

    // The connector's own error says when to come again: it is called four times, under a key each time, and that is it.
    desk.release("1.1.0", PackageBuilder::of(programs::GUEST_ERROR));
    admin.post("/main/installations", json!({ "package": "acme:echo@1.1.0" }), 201);
    let ran = n8n.execute(&workflow(&url, &json!({ "kind": "rate-limited", "retry_after_ms": 900 })));
    assert_eq!(item(&ran, "Problem")["code"], "connector-rate-limited", "{ran:#}");
    assert!(ran.get("Result").is_none() && ran.get("Denied").is_none(), "{ran:#}");

    // What is worth no other try gets none. Each call has its bill.
    let ran = n8n.execute(&workflow(&url, &json!({ "kind": "not-found" })));
    assert_eq!(item(&ran, "Problem")["code"], "connector-not-found", "{ran:#}");
    let outcomes = || {
        let calls = admin.get("/main/invocations");
        let calls = calls["invocations"].as_array().unwrap();
        calls.iter().map(|call| call["outcome"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let billed = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        outcomes() == ["guest", "guest", "guest", "guest", "guest", "denied", "ok"]
    });
    assert!(billed, "the newest first: {:?}", outcomes());
}
