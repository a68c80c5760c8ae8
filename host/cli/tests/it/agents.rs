//! Agents, by clients that others wrote: the tools of a workspace over HTTP, and those of a home over stdin and stdout. They call what is
//! installed, and nothing else.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
    time::Duration,
};

use jackfield_test_kit::{PackageBuilder, programs};
use reqwest::Method;
use rmcp::{
    ClientHandler, RoleClient, ServiceExt as _,
    model::{CallToolRequestParams, CallToolResult, ClientRequest, ProtocolVersion, Request, SubscriptionFilter},
    service::{ClientLifecycleMode, ClientServiceExt as _, NotificationContext, PeerRequestOptions, RunningService},
    transport::{
        StreamableHttpClientTransport, TokioChildProcess, streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use serde_json::{Value, json};
use tokio::{runtime::Runtime, sync::mpsc};

use crate::{
    kit::{Desk, Server},
    workspaces::{Asks, operator, send},
};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// Longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client that hears when tools change.
struct Hears(mpsc::UnboundedSender<()>);

impl ClientHandler for Hears {
    async fn on_tool_list_changed(&self, _context: NotificationContext<RoleClient>) {
        let _ = self.0.send(());
    }
}

/// An agent, connected.
struct Agent {
    client: RunningService<RoleClient, Hears>,
    heard: mpsc::UnboundedReceiver<()>,
}

impl Agent {
    fn at(url: &str, token: &str, lifecycle: ClientLifecycleMode) -> Self {
        let config = StreamableHttpClientTransportConfig::with_uri(url).auth_header(token);
        let (says, heard) = mpsc::unbounded_channel();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let transport = || StreamableHttpClientTransport::from_config(config);
        let client = RUNTIME.block_on(async { Hears(says).serve_with_lifecycle(transport(), lifecycle).await });
        Self { client: client.unwrap(), heard }
    }

    fn by(command: Command) -> Self {
        let (says, heard) = mpsc::unbounded_channel();
        let client = RUNTIME.block_on(async {
            let child = TokioChildProcess::builder(tokio::process::Command::from(command)).stderr(Stdio::null());
            Hears(says).serve(child.spawn().unwrap().0).await
        });
        Self { client: client.unwrap(), heard }
    }

    fn tools(&self) -> Vec<Value> {
        let tools = RUNTIME.block_on(self.client.list_all_tools()).unwrap();
        tools.into_iter().map(|tool| json!(tool)).collect()
    }

    fn names(&self) -> Vec<String> {
        self.tools().iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    }

    fn try_call(&self, tool: &str, arguments: Value) -> Result<CallToolResult, rmcp::ServiceError> {
        RUNTIME.block_on(self.client.call_tool(asked(tool, arguments)))
    }

    #[track_caller]
    fn call(&self, tool: &str, arguments: Value) -> Value {
        json!(self.try_call(tool, arguments).unwrap())
    }

    /// The words of a call that fails.
    #[track_caller]
    fn fails(&self, tool: &str, arguments: Value) -> String {
        let result = self.call(tool, arguments);
        assert_eq!((&result["isError"], result.get("structuredContent")), (&json!(true), None), "{result}");
        result["content"][0]["text"].as_str().unwrap().to_owned()
    }

    /// A call that is begun and cancelled.
    fn cancels(&self, tool: &str) {
        let request = ClientRequest::CallToolRequest(Request::new(asked(tool, json!({}))));
        RUNTIME.block_on(async {
            let options = PeerRequestOptions::no_options();
            let handle = self.client.send_cancellable_request(request, options).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1500)).await;
            handle.cancel(Some("the user has changed his mind".to_owned())).await.unwrap();
        });
    }

    #[track_caller]
    fn hears(&mut self) {
        let heard = RUNTIME.block_on(async { tokio::time::timeout(PATIENCE, self.heard.recv()).await });
        assert!(heard.is_ok(), "it was not told that the tools have changed");
    }

    fn leave(self) {
        RUNTIME.block_on(self.client.cancel()).unwrap();
    }
}

fn asked(tool: &str, arguments: Value) -> CallToolRequestParams {
    CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments.as_object().unwrap().clone())
}

