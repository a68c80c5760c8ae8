//! What users say of a package they have used.

pub mod routes;
pub mod store;
