//! Workspaces over HTTP: the running side's tenants, for people, workflows and agents.
//!
//! A *workspace* has *members*, each with a role, *tokens* for its programs, *installations* in a home of its own, and
//! *connections* at the broker. All workspaces of a process share its engines; none reaches anything of another.
//!
//! # The path of a call
//!
//! `POST /v1/workspaces/acme/installations/jackfield/csv/operations/to-json-lines/invoke`: [`router`] has every route on one page →
//! [`caller`] finds out who asks and whether the role suffices, and writes changes and denials down → [`invoke`] counts it against
//! the quota and looks for an answer under its idempotency key → the host runs it in a fresh sandbox → [`answer`] says what came of
//! it, with the bill → [`invocation`] keeps the bill.
//!
//! An agent's call comes in by [`mcp`], and goes the same way from [`invoke`] on.
//! [`document`] says all routes in OpenAPI's words.
//!
//! Who people are, accounts know ([`identity::Identity`]); how a release is found and admitted, a supply knows
//! ([`supply::Supply`]): both are handed in by the door. SQL stands in `store.rs` only.

#![forbid(unsafe_code)]

pub mod answer;
mod audit;
pub mod caller;
mod connection;
pub mod document;
mod fix;
mod idempotency;
pub mod identity;
mod installation;
mod invocation;
mod invoke;
pub mod limits;
pub mod mcp;
mod member;
mod migrations;
mod openapi;
mod policy;
mod provider;
mod remembered;
pub mod role;
pub mod router;
mod standing;
mod store;
pub mod supply;
pub mod token;
pub mod workspaces;

pub use connection::no as broker_problem;
pub use jackfield_db::clock;
pub use jackfield_server::Problem;
pub use router::routes;
pub use workspaces::{Parts, Shared, Workspaces};
