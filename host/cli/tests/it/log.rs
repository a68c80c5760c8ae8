//! `jackfield log` against a log with real entries: looked into, proven, verified offline, watched, cosigned by witnesses of their
//! own processes; and what each says to a registry that lies.

use std::{
    io::BufReader,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde::Deserialize as _;
use serde_json::Value;

use crate::kit::{Desk, Ran, Server, copy};

/// How long something that must happen may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until it is so.
#[track_caller]
fn wait_until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "it never came: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A document that the registry gives to anybody.
pub(crate) fn get(server: &Server, path: &str) -> Value {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        client.get(format!("{}{path}", server.url)).send().await.unwrap().json().await.unwrap()
    })
}

/// The digest of the publish statement of `acme:echo` at that version.
fn statement(server: &Server, version: &str) -> String {
    let found = get(server, &format!("/v1/packages/acme/echo/{version}/statements"));
    let publish = found["statements"].as_array().unwrap().iter().find(|one| one["kind"] == "publish");
    publish.unwrap()["digest"].as_str().unwrap().to_owned()
}

/// The publisher's public key, as a file.
fn public_key(desk: &Desk) {
    let shown = desk.command("ada", &["key", "show", "release"]).output().unwrap();
    std::fs::write(desk.path("ada.pem"), shown.stdout).unwrap();
}

/// A file with one piece of text in the place of another.
#[track_caller]
fn change(desk: &Desk, from: &str, to: &str, old: &str, new: &str) {
    let text = std::fs::read_to_string(desk.path(from)).unwrap();
    assert!(text.contains(old), "{text}");
    std::fs::write(desk.path(to), text.replacen(old, new, 1)).unwrap();
}

fn checkpoint(desk: &Desk, server: &Server) -> Value {
    desk.json("eve", &["log", "checkpoint", "--registry", &server.url])
}

fn monitor(desk: &Desk, server: &Server) -> Ran {
    desk.run("eve", &["log", "monitor", "--registry", &server.url, "--once"])
}

