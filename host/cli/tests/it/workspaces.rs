//! Workspaces over HTTP: installing, invoking, granting and stopping, by people and programs that may, and by nobody else.

use std::{io::Write as _, net::TcpStream, sync::LazyLock};

use jackfield_test_kit::{PackageBuilder, programs};
use jackfield_workspace::router;
use reqwest::{Client, Method, RequestBuilder, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{
    agents::typed,
    kit::{Desk, Server, databases, on_each_database},
};

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.json()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }
}

pub(crate) fn send(request: RequestBuilder) -> Answer {
    try_send(request).unwrap()
}

pub(crate) fn try_send(request: RequestBuilder) -> reqwest::Result<Answer> {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
    RUNTIME.block_on(async {
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Answer { status, headers, text: response.text().await? })
    })
}

/// Somebody who asks.
pub(crate) struct Asks<'a> {
    server: &'a Server,
    pub(crate) token: String,
    pub(crate) client: Client,
}

impl<'a> Asks<'a> {
    pub(crate) fn new(server: &'a Server, token: impl Into<String>) -> Self {
        // The first one stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { server, token: token.into(), client: Client::new() }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}/v1/workspaces{path}", self.server.url);
        let request = self.client.request(method, url);
        if self.token.is_empty() { request } else { request.bearer_auth(&self.token) }
    }

