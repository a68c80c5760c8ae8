//! Accounts are connected from the command line, at a certified provider, as a new user would: what goes right, and what an
//! admin sees when it goes wrong. What docs/guide/connect.md shows is what is said here.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use jackfield_package::manifest::{AuthType, Scope};
use jackfield_test_kit::{
    Browser, HttpServer, OpenIdProvider, PackageBuilder, Reply, people::CLIENT_SECRET, programs, publisher,
};
use serde_json::{Value, json};

/// Where the transcripts are shown.
const GUIDE: &str = include_str!("../../../docs/guide/connect.md");

/// A home with a connector in it that asks for an account at `acme`, and for a key.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        desk.write("publisher.pem", &publisher().public_key().to_pem());
        desk.write("app-secret", &format!("{CLIENT_SECRET}\n"));
        desk.ok(&["trust", "add", "publisher.pem", "--namespace", "test"]);
        let bearer =
            || serde_json::from_value(json!({ "in": "header", "name": "authorization", "prefix": "Bearer " })).unwrap();
        let package = PackageBuilder::of(programs::ECHO)
            .asks("GET https://api.example.com")
            .auth("account", &["api.example.com"], bearer())
            .manifest(|manifest| {
                manifest.title = "Mail".to_owned();
                let auth = &mut manifest.auth[0];
                auth.r#type = AuthType::Oauth2;
                auth.provider = Some("acme".parse().unwrap());
                let scope = |name: &str, reason: &str| Scope { name: name.to_owned(), reason: reason.to_owned() };
                auth.scopes =
                    vec![scope("openid", "to know who you are"), scope("email", "to show which account it is")];
            });
        let (package, bundle) = package.signed();
        std::fs::write(desk.path("it.wasm"), package.bytes()).unwrap();
        std::fs::write(desk.path("it.wasm.sigstore.json"), bundle.to_bytes()).unwrap();
        desk.ok(&["install", "it.wasm", "--grant-all"]);
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jackfield"));
        command.env_clear().env("JACKFIELD_HOME", self.path("home")).env("USER", "ann").current_dir(self.folder.path());
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        told(self.command(arguments).spawn().unwrap())
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let (code, stdout, stderr) = self.run(arguments);
        assert_eq!(code, 0, "{arguments:?}\n{stdout}\n{stderr}");
        stdout
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.ok(&[arguments, &["--output", "json"]].concat())).unwrap()
    }

    fn with_input(&self, arguments: &[&str], input: &str) -> (i32, String, String) {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        told(child)
    }

    /// Runs a command that waits for a person, has them do what it says, and gives its answer.
    fn with_person(&self, arguments: &[&str], person: impl FnOnce(&Value)) -> (i32, Value, String) {
        let arguments = [arguments, &["--output", "json"]].concat();
        let (code, stdout, stderr) = self.with_reader(&arguments, |line| {
            person(&serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")));
        });
        (code, serde_json::from_str(&stdout).unwrap_or_default(), stderr)
    }

    /// The same with the first line as it is; the rest comes back.
    fn with_reader(&self, arguments: &[&str], person: impl FnOnce(&str)) -> (i32, String, String) {
        let mut child = self.command(arguments).spawn().unwrap();
        let mut says = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        says.read_line(&mut line).unwrap();
        person(&line);
        let output = child.wait_with_output().unwrap();
        let mut stderr = String::new();
        std::io::Read::read_to_string(&mut says, &mut stderr).unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap(), stderr)
    }

    /// The provider is known as `acme`.
    fn knows(&self, provider: &OpenIdProvider) {
        self.ok(&["provider", "add", "--issuer", &provider.issuer, "--name", "acme", "--address", "127.0.0.1/32"]);
    }

    /// Nothing that was ever secret stands in clear in any file of this home.
    fn holds_no(&self, secret: &str) {
        for entry in std::fs::read_dir(self.path("home")).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let bytes = std::fs::read(&path).unwrap();
                let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
                assert!(!found, "{} holds a secret in clear", path.display());
            }
        }
    }
}

