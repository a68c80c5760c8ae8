//! The checks statement: a registry says which of its rules a release has passed.

use semver::Version;
use serde::{Deserialize, Serialize};

use super::{Bundle, frame};
use crate::{
    Digest, Label, PackageName, Refusal,
    key::SigningKey,
    limits::{CHECKS, WORD_CHARS},
};

/// `predicateType` of a checks statement.
pub const CHECKS_PREDICATE_TYPE: &str = "https://jackfield.dev/spec/checks/v1";

/// What a registry's validator found. There is none for a release that failed a rule: that is never released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChecksStatement {
    /// Who checked, a bare host name.
    pub registry: String,
    /// The package.
    pub name: PackageName,
    /// The release's version.
    pub version: Version,
    /// Digest of the component that was checked.
    pub component: Digest,
    /// Version of the rules.
    pub ruleset: String,
    /// Ids of the rules it passed.
    pub passed: Vec<Label>,
    /// Ids of the rules it did not pass, which only warn.
    pub warnings: Vec<Label>,
}

impl ChecksStatement {
    /// Signs it.
    pub fn sign(&self, key: &SigningKey) -> Bundle {
        Bundle::sign(self.to_payload(), key)
    }

    /// The statement's JSON, the same bytes for the same statement.
    pub fn to_payload(&self) -> Vec<u8> {
        let Self { registry, name, version, component, ruleset, passed, warnings } = self.clone();
        let form = Form { registry, name, version, ruleset, passed, warnings };
        frame::write(CHECKS_PREDICATE_TYPE, &[(frame::COMPONENT, component)], &form)
    }

    /// Reads a payload whose signature has been checked.
    ///
    /// # Errors
    /// The codes of [`crate::strict_json::parse_with`], `statement-type`, `statement-malformed`.
    pub fn from_verified_payload(payload: &[u8]) -> Result<Self, Refusal> {
        let (mut subjects, form) = frame::read::<Form>(payload, CHECKS_PREDICATE_TYPE)?;
        let component = subjects.required(frame::COMPONENT)?;
        subjects.nothing_left()?;
        let Form { registry, name, version, ruleset, passed, warnings } = form;
        frame::bounded("registry", &registry, WORD_CHARS)?;
        frame::bounded("ruleset", &ruleset, WORD_CHARS)?;
        if passed.len() + warnings.len() > CHECKS {
            return Err(frame::malformed(format!("the statement names more than {CHECKS} rules")));
        }
        Ok(Self { registry, name, version, component, ruleset, passed, warnings })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    registry: String,
    name: PackageName,
    version: Version,
    ruleset: String,
    passed: Vec<Label>,
    warnings: Vec<Label>,
}
