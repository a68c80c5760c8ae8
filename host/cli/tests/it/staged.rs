//! Who has a token stages, who has the key releases: on two machines, with this command and with others' tools.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Command,
};

use jackfield_package::{
    Package,
    oci::{Artifact, MANIFEST_MEDIA_TYPE},
};
use jackfield_test_kit::{PackageBuilder, programs};
use serde_json::{Value, json};

use crate::{
    kit::{Desk, Ran, Server},
    publish::{publisher, states},
};

/// A home that has a token for staging in `acme`, and no key.
fn ci(desk: &Desk, server: &Server) -> String {
    let made =
        desk.json("ada", &["token", "create", "--packages", "acme:*", "--action", "publish", "--action", "read"]);
    let token = made["token"].as_str().unwrap().to_owned();
    std::fs::write(desk.path("ci-token"), &token).unwrap();
    desk.json("ci", &["login", "--registry", &server.url, "--token-file", "ci-token"]);
    token
}

fn sign(desk: &Desk, release: &str) -> Ran {
    desk.run("ada", &["publish", "--staged", release, "--key", "release", "--passphrase-file", "pass"])
}

#[test]
fn a_token_stages_and_a_key_releases() {
    let (desk, server) = publisher();
    ci(&desk, &server);
    desk.write("it.wasm", programs::ECHO, "1.0.0");
    let staged = desk.json("ci", &["publish", "it.wasm", "--stage"]);
    assert_eq!(staged["state"], "staged");
    // Once more changes nothing, and the token alone never releases.
    desk.json("ci", &["publish", "it.wasm", "--stage"]);
    let ran =
        desk.run("ci", &["publish", "--staged", "acme:echo@1.0.0", "--key", "release", "--passphrase-file", "pass"]);
    assert_eq!(ran.code, 8, "it has no key: {}", ran.stderr);

    let ran = sign(&desk, "acme:echo@1.0.0");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let released: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(states(&released), ["staged", "checking", "ready", "logged", "released"]);
    assert_eq!(released["component"], staged["component"], "what was staged, byte for byte");

    let nothing = sign(&desk, "acme:echo@9.9.9");
    assert_eq!(nothing.code, 8, "{}", nothing.stderr);
    assert!(nothing.stderr.contains("members of the namespace see what is staged"), "{}", nothing.stderr);
    assert_eq!(sign(&desk, "acme:echo").code, 2);
}

#[test]
fn what_is_staged_is_checked_before_it_is_signed() {
    let (desk, server) = publisher();
    let token = ci(&desk, &server);
    // Whoever has the token stages something else than what he says: another tool holds nothing back.
    desk.write("other.wasm", programs::SPIN_IN_DESCRIBE, "1.0.0");
    push(&server.url, &token, &std::fs::read(desk.path("other.wasm")).unwrap(), "1.0.0");
    let refused = sign(&desk, "acme:echo@1.0.0");
    assert_eq!(refused.code, 3, "{}", refused.stderr);
    assert!(refused.stderr.contains("check-failed"), "{}", refused.stderr);
    desk.write("older.wasm", programs::ECHO, "1.0.0");
    push(&server.url, &token, &std::fs::read(desk.path("older.wasm")).unwrap(), "2.0.0");
    let refused = sign(&desk, "acme:echo@2.0.0");
    assert!(refused.code == 3 && refused.stderr.contains("name-mismatch"), "{}", refused.stderr);
}

/// Stages as any OCI client does: two blobs, one manifest.
fn push(url: &str, token: &str, component: &[u8], tag: &str) {
    let artifact = Artifact::of(&Package::parse(component.to_vec()).unwrap());
    for (digest, bytes) in [(artifact.component, component), (artifact.config_digest, &artifact.config)] {
        send(
            url,
            token,
            &format!("POST /v2/acme/echo/blobs/uploads/?digest={digest}"),
            "application/octet-stream",
            bytes,
        );
    }
    send(url, token, &format!("PUT /v2/acme/echo/manifests/{tag}"), MANIFEST_MEDIA_TYPE, &artifact.manifest);
}

