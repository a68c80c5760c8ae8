//! The registry: where connectors are published, checked, logged and found.
//!
//! A library without a port: [`Registry::open`] brings up rows and bytes, [`router`] is every route on one page, and
//! [`Registry::work`] is what goes on between requests. `jackfield serve` mounts it.
//!
//! # The words
//!
//! A *namespace* publishes *packages*, a package has *releases*, a release is one component under one version. A
//! *statement* is a signed document in a Sigstore bundle; the *log* records statements and nothing else. A release is
//! *staged* by whoever holds a token, and *released* only when its statements are in the log.
//!
//! # The path of a release
//!
//! [`oci`] receives bytes into [`blob`] and stages them → [`publish`] has a [`validator::Validator`] read and run them
//! elsewhere, holds the publisher's statement against the namespace's keys, and signs what it has checked → [`log`]
//! sequences the statements → [`publish`] releases → [`read`], [`index`] and [`oci`] show it to everybody. [`status`] takes
//! it back, [`review`] says how it was. What it says of itself, and what comes of a call, is shown by having it read and run
//! elsewhere again ([`trial`]).
//!
//! SQL stands in `store.rs` files only; handlers parse, call and render.

#![forbid(unsafe_code)]

pub mod account;
pub mod blob;
pub mod config;
pub mod evidence;
pub mod fault;
pub mod index;
pub mod keys;
pub mod limits;
pub mod log;
pub mod migrations;
pub mod oci;
pub mod publish;
pub mod read;
pub mod registry;
pub mod review;
pub mod router;
pub mod serve;
pub mod status;
pub mod trial;
pub mod validator;

pub use config::Config;
pub use jackfield_db::clock;
pub use jackfield_server::Problem;
pub use registry::{Registry, Shared};
pub use router::router;
