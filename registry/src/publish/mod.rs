//! Publishing as a visible state machine.
//!
//! Two things make a release: bytes that somebody with a token has *staged* ([`stage`], called when an OCI manifest is pushed
//! under a version tag), and the publisher's *statement*, signed by keys that no token gives away ([`statements`]). Then
//! [`worker`] has the bytes examined, holds everything against the rules ([`rules`]), has the log record the statements, and
//! releases. [`release::State`] is the story's table of contents; each step of it is one transaction, so that a crash at any
//! point leaves a state from which the next start goes on.

pub mod decision;
mod examination;
pub mod release;
pub mod routes;
pub mod rules;
pub(crate) mod signers;
pub mod stage;
pub mod statements;
pub mod store;
pub mod withdrawal;
pub mod worker;

pub use release::{NextActor, State, Why, change};
pub use stage::{Staged, stage};
