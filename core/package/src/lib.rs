//! What a Jackfield package is, and how anybody can check one.
//!
//! A *package* is a connector's name, `namespace:name`. A *release* is one immutable version of it: the bytes of a
//! WebAssembly component that carries its own [`Manifest`] in a custom section, so that one [`Digest`] covers code and
//! claims. A *statement* is a signed document about such a digest.
//!
//! The path that bytes take: [`Package::parse`] reads hostile bytes without running anything → [`check::check`] applies
//! the rules an author can mend → [`verify::verify`] holds bundles of statements against trusted keys, or
//! [`admission::admit()`] what a registry shows against its log and a policy. Both end in a [`Verified`], which is the only
//! thing a host installs.
//!
//! This crate does no I/O, reads no clock, draws no randomness and knows no runtime; it builds for wasm32.

#![forbid(unsafe_code)]

pub mod admission;
pub mod advisory;
pub mod cassettes;
pub mod check;
pub mod difference;
pub mod digest;
pub mod egress;
pub mod key;
pub mod limits;
pub mod log;
pub mod manifest;
pub mod name;
pub mod oci;
pub mod package;
pub mod pattern;
pub mod refusal;
pub mod schema;
pub mod section;
pub mod statement;
pub mod strict_json;
pub mod verify;
mod world;

pub use digest::Digest;
pub use manifest::Manifest;
pub use name::{Label, PackageName};
pub use package::Package;
pub use pattern::Pattern;
pub use refusal::{Fault, Refusal};
pub use verify::Verified;
