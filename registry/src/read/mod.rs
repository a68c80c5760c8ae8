//! Searching and reading what is released.

mod caching;
pub(crate) mod facts;
pub mod routes;
pub mod search;
mod time;