    #[track_caller]
    pub(crate) fn expect(&self, method: Method, path: &str, body: Option<Value>, status: u16) -> Value {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        send(request).expect(status)
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Value {
        self.expect(Method::GET, path, None, 200)
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: Value, status: u16) -> Value {
        self.expect(Method::POST, path, Some(body), status)
    }

    #[track_caller]
    pub(crate) fn put(&self, path: &str, body: Value, status: u16) -> Value {
        self.expect(Method::PUT, path, Some(body), status)
    }
}

pub(crate) fn operator(desk: &Desk) -> String {
    std::fs::read_to_string(desk.path("data/operator-token")).unwrap().trim().to_owned()
}

const ECHO: &str = "/main/installations/acme/echo";
const RUN: &str = "/main/installations/acme/echo/operations/run/invoke";

#[test]
fn an_installation_comes_to_its_end_whoever_waits_for_it() {
    let desk = Desk::new();
    let server = desk.serve(&[]);
    desk.publisher(&server);
    desk.release_echo("1.0.0");
    let admin = Asks::new(&server, operator(&desk));
    let body = json!({ "package": "acme:echo", "grant": "none" }).to_string();
    let request = format!(
        "POST /v1/workspaces/main/installations HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        operator(&desk),
        body.len()
    );
    let lines = || {
        let audit = admin.get("/main/audit?target=acme:echo")["audit"].clone();
        audit.as_array().unwrap().iter().map(|line| line["detail"].to_string()).collect::<Vec<_>>()
    };
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    // Gone as soon as it was begun.
    for _ in 0..6_000 {
        if !lines().is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    drop(stream);
    for _ in 0..600 {
        if lines().len() == 2 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert!(lines().iter().any(|line| line.contains("1.0.0 sha256:")), "{:?}", lines());
    assert_eq!(admin.get("/main/installations/acme/echo")["version"], "1.0.0");
}

#[test]
fn registry_and_workspaces_are_served_apart() {
    for flags in databases() {
        let desk = Desk::new();
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        let check = [&["serve", "--data", "data", "--only", "workspaces", "--check"], &flags[..]].concat();
        let refused = |code: &str| assert_eq!(desk.run("server-home", &check).error(), (2, code.to_owned()));
        refused("registry-missing");
        // Keys of somebody's are not yet a registry, and none is made of them.
        std::fs::create_dir_all(desk.path("data/keys")).unwrap();
        refused("registry-missing");
        assert_eq!(std::fs::read_dir(desk.path("data/keys")).unwrap().count(), 0);
        let registry = desk.serve(&[&flags[..], &["--only", "registry"]].concat());
        refused("config-malformed");
        let apart = ["--only", "workspaces", "--public-url", registry.url.as_str()];
        let workspaces = desk.serve(&[&flags[..], &apart].concat());
        desk.publisher(&registry);
        desk.release_echo("1.0.0");
        // Whom the one knows, the other knows.
        let admin = Asks::new(&workspaces, operator(&desk));
        admin.post("/main/installations", json!({ "package": "acme:echo", "grant": "none" }), 201);
        assert_eq!(admin.post(RUN, json!({ "n": 1 }), 200)["result"], json!({ "n": 1 }));
        // Neither does the other's work.
        let client = Client::new();
        let status = |server: &Server, path: &str| send(client.get(format!("{}{path}", server.url))).status.as_u16();
        assert_eq!((status(&workspaces, "/readyz"), status(&workspaces, "/v1/packages/acme/echo")), (200, 404));
        assert_eq!((status(&registry, "/v1/packages/acme/echo"), status(&registry, "/v1/workspaces/main")), (200, 404));
        assert_eq!((workspaces.stop(), registry.stop()), (0, 0));
    }
}

#[test]
fn what_is_wrong_with_an_input_or_a_setting_is_named_by_its_place() {
    let desk = Desk::new();
    let server = desk.serve(&[]);
    desk.publisher(&server);
    let settings = json!({ "type": "object", "required": ["a/b"], "properties": { "b": { "type": "integer" } } });
    desk.release("1.0.0", typed("acme:echo").manifest(|manifest| manifest.config = Some(settings)));
    let admin = Asks::new(&server, operator(&desk));
    let wrong = json!({ "b": "two" });
    let is_named = |refused: Value, code: &str, missing: &str| {
        assert_eq!(refused["code"], code, "{refused}");
        let errors = refused["errors"].as_array().unwrap();
        let mut places: Vec<_> = errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
        places.sort_unstable();
        // What is missing, where it should be (RFC 6901).
        assert_eq!(places, [missing, "/b"], "{refused}");
        assert!(errors.iter().all(|error| error["detail"].is_string()), "{refused}");
        assert!(!refused.to_string().contains("two"), "{refused}");
    };
    let wanted = json!({ "package": "acme:echo", "grant": { "config": wrong } });
    is_named(admin.post("/main/installations", wanted, 422), "grant-config-invalid", "/a~1b");
    let wanted = json!({ "package": "acme:echo", "grant": { "config": { "a/b": 1 } } });
    admin.post("/main/installations", wanted, 201);
    let add = RUN.replace("/run/", "/add/");
    is_named(admin.post(&format!("{add}?dry_run=true"), wrong, 422), "input-invalid", "/a");
}

#[test]
fn a_workspace_installs_invokes_and_upgrades() {
    on_each_database(&[], |desk, server| {
        desk.release_echo("1.0.0");
        let admin = Asks::new(server, operator(desk));
        let offer = admin.get("/main/offer?package=acme:echo");
        assert_eq!((&offer["version"], &offer["replaces"]), (&json!("1.0.0"), &Value::Null));
        let installed = admin.post("/main/installations", json!({ "package": "acme:echo", "grant": "none" }), 201);
        assert_eq!((&installed["version"], &installed["enabled"]), (&json!("1.0.0"), &json!(true)));

        let token = admin.post("/main/tokens", json!({ "label": "a workflow" }), 201);
        let workflow = Asks::new(server, token["token"].as_str().unwrap());
        let answer = workflow.post(RUN, json!({ "a": 1.10 }), 200);
        assert_eq!(answer["result"], json!({ "a": 1.10 }));
        assert!(answer["bill"]["fuel"].as_u64().unwrap() > 0, "{answer}");
        // It calls, and nothing else.
        let refused = workflow.put(&format!("{ECHO}/enabled"), json!({ "enabled": false }), 403);
        assert_eq!(refused["code"], "role-insufficient");
        assert_eq!(
            workflow.post("/main/installations", json!({ "package": "acme:echo" }), 403)["code"],
            "role-insufficient"
        );

        // What is not JSON, not there, or only looked at.
        assert_eq!(send(workflow.request(Method::POST, RUN).body("{")).expect(400)["code"], "input-not-json");
        let nowhere = RUN.replace("/run/", "/walk/");
        assert_eq!(workflow.post(&nowhere, json!({}), 404)["code"], "operation-unknown");
        let looked = workflow.post(&format!("{RUN}?dry_run=true"), json!({}), 200);
        assert_eq!(looked["dry_run"], true);

        // A form carries files beside the input; one that is too long is told so.
        let form = |bytes: usize| {
            let head = "--b\r\ncontent-disposition: form-data; name=\"input\"\r\n\r\n{\"n\":1}\r\n--b\r\ncontent-disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n";
            let body = [head.as_bytes(), &vec![b'x'; bytes], b"\r\n--b--\r\n"].concat();
            let request = workflow.request(Method::POST, RUN).header("content-type", "multipart/form-data; boundary=b");
            send(request.body(body))
        };
        assert_eq!(form(3 << 20).expect(200)["result"], json!({ "n": 1 }));
        let refused = form(33 << 20);
        assert_eq!(refused.expect(413)["code"], "body-too-long");
        // What is left of it would be taken for the next request.
        assert_eq!(refused.headers["connection"], "close");

        // The same request under the same key is done once.
        let keyed = |body: Value| send(workflow.request(Method::POST, RUN).header("idempotency-key", "k1").json(&body));
        let first = keyed(json!({ "n": 1 })).expect(200);
        let again = keyed(json!({ "n": 1 }));
        assert_eq!(again.headers["idempotency-replayed"], "true");
        assert_eq!(again.expect(200), first, "the very same answer, its bill too");
        assert_eq!(keyed(json!({ "n": 2 })).expect(422)["code"], "idempotency-key-reused");

        // A release that asks for more waits for a word; agreeing to it grants nothing.
        desk.release("1.1.0", PackageBuilder::of(programs::ECHO).asks("GET https://api.example.com"));
        let wanted = json!({ "package": "acme:echo@1.1.0" });
        assert_eq!(admin.post("/main/installations", wanted, 409)["code"], "consent-needed");
        let wanted = json!({ "package": "acme:echo@1.1.0", "consent": true });
        let upgraded = admin.post("/main/installations", wanted, 201);
        assert_eq!((&upgraded["version"], &upgraded["grant"]["egress"]), (&json!("1.1.0"), &json!([])));
        let granted = admin.post(&format!("{ECHO}/grant"), json!({ "egress": "GET https://api.example.com" }), 200);
        assert_eq!(granted["grant"]["egress"], json!(["GET https://api.example.com"]));
        assert_eq!(
            admin.put(&format!("{ECHO}/grant"), json!({ "egress": ["ftp://x"] }), 400)["code"],
            "grant-egress-malformed"
        );

        // Its document says how it is called.
        let document = workflow.get(&format!("{ECHO}/openapi.json"));
        assert!(document["paths"].as_object().unwrap().keys().any(|path| path.ends_with("/run/invoke")), "{document}");

        // The kill switch; then every line of the audit log follows from the one before, and every call has its bill.
        admin.put(&format!("{ECHO}/enabled"), json!({ "enabled": false }), 200);
        let refused = workflow.post(RUN, json!({}), 403);
        assert_eq!((&refused["code"], &refused["failure"]["failure"]), (&json!("denied"), &json!("denied")));
        admin.put(&format!("{ECHO}/enabled"), json!({ "enabled": true }), 200);
        let audit = admin.get("/main/audit/verify");
        assert_eq!(audit["intact"], true, "{audit}");
        let denials = admin.get("/main/audit?allowed=false");
        assert_eq!(denials["audit"].as_array().unwrap().len(), 2, "{denials}");
        std::thread::sleep(std::time::Duration::from_millis(400));
        let calls = admin.get("/main/invocations");
        let outcomes: Vec<_> =
            calls["invocations"].as_array().unwrap().iter().map(|it| it["outcome"].as_str().unwrap()).collect();
        assert_eq!(outcomes, ["denied", "ok", "ok", "refused", "ok"], "the newest first: {calls}");
        admin.expect(Method::DELETE, ECHO, None, 204);
        assert_eq!(workflow.post(RUN, json!({}), 404)["code"], "not-installed");
    });
}

#[test]
fn the_kill_switch_stops_a_running_call() {
    on_each_database(&[], |desk, server| {
        desk.release("1.0.0", PackageBuilder::of(programs::SLEEP_FOREVER));
        let admin = Asks::new(server, operator(desk));
        admin.post("/main/installations", json!({ "package": "acme:echo" }), 201);
        let calling = std::thread::scope(|scope| {
            let call = scope.spawn(|| Asks::new(server, operator(desk)).post(RUN, json!({}), 409));
            std::thread::sleep(std::time::Duration::from_millis(1500));
            admin.put(&format!("{ECHO}/enabled"), json!({ "enabled": false }), 200);
            call.join().unwrap()
        });
        assert_eq!(calling["code"], "call-stopped");
        assert!(calling["bill"]["wall_us"].as_u64().unwrap() < 15_000_000, "stopped long before its end: {calling}");
        // Whoever goes away stops his call, and has its bill.
        admin.put(&format!("{ECHO}/enabled"), json!({ "enabled": true }), 200);
        let gone = admin.request(Method::POST, RUN).timeout(std::time::Duration::from_secs(1)).json(&json!({}));
        assert!(try_send(gone).is_err());
        let calls = || admin.get("/main/invocations?outcome=cancelled")["invocations"].as_array().unwrap().len();
        let billed = (0..100).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(100));
            calls() == 2
        });
        assert!(billed, "{}", admin.get("/main/invocations"));
    });
}

