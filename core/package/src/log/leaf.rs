//! What one statement is in the log: Rekor's `hashedrekord` 0.0.2 (sigstore/protobuf-specs, rekor/v2).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    Refusal,
    key::PublicKey,
    limits::LOG_ENTRY_BYTES,
    statement::Bundle,
    strict_json::{self, Floats},
};

/// `kind` of every entry.
pub const KIND: &str = "hashedrekord";
/// `apiVersion` of every entry.
pub const VERSION: &str = "0.0.2";
/// What precedes the 32 bytes of an Ed25519 key in its SubjectPublicKeyInfo (RFC 8410, section 4).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The log's entry for a statement that this key signed: canonical JSON (RFC 8785) over SHA-256 of the statement's
/// pre-authentication encoding, the signature and the key. Verifiers always make it anew and never take it from the wire.
pub fn leaf(bundle: &Bundle, key: &PublicKey) -> Vec<u8> {
    Leaf::of(bundle, key).to_bytes()
}

/// An entry, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// SHA-256 of the pre-authentication encoding.
    pub digest: [u8; 32],
    /// Over the pre-authentication encoding.
    pub signature: [u8; 64],
    /// Who signed.
    pub key: PublicKey,
}

impl Leaf {
    /// The entry of a statement.
    pub fn of(bundle: &Bundle, key: &PublicKey) -> Self {
        let envelope = bundle.envelope();
        Self { digest: Sha256::digest(envelope.pae()).into(), signature: *envelope.signature(), key: *key }
    }

    /// The entry's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let key = [&SPKI_PREFIX[..], &self.key.to_bytes()].concat();
        let form = Form {
            kind: KIND.to_owned(),
            api_version: VERSION.to_owned(),
            spec: SpecForm {
                record: RecordForm {
                    data: DataForm { algorithm: "SHA2_256".to_owned(), digest: STANDARD.encode(self.digest) },
                    signature: SignatureForm {
                        content: STANDARD.encode(self.signature),
                        verifier: VerifierForm {
                            key_details: "PKIX_ED25519".to_owned(),
                            public_key: KeyForm { raw_bytes: STANDARD.encode(key) },
                        },
                    },
                },
            },
        };
        strict_json::to_canonical_string(&form).into_bytes()
    }

    /// Reads an entry, and takes only the one spelling that [`Self::to_bytes`] writes.
    ///
    /// # Errors
    /// `log-entry-malformed`, and the codes of [`strict_json::parse_with`] and [`PublicKey::from_bytes`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let malformed = |what: &str| Refusal::new("log-entry-malformed", format!("the log entry {what}"));
        if bytes.len() > LOG_ENTRY_BYTES {
            return Err(malformed(&format!("has more than {LOG_ENTRY_BYTES} bytes")));
        }
        let form: Form = strict_json::from_slice(bytes, Floats::Refused, "log-entry-malformed")?;
        let RecordForm { data, signature } = form.spec.record;
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| malformed("holds what is not base64"));
        let key = decode(&signature.verifier.public_key.raw_bytes)?;
        let key = key.strip_prefix(&SPKI_PREFIX).ok_or_else(|| malformed("is not of an Ed25519 key"))?;
        let leaf = Self {
            digest: decode(&data.digest)?.try_into().map_err(|_| malformed("has no digest of 32 bytes"))?,
            signature: decode(&signature.content)?.try_into().map_err(|_| malformed("has no signature of 64 bytes"))?,
            key: PublicKey::from_bytes(key)?,
        };
        // Kind, version, algorithm and the order of keys, all at once.
        if leaf.to_bytes() != bytes {
            return Err(malformed(&format!("is not {KIND} {VERSION} in its canonical form")));
        }
        Ok(leaf)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Form {
    api_version: String,
    kind: String,
    spec: SpecForm,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SpecForm {
    #[serde(rename = "hashedRekordV002")]
    record: RecordForm,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordForm {
    data: DataForm,
    signature: SignatureForm,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DataForm {
    algorithm: String,
    digest: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureForm {
    content: String,
    verifier: VerifierForm,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct VerifierForm {
    key_details: String,
    public_key: KeyForm,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KeyForm {
    raw_bytes: String,
}
