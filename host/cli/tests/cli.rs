//! The command as its users meet it: exit code, stdout and stderr of the real binary. What needs the sandbox is tested
//! where guest programs are: `stories.rs` beside this file.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::{
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

/// What scripts rely on.
const REFERENCE: &str = include_str!("../../../docs/reference/cli.md");

/// A folder of its own with a home in it.
struct Desk {
    folder: tempfile::TempDir,
}

/// What a command did. Paths, key ids and digests are replaced by words.
#[derive(Debug, PartialEq, Eq)]
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(desk.path("pass"), "correct horse\n").unwrap();
        desk
    }

    /// With a component that passes every check, `weather.wasm`, and a key `release`.
    fn with_component() -> Self {
        let desk = Self::new();
        desk.write_component("weather.wasm", &manifest());
        desk.ok(&["key", "new", "release", "--passphrase-file", "pass"]);
        desk
    }

    /// The same, signed with the key.
    fn signed() -> Self {
        let desk = Self::with_component();
        desk.ok(&["sign", "weather.wasm", "--key", "release", "--passphrase-file", "pass"]);
        desk
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn write_component(&self, name: &str, manifest: &Value) {
        std::fs::write(self.path(name), component(manifest)).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jackfield"));
        // Nothing of the caller's settings, and no terminal to ask at.
        command.env_clear().env("JACKFIELD_HOME", self.path("home")).current_dir(self.folder.path());
        command.args(arguments).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| self.words(&String::from_utf8(bytes).unwrap());
        Ran { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// What must go well.
    fn ok(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 0, "{ran:#?}");
        ran.stdout
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.ok(&[arguments, &["--output", "json"]].concat())).unwrap()
    }

    fn words(&self, text: &str) -> String {
        let mut text = text.replace(&self.folder.path().display().to_string(), "DIR");
        let is_hex =
            |text: &str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let mut at = 0;
        while at + 64 <= text.len() {
            if text.get(at..at + 64).is_some_and(is_hex) {
                text.replace_range(at..at + 64, "HEX");
            }
            at += 1;
        }
        text
    }
}

fn manifest() -> Value {
    json!({
        "name": "acme:weather", "version": "1.2.3", "world": "jackfield:connector@0.1.0", "title": "Weather",
        "summary": "Tells the weather.", "license": "Apache-2.0", "categories": ["data"],
        "egress": [{"host": "api.acme.example", "methods": ["GET", "POST"], "reason": "The weather is there."}],
        "operations": [{
            "name": "current", "kind": "action", "title": "Current weather", "effect": "read",
            "input": {"type": "object"}, "output": {"type": "object"}
        }],
    })
}

/// The smallest component that is a connector: its interfaces are empty, which nobody notices who does not run it
/// (component-model, Binary.md).
fn component(manifest: &Value) -> Vec<u8> {
    fn leb(mut number: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            let low = (number & 0x7f) as u8;
            number >>= 7;
            if number == 0 {
                bytes.push(low);
                return bytes;
            }
            bytes.push(low | 0x80);
        }
    }
    let name = |text: &str| [leb(text.len()), text.as_bytes().to_vec()].concat();
    let section = |id: u8, content: Vec<u8>| [vec![id], leb(content.len()), content].concat();
    let imports = ["wasi:http/outgoing-handler@0.2.12"];
    let exports = ["jackfield:connector/descriptor@0.1.0", "jackfield:connector/operations@0.1.0"];
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    // One type: an instance of nothing.
    bytes.extend(section(7, vec![1, 0x42, 0]));
    let import = |import: &&str| [vec![0], name(import), vec![5, 0]].concat();
    bytes.extend(section(10, [leb(imports.len()), imports.iter().flat_map(import).collect()].concat()));
    bytes.extend(section(5, [leb(exports.len()), [1, 0].repeat(exports.len())].concat()));
    let export =
        |(at, export): (usize, &&str)| [vec![0], name(export), vec![5], leb(imports.len() + at), vec![0]].concat();
    bytes.extend(section(11, [leb(exports.len()), exports.iter().enumerate().flat_map(export).collect()].concat()));
    bytes.extend(section(0, [name("jackfield:manifest"), manifest.to_string().into_bytes()].concat()));
    bytes.extend(section(0, [name("jackfield:readme"), b"# Weather\n".to_vec()].concat()));
    bytes
}