#[test]
fn what_is_released_is_proven_and_what_is_tampered_with_is_not() {
    let desk = Desk::new();
    let server = desk.serve(&[]);
    desk.publisher(&server);
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        desk.release_echo(version);
    }
    public_key(&desk);
    let url = server.url.as_str();
    let newest = checkpoint(&desk, &server);
    // A keyset; then for each release what was claimed and what was checked.
    assert_eq!((&newest["size"], &newest["cosigned_by"]), (&Value::from(7), &Value::from(Vec::<Value>::new())));
    let vkey = newest["log_key"].as_str().unwrap();

    // All that the log has about a release, each proven, and the same digests wherever they are shown.
    let all = desk.json("eve", &["log", "prove", "acme:echo@1.1.0", "--registry", url, "--out", "proofs"]);
    let rows = all["statements"].as_array().unwrap();
    let kinds: Vec<_> =
        rows.iter().map(|row| (row["kind"].as_str().unwrap(), row["index"].as_u64().unwrap())).collect();
    assert_eq!(kinds, [("publish", 3), ("checks", 4)]);
    assert_eq!(rows[0]["statement"], Value::from(statement(&server, "1.1.0")));
    let ran =
        desk.run("eve", &["log", "verify", "proofs/3-publish.sigstore.json", "--key", "ada.pem", "--log-key", vkey]);
    assert_eq!((ran.code, &ran.answer()["index"]), (0, &Value::from(3)), "{ran:#?}");
    let info = desk.json("eve", &["info", "acme:echo@1.1.0", "--registry", url]);
    for (at, row) in rows.iter().enumerate() {
        assert_eq!(
            (&info["statements"][at]["digest"], &info["statements"][at]["log_index"]),
            (&row["statement"], &row["index"])
        );
    }
    let human = desk.command("ada", &["log", "prove", "acme:echo@1.1.0"]).output().unwrap();
    let told = String::from_utf8(human.stdout).unwrap();
    assert!(told.contains("Proven: 2 statements about acme:echo@1.1.0") && told.contains("(release)"), "{told}");
    let prove = |what: &str| desk.run("eve", &["log", "prove", what, "--registry", url]).error();
    assert_eq!(prove("acme:echo@9.9.9"), (8, "release-not-found".to_owned()));
    assert_eq!(prove("acme:echo"), (2, "command-line".to_owned()));

    let digest = statement(&server, "1.1.0");
    let proven = desk.json("eve", &["log", "prove", &digest, "--registry", url, "--log-key", vkey, "--out", "it.json"]);
    assert_eq!((&proven["index"], &proven["size"]), (&Value::from(3), &Value::from(7)));
    desk.json("eve", &["log", "prove", &digest, "--registry", url, "--out", "it.tlog-proof"]);
    let verify = |arguments: &[&str]| desk.run("eve", &[&["log", "verify"], arguments].concat());
    let ways = [&["it.json"][..], &["it.json", "--proof", "it.tlog-proof"]];
    for way in ways {
        let ran = verify(&[way, &["--key", "ada.pem", "--log-key", vkey]].concat());
        assert_eq!((ran.code, &ran.answer()["index"]), (0, &Value::from(3)), "{ran:#?}");
    }

    // Whatever is changed in it is found, each by its name.
    let other = statement(&server, "1.2.0");
    desk.json("eve", &["log", "prove", &other, "--registry", url, "--out", "other.tlog-proof"]);
    let ran = verify(&["it.json", "--proof", "other.tlog-proof", "--key", "ada.pem", "--log-key", vkey]);
    assert_eq!(ran.error(), (3, "log-inclusion-invalid".to_owned()));
    change(&desk, "it.tlog-proof", "index.tlog-proof", "index 3", "index 5");
    let ran = verify(&["it.json", "--proof", "index.tlog-proof", "--key", "ada.pem", "--log-key", vkey]);
    assert_eq!(ran.error(), (3, "log-inclusion-invalid".to_owned()));
    change(&desk, "it.tlog-proof", "size.tlog-proof", "\n7\n", "\n8\n");
    let ran = verify(&["it.json", "--proof", "size.tlog-proof", "--key", "ada.pem", "--log-key", vkey]);
    assert_eq!(ran.code, 3, "{ran:#?}");
    desk.json("admin", &["key", "new", "other", "--passphrase-file", "pass"]);
    let shown = desk.command("admin", &["key", "show", "other"]).output().unwrap();
    std::fs::write(desk.path("other.pem"), shown.stdout).unwrap();
    let ran = verify(&["it.json", "--key", "other.pem", "--log-key", vkey]);
    assert_eq!(ran.error().0, 3, "{ran:#?}");
    // Another log's key, of the same name.
    let impostor = "localhost+f6b4a5e4+AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB";
    assert_ne!(verify(&["it.json", "--key", "ada.pem", "--log-key", impostor]).code, 0);
    let unknown = format!("sha256:{}", "0".repeat(64));
    let ran = desk.run("eve", &["log", "prove", &unknown, "--registry", url]);
    assert_eq!(ran.error(), (8, "log-entry-unknown".to_owned()));
    server.stop();

    // The operator's own look: the log says what is served, to the last state.
    let rebuilt = desk.json("eve", &["log", "rebuild", "--data", "data", "--compare"]);
    assert_eq!((&rebuilt["size"], &rebuilt["differences"]), (&Value::from(7), &Value::from(Vec::<Value>::new())));
    let states: Vec<_> = rebuilt["releases"].as_array().unwrap().iter().map(|release| &release["state"]).collect();
    assert_eq!(states, ["released"; 3]);
    assert_eq!(desk.run("eve", &["log", "rebuild", "--data", "elsewhere"]).error(), (8, "registry-missing".to_owned()));
}

#[test]
fn the_key_that_was_pinned_counts_unless_a_flag_names_another() {
    let desk = Desk::new();
    let server = desk.serve(&[]);
    desk.publisher(&server);
    desk.release_echo("1.0.0");
    desk.believer("home", &server);
    let (url, address) = (server.url.clone(), server.address());
    let digest = statement(&server, "1.0.0");
    let pinned = desk.json("home", &["registry", "list"])["registries"][0]["log_key"].clone();
    let first = pinned.as_str().unwrap();

    // Which key it was, and who says so: pinned, given, or the registry's own word, of which one is warned.
    let newest = desk.json("home", &["log", "checkpoint"]);
    assert_eq!((&newest["log_key"], &newest["log_key_from"]), (&pinned, &Value::from("pinned")));
    let told = desk.command("home", &["log", "checkpoint"]).output().unwrap();
    let told = String::from_utf8(told.stderr).unwrap();
    assert!(told.contains(&format!("pinned for `localhost`: {first}")), "{told}");
    let given = ["log", "checkpoint", "--registry", &url, "--log-key", first];
    assert_eq!(desk.json("eve", &given)["log_key_from"], "flag");
    let ran = desk.run("eve", &["log", "checkpoint", "--registry", &url]);
    assert_eq!(ran.answer()["log_key_from"], "registry");
    assert!(ran.stderr.contains("only the registry's own word"), "{ran:#?}");
    let proven = desk.json("home", &["log", "prove", &digest, "--out", "it.tlog-proof"]);
    assert_eq!((&proven["log_key"], &proven["log_key_from"]), (&pinned, &Value::from("pinned")));
    desk.json("home", &["log", "monitor", "--once"]);
    server.stop();

    // The registry comes back with other keys: nothing of it is looked at, until somebody names the key.
    std::fs::rename(desk.path("data"), desk.path("before")).unwrap();
    let server = desk.serve_at(&address, &[]);
    let second = checkpoint_once_there(&desk, &server)["log_key"].as_str().unwrap().to_owned();
    let changed = (3, "registry-key-changed".to_owned());
    for command in [&["log", "checkpoint"][..], &["log", "prove", &digest], &["log", "monitor", "--once"]] {
        let ran = desk.run("home", command);
        assert_eq!(ran.error(), changed, "{command:?}");
        assert!(ran.stderr.contains(first) && ran.stderr.contains(&second), "{ran:#?}");
    }
    assert_eq!(desk.json("home", &["log", "checkpoint", "--log-key", &second])["log_key_from"], "flag");
    // A key that is not the log's shows at the signature.
    assert_eq!(desk.run("home", &["log", "checkpoint", "--log-key", first]).code, 3);
}

