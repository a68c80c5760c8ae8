//! The transparency log: what a registry has said, in one order, for everybody the same.
//!
//! Each signed statement is one *entry* ([`leaf()`]), hashed into one Merkle tree ([`merkle`], RFC 6962) that is served in
//! *tiles* ([`tile`], c2sp.org/tlog-tiles). The tree's head is a *checkpoint* ([`checkpoint`]), a signed note ([`note`])
//! that *witnesses* cosign ([`witness`]) after they have seen that the tree has only grown. A *proof* ([`proof`]) takes one
//! entry to one checkpoint and is verified without a network; a *policy* ([`policy`]) says whose signatures make a
//! checkpoint count.
//!
//! The formats are those of c2sp.org, and an entry is Rekor's `hashedrekord`, so that other people's tools read all of it.

pub mod checkpoint;
pub mod leaf;
pub mod merkle;
pub mod note;
pub mod policy;
pub mod proof;
pub mod sigstore;
pub mod tile;
pub mod witness;

pub use checkpoint::Checkpoint;
pub use leaf::{Leaf, leaf};
pub use note::{KeyName, NoteSigner, SignedNote, VerifierKey};
pub use policy::Policy;
pub use proof::TlogProof;
pub use sigstore::SigstoreEntry;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::Refusal;

/// A decimal number in its one spelling: no sign, no leading zero.
fn decimal(text: &str) -> Option<u64> {
    let canonical =
        text == "0" || (!text.starts_with('0') && !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()));
    // What the databases and other people's tools can count.
    canonical.then(|| text.parse().ok()).flatten().filter(|number| i64::try_from(*number).is_ok())
}

/// One hash a line, in base64 (RFC 4648, section 4).
fn hash_line(line: &str, code: &'static str) -> Result<merkle::Hash, Refusal> {
    let bytes = STANDARD.decode(line).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    bytes.map(merkle::Hash).ok_or_else(|| Refusal::new(code, "a line is not the base64 of 32 bytes"))
}