fn refused(stderr: &str) -> Ran {
    Ran { code: 3, stdout: String::new(), stderr: stderr.to_owned() }
}

fn wrong(stderr: &str) -> Ran {
    Ran { code: 2, stdout: String::new(), stderr: stderr.to_owned() }
}

fn missing(stderr: &str) -> Ran {
    Ran { code: 8, stdout: String::new(), stderr: stderr.to_owned() }
}

#[test]
fn every_command_has_help_with_examples() {
    let desk = Desk::new();
    let top = desk.ok(&["--help"]);
    assert!(top.contains("Exit codes:") && !top.contains("compile-component"), "{top}");
    for command in [
        "new",
        "build",
        "check",
        "test",
        "inspect",
        "key",
        "trust",
        "sign",
        "verify",
        "install",
        "grant",
        "list",
        "uninstall",
        "enable",
        "disable",
        "invoke",
        "key new",
        "key show",
        "trust add",
    ] {
        let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        assert!(desk.ok(&words).contains("Examples:\n  jackfield "), "{command}");
        assert!(
            REFERENCE.contains(&format!("`jackfield {command} "))
                || command == "key"
                || command == "trust"
                || command == "list",
            "{command}"
        );
    }
}

#[test]
fn a_wrong_command_line_is_told_in_two_parts() {
    let desk = Desk::new();
    assert_eq!(desk.run(&[]), wrong("error: a command is missing\n  hint: see `jackfield --help`\n"));
    assert_eq!(desk.run(&["key"]), wrong("error: a command is missing\n  hint: see `jackfield key --help`\n"));
    assert_eq!(
        desk.run(&["invok"]),
        wrong(
            "error: unrecognized subcommand 'invok'\n  hint: some similar subcommands exist: 'revoke', 'info', 'invoke'\n        \
             usage: jackfield [OPTIONS] <COMMAND>\n        see `jackfield --help`\n"
        )
    );
    assert_eq!(
        desk.run(&["key", "new", "Release"]),
        wrong(
            "error: invalid value 'Release' for '<NAME>': `Release` is not a name: expected lower-case letters and digits in \
             words joined by `-`, beginning with a letter, at most 64 characters\n  hint: see `jackfield key new --help`\n"
        )
    );
    let told: Value = serde_json::from_str(&desk.run(&["invoke", "--output", "json"]).stderr).unwrap();
    assert_eq!(told["error"]["kind"], "usage");
    assert!(told["error"]["hint"].as_str().unwrap().starts_with("usage: jackfield invoke"), "{told}");
}

#[test]
fn keys_are_made_shown_and_listed() {
    let desk = Desk::new();
    assert_eq!(
        desk.run(&["key", "new", "release", "--passphrase-file", "pass"]),
        Ran {
            code: 0,
            stdout: "Made the key `release`.\n  keyid  HEX\n  file   DIR/home/keys/release.pem\n".to_owned(),
            stderr: "Nobody trusts it yet. On this machine: jackfield trust add release\n\
                     For others: jackfield key show release > release.pub.pem\n\
                     For a namespace of a registry: jackfield namespace keyset NAMESPACE --key release\n"
                .to_owned(),
        }
    );
    let pem = std::fs::read_to_string(desk.path("home/keys/release.pem")).unwrap();
    assert!(pem.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"), "{pem}");
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |name: &str| std::fs::metadata(desk.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("home/keys/release.pem"), mode("home/keys")), (0o600, 0o700));

    assert!(desk.ok(&["key", "show", "release"]).starts_with("-----BEGIN PUBLIC KEY-----\n"));
    assert_eq!(desk.ok(&["key", "list"]), "  name     keyid\n  release  HEX\n");
    assert_eq!(desk.json(&["key", "list"])["keys"][0]["name"], "release");
    assert_eq!(
        desk.run(&["key", "new", "release", "--passphrase-file", "pass"]),
        wrong(
            "error: there is a key `release` already\n  \
             hint: choose another name; a key is never written over, since what it has signed would be orphaned\n"
        )
    );
    assert_eq!(
        desk.run(&["key", "show", "relaese"]),
        missing(
            "error: there is no key `relaese` in DIR/home/keys\n  hint: did you mean `release`? See: jackfield key list\n"
        )
    );
}

