//! Witness cosignatures (c2sp.org/tlog-cosignature, Ed25519, version 1): that somebody saw this tree, consistent with all
//! that he saw before, at a time. And the form in which a log asks for one (c2sp.org/tlog-witness).

use std::fmt::Write as _;

use super::{
    checkpoint::Checkpoint,
    decimal, hash_line,
    merkle::Hash,
    note::{KeyName, NoteSignature, SignatureType, Signed, SignedNote, VerifierKey},
};
use crate::{
    Refusal,
    key::SigningKey,
    limits::{NOTE_BYTES, PROOF_HASHES},
};

/// What a witness signs: the time and the note's whole text.
fn message(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

/// Whether these signature bytes are the key's over this text, by the key's type.
pub(super) fn check(key: &VerifierKey, text: &str, bytes: &[u8]) -> Option<Signed> {
    let (time, signature) = match key.signature_type {
        SignatureType::Ed25519 => (None, bytes),
        SignatureType::Cosignature => {
            let (time, signature) = bytes.split_first_chunk::<8>()?;
            (Some(u64::from_be_bytes(*time)).filter(|time| i64::try_from(*time).is_ok()), signature)
        }
    };
    let signature = signature.try_into().ok()?;
    let holds = match (key.signature_type, time) {
        (SignatureType::Ed25519, _) => key.key.verify(text.as_bytes(), signature),
        (SignatureType::Cosignature, Some(time)) => key.key.verify(message(time, text).as_bytes(), signature),
        (SignatureType::Cosignature, None) => false,
    };
    holds.then_some(Signed { time })
}

/// Signs that this checkpoint is the largest consistent one that the witness has seen, at this time in seconds since
/// 1970. The caller has made sure of that and has written it down before.
pub fn cosign(name: KeyName, key: &SigningKey, note: &SignedNote, time: u64) -> NoteSignature {
    let verifier = VerifierKey::of_witness(name, key.public_key());
    let mut bytes = time.to_be_bytes().to_vec();
    bytes.extend_from_slice(&key.sign(message(time, note.text()).as_bytes()));
    NoteSignature { key_id: verifier.id(), name: verifier.name, bytes }
}

/// The body of `POST <witness>/add-checkpoint`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size that the witness is believed to have cosigned last; 0: none.
    pub old_size: u64,
    /// From there to the checkpoint.
    pub consistency: Vec<Hash>,
    /// What shall be cosigned.
    pub checkpoint: SignedNote,
}

/// Bytes of a request at the most: its proof and its note.
pub const ADD_CHECKPOINT_BYTES: usize = NOTE_BYTES + 64 * PROOF_HASHES;

impl AddCheckpoint {
    /// Reads a request. The checkpoint's signatures are not looked at.
    ///
    /// # Errors
    /// `witness-request-malformed`; those of [`SignedNote::parse`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let malformed =
            |what: &str| Refusal::new("witness-request-malformed", format!("the request to the witness {what}"));
        let text = std::str::from_utf8(bytes).map_err(|_| malformed("is not UTF-8"))?;
        if bytes.len() > ADD_CHECKPOINT_BYTES {
            return Err(malformed(&format!("has more than {ADD_CHECKPOINT_BYTES} bytes")));
        }
        let (head, note) =
            text.split_once("\n\n").ok_or_else(|| malformed("has no empty line before the checkpoint"))?;
        let mut lines = head.split('\n');
        let old_size = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(decimal);
        let old_size = old_size.ok_or_else(|| malformed("does not begin with `old` and a size"))?;
        let consistency =
            lines.map(|line| hash_line(line, "witness-request-malformed")).collect::<Result<Vec<_>, _>>()?;
        if consistency.len() > PROOF_HASHES {
            return Err(malformed(&format!("has more than {PROOF_HASHES} hashes")));
        }
        Ok(Self { old_size, consistency, checkpoint: SignedNote::parse(note.as_bytes())? })
    }

    /// The request's text.
    pub fn to_text(&self) -> String {
        let mut text = format!("old {}\n", self.old_size);
        for hash in &self.consistency {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{hash}");
        }
        let _ = write!(text, "\n{}", self.checkpoint);
        text
    }
}

/// What a witness remembers of one log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Entries in the tree.
    pub size: u64,
    /// Its root.
    pub root: Hash,
}

/// Why a witness does not cosign: a status each in c2sp.org/tlog-witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Declined {
    /// 404: not a log that it knows.
    Unknown,
    /// 403: not signed by the log.
    Unsigned(Refusal),
    /// 400: makes no sense.
    Malformed(Refusal),
    /// 409 with this size: the proof must begin where the witness stands.
    Behind(u64),
    /// 409: another root for the size that it cosigned. Evidence of a lie.
    Fork,
    /// 422: the trees are not one another's beginning. Evidence of a lie, or a wrong proof.
    Inconsistent(Refusal),
}

/// Whether a witness that has `seen` this of the log should cosign what it is asked to. Nothing is signed and nothing is
/// kept here: the caller first writes down what comes out, in one step with having looked `seen` up, and then signs.
///
/// # Errors
/// Why not.
pub fn judge(request: &AddCheckpoint, log: &VerifierKey, seen: Option<&Seen>) -> Result<Seen, Declined> {
    match request.checkpoint.verify(log) {
        Ok(Some(_)) => {}
        Ok(None) => {
            let message = format!("the checkpoint is not signed by `{}`", log.name);
            return Err(Declined::Unsigned(Refusal::new("note-signature-missing", message)));
        }
        Err(refusal) => return Err(Declined::Unsigned(refusal)),
    }
    let checkpoint = Checkpoint::parse(request.checkpoint.text()).map_err(Declined::Malformed)?;
    if checkpoint.origin != log.name {
        return Err(Declined::Unknown);
    }
    if request.old_size > checkpoint.size {
        let message = format!("the old size {} is above the checkpoint's {}", request.old_size, checkpoint.size);
        return Err(Declined::Malformed(Refusal::new("witness-request-malformed", message)));
    }
    let (last_size, last_root) = seen.map_or((0, super::merkle::empty_root()), |seen| (seen.size, seen.root));
    if request.old_size != last_size {
        return Err(Declined::Behind(last_size));
    }
    if last_size == checkpoint.size && last_root != checkpoint.root {
        return Err(Declined::Fork);
    }
    super::merkle::verify_consistency(last_size, &last_root, checkpoint.size, &checkpoint.root, &request.consistency)
        .map_err(Declined::Inconsistent)?;
    Ok(Seen { size: checkpoint.size, root: checkpoint.root })
}
