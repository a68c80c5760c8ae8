#![allow(clippy::unwrap_used, reason = "a test fails by it")]
//! A logged statement is what other people's tools take it for: npm's @sigstore/verify, Go's note and tlog, Python's
//! securesystemslib, openssl. Good and tampered. `cargo xtask test` prepares the tools and says where they are.

mod common;

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use common::Builder;
use jackfield_package::{
    key::SigningKey,
    log::{
        Checkpoint, SigstoreEntry, TlogProof, VerifierKey, leaf,
        merkle::{self, leaf_hash},
        tile::{self, Edge, Tiles},
    },
    statement::{Bundle, sign_publish},
};
use tempfile::TempDir;

/// A statement in a log of 300 entries, with everything a stranger is given.
struct Logged {
    folder: TempDir,
    vkey: String,
}

const INDEX: u64 = 258;

impl Logged {
    fn new() -> Self {
        let (publisher, log) = (SigningKey::from_seed([1; 32]), SigningKey::from_seed([2; 32]));
        let bundle = sign_publish(&Builder::default().package(), &publisher);
        let entry = leaf(&bundle, &publisher.public_key());
        let mut edge = Edge::empty();
        let mut tiles = Tiles::new(300);
        for index in 0..300_u64 {
            let filler = index.to_string().into_bytes();
            let hash = leaf_hash(if index == INDEX { &entry } else { &filler });
            edge.push(hash, |tile, hashes| tiles.insert(tile, &tile::to_bytes(hashes)).unwrap());
        }
        edge.partial().into_iter().for_each(|(tile, bytes)| tiles.insert(tile, &bytes).unwrap());
        let checkpoint = Checkpoint { origin: "log.example".parse().unwrap(), size: 300, root: edge.root() };
        let proof = TlogProof {
            index: INDEX,
            hashes: merkle::prove_inclusion(INDEX, 300, |node| tiles.node(node)).unwrap(),
            checkpoint: checkpoint.sign(&log).unwrap(),
            extra: None,
        };
        let verifier = VerifierKey::of_log(checkpoint.origin, log.public_key());
        let carried = bundle.with_log_entry(&SigstoreEntry::new(&verifier, entry.clone(), proof.clone())).unwrap();
        let logged = Self { folder: TempDir::new().unwrap(), vkey: verifier.to_string() };
        logged.write("bundle.json", carried.to_bytes());
        logged.write("key.pem", publisher.public_key().to_pem());
        logged.write("log.pem", log.public_key().to_pem());
        logged.write("proof", proof.to_string());
        logged.write("entry", entry);
        logged
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The bundle with one place changed.
    fn tampered(&self, pointer: &str, change: impl Fn(&str) -> String) -> PathBuf {
        let mut json: serde_json::Value = serde_json::from_str(&self.read("bundle.json")).unwrap();
        let place = json.pointer_mut(pointer).unwrap();
        *place = change(place.as_str().unwrap()).into();
        self.write("tampered.json", json.to_string())
    }

    fn proof_with(&self, from: &str, to: &str) -> PathBuf {
        let text = self.read("proof");
        assert!(text.contains(from));
        self.write("tampered.proof", text.replacen(from, to, 1))
    }

    /// A vkey of the same name with another key.
    fn other_vkey(&self) -> String {
        VerifierKey::of_log("log.example".parse().unwrap(), SigningKey::from_seed([3; 32]).public_key()).to_string()
    }
}

/// Another letter in the middle: still base64, and no longer the same bytes.
fn bent(text: &str) -> String {
    let middle = text.len() / 2;
    let other = if &text[middle..=middle] == "A" { "B" } else { "A" };
    format!("{}{other}{}", &text[..middle], &text[middle + 1..])
}

/// Where a tool is, unless we are told that there is none.
fn tool(variable: &str, what: &str) -> Option<OsString> {
    if std::env::var_os(format!("JACKFIELD_TEST_WITHOUT_{variable}")).is_some() {
        eprintln!("MISSING: {what}, so nothing was checked by it");
        return None;
    }
    let hint = format!("hint: `cargo xtask test` prepares {what} and names it in JACKFIELD_TEST_{variable}");
    Some(std::env::var_os(format!("JACKFIELD_TEST_{variable}")).expect(&hint))
}

fn good(command: &mut Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("good"), "{said}");
}

fn bad(command: &mut Command, why: &str) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{why}: {said}");
    assert!(said.contains("bad: "), "{why}: {said}");
}

