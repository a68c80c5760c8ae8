//! The transparency log: each accepted statement becomes one entry of one tree, and everybody is shown the same tree.
//!
//! [`submit`] stores a statement, in whatever transaction it belongs to. The [`sequencer`] fixes the order of what waits,
//! writes tiles, and signs a checkpoint; its row is the commit point. [`published_index`] tells that a statement is in the
//! log for all to see, and [`proof`] proves it. [`witnesses`] cosign what was published, and [`routes`] serve it all.

pub(crate) mod read;
pub mod rebuild;
pub mod routes;
pub mod sequencer;
mod statement;
mod store;
pub mod witness;
pub mod witnesses;
pub mod worker;

pub use read::{LogCheckpoint, checkpoint, consistency, origin, proof, proofs, published_index, verifier};
pub use statement::{NewStatement, StatementKind, submit};
