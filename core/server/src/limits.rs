//! Every bound of a port, with its unit and reason. What a service bounds besides stands in its own `limits.rs`.

/// Bytes of a JSON request body: the largest honest one is a bundle of 256 KiB.
pub const JSON_BODY_BYTES: usize = 512 << 10;

/// Bytes of a request's body where a service says nothing else: a keyset change with all its bundles.
pub const REQUEST_BODY_BYTES: usize = 1 << 20;

/// Seconds for a request where a service says nothing else: the slowest honest one waits for a lock.
pub const REQUEST_TIMEOUT_S: u64 = 60;

/// Callers whose rates are remembered: 100 bytes each. When it is full, those who have been quiet are forgotten first.
pub const RATES_REMEMBERED: usize = 100_000;

/// Connections at once: each costs two buffers. More wait in the kernel's queue.
pub const CONNECTIONS: usize = 2048;

/// Bytes of a request's line and headers: ten times what clients send.
pub const HEADER_BYTES: usize = 64 << 10;

/// Seconds to send them: whoever drips them holds a connection.
pub const HEADER_TIMEOUT_S: u64 = 20;

/// Seconds that requests are given to finish once the server stops, and the work between requests after them.
pub const SHUTDOWN_S: u64 = 20;