/// As of protocol 2026-07-28: no session.
fn without_session() -> ClientLifecycleMode {
    ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] }
}

/// A connector under a name of its own.
fn package(program: &str, name: &str) -> PackageBuilder {
    PackageBuilder::of(program).named(name)
}

/// One with several operations, whose schemas say something.
pub(crate) fn typed(name: &str) -> PackageBuilder {
    let described: Value = serde_json::from_str(include_str!("../../../../tests/programs/typed.json")).unwrap();
    let operations = serde_json::from_value(described["operations"].clone()).unwrap();
    package(programs::TYPED, name).manifest(|manifest| manifest.operations = operations)
}

/// A server with these connectors released, and installed in `main`.
fn serves(desk: &Desk, packages: Vec<PackageBuilder>) -> Server {
    let server = desk.serve(&[]);
    desk.publisher(&server);
    let admin = Asks::new(&server, operator(desk));
    for package in packages {
        let name = package.name().to_string();
        std::fs::write(desk.path("it.wasm"), package.bytes()).unwrap();
        assert_eq!(desk.publish_file("it.wasm", &[]).code, 0, "{name}");
        admin.post("/main/installations", json!({ "package": name, "grant": "all" }), 201);
    }
    server
}

fn token(admin: &Asks, packages: &str, role: &str) -> String {
    let wanted = json!({ "label": "an agent", "packages": packages, "role": role });
    admin.post("/main/tokens", wanted, 201)["token"].as_str().unwrap().to_owned()
}

