//! The same proof in Sigstore's form: a `TransparencyLogEntry` (sigstore/protobuf-specs, sigstore_rekor.proto) inside a
//! bundle, which is what stock Sigstore libraries verify.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    checkpoint::Checkpoint,
    decimal, hash_line,
    leaf::{KIND, VERSION},
    note::{SignedNote, VerifierKey},
    proof::TlogProof,
};
use crate::{Refusal, limits::PROOF_HASHES, strict_json};

/// A proof with the entry that it is about, as a bundle carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigstoreEntry {
    /// SHA-256 over the log's name, signature type and key: [`VerifierKey::log_id`].
    pub log_id: [u8; 32],
    /// The entry's bytes as the bundle has them. Make the entry anew and compare: never decide by these.
    pub body: Vec<u8>,
    /// The proof.
    pub proof: TlogProof,
}

impl SigstoreEntry {
    /// An entry's proof from this log.
    pub fn new(log: &VerifierKey, body: Vec<u8>, proof: TlogProof) -> Self {
        Self { log_id: log.log_id(), body, proof }
    }

    /// Reads one of a bundle's entries.
    ///
    /// # Errors
    /// `log-proof-malformed` for anything but an inclusion proof of a [`KIND`] [`VERSION`]; those of the checkpoint.
    pub fn from_json(value: &Value) -> Result<Self, Refusal> {
        let malformed = |what: &str| Refusal::new("log-proof-malformed", format!("the bundle's log entry {what}"));
        let form: EntryForm = strict_json::from_value(value.clone(), "log-proof-malformed")?;
        if form.kind_version.kind != KIND || form.kind_version.version != VERSION {
            return Err(malformed(&format!("is not a {KIND} {VERSION}")));
        }
        let ProofForm { log_index, root_hash, tree_size, hashes, checkpoint } = form.inclusion_proof;
        if hashes.len() > PROOF_HASHES {
            return Err(malformed(&format!("has more than {PROOF_HASHES} hashes")));
        }
        let proof = TlogProof {
            index: decimal(&log_index).ok_or_else(|| malformed("has no index"))?,
            hashes: hashes.iter().map(|hash| hash_line(hash, "log-proof-malformed")).collect::<Result<_, _>>()?,
            checkpoint: SignedNote::parse(checkpoint.envelope.as_bytes())?,
            extra: None,
        };
        // Said twice, it must be said alike.
        let head = Checkpoint::parse(proof.checkpoint.text())?;
        if form.log_index != log_index || decimal(&tree_size) != Some(head.size) || root_hash != head.root.to_string() {
            return Err(malformed("says other things than its checkpoint"));
        }
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| malformed("holds what is not base64"));
        Ok(Self {
            log_id: decode(&form.log_id.key_id)?.try_into().map_err(|_| malformed("has no log id of 32 bytes"))?,
            body: decode(&form.canonicalized_body)?,
            proof,
        })
    }

    /// As a bundle carries it.
    ///
    /// # Errors
    /// `checkpoint-malformed` if the proof's note is no checkpoint.
    pub fn to_json(&self) -> Result<Value, Refusal> {
        let head = Checkpoint::parse(self.proof.checkpoint.text())?;
        let form = EntryForm {
            log_index: self.proof.index.to_string(),
            log_id: LogIdForm { key_id: STANDARD.encode(self.log_id) },
            kind_version: KindForm { kind: KIND.to_owned(), version: VERSION.to_owned() },
            inclusion_proof: ProofForm {
                log_index: self.proof.index.to_string(),
                root_hash: head.root.to_string(),
                tree_size: head.size.to_string(),
                hashes: self.proof.hashes.iter().map(ToString::to_string).collect(),
                checkpoint: CheckpointForm { envelope: self.proof.checkpoint.to_string() },
            },
            canonicalized_body: STANDARD.encode(&self.body),
        };
        serde_json::to_value(form).map_err(|error| Refusal::new("log-proof-malformed", error.to_string()))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EntryForm {
    log_index: String,
    log_id: LogIdForm,
    kind_version: KindForm,
    inclusion_proof: ProofForm,
    canonicalized_body: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LogIdForm {
    key_id: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KindForm {
    kind: String,
    version: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ProofForm {
    log_index: String,
    root_hash: String,
    tree_size: String,
    hashes: Vec<String>,
    checkpoint: CheckpointForm,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointForm {
    envelope: String,
}