fn send(url: &str, token: &str, what: &str, media_type: &str, body: &[u8]) {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "{what} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\ncontent-type: {media_type}\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    stream.write_all(body).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{what}: {answer}");
}

#[test]
fn what_other_tools_stage_is_released() {
    let (desk, server) = publisher();
    let token = ci(&desk, &server);
    let address = server.url.trim_start_matches("http://");
    let releases = |version: &str| {
        let ran = sign(&desk, &format!("acme:echo@{version}"));
        assert_eq!(ran.code, 0, "{version}: {}", ran.stderr);
    };
    let ran = |command: &mut Command| {
        let output = command.current_dir(desk.path("")).output().unwrap();
        assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    };
    if let Some(wkg) = tool("wkg", "JACKFIELD_TEST_WKG", "JACKFIELD_TEST_WITHOUT_WKG") {
        desk.write("wkg.wasm", programs::ECHO, "1.0.0");
        let mut command = Command::new(wkg);
        command.args(["oci", "push", &format!("{address}/acme/echo:1.0.0"), "wkg.wasm", "--insecure", address]);
        ran(command.args(["-u", "ci", "-p", &token]));
        releases("1.0.0");
    }
    if let Some(python) = tool("Python with oras", "JACKFIELD_TEST_PYTHON", "JACKFIELD_TEST_WITHOUT_PYTHON") {
        desk.write("crm.wasm", programs::ECHO, "1.0.1");
        let package = Package::parse(std::fs::read(desk.path("crm.wasm")).unwrap()).unwrap();
        std::fs::write(desk.path("config.json"), Artifact::of(&package).config).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../registry/tests/clients/oras_client.py");
        let mut command = Command::new(python);
        command.arg(script).args(["push", &format!("{address}/acme/echo:1.0.1")]).arg(desk.path(""));
        ran(command.args(["ci", &token]));
        releases("1.0.1");
    }
}

/// What a tool is called with; none if the tests are told that there is none.
pub(crate) fn tool(name: &str, variable: &str, without: &str) -> Option<String> {
    if std::env::var_os(without).is_some() {
        eprintln!("MISSING: {name}, so nothing was tried with it");
        return None;
    }
    let path = std::env::var(variable).ok().or_else(|| (name == "wkg").then(|| name.to_owned()));
    let path = path.filter(|path| Command::new(path).arg("--version").output().is_ok());
    assert!(path.is_some(), "hint: name {name} in {variable}, or say that there is none: {without}=1");
    path
}

#[test]
fn what_is_not_out_yet_is_taken_back() {
    let (desk, server) = publisher();
    ci(&desk, &server);
    desk.write("it.wasm", programs::ECHO, "1.0.0");
    let first = desk.json("ci", &["publish", "it.wasm", "--stage"]);
    let withdraw = ["withdraw", "acme:echo@1.0.0", "--reason", "built from the wrong branch"];
    let withdrawn = desk.json("ci", &withdraw);
    assert_eq!(
        (&withdrawn["state"], &withdrawn["reason"]),
        (&json!("rejected"), &json!("withdrawn: built from the wrong branch"))
    );
    assert_eq!(desk.run("ci", &withdraw).code, 8, "it is no longer there");
    assert_ne!(sign(&desk, "acme:echo@1.0.0").code, 0);

    // Other bytes under the same version, and they come out.
    desk.write_package("it.wasm", "1.0.0", PackageBuilder::of(programs::ECHO).section("pad", b"other"));
    let second = desk.json("ci", &["publish", "it.wasm", "--stage"]);
    assert_ne!(first["component"], second["component"]);
    assert_eq!(sign(&desk, "acme:echo@1.0.0").code, 0);
    let late = desk.run("ci", &withdraw);
    assert!(late.code == 3 && late.stderr.contains("jackfield yank"), "{}", late.stderr);
}
