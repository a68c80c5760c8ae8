//! Searching and reading what is released.

pub(crate) mod caching;
pub(crate) mod facts;
pub(crate) mod path;
pub mod routes;
pub mod search;
mod time;
