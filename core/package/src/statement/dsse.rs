//! DSSE v1 (secure-systems-lab/dsse, protocol.md): what exactly is signed.

use crate::{
    Refusal,
    key::{PublicKey, SigningKey},
};

/// The payload type of every statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// The pre-authentication encoding: the bytes that a signature is made over.
/// `DSSEv1 <length of type> <type> <length of payload> <payload>`, lengths in decimal bytes.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut encoded = format!("DSSEv1 {} {} {} ", payload_type.len(), payload_type, payload.len()).into_bytes();
    encoded.extend_from_slice(payload);
    encoded
}

/// A payload with one signature. What the payload says is nobody's word until [`Self::verified_payload`] gives it out.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    payload_type: String,
    payload: Vec<u8>,
    signature: [u8; 64],
}

impl Envelope {
    /// Signs a payload of type [`PAYLOAD_TYPE`].
    pub fn sign(payload: Vec<u8>, key: &SigningKey) -> Self {
        let signature = key.sign(&pae(PAYLOAD_TYPE, &payload));
        Self { payload_type: PAYLOAD_TYPE.to_owned(), payload, signature }
    }

    pub(crate) fn from_parts(payload_type: String, payload: Vec<u8>, signature: [u8; 64]) -> Self {
        Self { payload_type, payload, signature }
    }

    /// What the payload claims to be.
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// The signature over [`Self::pae`].
    pub fn signature(&self) -> &[u8; 64] {
        &self.signature
    }

    /// The bytes that the signature is made over.
    pub fn pae(&self) -> Vec<u8> {
        pae(&self.payload_type, &self.payload)
    }

    /// The payload without any check, for storing it and for exporting evidence. Never decide by it.
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// The payload, if this key signed it.
    ///
    /// # Errors
    /// `signature-invalid`.
    pub fn verified_payload(&self, key: &PublicKey) -> Result<&[u8], Refusal> {
        if key.verify(&self.pae(), &self.signature) {
            return Ok(&self.payload);
        }
        Err(Refusal::new(
            "signature-invalid",
            format!("the signature is not one of key {} over this statement", key.id()),
        )
        .hint("the statement was changed after signing, or another key signed it: get it anew from the publisher"))
    }
}
