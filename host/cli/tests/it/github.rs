//! The connector for GitHub with an account: by OAuth, and by a token that somebody has already. It is the connector that is shipped;
//! its manifest is changed in one thing, the port, which at GitHub is always 443 and here is whichever is free.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use jackfield_package::{Manifest, Package, egress::Ports};
use jackfield_test_kit::{Authority, HttpServer, PackageBuilder, Reply, publisher};
use serde_json::{Value, json};

use crate::{
    canary::consent,
    kit::{Desk, Ran},
};

const ISSUE: &str = r#"{"owner": "octocat", "repo": "hello-world", "number": 1}"#;

/// Builds the connector as an author does.
fn built() -> Package {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../connectors/github");
    let mut build = Command::new(env!("CARGO_BIN_EXE_jackfield"));
    build.args(["build", "--output", "json"]).arg(&folder).current_dir(&folder);
    let output = build.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    Package::parse(std::fs::read(folder.join(answer["path"].as_str().unwrap())).unwrap()).unwrap()
}

/// At this port of loopback.
fn at_loopback(manifest: &mut Manifest, port: u16) {
    manifest.egress.retain(|egress| egress.pattern.is_none());
    manifest.egress[0].host = "127.0.0.1".parse().unwrap();
    manifest.egress[0].ports = Ports::List(vec![port]);
    manifest.auth[0].hosts = vec!["127.0.0.1".parse().unwrap()];
    manifest.config.as_mut().unwrap()["properties"]["api_host"]["pattern"] = json!("^[0-9.:]+$");
}