#[test]
fn a_passphrase_comes_from_a_file_or_a_descriptor_and_is_never_empty() {
    let desk = Desk::new();
    std::fs::write(desk.path("empty"), "\n").unwrap();
    let ran = desk.run(&["key", "new", "a", "--passphrase-file", "empty"]);
    assert_eq!((ran.code, ran.stderr.lines().next()), (2, Some("error: the passphrase is empty: no key was made")));
    assert!(!desk.path("home/keys/a.pem").exists());

    let output = desk
        .command(&["key", "new", "b", "--passphrase-fd", "0"])
        .stdin(std::fs::File::open(desk.path("pass")).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    desk.write_component("weather.wasm", &manifest());
    let output = desk
        .command(&["sign", "weather.wasm", "--key", "b"])
        .env("JACKFIELD_PASSPHRASE_FILE", desk.path("pass"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    std::fs::write(desk.path("wrong"), "incorrect horse").unwrap();
    assert_eq!(
        desk.run(&["sign", "weather.wasm", "--key", "b", "--passphrase-file", "wrong"]),
        refused(
            "error: the key can't be decrypted: the passphrase is wrong, or the file is damaged\n  \
                     hint: it is the passphrase of the key `b`, and no password of an account; nobody can recover it\n"
        )
    );
}

#[test]
fn what_is_signed_is_verified_once_its_key_is_trusted() {
    let desk = Desk::with_component();
    let ran = desk.run(&["verify", "weather.wasm"]);
    assert_eq!(
        (ran.code, ran.stderr.lines().next()),
        (3, Some("error: nobody has signed this component: there is no bundle for it"))
    );

    assert_eq!(
        desk.ok(&["sign", "weather.wasm", "--key", "release", "--passphrase-file", "pass", "--evidence", "evidence"]),
        "Signed acme:weather 1.2.3 with key `release`.\n  component  sha256:HEX\n  keyid      HEX\n  \
         bundle     weather.wasm.sigstore.json\n  evidence   evidence\n"
    );
    for name in ["payload.json", "pae.bin", "sig.bin", "public.pem"] {
        assert!(desk.path("evidence").join(name).is_file(), "{name}");
    }
    assert_eq!(
        desk.run(&["verify", "weather.wasm"]),
        refused(
            "error: key HEX has signed, and this host does not trust it\n  \
             hint: if you trust its owner, add the key: jackfield trust add <public.pem>\n"
        )
    );
    assert_eq!(
        desk.ok(&["verify", "weather.wasm", "--key", "evidence/public.pem"]),
        "Verified: acme:weather 1.2.3\n  digest     sha256:HEX\n  signed by  HEX\n"
    );

    desk.ok(&["trust", "add", "release", "--namespace", "acme"]);
    let explained = desk.ok(&["verify", "weather.wasm", "--explain"]);
    assert!(
        explained.contains("  ok    signature: Ed25519 over ") && explained.contains("  ok    namespace: "),
        "{explained}"
    );
    let json = desk.json(&["verify", "weather.wasm"]);
    assert_eq!((&json["verified"], &json["name"]), (&json!(true), &json!("acme:weather")));
}

#[test]
fn a_changed_component_is_refused_with_every_step_told() {
    let desk = Desk::signed();
    desk.ok(&["trust", "add", "release"]);
    let mut changed = manifest();
    changed["title"] = "Wether".into();
    desk.write_component("weather.wasm", &changed);
    let ran = desk.run(&["verify", "weather.wasm", "--explain"]);
    assert_eq!(ran.code, 3);
    assert!(ran.stdout.contains("  FAIL  subject: signed sha256:HEX, found sha256:HEX"), "{}", ran.stdout);
    assert!(ran.stderr.starts_with("error: the component's digest is not as signed: "), "{}", ran.stderr);

    let ran = desk.run(&["verify", "weather.wasm", "--output", "json"]);
    let (answer, error): (Value, Value) =
        (serde_json::from_str(&ran.stdout).unwrap(), serde_json::from_str(&ran.stderr).unwrap());
    assert_eq!((&answer["verified"], &error["error"]["code"]), (&json!(false), &json!("subject-mismatch")));
}

#[test]
fn trust_is_added_widened_listed_and_taken_back() {
    let desk = Desk::signed();
    desk.ok(&["trust", "add", "release", "--namespace", "other"]);
    let ran = desk.run(&["verify", "weather.wasm"]);
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("not for the namespace `acme`"), "{}", ran.stderr);
    assert_eq!(
        desk.ok(&["trust", "add", "release", "--namespace", "acme"]),
        "Trusted for acme, other:\n  keyid  HEX\n  label  release\n"
    );
    desk.ok(&["verify", "weather.wasm"]);
    assert_eq!(desk.ok(&["trust", "list"]), "  label    namespaces   keyid\n  release  acme, other  HEX\n");
    let ran = desk.run(&["trust", "remove", "realese"]);
    assert_eq!((ran.code, ran.stderr.lines().next()), (8, Some("error: `realese` is not a trusted key")));
    desk.ok(&["trust", "remove", "release"]);
    assert_eq!(desk.json(&["trust", "list"]), json!({ "keys": [] }));
}

#[test]
fn a_trust_file_that_contradicts_itself_is_not_read() {
    let desk = Desk::signed();
    desk.ok(&["trust", "add", "release"]);
    let text = std::fs::read_to_string(desk.path("home/trust.json")).unwrap();
    let mut trust: Value = serde_json::from_str(&text).unwrap();
    trust["keys"][0]["keyid"] = "0".repeat(64).into();
    std::fs::write(desk.path("home/trust.json"), trust.to_string()).unwrap();
    let ran = desk.run(&["verify", "weather.wasm"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("is not the id of its key"), "{}", ran.stderr);
}

#[test]
fn what_would_be_turned_away_is_not_signed() {
    let desk = Desk::with_component();
    let mut manifest = manifest();
    manifest["egress"][0]["host"] = "127.0.0.1".into();
    desk.write_component("bad.wasm", &manifest);
    assert_eq!(
        desk.run(&["sign", "bad.wasm", "--key", "release", "--passphrase-file", "pass"]),
        refused("error: `bad.wasm` fails 1 check: egress-hosts\n  hint: see what is wrong: jackfield check bad.wasm\n")
    );
    assert!(!desk.path("bad.wasm.sigstore.json").exists());
    let ran = desk.run(&["check", "bad.wasm", "--no-run"]);
    assert_eq!(ran.code, 3);
    assert!(
        ran.stdout.contains("  FAIL  egress-hosts: ")
            && ran.stderr.starts_with("error: 1 check of `bad.wasm` failed\n"),
        "{ran:#?}"
    );
    assert_eq!(desk.json(&["check", "weather.wasm", "--no-run"])["passed"], true);
}

#[test]
fn inspecting_says_what_it_asks_for_and_why() {
    let desk = Desk::with_component();
    let page = desk.ok(&["inspect", "weather.wasm"]);
    for line in [
        "acme:weather 1.2.3: Weather\n",
        "  signature  none beside it\n",
        "It asks to send requests to\n  GET,POST https://api.acme.example\n      The weather is there.\n",
        "  current  action  reads   Current weather\n",
        "  wasi:http  sends HTTP requests: only where its manifest asks and a grant allows\n",
    ] {
        assert!(page.contains(line), "{line}\nis not in\n{page}");
    }
    assert_eq!(desk.json(&["inspect", "weather.wasm"])["manifest"]["name"], "acme:weather");
    assert_eq!(
        desk.run(&["inspect", "pass"]),
        refused("error: `pass`: the file is not WebAssembly: it does not begin with `\\0asm`\n")
    );
    assert_eq!(
        desk.run(&["inspect", "nothing.wasm"]),
        missing("error: cannot read the component `nothing.wasm`: no such file or directory\n")
    );
}

#[test]
fn a_connector_cannot_write_to_the_terminal() {
    let desk = Desk::new();
    let mut manifest = manifest();
    manifest["egress"][0]["reason"] = "Harmless.\u{1b}[2J\u{202e}\u{9b}1m".into();
    desk.write_component("evil.wasm", &manifest);
    for format in ["human", "json"] {
        let ran = desk.run(&["inspect", "evil.wasm", "--output", format]);
        let active = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!ran.stdout.contains(active) && !ran.stderr.contains(active), "{ran:#?}");
    }
}

#[test]
fn installing_without_a_terminal_needs_to_be_told_what_to_grant() {
    let desk = Desk::signed();
    desk.ok(&["trust", "add", "release"]);
    let ran = desk.run(&["install", "weather.wasm"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    let (page, error) = ran.stderr.split_at(ran.stderr.find("error: ").unwrap());
    assert!(page.contains("      The weather is there.\n"), "{page}");
    assert_eq!(
        error,
        "error: `acme:weather` asks for more than computing, and there is no terminal to ask at\n  \
         hint: say what to grant:\n        jackfield install weather.wasm --grant-all\n        \
         jackfield install weather.wasm --allow 'GET,POST https://api.acme.example'\n        \
         jackfield install weather.wasm --grant-none\n"
    );
    let ran = desk.run(&["install", "weather.wasm", "--limit", "fuel=many"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("`many` is not a number of units of fuel, nor the word `default`"), "{}", ran.stderr);
}

#[test]
fn nothing_installed_is_no_error_and_an_unknown_name_is() {
    let desk = Desk::new();
    assert_eq!(desk.json(&["list"]), json!({ "installations": [] }));
    for command in [["grant", "acme:echo"], ["uninstall", "echo"], ["enable", "acme:echo"], ["disable", "acme:echo"]] {
        let ran = desk.run(&command);
        assert_eq!(ran.code, 8, "{ran:#?}");
        assert!(ran.stderr.ends_with("is not installed\n  hint: see what is: jackfield list\n"), "{}", ran.stderr);
    }
    let ran = desk.run(&["invoke", "acme:echo", "run", "--output", "json"]);
    let told: Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!((ran.code, &told["error"]["code"]), (8, &json!("not-installed")));
}

#[test]
fn a_reader_who_leaves_early_is_no_error() {
    let desk = Desk::with_component();
    for arguments in [&["inspect", "weather.wasm"][..], &["--help"], &["inspect", "weather.wasm", "--output", "json"]] {
        let mut child = desk.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // The reader is gone before anything is written, or while it is: both must do.
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{arguments:?}");
    }
}

#[test]
fn colour_is_for_terminals_and_for_who_asks() {
    let desk = Desk::with_component();
    assert!(!desk.ok(&["key", "list"]).contains('\u{1b}'));
    assert!(desk.ok(&["key", "list", "--color", "always"]).contains('\u{1b}'));
    let ran = desk.run(&["key", "show", "nobody", "--color", "always"]);
    assert!(ran.stderr.starts_with("\u{1b}[1m\u{1b}[31merror:\u{1b}[0m "), "{:?}", ran.stderr);
    let plain = desk.command(&["inspect", "weather.wasm"]).env("NO_COLOR", "1").output().unwrap();
    assert!(!plain.stdout.contains(&0x1b));
}

#[test]
fn openssl_agrees() {
    let desk = Desk::with_component();
    if Command::new("openssl").arg("version").output().is_err() {
        return;
    }
    desk.ok(&["sign", "weather.wasm", "--key", "release", "--passphrase-file", "pass", "--evidence", "evidence"]);
    let openssl =
        |arguments: &[&str], at: &Path| Command::new("openssl").args(arguments).current_dir(at).output().unwrap();
    let verified = openssl(
        &["pkeyutl", "-verify", "-rawin", "-in", "pae.bin", "-sigfile", "sig.bin", "-pubin", "-inkey", "public.pem"],
        &desk.path("evidence"),
    );
    assert!(verified.status.success(), "{verified:?}");
    let public = openssl(&["pkey", "-in", "home/keys/release.pem", "-passin", "file:pass", "-pubout"], &desk.path("."));
    assert_eq!(String::from_utf8_lossy(&public.stdout), desk.ok(&["key", "show", "release"]));
}
