//! Searching and reading what is released.

pub mod routes;