#[test]
fn npm_sigstore_verifies_signature_and_inclusion() {
    let Some(folder) = tool("NODE", "Node with @sigstore/verify") else { return };
    let logged = Logged::new();
    let verify = |bundle: &Path, vkey: &str| {
        let mut node = Command::new("node");
        node.arg(Path::new(&folder).join("verify_log.mjs")).arg(bundle).arg(logged.path("key.pem")).arg(vkey);
        node
    };
    good(&mut verify(&logged.path("bundle.json"), &logged.vkey));
    let entry = "/verificationMaterial/tlogEntries/0";
    let places = [
        "/dsseEnvelope/payload".to_owned(),
        "/dsseEnvelope/signatures/0/sig".to_owned(),
        format!("{entry}/canonicalizedBody"),
        format!("{entry}/logId/keyId"),
        format!("{entry}/inclusionProof/hashes/0"),
    ];
    for place in places {
        bad(&mut verify(&logged.tampered(&place, bent), &logged.vkey), &place);
    }
    let smaller = |text: &str| text.replacen("\n300\n", "\n299\n", 1);
    let envelope = format!("{entry}/inclusionProof/checkpoint/envelope");
    bad(&mut verify(&logged.tampered(&envelope, smaller), &logged.vkey), "another size");
    let moved = |_: &str| "257".to_owned();
    bad(&mut verify(&logged.tampered(&format!("{entry}/inclusionProof/logIndex"), moved), &logged.vkey), "moved");
    bad(&mut verify(&logged.path("bundle.json"), &logged.other_vkey()), "another log's key");
    let unlogged = Bundle::parse(logged.read("bundle.json").as_bytes()).unwrap().without_log_entries();
    bad(&mut verify(&logged.write("unlogged.json", unlogged.to_bytes()), &logged.vkey), "no proof at all");
}

#[test]
fn go_note_and_tlog_verify_the_proof() {
    let Some(program) = tool("GO", "Go's note and tlog") else { return };
    let logged = Logged::new();
    let verify = |proof: &Path, entry: &Path, vkey: &str| {
        let mut go = Command::new(&program);
        go.arg(proof).arg(entry).arg(vkey);
        go
    };
    let (proof, entry) = (logged.path("proof"), logged.path("entry"));
    good(&mut verify(&proof, &entry, &logged.vkey));
    for (from, to) in [("index 258", "index 257"), ("\n300\n", "\n299\n"), ("— log.example", "— fog.example")] {
        bad(&mut verify(&logged.proof_with(from, to), &entry, &logged.vkey), from);
    }
    let hash = logged.read("proof").lines().nth(2).unwrap().to_owned();
    bad(&mut verify(&logged.proof_with(&hash, &bent(&hash)), &entry, &logged.vkey), "a changed hash");
    bad(&mut verify(&proof, &logged.path("key.pem"), &logged.vkey), "another entry");
    bad(&mut verify(&proof, &entry, &logged.other_vkey()), "another log's key");
}

#[test]
fn python_makes_the_entry_itself_and_verifies_the_proof() {
    let Some(python) = tool("PYTHON", "Python with securesystemslib") else { return };
    let logged = Logged::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/verify_log.py");
    let verify = |bundle: &Path, proof: &Path, vkey: &str| {
        let mut command = Command::new(&python);
        command.arg(&script).arg(bundle).arg(logged.path("key.pem")).arg(proof).arg(vkey);
        command
    };
    let (bundle, proof) = (logged.path("bundle.json"), logged.path("proof"));
    good(&mut verify(&bundle, &proof, &logged.vkey));
    bad(&mut verify(&logged.tampered("/dsseEnvelope/payload", bent), &proof, &logged.vkey), "another statement");
    for (from, to) in [("index 258", "index 257"), ("\n300\n", "\n299\n"), ("index 258\n", "index 258\nAAAA\n")] {
        bad(&mut verify(&bundle, &logged.proof_with(from, to), &logged.vkey), from);
    }
    bad(&mut verify(&bundle, &proof, &logged.other_vkey()), "another log's key");
}

#[test]
fn openssl_verifies_the_checkpoint() {
    if std::env::var_os("JACKFIELD_TEST_WITHOUT_OPENSSL").is_some() {
        eprintln!("MISSING: openssl, so nothing was checked by it");
        return;
    }
    let logged = Logged::new();
    let proof = TlogProof::parse(logged.read("proof").as_bytes()).unwrap();
    // The last four lines of a proof are the checkpoint's text, a blank one, and base64 of a key id and the signature.
    let line = proof.checkpoint.signatures()[0].to_string();
    let signature = STANDARD.decode(line.rsplit(' ').next().unwrap()).unwrap()[4..].to_vec();
    logged.write("signature", signature);
    let verify = |text: &str| {
        let mut openssl = Command::new("openssl");
        openssl.args(["pkeyutl", "-verify", "-pubin", "-rawin", "-inkey"]).arg(logged.path("log.pem"));
        openssl.arg("-in").arg(logged.write("text", text)).arg("-sigfile").arg(logged.path("signature"));
        openssl.output().unwrap().status.success()
    };
    let text = proof.checkpoint.text();
    assert!(verify(text));
    assert!(!verify(&text.replacen("\n300\n", "\n301\n", 1)));
}
