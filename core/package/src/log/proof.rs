//! Proofs for the road (c2sp.org/tlog-proof@v1): one entry's way to one checkpoint, in a text.

use std::fmt::{self, Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    checkpoint::Checkpoint,
    decimal, hash_line,
    merkle::{self, Hash},
    note::SignedNote,
    policy::{Accepted, Policy},
};
use crate::{
    Refusal,
    limits::{NOTE_BYTES, PROOF_EXTRA_BYTES, PROOF_HASHES},
};

/// The first line.
const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// What a proof's file is called after its statement's.
pub const PROOF_EXTENSION: &str = "tlog-proof";
/// Bytes of a proof at the most.
pub const PROOF_BYTES: usize = NOTE_BYTES + PROOF_EXTRA_BYTES + 64 * PROOF_HASHES;

/// That an entry is in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// The entry's index, from 0.
    pub index: u64,
    /// From the entry's sibling up.
    pub hashes: Vec<Hash>,
    /// The tree's head, with cosignatures.
    pub checkpoint: SignedNote,
    /// Opaque and unauthenticated.
    pub extra: Option<Vec<u8>>,
}

impl TlogProof {
    /// Reads a proof. Nothing is verified.
    ///
    /// # Errors
    /// `log-proof-malformed`; those of [`SignedNote::parse`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let malformed = |what: &str| Refusal::new("log-proof-malformed", format!("the proof {what}"));
        if bytes.len() > PROOF_BYTES {
            return Err(malformed(&format!("has more than {PROOF_BYTES} bytes")));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| malformed("is not UTF-8"))?;
        let (head, note) =
            text.split_once("\n\n").ok_or_else(|| malformed("has no empty line before the checkpoint"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(HEADER) {
            return Err(malformed(&format!("does not begin with `{HEADER}`")));
        }
        let extra = match lines.next_if(|line| line.starts_with("extra ")) {
            Some(line) if line.len() > PROOF_EXTRA_BYTES => return Err(malformed("has too much extra data")),
            Some(line) => Some(
                STANDARD.decode(&line["extra ".len()..]).map_err(|_| malformed("has extra data that is not base64"))?,
            ),
            None => None,
        };
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(decimal);
        let index = index.ok_or_else(|| malformed("has no index"))?;
        let hashes = lines.map(|line| hash_line(line, "log-proof-malformed")).collect::<Result<Vec<_>, _>>()?;
        if hashes.len() > PROOF_HASHES {
            return Err(malformed(&format!("has more than {PROOF_HASHES} hashes")));
        }
        Ok(Self { index, hashes, checkpoint: SignedNote::parse(note.as_bytes())?, extra })
    }

    /// Whether this entry is in a log that the policy accepts, under a checkpoint that enough witnesses have seen.
    /// `entry` is made anew from the statement ([`super::leaf()`]).
    ///
    /// # Errors
    /// Those of [`Policy::accept`]; `log-inclusion-invalid`.
    pub fn verify(&self, entry: &[u8], policy: &Policy) -> Result<Accepted, Refusal> {
        let accepted = policy.accept(&self.checkpoint)?;
        self.verify_in(entry, &accepted.checkpoint)?;
        Ok(accepted)
    }

    /// The half that is mathematics: whether the entry is in the tree of this checkpoint, which the caller believes.
    ///
    /// # Errors
    /// `log-inclusion-invalid`.
    pub fn verify_in(&self, entry: &[u8], checkpoint: &Checkpoint) -> Result<(), Refusal> {
        let leaf = merkle::leaf_hash(entry);
        merkle::verify_inclusion(&leaf, self.index, checkpoint.size, &self.hashes, &checkpoint.root)
    }
}

/// The proof's text.
impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        f.write_char('\n')?;
        fmt::Display::fmt(&self.checkpoint, f)
    }
}
