//! The publish statement: in-toto Statement v1 (in-toto/attestation, spec/v1/statement.md) with our own predicate.

use semver::Version;
use serde::{Deserialize, Serialize};

use super::Bundle;
use crate::{
    Digest, Package, PackageName, Refusal,
    key::SigningKey,
    limits::{STATEMENT_BYTES, SUBJECTS},
    strict_json::{self, Floats},
};

/// `_type` of every statement.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// `predicateType` of a publish statement.
pub const PUBLISH_PREDICATE_TYPE: &str = "https://jackfield.dev/spec/publish/v1";

/// The name of the subject that is the component's bytes.
const COMPONENT: &str = "component";
/// The name of the subject that is the OCI image manifest which holds the component.
const OCI_MANIFEST: &str = "oci-manifest";

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
        let subject = |name: &str, digest: Digest| SubjectForm {
            name: name.to_owned(),
            digest: DigestForm { sha256: digest.hex() },
        };
        let mut subjects = vec![subject(COMPONENT, self.component)];
        subjects.extend(self.oci_manifest.map(|digest| subject(OCI_MANIFEST, digest)));
        let form = StatementForm {
            r#type: STATEMENT_TYPE.to_owned(),
            subject: subjects,
            predicate_type: PUBLISH_PREDICATE_TYPE.to_owned(),
            predicate: PredicateForm {
                registry: self.registry.clone(),
                name: self.name.clone(),
                version: self.version.clone(),
                world: self.world.clone(),
                manifest_digest: self.manifest_digest,
                previous: self.previous,
            },
        };
        strict_json::to_canonical_string(&form).into_bytes()
    }

    /// Reads a payload whose signature has been checked: it takes what [`super::dsse::Envelope::verified_payload`] gives.
    ///
    /// # Errors
    /// The codes of [`strict_json::parse_with`], `statement-type`, `statement-malformed`.
    pub fn from_verified_payload(payload: &[u8]) -> Result<Self, Refusal> {
        if payload.len() > STATEMENT_BYTES {
            return Err(Refusal::new(
                "statement-malformed",
                format!("the statement has more than {STATEMENT_BYTES} bytes"),
            ));
        }
        let value = strict_json::parse_with(payload, Floats::Refused)?;
        check_type(&value, "_type", STATEMENT_TYPE)?;
        check_type(&value, "predicateType", PUBLISH_PREDICATE_TYPE)?;
        let form: StatementForm = strict_json::from_value(value, "statement-malformed")?;
        if form.subject.len() > SUBJECTS {
            return Err(Refusal::new(
                "statement-malformed",
                format!("the statement has more than {SUBJECTS} subjects"),
            ));
        }
        let subject = |name: &str| -> Result<Option<Digest>, Refusal> {
            let mut found = form.subject.iter().filter(|subject| subject.name == name);
            match (found.next(), found.next()) {
                (Some(subject), None) => Ok(Some(Digest::from_hex(&subject.digest.sha256)?)),
                (Some(_), Some(_)) => {
                    Err(Refusal::new("statement-malformed", format!("the statement has two subjects named `{name}`")))
                }
                (None, _) => Ok(None),
            }
        };
        let component = subject(COMPONENT)?.ok_or_else(|| {
            Refusal::new("statement-malformed", format!("the statement has no subject named `{COMPONENT}`"))
        })?;
        let oci_manifest = subject(OCI_MANIFEST)?;
        let PredicateForm { registry, name, version, world, manifest_digest, previous } = form.predicate;
        Ok(Self { component, oci_manifest, registry, name, version, world, manifest_digest, previous })
    }
}

fn check_type(value: &serde_json::Value, key: &str, expected: &str) -> Result<(), Refusal> {
    let found = value.get(key).and_then(serde_json::Value::as_str).unwrap_or_default();
    if found == expected {
        return Ok(());
    }
    let shown = found.chars().take(120).collect::<String>();
    Err(Refusal::new(
        "statement-type",
        format!("the statement's `{key}` is `{}`: expected `{expected}`", shown.escape_debug()),
    ))
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StatementForm {
    #[serde(rename = "_type")]
    r#type: String,
    subject: Vec<SubjectForm>,
    predicate_type: String,
    predicate: PredicateForm,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubjectForm {
    name: String,
    digest: DigestForm,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DigestForm {
    sha256: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PredicateForm {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    registry: Option<String>,
    name: PackageName,
    version: Version,
    world: String,
    manifest_digest: Digest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<Digest>,
}
