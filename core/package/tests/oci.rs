//! The documents a component is served under are made of its bytes alone.

mod common;

use common::{Builder, manifest_with};
use jackfield_package::{
    Digest, Package,
    oci::{Artifact, statement_manifest},
};
use serde_json::{Value, json};

#[test]
fn the_same_bytes_give_the_same_documents() {
    let bytes = Builder::default().bytes();
    let package = Package::parse(bytes.clone()).unwrap();
    let artifact = Artifact::of(&package);
    assert_eq!(artifact, Artifact::of(&Package::parse(bytes.clone()).unwrap()));
    let manifest: Value = serde_json::from_slice(&artifact.manifest).unwrap();
    let config: Value = serde_json::from_slice(&artifact.config).unwrap();
    let digest = Digest::of(&bytes).to_string();
    assert_eq!(
        manifest["layers"],
        json!([{
            "mediaType": "application/wasm", "digest": digest, "size": bytes.len(),
            "annotations": { "org.opencontainers.image.title": "weather.wasm" },
        }])
    );
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
    assert_eq!(manifest["config"]["digest"], Digest::of(&artifact.config).to_string());
    assert_eq!(manifest["config"]["size"], artifact.config.len());
    assert_eq!(manifest["annotations"]["org.opencontainers.image.version"], "1.2.3");
    assert_eq!(artifact.manifest_digest, Digest::of(&artifact.manifest));
    assert_eq!(config["layerDigests"], json!([digest]));
    assert_eq!(config["component"]["imports"], json!(package.imports()));

    let other = Builder::default().manifest(&manifest_with("/version", json!("1.2.4"))).package();
    assert_ne!(Artifact::of(&other).manifest_digest, artifact.manifest_digest);
}

#[test]
fn a_statement_refers_to_what_it_is_about() {
    let subject = Digest::of(b"a manifest");
    let manifest: Value = serde_json::from_slice(&statement_manifest(&subject, 10, b"a bundle")).unwrap();
    assert_eq!(manifest["subject"]["digest"], subject.to_string());
    assert_eq!(manifest["artifactType"], "application/vnd.dev.sigstore.bundle.v0.3+json");
    assert_eq!(manifest["layers"][0]["digest"], Digest::of(b"a bundle").to_string());
    assert_eq!(manifest["config"]["digest"], Digest::of(b"{}").to_string());
}
