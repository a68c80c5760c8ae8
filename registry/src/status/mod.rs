//! Taking a release back: deprecate, yank, quarantine, revoke, lift; advisories.

pub mod advisories;
pub mod routes;
pub mod store;
