//! What the stories of `/v2/` push, and how they read a refusal.

use jackfield_package::PackageName;
use jackfield_registry::oci::digest::{Algorithm, ContentDigest};
use serde_json::{Value, json};

use crate::kit::{Answer, TestRegistry};

pub const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
pub const ARTIFACT: &str = "application/vnd.example.thing.v1";

impl Answer {
    /// A refusal under `/v2/`: its status, the code of the distribution-spec, and ours.
    #[track_caller]
    pub fn expect_oci(&self, status: u16, code: &str, own: &str) {
        assert_eq!(self.status.as_u16(), status, "{:?}", self.bytes);
        let error = &self.json::<Value>()["errors"][0];
        assert_eq!((&error["code"], &error["detail"]["code"]), (&json!(code), &json!(own)), "{error}");
    }

    #[track_caller]
    pub fn expect_bytes(&self, bytes: &[u8]) {
        assert_eq!((self.status.as_u16(), self.bytes.as_ref()), (200, bytes));
    }

    #[track_caller]
    pub fn expect_status(&self, status: u16) {
        assert_eq!(self.status.as_u16(), status, "{:?}", self.bytes);
    }
}

impl TestRegistry {
    pub async fn generic(&self, name: &str) -> String {
        let operator = self.operator();
        let wanted = json!({ "name": name, "class": "generic" });
        self.post("/v1/namespaces").token(&operator).json(&wanted).send().await.expect(201);
        operator
    }

    pub async fn begin(&self, token: &str, repository: &str) -> String {
        let begun = self.post(&format!("/v2/{repository}/blobs/uploads/")).token(token).send().await;
        begun.expect(202);
        begun.header("location").unwrap().to_owned()
    }

    pub async fn push_blob(&self, token: &str, repository: &str, bytes: &[u8]) -> String {
        let digest = digest(bytes);
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        self.post(&path).token(token).bytes(bytes.to_vec()).send().await.expect(201);
        digest
    }

    pub async fn push_manifest(&self, token: &str, repository: &str, reference: &str, manifest: &Value) -> Answer {
        let path = format!("/v2/{repository}/manifests/{reference}");
        self.put(&path).token(token).header("content-type", IMAGE).bytes(manifest.to_string()).send().await
    }

    /// Pushes what looks like a component; the manifest's digest.
    pub async fn push_connector(&self, token: &str, repository: &str, version: &str, component: &[u8]) -> Answer {
        let layer = self.push_blob(token, repository, component).await;
        let config = self.push_blob(token, repository, CONFIG.as_bytes()).await;
        self.push_manifest(token, repository, version, &connector(&config, &layer, component.len())).await
    }
}

pub const CONFIG: &str = "{\"architecture\":\"wasm\",\"os\":\"wasip2\"}";

pub fn digest(bytes: &[u8]) -> String {
    ContentDigest::of(Algorithm::Sha256, bytes).to_string()
}

pub fn connector(config: &str, layer: &str, size: usize) -> Value {
    json!({
        "schemaVersion": 2, "mediaType": IMAGE,
        "config": { "mediaType": "application/vnd.wasm.config.v0+json", "digest": config, "size": CONFIG.len() },
        "layers": [{ "mediaType": "application/wasm", "digest": layer, "size": size }],
    })
}

pub fn artifact(subject: Option<&str>) -> Value {
    let empty = json!({ "mediaType": "application/vnd.oci.empty.v1+json", "digest": digest(b"{}"), "size": 2 });
    let mut manifest = json!({
        "schemaVersion": 2, "mediaType": IMAGE, "artifactType": ARTIFACT, "config": empty, "layers": [empty],
    });
    if let Some(subject) = subject {
        manifest["subject"] = json!({ "mediaType": IMAGE, "digest": subject, "size": 2 });
    }
    manifest
}

pub fn name(text: &str) -> PackageName {
    text.parse().unwrap()
}
