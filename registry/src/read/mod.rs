//! Searching and reading what is released.

pub(crate) mod answers;
pub(crate) mod caching;
pub(crate) mod contents;
pub mod counts;
pub mod diff;
pub(crate) mod facts;
pub mod openapi;
pub mod packages;
pub(crate) mod path;
pub mod permissions;
pub mod routes;
pub mod search;
pub(crate) mod store;

pub(crate) use crate::clock as time;
