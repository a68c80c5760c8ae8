//! The transparency log.

pub mod routes;
pub mod worker;
