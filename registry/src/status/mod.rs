//! Taking a release back: deprecate, yank, quarantine, revoke, lift; advisories.

pub mod routes;
