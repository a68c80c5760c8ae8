//! The OCI distribution API 1.1 at `/v2/`, as its conformance suite has it.
//!
//! [`path`] says what a request names, [`access`] who asks, and one module each does it: [`uploads`], [`blobs`], [`manifests`],
//! [`lists`]. In a `generic` namespace that is all. In a `connector` namespace a push stages a release ([`connector`]): what it
//! brought is seen by members only, by tag, digest, blob and referrer, until the release machine calls [`reveal`].

mod access;
mod answer;
mod blobs;
mod connector;
pub mod digest;
mod lists;
mod manifests;
mod namespace;
pub mod path;
pub mod routes;
mod show;
mod shown;
mod store;
mod token;
mod uploads;
pub mod worker;

pub(crate) use answer::failed;
pub use digest::ContentDigest;
pub use path::Repository;
pub use show::{attach_statement, hide, reveal, unlist};
pub(crate) use shown::Shown;
