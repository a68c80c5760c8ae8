#![allow(clippy::unwrap_used, reason = "a test fails by it")]
//! What `jackfield key` and `jackfield sign` make is what other people's tools take it for: openssl, and Python's
//! securesystemslib. Good and tampered.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use jackfield_test_kit::{PackageBuilder, programs};
use tempfile::TempDir;

/// A signed component in a folder with the evidence of its signature.
struct Signed {
    folder: TempDir,
}

impl Signed {
    fn new() -> Self {
        let signed = Self { folder: TempDir::new().unwrap() };
        fs::write(signed.path("echo.wasm"), PackageBuilder::of(programs::ECHO).bytes()).unwrap();
        fs::write(signed.path("passphrase"), "correct horse\n").unwrap();
        signed.jackfield(&["key", "new", "release"]);
        let public = signed.jackfield(&["key", "show", "release"]);
        fs::write(signed.path("public.pem"), pem_of(&public)).unwrap();
        let (component, evidence) = (signed.text("echo.wasm"), signed.text("evidence"));
        signed.jackfield(&["sign", &component, "--key", "release", "--evidence", &evidence]);
        signed
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn jackfield(&self, words: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_jackfield"))
            .args(words)
            .env("JACKFIELD_HOME", self.path("home"))
            .env("JACKFIELD_PASSPHRASE_FILE", self.path("passphrase"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The bundle with the first letters of its payload changed, still base64.
    fn tampered_bundle(&self) -> PathBuf {
        let bundle = fs::read_to_string(self.path("echo.wasm.sigstore.json")).unwrap();
        let mut json: serde_json::Value = serde_json::from_str(&bundle).unwrap();
        let payload = json["dsseEnvelope"]["payload"].as_str().unwrap().to_owned();
        let middle = payload.len() / 2;
        let other = if &payload[middle..=middle] == "A" { "B" } else { "A" };
        json["dsseEnvelope"]["payload"] = format!("{}{other}{}", &payload[..middle], &payload[middle + 1..]).into();
        let path = self.path("tampered.sigstore.json");
        fs::write(&path, json.to_string()).unwrap();
        path
    }
}

/// The PEM block within what a command says.
fn pem_of(text: &str) -> String {
    let (begin, end) = ("-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----");
    let from = text.find(begin).unwrap();
    let to = text.find(end).unwrap() + end.len();
    format!("{}\n", &text[from..to])
}

fn vectors(script: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors").join(script)
}

fn succeeded(output: &Output) -> bool {
    output.status.success()
}

#[test]
fn openssl_reads_the_key_and_verifies_the_signature() {
    if std::env::var_os("JACKFIELD_TEST_WITHOUT_OPENSSL").is_some() {
        eprintln!("MISSING: openssl, so nothing was checked by it");
        return;
    }
    let signed = Signed::new();

    // The encrypted key: openssl opens it with the passphrase, and finds the public key that `key show` gives.
    let key = fs::read_dir(signed.path("home/keys"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.ends_with("release.pem"))
        .unwrap();
    let passphrase = format!("file:{}", signed.text("passphrase"));
    let public = Command::new("openssl")
        .arg("pkey")
        .arg("-in")
        .arg(&key)
        .args(["-passin", &passphrase, "-pubout"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&public.stdout), fs::read_to_string(signed.path("public.pem")).unwrap());

    // The evidence: the signature is over the PAE, and over nothing else.
    let verify = |pae: &Path| {
        let mut openssl = Command::new("openssl");
        openssl.args(["pkeyutl", "-verify", "-pubin", "-rawin", "-inkey"]).arg(signed.path("public.pem"));
        openssl.arg("-in").arg(pae).arg("-sigfile").arg(signed.path("evidence/sig.bin")).output().unwrap()
    };
    assert!(succeeded(&verify(&signed.path("evidence/pae.bin"))));
    let mut pae = fs::read(signed.path("evidence/pae.bin")).unwrap();
    *pae.last_mut().unwrap() ^= 1;
    fs::write(signed.path("evidence/tampered.bin"), pae).unwrap();
    assert!(!succeeded(&verify(&signed.path("evidence/tampered.bin"))));
}

#[test]
fn securesystemslib_verifies_the_envelope() {
    if std::env::var_os("JACKFIELD_TEST_WITHOUT_PYTHON").is_some() {
        eprintln!("MISSING: Python with securesystemslib, so nothing was checked by it");
        return;
    }
    let python = std::env::var_os("JACKFIELD_TEST_PYTHON").expect(
        "hint: `cargo xtask test` prepares a Python with securesystemslib and names it in JACKFIELD_TEST_PYTHON",
    );
    let signed = Signed::new();
    let verify = |bundle: &Path, component: &Path| {
        let mut script = Command::new(&python);
        script
            .arg(vectors("verify_dsse.py"))
            .arg(bundle)
            .arg(signed.path("public.pem"))
            .arg(component)
            .output()
            .unwrap()
    };
    let (bundle, component) = (signed.path("echo.wasm.sigstore.json"), signed.path("echo.wasm"));
    let good = verify(&bundle, &component);
    assert!(succeeded(&good), "{}", String::from_utf8_lossy(&good.stderr));

    assert!(!succeeded(&verify(&signed.tampered_bundle(), &component)));

    let mut bytes = fs::read(&component).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    let tampered = signed.path("tampered.wasm");
    fs::write(&tampered, bytes).unwrap();
    assert!(!succeeded(&verify(&bundle, &tampered)));
}
