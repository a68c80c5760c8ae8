//! Clients that others wrote fetch a released connector byte for byte, and stage one: skopeo, the Python library oras, wkg.

use std::{path::Path, process::Command};

use jackfield_registry::oci::{
    self, Repository,
    digest::{Algorithm, ContentDigest},
};
use serde_json::json;

use crate::kit::TestRegistry;

/// A component: the preamble, and a custom section of bytes that nobody reads.
fn component() -> Vec<u8> {
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    let mut section = b"\x03pad".to_vec();
    section.extend((0..120_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()));
    bytes.push(0);
    let mut length = section.len();
    while length >= 0x80 {
        bytes.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend(section);
    bytes
}

/// What a client of this kind is called with; none if the tests are told that there is none.
fn tool(name: &str, variable: &str, without: &str, fallback: Option<&str>) -> Option<String> {
    if std::env::var_os(without).is_some() {
        eprintln!("MISSING: {name}, so nothing was fetched with it");
        return None;
    }
    let named = std::env::var(variable).ok().or(fallback.map(str::to_owned));
    let path = named.filter(|path| Command::new(path).arg("--version").output().is_ok());
    assert!(path.is_some(), "hint: name {name} in {variable}, or say that there is none: {without}=1");
    path
}

async fn ran(mut command: Command) -> String {
    let shown = format!("{command:?}");
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{shown}\n{}\n{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

struct Released {
    registry: TestRegistry,
    address: String,
    token: String,
    bytes: Vec<u8>,
    folder: tempfile::TempDir,
}

/// One connector pushed and shown, on the first database.
async fn released() -> Released {
    let registry = TestRegistry::each_with(|config, _| config.public_url = None).await.remove(0);
    let token = registry.owner("ada", "acme").await;
    let address = registry.listen().await;
    let (bytes, config) = (component(), wasm_config(&component()));
    let sha256 = |bytes: &[u8]| ContentDigest::of(Algorithm::Sha256, bytes).to_string();
    for blob in [bytes.as_slice(), config.as_bytes()] {
        let path = format!("/v2/acme/crm/blobs/uploads/?digest={}", sha256(blob));
        registry.post(&path).token(&token).bytes(blob.to_vec()).send().await.expect(201);
    }
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.wasm.config.v0+json", "digest": sha256(config.as_bytes()), "size": config.len(),
        },
        "layers": [{
            "mediaType": "application/wasm", "digest": sha256(&bytes), "size": bytes.len(),
            "annotations": { "org.opencontainers.image.title": "crm.wasm" },
        }],
    });
    let push = registry.put("/v2/acme/crm/manifests/1.0.0").token(&token);
    push.bytes(manifest.to_string()).send().await.expect(201);
    let mut tx = registry.shared.db.begin().await.unwrap();
    oci::reveal(&mut tx, &"acme/crm".parse::<Repository>().unwrap(), "1.0.0").await.unwrap();
    tx.commit().await.unwrap();
    Released { registry, address, token, bytes, folder: tempfile::tempdir().unwrap() }
}

fn wasm_config(component: &[u8]) -> String {
    json!({
        "created": "1970-01-01T00:00:00Z", "architecture": "wasm", "os": "wasip2",
        "layerDigests": [ContentDigest::of(Algorithm::Sha256, component).as_str()],
        "component": { "exports": [], "imports": [] },
    })
    .to_string()
}

impl Released {
    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// What another client staged is there for the owner, and for nobody else.
    async fn is_staged(&self, version: &str) {
        let path = format!("/v2/acme/crm/manifests/{version}");
        assert_eq!(self.registry.get(&path).send().await.status, 404);
        let staged = self.registry.get(&path).token(&self.token).send().await.expect(200);
        let layer = staged["layers"][0]["digest"].as_str().unwrap();
        let blob = self.registry.get(&format!("/v2/acme/crm/blobs/{layer}")).token(&self.token).send().await;
        assert!(blob.bytes == self.bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_copies_a_release() {
    let Some(skopeo) = tool("skopeo", "JACKFIELD_TEST_SKOPEO", "JACKFIELD_TEST_WITHOUT_SKOPEO", Some("skopeo")) else {
        return;
    };
    let released = released().await;
    let mut copy = Command::new(skopeo);
    copy.args(["copy", "--insecure-policy", "--src-tls-verify=false"]);
    copy.arg(format!("docker://{}/acme/crm:1.0.0", released.address));
    copy.arg(format!("dir:{}", released.path("copied").display()));
    ran(copy).await;
    let layer = ContentDigest::of(Algorithm::Sha256, &released.bytes).as_str()[7..].to_owned();
    assert!(std::fs::read(released.path("copied").join(layer)).unwrap() == released.bytes);
    let manifest = released.registry.get("/v2/acme/crm/manifests/1.0.0").send().await;
    assert_eq!(std::fs::read(released.path("copied/manifest.json")).unwrap(), manifest.bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn oras_pulls_a_release_and_stages_one() {
    let Some(python) = tool("Python with oras", "JACKFIELD_TEST_PYTHON", "JACKFIELD_TEST_WITHOUT_PYTHON", None) else {
        return;
    };
    let released = released().await;
    let oras = |verb: &str, version: &str| {
        let mut command = Command::new(&python);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/oras_client.py")).arg(verb);
        command.arg(format!("{}/acme/crm:{version}", released.address)).arg(released.folder.path());
        command
    };
    ran(oras("pull", "1.0.0")).await;
    assert!(std::fs::read(released.path("crm.wasm")).unwrap() == released.bytes);
    std::fs::write(released.path("config.json"), wasm_config(&released.bytes)).unwrap();
    let mut push = oras("push", "1.1.0");
    push.args(["ada", &released.token]);
    ran(push).await;
    released.is_staged("1.1.0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wkg_gets_a_release_and_publishes_one() {
    let Some(wkg) = tool("wkg", "JACKFIELD_TEST_WKG", "JACKFIELD_TEST_WITHOUT_WKG", Some("wkg")) else { return };
    let released = released().await;
    let registry = &released.address;
    let config = format!(
        "default_registry = \"{registry}\"\n\
         [namespace_registries]\nacme = \"{registry}\"\n\
         [registry.\"{registry}\"]\ntype = \"oci\"\n\
         [registry.\"{registry}\".oci]\nprotocol = \"http\"\nauth = {{ username = \"ada\", password = \"{}\" }}\n",
        released.token
    );
    std::fs::write(released.path("config.toml"), config).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&wkg);
        command.args(arguments).env("HOME", released.folder.path()).current_dir(released.folder.path());
        command.env("XDG_CACHE_HOME", released.path("cache")).env("WKG_CONFIG_FILE", released.path("config.toml"));
        command
    };
    ran(run(&["get", "acme:crm@1.0.0", "--format", "wasm", "--output", "./got.wasm"])).await;
    assert!(std::fs::read(released.path("got.wasm")).unwrap() == released.bytes);
    let reference = format!("{registry}/acme/crm:1.0.0");
    ran(run(&["oci", "pull", &reference, "--insecure", registry, "--output", "./pulled.wasm"])).await;
    assert!(std::fs::read(released.path("pulled.wasm")).unwrap() == released.bytes);
    // Not `wkg publish`, which takes only what was built from a WIT package with a version, and that is not the connector's.
    let reference = format!("{registry}/acme/crm:1.2.0");
    let login = ["-u", "ada", "-p", &released.token];
    ran(run(&[&["oci", "push", &reference, "got.wasm", "--insecure", registry][..], &login].concat())).await;
    released.is_staged("1.2.0").await;
}
