//! Taking a release back: deprecate, yank, quarantine, revoke, lift; advisories.
//!
//! What hosts act upon is a statement in the log: [`accept`] takes one in, [`settle`] makes it true here once the log has it.

pub mod accept;
pub mod advisories;
pub mod routes;
pub mod settle;
pub mod store;
