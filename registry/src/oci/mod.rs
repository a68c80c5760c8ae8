//! The OCI distribution API 1.1 at `/v2/`.

pub mod routes;
