//! Who may do what: users, tokens, namespaces, trusted publishing.

pub mod authority;
pub mod dns;
pub mod routes;

pub use authority::{Action, Actor, Target};
