//! The Merkle tree (RFC 6962, section 2; RFC 9162 has the verifying in loops).
//!
//! A *node* is a complete subtree, named by its level and its place in the level; the tree of any size is a handful of
//! nodes. Proofs are made from nodes that a caller hands in, wherever he has them from.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use crate::Refusal;

/// A hash of the tree, written in base64.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; 32]);

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The hash of an entry.
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update([0]).chain_update(entry).finalize().into())
}

/// The hash of two subtrees.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
}

/// The root of no entries.
pub fn empty_root() -> Hash {
    Hash(Sha256::digest([]).into())
}

/// A complete subtree: the entries from `index << level` on, `1 << level` of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    /// Its height; entries are at 0.
    pub level: u32,
    /// Its place among those of its height.
    pub index: u64,
}

/// Entries from `start` up to `end`, which has one hash in every tree that holds them as a subtree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: u64,
    end: u64,
}

impl Span {
    fn size(self) -> u64 {
        self.end - self.start
    }

    /// Where a span of two entries or more is split: after the largest power of two below its size.
    fn middle(self) -> u64 {
        self.start + (1 << (63 - (self.size() - 1).leading_zeros()))
    }

    /// The complete subtrees it is made of, from left to right.
    fn nodes(self) -> Vec<Node> {
        let mut nodes = Vec::new();
        let mut start = self.start;
        while start < self.end {
            let level = 63 - (self.end - start).leading_zeros();
            nodes.push(Node { level, index: start >> level });
            start += 1 << level;
        }
        nodes
    }

    fn hash(self, read: &mut impl FnMut(Node) -> Result<Hash, Refusal>) -> Result<Hash, Refusal> {
        let hashes = self.nodes().into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let folded = hashes.into_iter().rev().reduce(|right, left| node_hash(&left, &right));
        Ok(folded.unwrap_or_else(empty_root))
    }
}

/// The nodes that make up the tree of this size, the largest first.
pub fn tree_nodes(size: u64) -> Vec<Node> {
    Span { start: 0, end: size }.nodes()
}

/// The root of the tree of this size.
///
/// # Errors
/// The reader's.
pub fn root(size: u64, mut read: impl FnMut(Node) -> Result<Hash, Refusal>) -> Result<Hash, Refusal> {
    Span { start: 0, end: size }.hash(&mut read)
}

/// What an inclusion proof is made of, from the leaf's sibling up.
fn inclusion_spans(index: u64, size: u64) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut span = Span { start: 0, end: size };
    while span.size() > 1 {
        let (left, right) = (Span { end: span.middle(), ..span }, Span { start: span.middle(), ..span });
        let (inside, beside) = if index < span.middle() { (left, right) } else { (right, left) };
        spans.push(beside);
        span = inside;
    }
    spans.reverse();
    spans
}

/// What a consistency proof is made of: RFC 6962, 2.1.2.
fn consistency_spans(from: u64, to: u64) -> Vec<Span> {
    let mut spans = Vec::new();
    if from == 0 || from == to {
        return spans;
    }
    let mut span = Span { start: 0, end: to };
    while span.end != from {
        let (left, right) = (Span { end: span.middle(), ..span }, Span { start: span.middle(), ..span });
        let (inside, beside) = if from <= span.middle() { (left, right) } else { (right, left) };
        spans.push(beside);
        span = inside;
    }
    // The old tree itself is known to whoever asks; a part of it is not.
    if span.start > 0 {
        spans.push(span);
    }
    spans.reverse();
    spans
}

fn nodes_of(spans: &[Span]) -> Vec<Node> {
    spans.iter().flat_map(|span| span.nodes()).collect()
}

fn beyond(index: u64, size: u64) -> Refusal {
    Refusal::new("log-range", format!("{index} lies beyond the tree, whose size is {size}"))
}

/// The nodes that [`prove_inclusion`] reads.
pub fn inclusion_nodes(index: u64, size: u64) -> Vec<Node> {
    if index < size { nodes_of(&inclusion_spans(index, size)) } else { Vec::new() }
}

/// The nodes that [`prove_consistency`] reads.
pub fn consistency_nodes(from: u64, to: u64) -> Vec<Node> {
    if from <= to { nodes_of(&consistency_spans(from, to)) } else { Vec::new() }
}

/// The proof that an entry is in the tree of this size.
///
/// # Errors
/// `log-range`; the reader's.
pub fn prove_inclusion(
    index: u64,
    size: u64,
    mut read: impl FnMut(Node) -> Result<Hash, Refusal>,
) -> Result<Vec<Hash>, Refusal> {
    if index >= size {
        return Err(beyond(index, size));
    }
    inclusion_spans(index, size).into_iter().map(|span| span.hash(&mut read)).collect()
}

/// The proof that the tree of size `to` holds that of size `from` as its beginning. Empty from nothing, and to the same.
///
/// # Errors
/// `log-range`; the reader's.
pub fn prove_consistency(
    from: u64,
    to: u64,
    mut read: impl FnMut(Node) -> Result<Hash, Refusal>,
) -> Result<Vec<Hash>, Refusal> {
    if from > to {
        return Err(beyond(from, to));
    }
    consistency_spans(from, to).into_iter().map(|span| span.hash(&mut read)).collect()
}

/// Whether the proof takes an entry's hash at this index to this root.
///
/// # Errors
/// `log-inclusion-invalid`.
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> Result<(), Refusal> {
    let invalid = |why: &str| Refusal::new("log-inclusion-invalid", format!("the inclusion proof {why}"));
    if index >= size {
        return Err(invalid(&format!("is for entry {index} of a tree of {size}")));
    }
    // RFC 9162, 2.1.3.2.
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf);
    for beside in proof {
        if last == 0 {
            return Err(invalid("is too long"));
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(beside, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, beside);
        }
        at >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(invalid("is too short"));
    }
    if hash != *root {
        return Err(invalid("does not lead to the checkpoint's root"));
    }
    Ok(())
}

/// Whether the proof shows that the tree `(to, new_root)` begins with the tree `(from, old_root)`.
///
/// # Errors
/// `log-rollback` if the newer tree is smaller, `log-consistency-invalid`.
pub fn verify_consistency(from: u64, old_root: &Hash, to: u64, new_root: &Hash, proof: &[Hash]) -> Result<(), Refusal> {
    let invalid = |why: &str| Refusal::new("log-consistency-invalid", format!("the consistency proof {why}"));
    if from > to {
        return Err(Refusal::new("log-rollback", format!("the log went back from size {from} to {to}")));
    }
    if from == 0 || from == to {
        if !proof.is_empty() {
            return Err(invalid("is too long"));
        }
        let expected = if from == 0 { empty_root() } else { *new_root };
        let same = *old_root == expected && (to > 0 || *new_root == empty_root());
        return if same { Ok(()) } else { Err(invalid("has two roots for one size")) };
    }
    // RFC 9162, 2.1.4.2.
    let mut rest = proof.iter();
    let (mut at, mut last) = (from - 1, to - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let seed = if from.is_power_of_two() { *old_root } else { *rest.next().ok_or_else(|| invalid("is too short"))? };
    let (mut old, mut new) = (seed, seed);
    for beside in rest {
        if last == 0 {
            return Err(invalid("is too long"));
        }
        if at & 1 == 1 || at == last {
            old = node_hash(beside, &old);
            new = node_hash(beside, &new);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            new = node_hash(&new, beside);
        }
        at >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(invalid("is too short"));
    }
    if old != *old_root || new != *new_root {
        return Err(invalid("does not join the two roots: the log was changed, or shows two faces"));
    }
    Ok(())
}