/// What came of the newest calls, once there are so many bills.
fn outcomes(admin: &Asks, count: usize) -> Vec<String> {
    for _ in 0..100 {
        let calls = admin.get("/main/invocations");
        let calls = calls["invocations"].as_array().unwrap();
        if calls.len() >= count {
            return calls.iter().map(|call| call["outcome"].as_str().unwrap().to_owned()).collect();
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("there are not {count} bills");
}

#[test]
fn an_agent_calls_what_its_token_reaches_and_nothing_else() {
    let desk = Desk::new();
    let long = format!("acme:{}", "long-".repeat(12) + "er");
    let packages =
        vec![typed("acme:desk"), package(programs::GUEST_ERROR, "acme:ledger"), package(programs::ECHO, &long)];
    let server = serves(&desk, packages);
    let admin = Asks::new(&server, operator(&desk));
    let all = token(&admin, "*", "member");
    let addresses = [format!("{}/mcp", server.url), format!("{}/v1/workspaces/main/mcp", server.url)];

    for (address, lifecycle) in addresses.iter().zip([ClientLifecycleMode::Initialize, without_session()]) {
        let has_session = lifecycle == ClientLifecycleMode::Initialize;
        let agent = Agent::at(address, &all, lifecycle);
        let (tools, names) = (agent.tools(), agent.names());
        let operations = ["add", "content", "handling", "resource", "sort", "text"];
        let wanted = operations.map(|name| format!("acme_desk_{name}"));
        assert_eq!((&names[..6], &*names[6], names.len()), (&wanted[..], "acme_ledger_run", 8), "and no other tool");
        assert!(names[7].len() == 64 && names[7].starts_with("acme_long-long-"), "{names:?}");
        let [add, _, handling, _, sort, ..] = &tools[..] else { panic!("{tools:?}") };
        assert_eq!((&add["title"], &add["description"]), (&json!("typed: Add"), &json!("Adds two numbers.")));
        assert_eq!(sort["description"], "Sort. A guest program of the tests.");
        assert_eq!(add["inputSchema"]["required"], json!(["a", "b"]));
        assert_eq!(add["outputSchema"]["required"], json!(["sum"]));
        assert_eq!(sort["inputSchema"]["properties"]["input"]["type"], "array");
        assert_eq!(sort.get("outputSchema").is_some(), !has_session, "older clients take objects only");
        let hints = |tool: &Value| {
            let names = ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"];
            names.map(|name| tool["annotations"][name].as_bool().unwrap())
        };
        assert_eq!((hints(add), hints(handling)), ([true, false, true, false], [false, true, true, false]));

        let done = agent.call("acme_desk_add", json!({ "a": 1, "b": 2 }));
        assert_eq!((&done["structuredContent"], &done["isError"]), (&json!({ "sum": 3 }), &json!(false)), "{done}");
        assert_eq!(done["content"][0]["text"], r#"{"sum":3}"#);
        assert!(done["_meta"]["dev.jackfield/bill"]["fuel"].as_u64().unwrap() > 0, "{done}");
        let done = agent.call("acme_desk_sort", json!({ "input": [3, 1, 2] }));
        assert_eq!(done["content"][0]["text"], "[1,2,3]");
        let done = agent.call("acme_desk_content", json!({}));
        assert_eq!(
            (&done["content"][2]["type"], &done["content"][2]["mimeType"]),
            (&json!("image"), &json!("image/png"))
        );
        let done = agent.call("acme_desk_resource", json!({}));
        assert_eq!(done["content"][2]["resource"]["text"], "This is a note.", "{done}");
        assert!(done["content"][1]["text"].as_str().unwrap().starts_with("The file `note.txt` (text/plain"), "{done}");
        assert_eq!(agent.call(&names[7], json!({}))["structuredContent"], json!({}), "a shortened name is found");

        // What an agent can act on.
        let said = agent.fails("acme_ledger_run", json!({ "kind": "rate-limited", "retry_after_ms": 2500 }));
        let wanted = "[connector-rate-limited]";
        assert!(said.starts_with(wanted) && said.contains("the ledger is locked") && said.contains("in 3 s"), "{said}");
        let sent = json!({ "kind": "internal", "retryable": false, "request_sent": true });
        let said = agent.fails("acme_ledger_run", sent);
        assert!(said.contains("will fail again") && said.contains("may have had an effect"), "{said}");
        let said = agent.fails("acme_desk_add", json!({ "a": 1, "b": "two" }));
        assert!(said.starts_with("[input-invalid]") && said.contains("`/b`"), "{said}");
        for unknown in ["acme_desk_walk", "acme_other_run", "install", "jackfield_grant", "a__b", "", "🙂"] {
            assert!(agent.try_call(unknown, json!({})).is_err(), "there is no tool {unknown}");
        }
        agent.leave();
    }
    // One bill a call that ran.
    let outcomes = outcomes(&admin, 14);
    assert_eq!((outcomes.len(), outcomes.iter().filter(|outcome| *outcome == "guest").count()), (14, 4));

    // A token that reaches less sees less, and what it does not reach is not there.
    let narrow = token(&admin, "acme:ledger", "member");
    let agent = Agent::at(&addresses[0], &narrow, ClientLifecycleMode::Initialize);
    assert_eq!(agent.names(), ["acme_ledger_run"]);
    assert!(agent.try_call("acme_desk_text", json!({})).is_err());
    agent.leave();

    // The quota is the workspace's, whichever door.
    admin.put("/main/quota", json!({ "calls_a_minute": 1 }), 204);
    let agent = Agent::at(&addresses[0], &all, ClientLifecycleMode::Initialize);
    let said: Vec<_> = (0..3).map(|_| agent.call("acme_desk_text", json!({})).to_string()).collect();
    assert!(said[2].contains("[quota-used]") && said[2].contains("may go through in"), "{said:?}");
}

#[test]
fn an_agent_hears_of_changes_and_cancels_what_runs() {
    let desk = Desk::new();
    let sleeper = package(programs::SLEEP_FOREVER, "acme:sleeper");
    let server = serves(&desk, vec![package(programs::ECHO, "acme:echo"), sleeper]);
    let admin = Asks::new(&server, operator(&desk));
    let all = token(&admin, "*", "member");
    let url = format!("{}/mcp", server.url);
    let switch = |enabled: bool| {
        admin.put("/main/installations/acme/echo/enabled", json!({ "enabled": enabled }), 200);
    };

    let mut agent = Agent::at(&url, &all, ClientLifecycleMode::Initialize);
    assert_eq!(agent.names(), ["acme_echo_run", "acme_sleeper_run"]);
    switch(false);
    agent.hears();
    assert_eq!(agent.names(), ["acme_sleeper_run"]);
    let said = agent.fails("acme_echo_run", json!({}));
    assert!(said.starts_with("[denied]") && said.contains("only a person can allow this"), "{said}");
    agent.cancels("acme_sleeper_run");
    assert_eq!(outcomes(&admin, 2)[0], "cancelled");

    // The same without a session: by a subscription, and by going away.
    let modern = Agent::at(&url, &all, without_session());
    let mut changes =
        RUNTIME.block_on(modern.client.listen(SubscriptionFilter::builder().tools_list_changed().build())).unwrap();
    switch(true);
    let heard = RUNTIME.block_on(async { tokio::time::timeout(PATIENCE, changes.next()).await });
    assert!(heard.is_ok_and(|heard| heard.is_ok_and(|heard| heard.is_some())));
    modern.cancels("acme_sleeper_run");
    assert_eq!(outcomes(&admin, 3)[0], "cancelled");

    // A server that stops does not wait for whoever listens.
    let begun = std::time::Instant::now();
    assert_eq!(server.stop(), 0);
    assert!(begun.elapsed() < PATIENCE, "streams were waited for");
}

/// A message as a client of protocol 2025-11-25 sends it.
fn says(method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

#[test]
fn whoever_speaks_to_an_agents_door_shows_a_token_and_has_a_session_of_his_own() {
    let desk = Desk::new();
    let server = serves(&desk, vec![package(programs::ECHO, "acme:echo")]);
    let admin = Asks::new(&server, operator(&desk));
    let (ann, bob) = (token(&admin, "*", "member"), token(&admin, "*", "member"));
    // Each message by a connection of its own: what is too long is not read to its end.
    let client = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
    let ask = |token: &str, session: Option<&str>, body: String| {
        let request = client.post(format!("{}/mcp", server.url)).body(body);
        let request = request.header("content-type", "application/json");
        let request = request.header("accept", "application/json, text/event-stream");
        let request = if token.is_empty() { request } else { request.bearer_auth(token) };
        match session {
            Some(session) => request.header("mcp-session-id", session),
            None => request,
        }
    };
    let info =
        json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "x", "version": "1" } });
    let hello = says("initialize", info).to_string();
    let opened = send(ask(&ann, None, hello.clone()));
    let session = opened.headers["mcp-session-id"].to_str().unwrap().to_owned();
    let list = says("tools/list", json!({})).to_string();
    assert!(send(ask(&ann, Some(&session), list.clone())).text.contains("acme_echo_run"));

    // Another's session, and none at all.
    admin.post("", json!({ "name": "other" }), 201);
    let elsewhere = admin.post("/other/tokens", json!({ "label": "x" }), 201);
    let elsewhere = elsewhere["token"].as_str().unwrap();
    for (who, id) in [(&*bob, &*session), (elsewhere, &session), (&ann, "no-such-session"), (&ann, "\u{7f}")] {
        let Ok(id) = id.parse::<reqwest::header::HeaderValue>() else { continue };
        let id = id.to_str().unwrap();
        assert_eq!(send(ask(who, Some(id), list.clone())).expect(404)["code"], "session-not-found");
        let end = client.delete(format!("{}/mcp", server.url)).bearer_auth(who);
        assert_eq!(send(end.header("mcp-session-id", id)).expect(404)["code"], "session-not-found");
    }
    assert!(send(ask(&ann, Some(&session), list.clone())).status.is_success(), "it is still there");
    assert_eq!(send(ask(&ann, None, list.clone())).status, 400, "an old client begins with `initialize`");

    // Who may not, or is not known.
    assert_eq!(send(ask("", None, hello.clone())).expect(401)["code"], "unauthenticated");
    assert_eq!(send(ask("jfw_nonsense", None, hello.clone())).expect(401)["code"], "token-unknown");
    let auditor = token(&admin, "*", "auditor");
    assert_eq!(send(ask(&auditor, None, hello.clone())).expect(403)["code"], "role-insufficient");
    let person = admin.request(Method::POST, "/main/mcp").header("accept", "application/json, text/event-stream");
    assert!(send(person.json(&says("initialize", json!({})))).status.is_client_error());

    // A page of somewhere else, through somebody's browser.
    for origin in ["http://evil.example", "null", "http://localhost.evil.example:8787"] {
        let said = send(ask(&ann, None, hello.clone()).header("origin", origin)).expect(403);
        assert_eq!(said["code"], "origin-foreign");
    }
    assert!(send(ask(&ann, None, hello.clone()).header("origin", "http://localhost:6274")).status.is_success());

    // What is no message.
    for nonsense in ["", "{", "[]", "null", "{}", r#"{"jsonrpc":"2.0","id":1}"#, r#"[{"jsonrpc":"2.0"}]"#] {
        let answer = send(ask(&ann, Some(&session), nonsense.to_owned()));
        assert!(answer.status.is_client_error(), "{nonsense}: {} {}", answer.status, answer.text);
    }
    let long = format!("{{\"jsonrpc\":\"2.0\",\"x\":\"{}\"}}", "x".repeat(6 << 20));
    assert_eq!(send(ask(&ann, Some(&session), long)).expect(413)["code"], "body-too-long");
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(send(ask(&ann, Some(&session), deep)).status.is_client_error());
    let bad = [json!({ "name": 7 }), json!({ "name": "acme_echo_run", "arguments": [] }), json!({})];
    for params in bad {
        let said = send(ask(&ann, Some(&session), says("tools/call", params).to_string()));
        assert!(!said.text.contains("\"result\""), "{}", said.text);
    }
    for method in ["resources/list", "prompts/list", "install", "jackfield/grant", "tools/install", "logging/setLevel"]
    {
        let said = send(ask(&ann, Some(&session), says(method, json!({ "level": "info" })).to_string()));
        assert!(said.text.contains("-32601"), "{method}: {}", said.text);
    }

    // A session shows its token with every message: revoked, it says nothing more.
    let tokens = admin.get("/main/tokens");
    for token in tokens["tokens"].as_array().unwrap() {
        admin.expect(Method::DELETE, &format!("/main/tokens/{}", token["id"].as_str().unwrap()), None, 204);
    }
    assert_eq!(send(ask(&ann, Some(&session), list)).expect(401)["code"], "token-revoked");
    let audit = admin.get("/main/audit?allowed=false");
    assert!(audit.to_string().contains("\"invoke\""), "the auditor's try is written down: {audit}");
}

/// A home in which these are installed from files.
fn home(desk: &Desk, packages: Vec<PackageBuilder>) {
    desk.json("home", &["key", "new", "own", "--passphrase-file", "pass"]);
    desk.json("home", &["trust", "add", "own"]);
    for package in packages {
        std::fs::write(desk.path("it.wasm"), package.bytes()).unwrap();
        desk.json("home", &["sign", "it.wasm", "--key", "own", "--passphrase-file", "pass"]);
        desk.json("home", &["install", "it.wasm", "--grant-none"]);
    }
}

#[test]
fn an_agent_has_the_tools_of_a_home_over_stdin_and_stdout() {
    let desk = Desk::new();
    home(
        &desk,
        vec![
            typed("acme:desk"),
            package(programs::LOG_FLOOD, "acme:talker"),
            package(programs::FETCH, "other:fetch").asks("GET https://api.example.com"),
        ],
    );
    let mut agent = Agent::by(desk.command("home", &["mcp"]));
    assert_eq!(agent.names()[5..], ["acme_desk_text", "acme_talker_run", "other_fetch_run"]);
    assert_eq!(agent.call("acme_desk_add", json!({ "a": 1, "b": 2 }))["structuredContent"], json!({ "sum": 3 }));
    assert_eq!(agent.call("acme_desk_content", json!({}))["content"][2]["type"], "image");
    let request = json!({ "method": "GET", "url": "https://api.example.com/", "fail_as": "cannot" });
    let said = agent.call("other_fetch_run", request).to_string();
    assert!(said.contains("only a person can allow this") && said.contains("jackfield grant other:fetch"), "{said}");
    // Another command in the same home.
    desk.json("home", &["disable", "acme:desk"]);
    agent.hears();
    assert_eq!(agent.names(), ["acme_talker_run", "other_fetch_run"]);
    agent.leave();
    let agent = Agent::by(desk.command("home", &["mcp", "--only", "other:*"]));
    assert_eq!(agent.names(), ["other_fetch_run"]);
    assert!(agent.try_call("acme_talker_run", json!({ "lines": 1 })).is_err());
    agent.leave();
    assert_eq!(desk.run("home", &["mcp", "--only", "Acme"]).code, 2);

    // It ends with its stdin, and says nothing that is not the protocol: what a connector logs goes to stderr.
    assert_eq!(desk.command("home", &["mcp"]).output().unwrap().stdout, b"");
    let info =
        json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "x", "version": "1" } });
    let hello = says("initialize", info);
    let call = says("tools/call", json!({ "name": "acme_talker_run", "arguments": { "lines": 3 } }));
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let mut child = desk.command("home", &["-v", "mcp"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, format!("not JSON\n{hello}\n{initialized}\n{call}\n").as_bytes()).unwrap();
    std::thread::sleep(Duration::from_secs(5));
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    let messages: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(messages.iter().all(|message| message["jsonrpc"] == "2.0"), "{stdout}");
    assert_eq!(messages.last().unwrap()["result"]["content"][0]["text"], "3", "{stdout}");
    assert!(stderr.contains("line 2"), "{stderr}");
}

