//! Every bound of a port, with its unit and reason. What a service bounds besides stands in its own `limits.rs`.

/// Bytes of a JSON request body: the largest honest one is a bundle of 256 KiB.
pub const JSON_BODY_BYTES: usize = 512 << 10;

/// Bytes of a request's body where a service says nothing else: a keyset change with all its bundles.
pub const REQUEST_BODY_BYTES: usize = 1 << 20;

/// Seconds for a request where a service says nothing else: the slowest honest one waits for a lock.
pub const REQUEST_TIMEOUT_S: u64 = 60;

/// Callers whose rates are remembered: 100 bytes each. When it is full, those who have been quiet are forgotten first.
pub const RATES_REMEMBERED: usize = 100_000;

/// Connections at once, unless an operator says otherwise: each costs two buffers. More wait in the kernel's queue.
pub const CONNECTIONS: usize = 2048;

/// As many as an operator can allow: each has two buffers and a file of the process.
pub const CONNECTIONS_MOST: usize = 100_000;

/// Connections at once from one address (of IPv6, one /64): a large office behind one router, and a sixteenth of all there are.
pub const CONNECTIONS_PER_ADDRESS: usize = 128;

/// Connections that wait in the kernel to be accepted, as far as `net.core.somaxconn` lets them. Whoever finds no place tries again by himself
/// after one second, three, seven.
pub const UNACCEPTED: u32 = 4096;

/// Seconds that a connection may take nothing of what it is sent: whoever asks and does not read holds a connection. A phone
/// in a tunnel is back sooner.
pub const STALL_S: u64 = 30;

/// Bytes that wait in the kernel for one connection beyond what is on its way: what a client that does not read costs besides
/// its buffers, and how finely it shows whether one still reads. Half of it within [`STALL_S`] is enough: 2 kB/s.
pub const UNSENT_BYTES: u32 = 128 << 10;

/// Bytes of a request's line and headers: ten times what clients send.
pub const HEADER_BYTES: usize = 64 << 10;

/// Seconds to send them, counted from when the connection is idle: whoever drips them, or asks nothing more, holds a connection.
pub const HEADER_TIMEOUT_S: u64 = 20;

/// Seconds for which what still comes is read and dropped after a connection has ended, so that the answer arrives: a client that sends on hears of it
/// sooner.
pub const LINGER_S: u64 = 2;

/// Seconds between looks whether the files of a certificate were renewed: who renews has days.
pub const TLS_LOOK_S: u64 = 60;

/// Seconds that requests are given to finish once the server stops, and the work between requests after them.
pub const SHUTDOWN_S: u64 = 20;
