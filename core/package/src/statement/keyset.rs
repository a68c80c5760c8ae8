//! The keyset statement: these are a namespace's keys from now on, and so many of them must sign.

use serde::{Deserialize, Serialize};

use super::{Bundle, frame, quorum};
use crate::{
    Digest, Label, Refusal,
    key::{KeyId, PublicKey, SigningKey},
    limits::{KEYSET_KEYS, SUMMARY_CHARS},
};

/// `predicateType` of a keyset statement.
pub const KEYSET_PREDICATE_TYPE: &str = "https://jackfield.dev/spec/keyset/v1";

/// A namespace's keys. Version 1 is signed by every key in it (proof of possession); version n+1 by as many keys of
/// version n as its threshold says, and by every key that is new. Each signer is a bundle over the same payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysetStatement {
    /// Whose keys.
    pub namespace: Label,
    /// From 1, one more each time.
    pub version: u64,
    /// How many distinct keys must sign a statement of the namespace.
    pub threshold: u64,
    /// The keys, each once.
    pub keys: Vec<PublicKey>,
    /// Why they changed.
    pub reason: String,
}

impl KeysetStatement {
    /// Signs it with one of its signers.
    pub fn sign(&self, key: &SigningKey) -> Bundle {
        Bundle::sign(self.to_payload(), key)
    }

    /// The statement's JSON, the same bytes for the same statement.
    pub fn to_payload(&self) -> Vec<u8> {
        let Self { namespace, version, threshold, keys, reason } = self.clone();
        let subject = (frame::NAME, Digest::of(namespace.as_str().as_bytes()));
        frame::write(KEYSET_PREDICATE_TYPE, &[subject], &Form { namespace, version, threshold, keys, reason })
    }

    /// Reads a payload whose signature has been checked; see [`accept_keyset`] for how.
    ///
    /// # Errors
    /// The codes of [`crate::strict_json::parse_with`], `statement-type`, `statement-malformed`.
    pub fn from_verified_payload(payload: &[u8]) -> Result<Self, Refusal> {
        let (mut subjects, form) = frame::read::<Form>(payload, KEYSET_PREDICATE_TYPE)?;
        subjects.name(form.namespace.as_str())?;
        subjects.nothing_left()?;
        let Form { namespace, version, threshold, keys, reason } = form;
        frame::bounded("reason", &reason, SUMMARY_CHARS)?;
        if version == 0 {
            return Err(frame::malformed("versions of a keyset begin with 1"));
        }
        if keys.is_empty() || keys.len() > KEYSET_KEYS {
            return Err(frame::malformed(format!("a keyset has 1 to {KEYSET_KEYS} keys, and this has {}", keys.len())));
        }
        if keys.iter().enumerate().any(|(index, key)| keys[..index].contains(key)) {
            return Err(frame::malformed("a key stands twice in the keyset"));
        }
        if !(1..=keys.len() as u64).contains(&threshold) {
            return Err(frame::malformed(format!("the threshold is {threshold}, of {} keys", keys.len())));
        }
        Ok(Self { namespace, version, threshold, keys, reason })
    }

    /// The key of this name, if it is in the set.
    pub fn key(&self, id: &KeyId) -> Option<&PublicKey> {
        self.keys.iter().find(|key| key.id() == *id)
    }

    /// The payload that as many distinct keys of this set signed as its threshold says.
    ///
    /// # Errors
    /// Those of [`quorum::signed_by`].
    pub fn quorum_of<'b>(&self, bundles: &'b [Bundle]) -> Result<quorum::Signed<'b>, Refusal> {
        quorum::signed_by(bundles, &self.keys, self.threshold)
    }
}

/// Accepts a namespace's next keyset: `previous` is the one that counts now, none before the first.
///
/// Who signs a first keyset can be told from the keyset alone, so the payload is read, by the same strict reader, before
/// its signatures are checked; nothing of it gets out unless all of them hold.
///
/// # Errors
/// `signature-missing`, `bundle-too-many`, `keyset-payloads-differ`, the codes of
/// [`KeysetStatement::from_verified_payload`], `keyset-namespace`, `keyset-version`, `signature-invalid`,
/// `keyset-threshold` (too few of the keys before), `keyset-proof-missing` (a new key did not sign).
pub fn accept_keyset(previous: Option<&KeysetStatement>, bundles: &[Bundle]) -> Result<KeysetStatement, Refusal> {
    quorum::check_count(bundles)?;
    let payload = bundles[0].envelope().unverified_payload();
    if bundles.iter().any(|bundle| bundle.envelope().unverified_payload() != payload) {
        return Err(Refusal::new(
            "keyset-payloads-differ",
            "the bundles of one keyset change must be over the same statement, byte for byte",
        ));
    }
    let keyset = KeysetStatement::from_verified_payload(payload)?;
    let expected = previous.map_or(1, |previous| previous.version.saturating_add(1));
    if let Some(previous) = previous.filter(|previous| previous.namespace != keyset.namespace) {
        return Err(Refusal::new(
            "keyset-namespace",
            format!("the keyset is one of `{}`: expected `{}`", keyset.namespace, previous.namespace),
        ));
    }
    if keyset.version != expected {
        return Err(Refusal::new(
            "keyset-version",
            format!("the keyset of `{}` has version {}: expected {expected}", keyset.namespace, keyset.version),
        )
        .hint("fetch the namespace's keyset and change that"));
    }
    let old = previous.map_or(&[][..], |previous| &previous.keys);
    let all: Vec<PublicKey> = old.iter().chain(&keyset.keys).copied().collect();
    let signers = quorum::signers(bundles, &all)?;
    let by_old = old.iter().filter(|key| signers.contains(&key.id())).count() as u64;
    let needed = previous.map_or(0, |previous| previous.threshold);
    if by_old < needed {
        return Err(Refusal::new(
            "keyset-threshold",
            format!(
                "{by_old} keys of version {} signed the change: its threshold is {needed}",
                expected.saturating_sub(1)
            ),
        ));
    }
    if let Some(silent) = keyset.keys.iter().find(|key| !old.contains(key) && !signers.contains(&key.id())) {
        return Err(Refusal::new(
            "keyset-proof-missing",
            format!("the new key {} did not sign the keyset: each new key proves that it is held", silent.id()),
        ));
    }
    Ok(keyset)
}

/// Accepts a keyset that follows though the keys before did not sign it, since they are lost: the registry signed it in their
/// place, and each key of it signed as ever.
///
/// # Errors
/// Those of [`accept_keyset`]; `keyset-threshold` if the registry did not sign.
pub fn accept_recovery(
    previous: &KeysetStatement,
    bundles: &[Bundle],
    registry: &PublicKey,
) -> Result<KeysetStatement, Refusal> {
    let by_registry = bundles.iter().find(|bundle| *bundle.key_hint() == registry.id()).ok_or_else(|| {
        Refusal::new("keyset-threshold", "neither the keys before nor the registry signed the keyset")
    })?;
    quorum::verified(by_registry, registry)?;
    let nobody = KeysetStatement { threshold: 0, keys: Vec::new(), ..previous.clone() };
    accept_keyset(Some(&nobody), bundles)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    namespace: Label,
    version: u64,
    threshold: u64,
    keys: Vec<PublicKey>,
    reason: String,
}