/// The clients of the TypeScript SDK; none if the tests are told to go without Node.
fn typescript() -> Option<PathBuf> {
    if std::env::var_os("JACKFIELD_TEST_WITHOUT_NODE").is_some() {
        eprintln!("NOT RUN: no Node, so no client of the TypeScript SDK");
        return None;
    }
    let folder = std::env::var_os("JACKFIELD_TEST_AGENTS").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/agents"));
    let installed = folder.join("node_modules/@modelcontextprotocol/sdk").exists();
    assert!(installed, "the clients are not installed: `npm ci` in tests/agents, or JACKFIELD_TEST_WITHOUT_NODE=1");
    Some(folder)
}

#[test]
fn the_clients_of_the_typescript_sdk_take_the_same_tools() {
    let Some(folder) = typescript() else { return };
    let desk = Desk::new();
    let packages = || vec![typed("acme:desk"), package(programs::LOG_FLOOD, "acme:talker")];
    let server = serves(&desk, packages());
    home(&desk, packages());
    let admin = Asks::new(&server, operator(&desk));
    let all = token(&admin, "*", "member");
    let stdio = json!({ "command": env!("CARGO_BIN_EXE_jackfield"), "args": ["mcp"], "env": { "JACKFIELD_HOME": desk.path("home") } });
    // A client forgets what comes in one piece with the answer, which on a busy machine it does: it has many chances to hear.
    const TALKS: usize = 10;
    let mut calls = vec![
        json!({ "name": "acme_desk_add", "arguments": { "a": 1, "b": 2 } }),
        json!({ "name": "acme_desk_add", "arguments": { "a": 1, "b": "two" } }),
    ];
    calls.resize(2 + TALKS, json!({ "name": "acme_talker_run", "arguments": { "lines": 300 } }));
    let calls = Value::Array(calls);
    for generation in ["first", "second"] {
        for place in [format!("{}/mcp", server.url), stdio.to_string()] {
            let mut node = Command::new("node");
            node.args(["agent.mjs", generation, &place, &calls.to_string()]).env("TOKEN", &all).current_dir(&folder);
            let output = node.output().unwrap();
            let shown = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{generation} at {place}: {shown}");
            let said: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(said["server"]["name"], "jackfield");
            let names: Vec<_> =
                said["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
            assert_eq!((names.len(), names[6]), (7, "acme_talker_run"));
            let results = &said["results"];
            assert_eq!(results[0]["structuredContent"], json!({ "sum": 3 }), "{generation} at {place}: {said}");
            assert_eq!(results[1]["isError"], true);
            let talks = &results.as_array().unwrap()[2..];
            assert!(talks.iter().all(|talk| talk["content"][0]["text"] == "300"), "{generation} at {place}: {said}");
            assert!(talks.iter().any(|talk| talk["heard"][0] == "line 0"), "{generation} at {place}");
        }
    }
}
