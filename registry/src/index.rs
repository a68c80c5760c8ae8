//! The signed index: a package's versions, digests and status, as hosts resolve them.
//!
//! Rows are read when something changes, and the signed bytes are kept in the blob store under `index/<ns>/<name>.json`: to
//! read an index takes no SQL.