/// A path with names in the places of its parameters.
fn filled(path: &str, workspace: &str) -> String {
    path.replace("{workspace}", workspace)
        .replace("{namespace}", "acme")
        .replace("{name}", "echo")
        .replace("{operation}", "run")
        .replace("{user}", "ada")
        .replace("{change}", "revoke")
        .replace("{id}", "con_018f0000-0000-7000-8000-000000000000")
}

/// What each route is asked with, so that it is the caller that is refused, and not what he says.
fn body(path: &str, method: &str) -> Value {
    match (path.rsplit('/').next().unwrap_or_default(), method) {
        ("quota", _) => json!({ "calls_a_minute": 5 }),
        ("{user}", "PUT") => json!({ "role": "admin" }),
        ("tokens", _) => json!({ "label": "x", "role": "admin" }),
        ("installations", _) => json!({ "package": "acme:echo" }),
        ("grant", "PUT") => json!({ "egress": [] }),
        ("grant", _) => json!({ "egress": "GET https://api.example.com" }),
        ("enabled", _) => json!({ "enabled": false }),
        ("connections", _) => json!({ "connector": "acme:echo" }),
        ("", _) => json!({ "name": "theirs" }),
        _ => json!({}),
    }
}

#[test]
fn no_route_leads_from_one_workspace_to_another_nor_past_a_role() {
    on_each_database(&[], |desk, server| {
        desk.release_echo("1.0.0");
        let admin = Asks::new(server, operator(desk));
        admin.post("/main/installations", json!({ "package": "acme:echo" }), 201);
        admin.post("", json!({ "name": "other" }), 201);
        let elsewhere = admin.post("/other/tokens", json!({ "label": "x", "role": "admin" }), 201);
        let stranger = Asks::new(server, elsewhere["token"].as_str().unwrap());
        // ada has an account and belongs nowhere; the auditor belongs here, and changes nothing.
        let login = json!({ "user": "ada", "password": "correct horse battery" });
        let login = send(stranger.client.post(format!("{}/v1/login", server.url)).json(&login)).expect(201);
        let ada = Asks::new(server, login["token"].as_str().unwrap());
        let auditor = admin.post("/main/tokens", json!({ "label": "x", "role": "auditor" }), 201);
        let auditor = Asks::new(server, auditor["token"].as_str().unwrap());
        let nobody = Asks::new(server, "");
        let before = admin.get("/main/installations/acme/echo");

        for route in router::table() {
            let path = filled(route.path, "main");
            let query = if path.ends_with("/offer") { "?package=acme:echo" } else { "" };
            for method in route.methods {
                let ask = |who: &Asks| {
                    let method = method.parse::<Method>().unwrap();
                    let mut request = who.request(method.clone(), &format!("{path}{query}"));
                    if method != Method::GET {
                        request = request.json(&body(route.path, method.as_str()));
                    }
                    let answer = send(request);
                    (answer.status, answer.json())
                };
                let shown = format!("{method} {path}");
                assert_eq!(ask(&nobody).0, StatusCode::UNAUTHORIZED, "{shown}");
                if route.path.is_empty() {
                    continue;
                }
                for who in [&stranger, &ada] {
                    let (status, said) = ask(who);
                    assert_eq!((status.as_u16(), &said["code"]), (404, &json!("workspace-not-found")), "{shown}");
                }
                let (status, said) = ask(&auditor);
                assert!(!status.is_server_error(), "{shown}: {said}");
                if *method != "GET" {
                    assert_eq!(said["code"], "role-insufficient", "{shown}: {said}");
                }
            }
        }
        assert_eq!(admin.get("/main/installations/acme/echo"), before, "nothing has changed");
        // A token that publishes says nothing in a workspace.
        let narrow = json!({ "label": "x", "actions": ["publish"] });
        let narrow = stranger.client.post(format!("{}/v1/tokens", server.url)).bearer_auth(&admin.token).json(&narrow);
        let narrow = send(narrow).expect(201);
        let narrow = Asks::new(server, narrow["token"].as_str().unwrap());
        assert_eq!(narrow.expect(Method::GET, "/main", None, 403)["code"], "token-action");
        // A token that reaches one package gets no further by making others, nor by installing beside it.
        let narrow = json!({ "label": "x", "role": "admin", "packages": "acme:other" });
        let narrow = admin.post("/main/tokens", narrow, 201);
        let narrow = Asks::new(server, narrow["token"].as_str().unwrap());
        assert_eq!(narrow.post("/main/tokens", json!({ "label": "y" }), 403)["code"], "token-reach");
        assert_eq!(narrow.put("/main/members/ada", json!({ "role": "admin" }), 403)["code"], "token-reach");
        assert_eq!(narrow.expect(Method::GET, "/main/offer?package=acme:echo", None, 403)["code"], "token-reach");
        let install = json!({ "package": "acme:echo" });
        assert_eq!(narrow.post("/main/installations", install, 403)["code"], "token-reach");
        assert_eq!(narrow.expect(Method::GET, ECHO, None, 403)["code"], "token-reach");
        // A tenant's admin opens nothing of the server's own network; who runs the server may.
        let tenant = admin.post("/main/tokens", json!({ "label": "x", "role": "admin" }), 201);
        let tenant = Asks::new(server, tenant["token"].as_str().unwrap());
        for inside in ["GET http://127.0.0.1:9", "GET https://intranet.example via 10.0.0.0/8"] {
            let wanted = json!({ "egress": inside });
            assert_eq!(tenant.post(&format!("{ECHO}/grant"), wanted.clone(), 403)["code"], "address-special");
            let lines = json!({ "egress": [inside] });
            assert_eq!(tenant.put(&format!("{ECHO}/grant"), lines, 403)["code"], "address-special");
            admin.post(&format!("{ECHO}/grant"), wanted, 200);
        }
        // What is malformed is said in one form, whoever reads it.
        for path in ["/main/audit?nope=1", "/main/audit?before=x", "/main/offer"] {
            assert_eq!(admin.expect(Method::GET, path, None, 400)["code"], "query-malformed");
        }
        // The last admin stays one.
        assert_eq!(admin.put("/main/members/operator", json!({ "role": "member" }), 409)["code"], "last-admin");
    });
}

