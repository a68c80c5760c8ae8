//! How a component looks in an OCI registry: the documents it is served under, made of nothing but its bytes.
//!
//! Follows the CNCF's guidance for Wasm artifacts: an image manifest whose config says what the component is, and exactly one
//! layer, the component. The same package gives the same bytes everywhere, so a publish statement can name the digest of
//! the manifest before a registry has seen it.

use serde_json::json;

use crate::{Digest, Package, statement::BUNDLE_MEDIA_TYPE, strict_json::to_canonical_string};

/// The type of the manifest.
pub const MANIFEST_MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// The type of its config.
pub const CONFIG_MEDIA_TYPE: &str = "application/vnd.wasm.config.v0+json";
/// The type of its one layer.
pub const LAYER_MEDIA_TYPE: &str = "application/wasm";
/// The type of a statement that refers to it.
pub const STATEMENT_MEDIA_TYPE: &str = BUNDLE_MEDIA_TYPE;
/// The config of what needs none (image-spec, manifest.md).
pub const EMPTY_CONFIG: &[u8] = b"{}";
const EMPTY_MEDIA_TYPE: &str = "application/vnd.oci.empty.v1+json";

/// The documents a component is served under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// The config: JSON with sorted keys.
    pub config: Vec<u8>,
    /// Its digest.
    pub config_digest: Digest,
    /// The manifest: JSON with sorted keys.
    pub manifest: Vec<u8>,
    /// Its digest: what a publish statement names as `oci_manifest`.
    pub manifest_digest: Digest,
    /// The digest of the layer, which is the component.
    pub component: Digest,
}

impl Artifact {
    /// Those of a package.
    pub fn of(package: &Package) -> Self {
        let component = package.digest();
        let about = package.manifest();
        let config = to_canonical_string(&json!({
            // Clients ask for a time. The bytes have none of their own, and a clock would make two digests of one thing.
            "created": "1970-01-01T00:00:00Z",
            "architecture": "wasm",
            "os": "wasip2",
            "layerDigests": [component],
            "component": { "exports": package.exports(), "imports": package.imports() },
        }))
        .into_bytes();
        let config_digest = Digest::of(&config);
        let manifest = to_canonical_string(&json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST_MEDIA_TYPE,
            "config": { "mediaType": CONFIG_MEDIA_TYPE, "digest": config_digest, "size": config.len() },
            "layers": [{
                "mediaType": LAYER_MEDIA_TYPE,
                "digest": component,
                "size": package.size(),
                // What clients name the file that they write.
                "annotations": { "org.opencontainers.image.title": format!("{}.wasm", about.name.name()) },
            }],
            "annotations": {
                "org.opencontainers.image.title": about.name,
                "org.opencontainers.image.version": about.version,
                "org.opencontainers.image.description": about.summary,
                "org.opencontainers.image.licenses": about.license,
            },
        }))
        .into_bytes();
        let manifest_digest = Digest::of(&manifest);
        Self { config, config_digest, manifest, manifest_digest, component }
    }
}

/// The manifest under which a statement refers to a manifest of `subject_size` bytes and of type [`MANIFEST_MEDIA_TYPE`].
pub fn statement_manifest(subject: &Digest, subject_size: i64, bundle: &[u8]) -> Vec<u8> {
    to_canonical_string(&json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST_MEDIA_TYPE,
        "artifactType": STATEMENT_MEDIA_TYPE,
        "config": { "mediaType": EMPTY_MEDIA_TYPE, "digest": Digest::of(EMPTY_CONFIG), "size": EMPTY_CONFIG.len() },
        "layers": [{ "mediaType": STATEMENT_MEDIA_TYPE, "digest": Digest::of(bundle), "size": bundle.len() }],
        "subject": { "mediaType": MANIFEST_MEDIA_TYPE, "digest": subject, "size": subject_size },
    }))
    .into_bytes()
}
