//! What one invocation has used.

use serde::{Deserialize, Serialize};

/// The bill of one invocation. It is complete on every outcome, a cancelled one included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bill {
    /// Units of fuel burnt (about one a WebAssembly instruction; equal for equal input).
    pub fuel: u64,
    /// Most bytes of linear memory and tables held at one time, summed.
    pub peak_memory_bytes: u64,
    /// Microseconds from the call's start to its end.
    pub wall_us: u64,
    /// Microseconds of `wall_us` spent in host calls, waiting included.
    pub host_us: u64,
    /// Microseconds of `wall_us` to make the instance.
    pub instance_us: u64,
    /// Calls from the guest into the host.
    pub host_calls: u64,
    /// HTTP requests that were sent.
    pub http_requests: u64,
    /// HTTP requests that were denied.
    pub http_denied: u64,
    /// Bytes of HTTP request bodies sent.
    pub http_bytes_out: u64,
    /// Bytes of HTTP response bodies received.
    pub http_bytes_in: u64,
    /// Bytes of files read.
    pub file_bytes_in: u64,
    /// Bytes of files written.
    pub file_bytes_out: u64,
    /// Log lines kept, stdout and stderr included.
    pub log_lines: u64,
}
