//! Checkpoints (c2sp.org/tlog-checkpoint): the head of the tree, as the text of a signed note.

use std::fmt;

use super::{
    decimal, hash_line,
    merkle::Hash,
    note::{KeyName, NoteSigner, SignedNote, VerifierKey},
};
use crate::Refusal;

/// One tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: KeyName,
    /// Entries in the tree.
    pub size: u64,
    /// The tree's root.
    pub root: Hash,
}

impl Checkpoint {
    /// Reads a note's text. Extension lines, which nobody could audit, are refused.
    ///
    /// # Errors
    /// `checkpoint-malformed`, `log-name-malformed`.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let malformed =
            || Refusal::new("checkpoint-malformed", "a checkpoint is three lines: the log's name, its size, its root");
        let mut lines = text.strip_suffix('\n').ok_or_else(malformed)?.split('\n');
        let (Some(origin), Some(size), Some(root), None) = (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(malformed());
        };
        Ok(Self {
            origin: origin.parse()?,
            size: decimal(size).ok_or_else(malformed)?,
            root: hash_line(root, "checkpoint-malformed")?,
        })
    }

    /// The checkpoint that this log signed.
    ///
    /// # Errors
    /// `note-signature-missing`, `note-signature-invalid`, `checkpoint-origin` if the log signed another log's text;
    /// those of [`Self::parse`].
    pub fn open(note: &SignedNote, log: &VerifierKey) -> Result<Self, Refusal> {
        if note.verify(log)?.is_none() {
            return Err(Refusal::new(
                "note-signature-missing",
                format!("the checkpoint is not signed by `{}`", log.name),
            )
            .hint("compare the log's key with the one that the registry's operator gives out"));
        }
        let checkpoint = Self::parse(note.text())?;
        if checkpoint.origin != log.name {
            return Err(Refusal::new(
                "checkpoint-origin",
                format!("the checkpoint is of `{}`, expected one of `{}`", checkpoint.origin, log.name),
            ));
        }
        Ok(checkpoint)
    }

    /// Signs it, under the origin as the key's name.
    ///
    /// # Errors
    /// `note-malformed`, never in practice.
    pub fn sign(&self, key: &crate::key::SigningKey) -> Result<SignedNote, Refusal> {
        NoteSigner::new(self.origin.clone(), key).sign(self.to_string())
    }
}

/// The note's text.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.origin, self.size, self.root)
    }
}
