//! The status statement: a release or a key is taken back, or given back.

use semver::Version;
use serde::{Deserialize, Serialize};

use super::{Bundle, frame};
use crate::{
    Digest, Label, PackageName, Refusal,
    key::{KeyId, SigningKey},
    limits::{SUMMARY_CHARS, WORD_CHARS},
};

/// `predicateType` of a status statement.
pub const STATUS_PREDICATE_TYPE: &str = "https://jackfield.dev/spec/status/v1";

/// What somebody says who may: an owner with a key of the namespace, a moderator with the registry's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusStatement {
    /// The registry it is meant for, a bare host name.
    pub registry: String,
    /// What it is about.
    pub subject: StatusSubject,
    /// What becomes of it.
    pub action: StatusAction,
    /// Why.
    pub reason: String,
    /// Of a key: what it signed at or after this index of the log is not valid. None: nothing that it ever signed is.
    pub since_index: Option<u64>,
    /// Microseconds since 1970 at which it ends by itself. A quarantine has one.
    pub expires: Option<i64>,
    /// The person, as the registry knows them, such as `user:alice`.
    pub by: String,
}

/// What a status is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusSubject {
    /// One release.
    Release {
        /// The package.
        name: PackageName,
        /// Its version.
        version: Version,
        /// Digest of its component.
        component: Digest,
    },
    /// One key of a namespace.
    Key {
        /// Whose.
        namespace: Label,
        /// Which.
        key: KeyId,
    },
}

/// What becomes of a release or key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StatusAction {
    /// Not for new installations; what is installed goes on. Of releases.
    Yank,
    /// Nobody is to install it until somebody has looked, a few days at most. Of releases.
    Quarantine,
    /// Nobody is to run it any more; of a key: nobody is to believe it.
    Revoke,
    /// Takes the statuses before it back.
    Lift,
}

impl StatusAction {
    /// The word in statements.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yank => "yank",
            Self::Quarantine => "quarantine",
            Self::Revoke => "revoke",
            Self::Lift => "lift",
        }
    }
}

impl StatusStatement {
    /// Signs it.
    pub fn sign(&self, key: &SigningKey) -> Bundle {
        Bundle::sign(self.to_payload(), key)
    }

    /// The statement's JSON, the same bytes for the same statement.
    pub fn to_payload(&self) -> Vec<u8> {
        let (subject, release, key) = match &self.subject {
            StatusSubject::Release { name, version, component } => (
                (frame::COMPONENT, *component),
                Some(ReleaseForm { name: name.clone(), version: version.clone() }),
                None,
            ),
            StatusSubject::Key { namespace, key } => {
                ((frame::KEY, key.as_digest()), None, Some(KeyForm { namespace: namespace.clone(), keyid: *key }))
            }
        };
        let form = Form {
            registry: self.registry.clone(),
            release,
            key,
            action: self.action,
            reason: self.reason.clone(),
            since_index: self.since_index,
            expires: self.expires,
            by: self.by.clone(),
        };
        frame::write(STATUS_PREDICATE_TYPE, &[subject], &form)
    }

    /// Reads a payload whose signature has been checked.
    ///
    /// # Errors
    /// The codes of [`crate::strict_json::parse_with`], `statement-type`, `statement-malformed`.
    pub fn from_verified_payload(payload: &[u8]) -> Result<Self, Refusal> {
        let (mut subjects, form) = frame::read::<Form>(payload, STATUS_PREDICATE_TYPE)?;
        let subject = match (form.release, form.key) {
            (Some(ReleaseForm { name, version }), None) => {
                StatusSubject::Release { name, version, component: subjects.required(frame::COMPONENT)? }
            }
            (None, Some(KeyForm { namespace, keyid })) => {
                if subjects.required(frame::KEY)? != keyid.as_digest() {
                    return Err(frame::malformed("the statement's subject `key` is not its `keyid`"));
                }
                StatusSubject::Key { namespace, key: keyid }
            }
            _ => return Err(frame::malformed("a status is of one `release` or of one `key`")),
        };
        subjects.nothing_left()?;
        let Form { registry, action, reason, since_index, expires, by, .. } = form;
        frame::bounded("registry", &registry, WORD_CHARS)?;
        frame::bounded("reason", &reason, SUMMARY_CHARS)?;
        frame::bounded("by", &by, WORD_CHARS)?;
        let is_key = matches!(subject, StatusSubject::Key { .. });
        if is_key && matches!(action, StatusAction::Yank | StatusAction::Quarantine) {
            return Err(frame::malformed(format!("a key has no `{}`: `revoke` or `lift`", action.as_str())));
        }
        if since_index.is_some() && !(is_key && action == StatusAction::Revoke) {
            return Err(frame::malformed("only the revocation of a key has `since_index`"));
        }
        if expires.is_none() && action == StatusAction::Quarantine {
            return Err(frame::malformed("a quarantine has a day on which it ends: `expires`"));
        }
        Ok(Self { registry, subject, action, reason, since_index, expires, by })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    registry: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    release: Option<ReleaseForm>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<KeyForm>,
    action: StatusAction,
    reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since_index: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<i64>,
    by: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseForm {
    name: PackageName,
    version: Version,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyForm {
    namespace: Label,
    keyid: KeyId,
}
