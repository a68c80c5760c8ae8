//! What users say of a package they have used.
//!
//! A review needs a *receipt*: a statement, signed by the key of the workspace that used the package, of how many calls went
//! well over how many days. The receipt is the host's own word: it makes a review cost some days of use or a lie that is
//! signed, and ties it to one workspace, which has one review for each major version. It is no proof.

pub mod routes;
pub mod store;
pub(crate) mod text;
mod write;
