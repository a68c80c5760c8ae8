//! The publish statement: these bytes are that version of that package.

use semver::Version;
use serde::{Deserialize, Serialize};

use super::{Bundle, frame};
use crate::{Digest, Package, PackageName, Refusal, key::SigningKey};

/// `predicateType` of a publish statement.
pub const PUBLISH_PREDICATE_TYPE: &str = "https://jackfield.dev/spec/publish/v1";

/// What a publisher says by signing: these bytes are that version of that package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishStatement {
    /// Digest of the component.
    pub component: Digest,
    /// Digest of the OCI manifest it is served under, if known.
    pub oci_manifest: Option<Digest>,
    /// The registry it is meant for, a bare host name; none: any.
    pub registry: Option<String>,
    /// The package.
    pub name: PackageName,
    /// The release's version.
    pub version: Version,
    /// The contract, such as `jackfield:connector@0.1.0`.
    pub world: String,
    /// Digest of the section `jackfield:manifest`.
    pub manifest_digest: Digest,
    /// The component digest of the release before this one, if there is one.
    pub previous: Option<Digest>,
}

impl PublishStatement {
    /// What is true of this package; for any registry, without a predecessor.
    pub fn of(package: &Package) -> Self {
        let manifest = package.manifest();
        Self {
            component: package.digest(),
            oci_manifest: None,
            registry: None,
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            world: manifest.world.to_string(),
            manifest_digest: package.manifest_digest(),
            previous: None,
        }
    }

    /// Signs it.
    pub fn sign(&self, key: &SigningKey) -> Bundle {
        Bundle::sign(self.to_payload(), key)
    }

    /// The statement's JSON, the same bytes for the same statement.
    pub fn to_payload(&self) -> Vec<u8> {
        let mut subjects = vec![(frame::COMPONENT, self.component)];
        subjects.extend(self.oci_manifest.map(|digest| (frame::OCI_MANIFEST, digest)));
        let form = Form {
            registry: self.registry.clone(),
            name: self.name.clone(),
            version: self.version.clone(),
            world: self.world.clone(),
            manifest_digest: self.manifest_digest,
            previous: self.previous,
        };
        frame::write(PUBLISH_PREDICATE_TYPE, &subjects, &form)
    }

    /// Reads a payload whose signature has been checked: it takes what [`super::dsse::Envelope::verified_payload`] gives.
    ///
    /// # Errors
    /// The codes of [`crate::strict_json::parse_with`], `statement-type`, `statement-malformed`.
    pub fn from_verified_payload(payload: &[u8]) -> Result<Self, Refusal> {
        let (mut subjects, form) = frame::read::<Form>(payload, PUBLISH_PREDICATE_TYPE)?;
        let component = subjects.required(frame::COMPONENT)?;
        let oci_manifest = subjects.optional(frame::OCI_MANIFEST);
        subjects.nothing_left()?;
        let Form { registry, name, version, world, manifest_digest, previous } = form;
        Ok(Self { component, oci_manifest, registry, name, version, world, manifest_digest, previous })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    registry: Option<String>,
    name: PackageName,
    version: Version,
    world: String,
    manifest_digest: Digest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<Digest>,
}
