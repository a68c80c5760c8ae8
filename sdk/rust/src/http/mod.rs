//! HTTP, over the host's `wasi:http`.
//!
//! ```no_run
//! use jackfield_sdk::prelude::*;
//! # #[derive(Serialize)] struct NewIssue { title: String }
//! # #[derive(Deserialize)] struct Issue { number: u64 }
//! # fn main() -> Result<()> {
//! # let new = NewIssue { title: "Sockets".to_owned() };
//! let issue: Issue = Request::post("https://api.example.com/issues")
//!     .header("accept", "application/json")
//!     .json(&new)
//!     .send()?
//!     .error_for_status()?
//!     .json()?;
//! # Ok(()) }
//! ```
//!
//! Credentials are never set here: the host attaches the bound connection outside the sandbox, and refuses a request
//! that carries such a header already. Redirects are not followed: a 3xx is an answer like any other.

mod failure;
mod link;
mod pages;
mod request;
mod response;
mod send;
mod status;

pub use link::links;
pub use pages::{Pages, pages};
pub use request::{Body, Request, percent_encode};
pub use response::{Headers, Response};

use crate::Result;

/// Sends a GET.
pub fn get(url: impl Into<String>) -> Result<Response> {
    Request::get(url).send()
}
