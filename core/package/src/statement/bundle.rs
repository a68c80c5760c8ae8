//! Sigstore bundle v0.3 (sigstore/protobuf-specs, sigstore_bundle.proto) around one DSSE envelope.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::dsse::Envelope;
use crate::{
    Refusal,
    key::{KeyId, SigningKey},
    limits::{BUNDLE_BYTES, INDEX_BUNDLE_BYTES, INDEX_BYTES, STATEMENT_BYTES},
    log::SigstoreEntry,
    strict_json::{self, Floats},
};

/// The media type of a bundle.
pub const BUNDLE_MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// What a bundle's file is called: `echo.wasm` has `echo.wasm.sigstore.json`.
pub fn bundle_file_name(component: &str) -> String {
    format!("{component}.sigstore.json")
}

/// One signed statement, with a hint which key signed it.
#[derive(Clone, PartialEq)]
pub struct Bundle {
    envelope: Envelope,
    key_hint: KeyId,
    tlog_entries: Vec<Value>,
}

impl Bundle {
    /// Signs a statement's JSON.
    pub fn sign(payload: Vec<u8>, key: &SigningKey) -> Self {
        Self { envelope: Envelope::sign(payload, key), key_hint: key.key_id(), tlog_entries: Vec::new() }
    }

    /// Reads a bundle. The statement inside stays unread.
    ///
    /// # Errors
    /// `bundle-too-large`, the codes of [`strict_json::parse_with`], `bundle-invalid`, `bundle-media-type`,
    /// `signature-missing`, `signature-too-many`, `signature-invalid` (not 64 bytes).
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        Self::parse_within(bytes, BUNDLE_BYTES, STATEMENT_BYTES)
    }

    /// Reads a bundle around an [`super::IndexStatement`], which may be larger than others.
    ///
    /// # Errors
    /// Those of [`Self::parse`].
    pub fn parse_index(bytes: &[u8]) -> Result<Self, Refusal> {
        Self::parse_within(bytes, INDEX_BUNDLE_BYTES, INDEX_BYTES)
    }

    fn parse_within(bytes: &[u8], bundle_bytes: usize, statement_bytes: usize) -> Result<Self, Refusal> {
        if bytes.len() > bundle_bytes {
            return Err(Refusal::new(
                "bundle-too-large",
                format!("the bundle has {} bytes: at most {bundle_bytes}", bytes.len()),
            ));
        }
        let form: Form = strict_json::from_slice(bytes, Floats::Refused, "bundle-invalid")?;
        if form.media_type != BUNDLE_MEDIA_TYPE {
            return Err(Refusal::new(
                "bundle-media-type",
                format!("the bundle is of type `{}`: expected `{BUNDLE_MEDIA_TYPE}`", shown(&form.media_type)),
            ));
        }
        let DsseForm { payload, payload_type, signatures } = form.dsse_envelope;
        let [signature] = signatures.as_slice() else {
            return Err(match signatures.len() {
                0 => Refusal::new("signature-missing", "the envelope holds no signature"),
                count => Refusal::new(
                    "signature-too-many",
                    format!("the envelope holds {count} signatures: exactly one is allowed"),
                )
                .hint("one bundle a signer; put further bundles beside it"),
            });
        };
        let key_hint: KeyId = form.verification_material.public_key.hint.parse()?;
        if signature.keyid.as_ref().is_some_and(|keyid| !keyid.is_empty() && *keyid != key_hint.to_string()) {
            return Err(Refusal::new(
                "bundle-invalid",
                "the bundle's key hint and the signature's `keyid` name different keys",
            ));
        }
        let decode = |what: &str, text: &str| {
            STANDARD.decode(text).map_err(|error| {
                Refusal::new("bundle-invalid", format!("the {what} is not base64 (RFC 4648, 4): {error}"))
            })
        };
        let payload = decode("payload", &payload)?;
        if payload.len() > statement_bytes {
            return Err(Refusal::new(
                "bundle-too-large",
                format!("the statement has {} bytes: at most {statement_bytes}", payload.len()),
            ));
        }
        let signature: [u8; 64] = decode("signature", &signature.sig)?.try_into().map_err(|bytes: Vec<u8>| {
            Refusal::new(
                "signature-invalid",
                format!("an Ed25519 signature has 64 bytes, and this has {}", bytes.len()),
            )
        })?;
        Ok(Self {
            envelope: Envelope::from_parts(payload_type, payload, signature),
            key_hint,
            tlog_entries: form.verification_material.tlog_entries,
        })
    }

    /// The bundle's JSON, the same bytes for the same bundle.
    pub fn to_bytes(&self) -> Vec<u8> {
        let key_hint = self.key_hint.to_string();
        let form = Form {
            media_type: BUNDLE_MEDIA_TYPE.to_owned(),
            verification_material: MaterialForm {
                public_key: KeyForm { hint: key_hint.clone() },
                tlog_entries: self.tlog_entries.clone(),
            },
            dsse_envelope: DsseForm {
                payload: STANDARD.encode(self.envelope.unverified_payload()),
                payload_type: self.envelope.payload_type().to_owned(),
                signatures: vec![SignatureForm {
                    sig: STANDARD.encode(self.envelope.signature()),
                    keyid: Some(key_hint),
                }],
            },
        };
        strict_json::to_canonical_string(&form).into_bytes()
    }

    /// The same with a log entry in place of those that it had.
    ///
    /// # Errors
    /// `checkpoint-malformed` if the proof's note is no checkpoint.
    pub fn with_log_entry(mut self, entry: &SigstoreEntry) -> Result<Self, Refusal> {
        self.tlog_entries = vec![entry.to_json()?];
        Ok(self)
    }

    /// The same without log entries: what is stored, and what its digest is taken of.
    #[must_use]
    pub fn without_log_entries(mut self) -> Self {
        self.tlog_entries.clear();
        self
    }

    /// The log entries that it carries, none of them verified.
    ///
    /// # Errors
    /// `log-proof-malformed`, also for other logs' kinds of entries; those of the checkpoint.
    pub fn log_entries(&self) -> Result<Vec<SigstoreEntry>, Refusal> {
        self.tlog_entries.iter().map(SigstoreEntry::from_json).collect()
    }

    /// The signed envelope.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Which key is said to have signed. A hint: the signature decides.
    pub fn key_hint(&self) -> &KeyId {
        &self.key_hint
    }
}

impl std::fmt::Debug for Bundle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bundle(said to be signed by {})", self.key_hint)
    }
}

fn shown(text: &str) -> String {
    text.chars().take(120).collect::<String>().escape_debug().to_string()
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Form {
    media_type: String,
    verification_material: MaterialForm,
    dsse_envelope: DsseForm,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MaterialForm {
    public_key: KeyForm,
    #[serde(default)]
    tlog_entries: Vec<Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyForm {
    hint: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DsseForm {
    payload: String,
    payload_type: String,
    signatures: Vec<SignatureForm>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureForm {
    sig: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keyid: Option<String>,
}