fn told(child: Child) -> (i32, String, String) {
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A port that nobody has, for an app that is registered with it.
fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

/// Commands and what they say stand in the guide; numbers of this run aside.
fn are_shown(said: &[(&str, String)]) {
    let shown = said.iter().map(|(command, said)| format!("$ jackfield {command}\n{}\n", said.trim_end()));
    let missing: Vec<_> = shown.filter(|shown| !GUIDE.contains(shown)).collect();
    assert!(missing.is_empty(), "docs/guide/connect.md does not show:\n{}", missing.join("\n"));
}

#[test]
fn a_person_connects_in_a_browser_and_an_admin_looks_after_it() {
    let port = free_port();
    let Some(provider) = OpenIdProvider::start(&format!("http://127.0.0.1:{port}/connect/callback/acme")) else {
        return;
    };
    let desk = Desk::new();
    desk.knows(&provider);
    let Some(mut browser) = Browser::start() else { return };
    let connect =
        ["connect", "test:echo", "--client-id", "basic", "--client-secret-from", "app-secret", "--port", &port];
    let (code, answer, stderr) = desk.with_person(&connect, |says| {
        let seen = browser.depart("ann", says["open"].as_str().unwrap());
        assert!(seen["text"].as_str().unwrap().contains("to show which account it is"), "{seen:#}");
        let seen = browser.sign_in("ann");
        assert!(seen["text"].as_str().unwrap().contains("ann@example.com (ann)"), "{seen:#}");
    });
    assert_eq!((code, stderr.as_str()), (0, ""), "{answer:#}");
    let connection = &answer["connection"];
    assert_eq!(
        (connection["state"].as_str(), connection["account"].as_str()),
        (Some("active"), Some("ann@example.com (ann)"))
    );
    assert_eq!(answer["missing_scopes"], json!([]));
    let id = connection["id"].as_str().unwrap();

    let listed = desk.json(&["connections", "list"]);
    assert_eq!(listed["connections"][0]["id"], id);
    assert_eq!(desk.json(&["connections", "test", id])["by"], "a new token");
    // Signing in again keeps the id, and needs neither the app's id nor its secret.
    let again = ["connections", "reconnect", id, "--port", &port];
    let (code, answer, stderr) = desk.with_person(&again, |says| {
        browser.depart("bea", says["open"].as_str().unwrap());
        browser.sign_in("bea");
    });
    assert_eq!((code, &answer["connection"]["id"]), (0, &json!(id)), "{stderr}");
    assert_eq!(answer["connection"]["account"], "bea@example.com (bea)");
    // A scope that the provider does not give is said, and how it is mended.
    let words =
        "connect test:echo --client-id basic --client-secret-from app-secret --scope openid --scope admin --port";
    let arguments: Vec<_> = words.split(' ').chain([port.as_str()]).collect();
    let (code, stdout, stderr) = desk.with_reader(&arguments, |line| {
        let url = line.trim().rsplit(' ').next().unwrap();
        browser.act(&json!({ "who": "eli", "do": "open", "url": url }));
        browser.act(&json!({ "who": "eli", "do": "press", "name": "Go on to 127.0.0.1" }));
        browser.act(&json!({ "who": "eli", "do": "wait", "text": "Sign-in" }));
        browser.sign_in("eli");
    });
    assert_eq!(code, 0, "{stdout}{stderr}");
    are_shown(&[(words.trim_end_matches(" --port"), stderr)]);
    // A person who says no.
    let (code, _, stderr) = desk.with_person(&again, |says| {
        browser.depart("cyd", says["open"].as_str().unwrap());
        browser.act(&json!({ "who": "cyd", "do": "abort" }));
    });
    assert_eq!(code, 3, "{stderr}");
    assert!(stderr.contains("provider-consent-refused"), "{stderr}");
    assert_eq!(desk.json(&["connections", "show", id])["connection"]["state"], "active", "what worked works");

    assert_eq!(desk.json(&["connections", "disable", id])["connection"]["state"], "disabled");
    assert_eq!(desk.json(&["connections", "enable", id])["connection"]["state"], "active");
    assert_eq!(desk.json(&["connections", "revoke", id])["connection"]["state"], "revoked");
    let (code, _, stderr) = desk.run(&["connections", "test", id]);
    assert_eq!(code, 3, "{stderr}");
    assert!(stderr.contains(&format!("jackfield connections reconnect {id}")), "{stderr}");
    let shown = desk.json(&["connections", "show", id]);
    let deeds: Vec<_> = shown["audit"].as_array().unwrap().iter().map(|row| row["action"].as_str().unwrap()).collect();
    assert!(deeds.contains(&"revoke") && deeds.contains(&"connect"), "{deeds:?}");
    desk.ok(&["connections", "delete", id]);
    assert_eq!(desk.run(&["connections", "show", id]).0, 8);
    desk.holds_no(CLIENT_SECRET);
}

#[test]
fn without_a_browser_there_are_codes_clients_and_tokens() {
    let Some(provider) = OpenIdProvider::start("http://127.0.0.1:9/connect/callback/acme") else { return };
    let desk = Desk::new();
    desk.knows(&provider);
    let app = ["--client-id", "basic", "--client-secret-from", "app-secret"];
    let by = |flow: &'static str| [&["connect", "test:echo"], &app[..], &["--flow", flow]].concat();
    if let Some(mut browser) = Browser::start() {
        let (code, answer, stderr) = desk.with_person(&by("device"), |says| {
            browser.act(&json!({ "who": "telephone", "do": "open", "url": says["open"] }));
            browser.act(&json!({ "who": "telephone", "do": "press", "name": "Continue" }));
            browser.sign_in("telephone");
        });
        assert_eq!(code, 0, "{stderr}");
        assert_eq!(answer["connection"]["account"], "telephone@example.com (telephone)");
    }
    // The client itself has no scopes there.
    let (code, stdout, stderr) = desk.run(&[&by("client-credentials")[..], &["--scope", "api:read"]].concat());
    assert_eq!(code, 0, "{stdout}{stderr}");
    desk.write("app-key.pem", &provider.key);
    let keyed = [
        "connect",
        "test:echo",
        "--client-id",
        "keyed",
        "--client-key",
        "app-key.pem",
        "--flow",
        "client-credentials",
        "--scope",
        "api:read",
    ];
    desk.ok(&keyed);

    let token = ["connect", "test:echo", "--token-from", "-", "--output", "json"];
    let (code, stdout, stderr) = desk.with_input(&token, "canary-token-from-elsewhere\n");
    assert_eq!(code, 0, "{stderr}");
    let id = serde_json::from_str::<Value>(&stdout).unwrap()["connection"]["id"].as_str().unwrap().to_owned();
    desk.write("new-token", "canary-token-of-tomorrow");
    desk.ok(&["connections", "reconnect", &id, "--token-from", "new-token"]);
    assert!(
        desk.run(&["connections", "test", &id]).2.contains("names no operation that would show"),
        "nothing to try it by"
    );
    for secret in ["canary-token-from-elsewhere", "canary-token-of-tomorrow", CLIENT_SECRET] {
        desk.holds_no(secret);
    }
}

#[test]
fn what_an_admin_sees_when_it_goes_wrong_is_enough_to_mend_it() {
    let Some(provider) = OpenIdProvider::start("http://127.0.0.1:9/connect/callback/acme") else { return };
    let desk = Desk::new();
    let mut said = Vec::new();
    let mut fails = |words: &'static str, expected: i32| {
        let arguments: Vec<_> = words.split(' ').collect();
        let (code, _, stderr) = desk.run(&arguments);
        assert_eq!(code, expected, "{words}: {stderr}");
        let stderr =
            stderr.replace(&provider.issuer, "https://id.acme.example").replace("127.0.0.1 ", "id.acme.example ");
        said.push((words, stderr));
    };
    fails("connect test:echo", 3);
    desk.knows(&provider);
    fails("connect test:echo", 2);
    fails("connect test:echo --flow client-credentials --client-id mistyped --client-secret-from app-secret", 3);
    desk.write("wrong-secret", "of another app");
    fails("connect test:echo --flow client-credentials --client-id basic --client-secret-from wrong-secret", 3);
    fails("connect test:echo --flow jwt-bearer --client-id basic --client-secret-from app-secret", 3);
    are_shown(&said);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_wrong_and_a_provider_that_is_down_are_said() {
    let server = HttpServer::start(|_| {
        let body = r#"{"error":"invalid_grant","error_description":"Token must be a short-lived token"}"#;
        Reply::raw(format!(
            "HTTP/1.1 400 Bad Request\r\ndate: Sat, 21 Nov 2020 11:00:00 GMT\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ))
    })
    .await;
    let desk = Desk::new();
    let entry = |address: &str| {
        format!(
            "name = \"acme\"\ntitle = \"Acme\"\ndocs = \"https://id.acme.example/docs\"\nread = \"2026-11-21\"\n\
             addresses = [\"127.0.0.1/32\"]\n[token]\nurl = \"http://{address}/token\"\nauth = \"post\"\n[refresh]\nkind = \"none\"\n\
             [jwt_bearer]\naudience = \"https://id.acme.example\"\nalgorithm = \"RS256\"\n"
        )
    };
    desk.write("robot.pem", include_str!("../../broker/tests/connect/key.pem"));
    let words = "connect test:echo --flow jwt-bearer --client-id robot --client-key robot.pem";
    let arguments: Vec<_> = words.split(' ').collect();
    let asked = |address: &str| {
        desk.write("acme.toml", &entry(address));
        desk.ok(&["provider", "add", "acme.toml"]);
        desk.run(&arguments)
    };
    let (code, _, stderr) = tokio::task::block_in_place(|| asked(&format!("127.0.0.1:{}", server.port())));
    assert_eq!(code, 3, "{stderr}");
    let ahead = stderr.split("the clock here is ").nth(1).unwrap().split(' ').next().unwrap();
    let skewed = stderr.replace(ahead, "3600");
    let nobody = format!("127.0.0.1:{}", free_port());
    let (code, _, stderr) = tokio::task::block_in_place(|| asked(&nobody));
    assert_eq!(code, 1, "{stderr}");
    are_shown(&[(words, skewed), (words, stderr.replace("127.0.0.1", "id.acme.example"))]);
}