/// Runs a line of SQL on a registry that stands still.
fn sql(desk: &Desk, lines: &str) {
    let script =
        "import sqlite3, sys; rows = sqlite3.connect(sys.argv[1]); rows.executescript(sys.argv[2]); rows.commit()";
    let python =
        Command::new("python3").args(["-c", script]).arg(desk.path("data/registry.sqlite")).arg(lines).output();
    let ran = python.unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

#[test]
fn a_release_that_is_slipped_in_beside_the_log_is_noticed() {
    let desk = Desk::new();
    let server = desk.serve(&[]);
    desk.publisher(&server);
    desk.release_echo("1.0.0");
    let ran = monitor(&desk, &server);
    assert_eq!((ran.code, &ran.answer()["read"]), (0, &Value::from(3)), "{ran:#?}");
    let address = server.address();
    server.stop();

    // A row is written that no statement speaks of; the registry signs an index with it, and the log stays as it is.
    sql(
        &desk,
        "CREATE TEMP TABLE slipped AS SELECT * FROM releases WHERE version = '1.0.0';
        UPDATE slipped SET id = 'slipped', version = '9.9.9', released_at = released_at + 1,
               component = 'sha256:' || hex(zeroblob(32));
        INSERT INTO releases SELECT * FROM slipped;
        UPDATE packages SET updated_at = updated_at + 3600000000;
        UPDATE releases SET state_at = state_at + 3600000000 WHERE id = 'slipped'",
    );
    let server = desk.serve_at(&address, &[]);
    wait_until("an index with the release in it", || {
        let index = get(&server, "/v1/index/acme/echo");
        let payload = index["dsseEnvelope"]["payload"].as_str()?.to_owned();
        // `9.9.9` in base64, at each of its three places.
        ["OS45Ljk", "kuOS45", "5LjkuO"].iter().any(|part| payload.contains(part)).then_some(())
    });
    let ran = monitor(&desk, &server);
    assert_eq!(ran.error(), (3, "log-alarm".to_owned()), "{ran:#?}");
    let alarms = &ran.answer()["alarms"];
    assert_eq!((&ran.answer()["read"], &alarms[0]["alarm"]), (&Value::from(0), &Value::from("release-unlogged")));
    assert!(alarms[0]["message"].as_str().unwrap().contains("acme:echo 9.9.9"), "{alarms}");
    server.stop();
    let ran = desk.run("eve", &["log", "rebuild", "--data", "data", "--compare"]);
    assert_eq!(ran.error(), (3, "log-differs".to_owned()), "{ran:#?}");
    assert!(ran.stdout.contains("acme:echo 9.9.9 is released, and the log does not release it"), "{}", ran.stdout);
}

/// A witness in a process of its own.
struct Witness {
    child: Child,
    url: String,
    vkey: String,
}

impl Witness {
    /// With its key and its state in the home of its name.
    fn begin(desk: &Desk, name: &str, log: &str, listen: &str) -> Self {
        let state = format!("{name}.json");
        if !desk.path(name).join("keys").exists() {
            desk.json(name, &["key", "new", "witness", "--passphrase-file", "pass"]);
        }
        let host = format!("{name}.example");
        let arguments = [
            &["log", "witness", "--name", &host, "--key", "witness", "--passphrase-file", "pass", "--log", log][..],
            &["--state", &state, "--listen", listen, "--output", "json"],
        ];
        let mut child = desk.command(name, &arguments.concat()).stderr(Stdio::null()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let told = Value::deserialize(&mut serde_json::Deserializer::from_reader(stdout)).unwrap();
        let text = |name: &str| told[name].as_str().unwrap().to_owned();
        Self { child, url: text("listening"), vkey: text("witness_key") }
    }

    fn address(&self) -> String {
        self.url.trim_start_matches("http://").to_owned()
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn witnesses_cosign_what_only_grows_and_a_policy_asks_for_them() {
    let desk = Desk::new();
    let server = desk.serve(&[]);
    let log = checkpoint_once_there(&desk, &server)["log_key"].as_str().unwrap().to_owned();
    desk.publisher(&server);
    desk.release_echo("1.0.0");
    public_key(&desk);
    let address = server.address();
    server.stop();
    let (one, two) =
        (Witness::begin(&desk, "one", &log, "127.0.0.1:0"), Witness::begin(&desk, "two", &log, "127.0.0.1:0"));
    let witnesses = format!("witnesses={} {},{} {}", one.vkey, one.url, two.vkey, two.url);
    let policy =
        format!("log {log}\nwitness W1 {}\nwitness W2 {}\ngroup both all W1 W2\nquorum both\n", one.vkey, two.vkey);
    std::fs::write(desk.path("policy"), policy).unwrap();
    let flags = ["--set", witnesses.as_str()];

    // Nobody has cosigned before anybody was asked.
    let server = desk.serve_at(&address, &[]);
    let digest = statement(&server, "1.0.0");
    let prove = |server: &Server, digest: &str| {
        desk.json("eve", &["log", "prove", digest, "--registry", &server.url, "--out", "it.json"]);
        desk.run("eve", &["log", "verify", "it.json", "--key", "ada.pem", "--policy", "policy"])
    };
    assert_eq!(prove(&server, &digest).error(), (3, "log-quorum".to_owned()));
    server.stop();

    let server = desk.serve_at(&address, &flags);
    let cosigned = |server: &Server, size: u64, names: &[&str]| {
        let newest = checkpoint(&desk, server);
        let by: Vec<_> = newest["cosigned_by"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        (newest["size"] == size && by == names).then_some(())
    };
    wait_until("both cosignatures", || cosigned(&server, 3, &["one.example", "two.example"]));
    let ran = prove(&server, &digest);
    assert_eq!((ran.code, ran.answer()["cosigned_by"].as_array().unwrap().len()), (0, 2), "{ran:#?}");

    // One is away: the newest checkpoint has the other's word only, which is not enough for what is new.
    let place = two.address();
    drop(two);
    desk.release_echo("1.1.0");
    wait_until("one cosignature", || cosigned(&server, 5, &["one.example"]));
    assert_eq!(prove(&server, &digest).code, 0, "what both have cosigned stays");
    let digest = statement(&server, "1.1.0");
    assert_eq!(prove(&server, &digest).error(), (3, "log-quorum".to_owned()));
    // It is back, with what it had seen.
    let two = Witness::begin(&desk, "two", &log, &place);
    wait_until("both again", || cosigned(&server, 5, &["one.example", "two.example"]));
    assert_eq!(prove(&server, &digest).code, 0);
    assert_eq!(monitor(&desk, &server).code, 0);
    server.stop();
    copy(&desk.path("data"), &desk.path("before"));

    // The registry goes on, and is then put back and goes on otherwise: two logs of one key. Neither witness cosigns the
    // second, whatever its size, and who has seen the first is told so.
    let server = desk.serve_at(&address, &flags);
    desk.release_echo("1.2.0");
    wait_until("both on the first way", || cosigned(&server, 7, &["one.example", "two.example"]));
    assert_eq!(monitor(&desk, &server).code, 0);
    server.stop();
    put_back(&desk);
    let server = desk.serve_at(&address, &flags);
    let ran = monitor(&desk, &server);
    assert!(ran.error().0 == 3 && ran.stdout.contains("log-rollback"), "{ran:#?}");
    for version in ["1.3.0", "1.4.0"] {
        desk.release_echo(version);
    }
    std::thread::sleep(Duration::from_secs(3));
    wait_until("a longer log that nobody cosigns", || cosigned(&server, 9, &[]));
    let digest = statement(&server, "1.4.0");
    assert_eq!(prove(&server, &digest).error(), (3, "log-quorum".to_owned()));
    let ran = monitor(&desk, &server);
    assert!(ran.error().0 == 3 && ran.stdout.contains("log-fork"), "{ran:#?}");
    drop((one, two));
}

fn put_back(desk: &Desk) {
    std::fs::remove_dir_all(desk.path("data")).unwrap();
    copy(&desk.path("before"), &desk.path("data"));
}

fn checkpoint_once_there(desk: &Desk, server: &Server) -> Value {
    wait_until("a first checkpoint", || {
        let ran = desk.run("eve", &["log", "checkpoint", "--registry", &server.url]);
        (ran.code == 0).then(|| ran.answer())
    })
}
