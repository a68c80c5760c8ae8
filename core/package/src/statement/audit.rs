//! The audit statement: somebody has read a release, and says what it is worth.

use semver::Version;
use serde::{Deserialize, Serialize};

use super::{Bundle, frame};
use crate::{Digest, Label, PackageName, Refusal, key::SigningKey, limits::TEXT_CHARS};

/// `predicateType` of an audit statement.
pub const AUDIT_PREDICATE_TYPE: &str = "https://jackfield.dev/spec/audit/v1";

/// A reviewer's verdict on one component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditStatement {
    /// The package.
    pub name: PackageName,
    /// The release's version.
    pub version: Version,
    /// Digest of the component that was read.
    pub component: Digest,
    /// What it was held against, such as `safe-to-run`.
    pub criteria: Label,
    /// Whether it meets them.
    pub verdict: Verdict,
    /// The component that it was compared with, if not all of it was read.
    pub delta_from: Option<Digest>,
    /// In the reviewer's words.
    pub notes: String,
    /// Microseconds since 1970 after which it counts no more.
    pub expires: Option<i64>,
}

/// What an audit comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It meets the criteria.
    Pass,
    /// It does not: for who trusts the reviewer, a veto.
    Fail,
}

impl AuditStatement {
    /// Signs it.
    pub fn sign(&self, key: &SigningKey) -> Bundle {
        Bundle::sign(self.to_payload(), key)
    }

    /// The statement's JSON, the same bytes for the same statement.
    pub fn to_payload(&self) -> Vec<u8> {
        let Self { name, version, component, criteria, verdict, delta_from, notes, expires } = self.clone();
        let form = Form { name, version, criteria, verdict, delta_from, notes, expires };
        frame::write(AUDIT_PREDICATE_TYPE, &[(frame::COMPONENT, component)], &form)
    }

    /// Reads a payload whose signature has been checked.
    ///
    /// # Errors
    /// The codes of [`crate::strict_json::parse_with`], `statement-type`, `statement-malformed`.
    pub fn from_verified_payload(payload: &[u8]) -> Result<Self, Refusal> {
        let (mut subjects, form) = frame::read::<Form>(payload, AUDIT_PREDICATE_TYPE)?;
        let component = subjects.required(frame::COMPONENT)?;
        subjects.nothing_left()?;
        let Form { name, version, criteria, verdict, delta_from, notes, expires } = form;
        frame::bounded("notes", &notes, TEXT_CHARS)?;
        Ok(Self { name, version, component, criteria, verdict, delta_from, notes, expires })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    name: PackageName,
    version: Version,
    criteria: Label,
    verdict: Verdict,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delta_from: Option<Digest>,
    notes: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<i64>,
}