/// PostgreSQL keeps no text with U+0000 in it.
#[test]
fn a_nul_is_refused_where_it_is_asked_for_and_left_out_of_what_is_kept() {
    on_each_database(&[], |desk, server| {
        desk.release("1.0.0", PackageBuilder::of(programs::GUEST_ERROR));
        let admin = Asks::new(server, operator(desk));
        admin.post("/main/installations", json!({ "package": "acme:echo" }), 201);
        for (method, path) in [
            (Method::GET, "/main/invocations/%00"),
            (Method::DELETE, "/main/tokens/%00"),
            (Method::DELETE, "/main/members/a%00"),
            (Method::POST, "/main/installations/acme/echo/operations/run%00/invoke"),
        ] {
            assert_eq!(admin.expect(method, path, Some(json!({})), 400)["code"], "path-malformed", "{path}");
        }
        for path in ["/main/invocations?caller=%00", "/main/audit?target=a%00"] {
            assert_eq!(admin.expect(Method::GET, path, None, 400)["code"], "query-malformed", "{path}");
        }
        let title = json!({ "name": "other", "title": "a\0b" });
        assert_eq!(admin.post("", title, 400)["code"], "body-malformed");

        // What a connector says reaches its caller as it is, and does not hold up the bills of others.
        let said = json!({ "kind": "internal", "message": "a\0b", "code": "c\0d" });
        let failed = admin.post(RUN, said, 500);
        assert_eq!(failed["failure"]["message"], "a\0b");
        admin.post(RUN, json!({ "kind": "internal" }), 500);
        std::thread::sleep(std::time::Duration::from_millis(400));
        let calls = admin.get("/main/invocations");
        let codes: Vec<_> = calls["invocations"].as_array().unwrap().iter().map(|it| &it["code"]).collect();
        assert_eq!(codes, ["ledger-locked", "cd"], "the newest first: {calls}");
    });
}
