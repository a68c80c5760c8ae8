//! k of n: as many bundles over the same payload, counted by distinct key.

use crate::{
    Refusal,
    key::{KeyId, PublicKey},
    limits::BUNDLES,
    statement::{Bundle, PAYLOAD_TYPE},
};

/// A payload that enough keys have signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed<'b> {
    /// The verified bytes.
    pub payload: &'b [u8],
    /// Who signed them, each once, in the order of the bundles.
    pub signers: Vec<KeyId>,
}

/// The payload that at least `threshold` distinct keys of `keys` signed. Bundles of other keys count for nothing.
///
/// # Errors
/// `signature-missing`, `bundle-too-many`, `statement-type`, `signature-invalid` (a bundle names one of the keys, which did
/// not sign it), `signer-unknown` (no bundle names one of the keys), `threshold-not-met`.
pub fn signed_by<'b>(bundles: &'b [Bundle], keys: &[PublicKey], threshold: u64) -> Result<Signed<'b>, Refusal> {
    check_count(bundles)?;
    let mut payloads: Vec<Signed<'b>> = Vec::new();
    for bundle in bundles {
        let Some(key) = keys.iter().find(|key| key.id() == *bundle.key_hint()) else { continue };
        let payload = verified(bundle, key)?;
        let signer = key.id();
        match payloads.iter_mut().find(|signed| signed.payload == payload) {
            Some(signed) if signed.signers.contains(&signer) => {}
            Some(signed) => signed.signers.push(signer),
            None => payloads.push(Signed { payload, signers: vec![signer] }),
        }
    }
    let Some(best) = payloads.into_iter().max_by_key(|signed| signed.signers.len()) else {
        return Err(Refusal::new(
            "signer-unknown",
            format!("key {} has signed, and it is none of the {} that may", bundles[0].key_hint(), keys.len()),
        ));
    };
    let found = best.signers.len() as u64;
    if found < threshold.max(1) {
        return Err(Refusal::new(
            "threshold-not-met",
            format!("{found} keys signed the same statement: {threshold} must"),
        ));
    }
    Ok(best)
}

/// Who of `keys` signed; whatever each of them signed.
///
/// # Errors
/// `statement-type`, `signature-invalid`.
pub(crate) fn signers(bundles: &[Bundle], keys: &[PublicKey]) -> Result<Vec<KeyId>, Refusal> {
    let mut signers = Vec::new();
    for bundle in bundles {
        let Some(key) = keys.iter().find(|key| key.id() == *bundle.key_hint()) else { continue };
        verified(bundle, key)?;
        signers.push(key.id());
    }
    Ok(signers)
}

/// The payload of an in-toto envelope that this key signed.
///
/// # Errors
/// `statement-type`, `signature-invalid`.
pub fn verified<'b>(bundle: &'b Bundle, key: &PublicKey) -> Result<&'b [u8], Refusal> {
    let envelope = bundle.envelope();
    if envelope.payload_type() != PAYLOAD_TYPE {
        let shown = envelope.payload_type().chars().take(120).collect::<String>();
        return Err(Refusal::new(
            "statement-type",
            format!("the envelope's payload type is `{}`: expected `{PAYLOAD_TYPE}`", shown.escape_debug()),
        ));
    }
    envelope.verified_payload(key)
}

pub(crate) fn check_count(bundles: &[Bundle]) -> Result<(), Refusal> {
    match bundles.len() {
        0 => Err(Refusal::new("signature-missing", "there is no signed statement")),
        count if count > BUNDLES => {
            Err(Refusal::new("bundle-too-many", format!("{count} bundles for one statement: at most {BUNDLES}")))
        }
        _ => Ok(()),
    }
}
