//! Every bound of the registry, with its unit and reason. Those of packages and statements stand in
//! `jackfield_package::limits`.

/// Bytes of a JSON request body: the largest honest one is a bundle of 256 KiB.
pub const JSON_BODY_BYTES: usize = 512 << 10;