/// GitHub, as far as this goes: it knows one token at a time.
async fn github(authority: &Authority, known: Arc<Mutex<String>>) -> HttpServer {
    HttpServer::start_tls(authority, &["127.0.0.1"], move |request| {
        let is_known = request.header("authorization") == [format!("Bearer {}", known.lock().unwrap())];
        match request.target() {
            _ if !is_known => {
                let body = r#"{"message": "Bad credentials"}"#;
                let head = "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json";
                Reply::raw(format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
            }
            "/api/v3/repos/octocat/hello-world/issues/1" => Reply::text(
                json!({
                    "id": 1, "number": 1, "title": "It does not greet", "state": "open", "html_url": "https://github.com/",
                    "user": { "login": "octocat", "id": 583231, "html_url": "https://github.com/octocat" },
                    "created_at": "2026-11-21T00:00:00Z", "updated_at": "2026-11-21T00:00:00Z",
                })
                .to_string(),
            ),
            _ => Reply::status(404),
        }
    })
    .await
}

fn issue_of(ran: &Ran) -> Value {
    assert_eq!(ran.code, 0, "{ran:#?}");
    ran.answer()["result"]["item"]["title"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn issues_are_read_through_an_account_by_oauth_and_by_a_token() {
    let (authority, known) = (Authority::new(), Arc::new(Mutex::new(String::new())));
    let service = github(&authority, known.clone()).await;
    let given = AtomicUsize::new(0);
    let provider = HttpServer::start(move |request| match request.target() {
        "/user" => Reply::text(r#"{"id": 583231, "login": "octocat"}"#),
        _ => {
            let nth = given.fetch_add(1, Ordering::SeqCst);
            let token = json!({ "access_token": format!("ghu_token-{nth}"), "refresh_token": "ghr_refresh", "expires_in": 28800, "scope": "" });
            Reply::text(token.to_string())
        }
    })
    .await;
    tokio::task::block_in_place(|| tell(&authority, &service, &provider, &known));
}

fn tell(authority: &Authority, service: &HttpServer, provider: &HttpServer, known: &Mutex<String>) {
    let desk = Desk::new();
    let write = |name: &str, bytes: &[u8]| std::fs::write(desk.path(name), bytes).unwrap();
    let package = built();
    write("github.wasm", package.bytes());
    let manifest = package.manifest().clone();
    let changed = PackageBuilder::of(desk.path("github.wasm").to_str().unwrap()).manifest(|own| {
        *own = Manifest { name: "test:github".parse().unwrap(), ..manifest };
        at_loopback(own, service.port());
    });
    let (package, bundle) = changed.signed();
    write("github.wasm", package.bytes());
    write("github.wasm.sigstore.json", &bundle.to_bytes());
    write("publisher.pem", publisher().public_key().to_pem().as_bytes());
    write("authority.pem", authority.root_pem().as_bytes());
    write("app-secret", b"a-secret-of-the-app");
    write("token", b"ghp_token-of-a-person");
    let at = format!("http://127.0.0.1:{}", provider.port());
    let entry = format!(
        "name = \"acme\"\ntitle = \"Acme\"\ndocs = \"https://id.acme.example/docs\"\nread = \"2026-11-21\"\n\
         addresses = [\"127.0.0.1/32\"]\n[authorize]\nurl = \"{at}/authorize\"\npkce = \"S256\"\nloopback = \"any-port\"\n\
         [token]\nurl = \"{at}/token\"\nauth = \"post\"\n[refresh]\nkind = \"rotating\"\n\
         [userinfo]\nurl = \"{at}/user\"\nid = \"/id\"\nname = \"/login\"\n"
    );
    write("acme.toml", entry.as_bytes());
    let run = |arguments: &[&str]| desk.run("home", &[arguments, &["--ca-file", "authority.pem"]].concat());
    let ok = |arguments: &[&str]| {
        let ran = run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {ran:#?}");
        ran.answer()
    };
    ok(&["trust", "add", "publisher.pem", "--namespace", "test"]);
    ok(&["provider", "add", "acme.toml"]);
    let config = json!({ "api_host": format!("127.0.0.1:{}", service.port()) }).to_string();
    let allow = format!("GET https://127.0.0.1:{}", service.port());
    ok(&["install", "github.wasm", "--config", &config, "--allow", &allow]);
    let get = ["invoke", "test:github", "get-issue", "--input", ISSUE];
    let state = |id: &str| ok(&["connections", "show", id])["connection"]["state"].clone();

    // By OAuth. The token is renewed when GitHub no longer takes it.
    let by_oauth =
        ["connect", "test:github", "--provider", "acme", "--client-id", "app", "--client-secret-from", "app-secret"];
    let arguments = [&by_oauth[..], &["--no-browser", "--ca-file", "authority.pem", "--output", "json"]].concat();
    let mut child = desk.command("home", &arguments).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let says: Value = serde_json::from_str(&line).unwrap();
    consent(says["open"].as_str().unwrap());
    let connected: Value = serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(connected["connection"]["account"], "octocat (583231)", "{connected}");
    assert_eq!(connected["missing_scopes"], json!([]), "an app of GitHub has permissions, and no scopes");
    let id = connected["connection"]["id"].as_str().unwrap();
    for token in ["ghu_token-0", "ghu_token-1"] {
        token.clone_into(&mut known.lock().unwrap());
        assert_eq!(issue_of(&run(&get)), "It does not greet");
    }
    assert_eq!(state(id), "active");

    // By a token: nothing can renew it, and the connector says what GitHub said.
    "ghp_token-of-a-person".clone_into(&mut known.lock().unwrap());
    let connected = ok(&["connect", "test:github", "--token-from", "token"]);
    let id = connected["connection"]["id"].as_str().unwrap();
    assert_eq!(issue_of(&run(&get)), "It does not greet");
    "another".clone_into(&mut known.lock().unwrap());
    let refused = run(&get);
    assert_eq!(refused.error(), (4, "token-not-accepted".to_owned()), "{refused:#?}");
    assert_eq!(state(id), "degraded");
    let last = service.received().pop().unwrap();
    assert_eq!(last.header("authorization"), ["Bearer ghp_token-of-a-person"]);
    assert_eq!(last.header("x-github-api-version"), ["2022-11-28"], "it is the connector that asks");
}
