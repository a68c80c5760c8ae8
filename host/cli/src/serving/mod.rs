//! `jackfield serve`: registry, broker and workspaces in one process, behind one guard on one port.
//!
//! The registry knows nothing of workspaces, and they nothing of it: who people are ([`accounts`]) and where releases come from
//! ([`releases`]) is joined here, at the door.

mod accounts;
pub(crate) mod config;
pub(crate) mod metrics;
mod releases;
mod said;
pub(crate) mod telemetry;
mod together;

pub(crate) use together::{Server, open};
