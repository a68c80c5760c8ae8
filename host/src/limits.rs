//! Every bound of the host: what grows, how far, in which unit, and why.
//!
//! Three parties have a say. The host has a default for each limit; the manifest may wish for another value of four of
//! them; the admin's grant may set any of them. The smaller of wish and grant wins: [`Limits::in_force`].

use std::{collections::BTreeMap, fmt, str::FromStr};

use jackfield_package::manifest::LimitWishes;
use serde::{Deserialize, Serialize};

/// The stack of code inside the sandbox, in bytes; overflow is a limit, not a crash.
pub const WASM_STACK_BYTES: usize = 512 << 10;
/// The host stack that carries a guest's stack and the host calls made from it, in bytes.
pub const ASYNC_STACK_BYTES: usize = 1 << 20;
/// Fuel between two chances to cancel a spinning guest: some 5 ms. Shorter costs speed, see docs/decisions.
pub const FUEL_YIELD_INTERVAL: u64 = 10_000_000;
/// Engines, each with a pool of its own.
pub const SHARDS: usize = 8;
/// Calls that run at once on one engine, unless said otherwise. Beyond it a call waits for its turn.
pub const CALLS_PER_SHARD: usize = 1_000;
/// Calls that run at once on all engines, at the most: their memories use three quarters of 47 bits of addresses, and each call some six
/// of the 65 530 mappings that Linux lets a process have.
pub const CALLS_AT_ONCE: usize = 8_000;
/// Memories of a slot, on average: Rust guests have one, JavaScript's and Python's up to three, and such a call takes more than one slot.
pub const SLOT_MEMORIES: u32 = 2;
/// Tables of a slot, likewise.
pub const SLOT_TABLES: u32 = 4;
/// Slots of each engine that auth hooks alone take: the calls that wait for a hook must not keep it from its turn.
pub const HOOK_SLOTS: u32 = 16;
/// Calls of one installation that may wait for their turn. Beyond it a call is refused at once.
pub const QUEUED_CALLS: usize = 1_000;
/// Milliseconds between two looks at whether another process has stopped an installation whose call is running.
pub const STOP_CHECK_MS: u64 = 500;
/// Seconds between two notes of how often a release was called: a write for each call would cost as much as a short call.
pub const USAGE_EVERY_S: u64 = 60;
/// Bytes of the notes; beyond, they are summed up: a few days of a busy host.
pub const USAGE_BYTES: u64 = 256 << 10;
/// Releases whose use is remembered, those that were used last: more than anybody has an opinion on.
pub const USAGE_RELEASES: usize = 1_000;
/// Bytes that one read of a file hands to the guest at most, and that one write takes.
pub const FILE_CHUNK_BYTES: usize = 1 << 20;
/// Bytes of a created file's name, as file systems have it.
pub const FILE_NAME_BYTES: usize = 255;
/// Bytes of one slot's memory: as much as a 32-bit memory can grow to; it reserves addresses, not memory.
pub const SLOT_MEMORY_BYTES: usize = 4 << 30;
/// Elements of one table: Python and JavaScript engines come with 10 k to 14 k functions.
pub const SLOT_TABLE_ELEMENTS: usize = 20_000;
/// Bytes of one host call's arguments and results that are copied across the sandbox's wall.
pub const HOSTCALL_BYTES: usize = 64 << 20;
/// Milliseconds that a guest may keep a thread with host calls before it makes room for others: as long as a stretch of
/// [`FUEL_YIELD_INTERVAL`], which such a guest hardly touches.
pub const HOST_CALL_YIELD_MS: u64 = 5;
/// Bytes of one read of `wasi:random`.
pub const RANDOM_BYTES: u64 = 64 << 10;
/// Bytes of the header section of one HTTP message, the host's own bookkeeping included.
pub const HEADER_BYTES: usize = 64 << 10;
/// Bytes of a request's method; the longest registered one has 17.
pub const METHOD_BYTES: usize = 32;
/// Bytes of a request's authority: a name of 253, its port, and room for what is refused with a better word.
pub const AUTHORITY_BYTES: usize = 1 << 10;
/// Bytes of a request's body that one write hands over. Twice as many wait in a request that nobody sends.
pub const REQUEST_CHUNK_BYTES: usize = 64 << 10;
/// Bytes of each text of a guest's error, for a person to read or a machine to look into: a parsed one takes forty times as much.
pub const ERROR_TEXT_BYTES: usize = 64 << 10;
/// Bytes that a field of a log line costs besides its text, as that is what it takes.
pub const LOG_FIELD_BYTES: usize = size_of::<(String, String)>();
/// Bytes kept of a guest's last words on stderr, for the message of a panic.
pub const PANIC_MESSAGE_BYTES: usize = 4 << 10;
/// Characters of a function's name in a backtrace. The guest's author chooses it.
pub const FRAME_CHARS: usize = 200;
/// Frames kept of a guest's backtrace.
pub const BACKTRACE_FRAMES: usize = 32;
/// Denials kept of one call; a guest that asks a million times must not fill the host.
pub const DENIALS: usize = 100;
/// Seconds of CPU and of waiting for one compilation.
pub const COMPILE_SECONDS: u64 = 60;
/// Bytes of address space for one compilation in a child process.
pub const COMPILE_BYTES: u64 = 4 << 30;

/// Bytes of an answer that are looked into for the sign of an expired token, where a provider has one other than 401: errors are short.
pub const EXPIRED_LOOK_BYTES: usize = 16 << 10;
/// Milliseconds that such a look holds an answer's first bytes back, if they do not end.
pub const EXPIRED_LOOK_MS: u64 = 1_000;

/// What one step of an auth hook may use at the most: it words a request, and reaches nobody. Five seconds are more than any takes; a
/// refresh as a whole, its requests included, has no longer than one whose requests the entry words.
pub const HOOK_CAPS: [(Limit, u64); 7] = [
    (Limit::Fuel, 1_000_000_000),
    (Limit::TimeMs, 5_000),
    (Limit::MemoryBytes, 64 << 20),
    (Limit::OutputBytes, 256 << 10),
    (Limit::Requests, 0),
    (Limit::Files, 0),
    (Limit::LogLines, 100),
];

/// Bytes of a request's path and query. As much as common servers take.
pub const URI_BYTES: usize = 16 << 10;
/// Characters of a path that a denial repeats.
pub const ASKED_PATH_CHARS: usize = 200;
/// Header lines of one HTTP response; hyper's own bound of 100 is too few for some gateways.
pub const RESPONSE_HEADERS: usize = 256;
/// Hosts that a config field may name for one `{field}` of the manifest.
pub const TEMPLATE_HOSTS: usize = 64;
/// Milliseconds to resolve, connect and agree on TLS.
pub const CONNECT_MS: u64 = 10_000;
/// Milliseconds between tries of a name's addresses (RFC 8305 section 5).
pub const CONNECT_STAGGER_MS: u64 = 250;
/// Addresses of a name that are tried; all of them are classified.
pub const CONNECT_ADDRESSES: usize = 8;
/// Connections that one installation keeps open without use, to one host and port, and in all.
pub const IDLE_CONNECTIONS_PER_HOST: usize = 8;
/// See [`IDLE_CONNECTIONS_PER_HOST`].
pub const IDLE_CONNECTIONS: usize = 64;
/// Milliseconds that a connection is kept without use; many servers close it after 60 s.
pub const IDLE_MS: u64 = 30_000;
/// Milliseconds after which a connection is not used again, so that a change of addresses takes effect.
pub const CONNECTION_AGE_MS: u64 = 300_000;
/// Milliseconds that a connection may take to become usable again after a response.
pub const CONNECTION_READY_MS: u64 = 1_000;
/// TLS sessions that one installation remembers.
pub const TLS_SESSIONS: usize = 32;

/// One limit of a call. `jackfield grant NAME --limit fuel=2000000000` sets one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// Units of computation, about one a WebAssembly instruction.
    Fuel,
    /// Milliseconds from start to end, host calls included.
    TimeMs,
    /// Bytes of all memories and tables of the instance, summed.
    MemoryBytes,
    /// Bytes of stack.
    StackBytes,
    /// Calls into the host.
    HostCalls,
    /// Resources (streams, requests, pollables) held at once.
    Handles,
    /// Bytes of the input's JSON.
    InputBytes,
    /// Bytes of the output's JSON.
    OutputBytes,
    /// HTTP requests.
    Requests,
    /// HTTP requests at the same time.
    ConcurrentRequests,
    /// Bytes of one request's body.
    RequestBytes,
    /// Bytes of one response's body.
    ResponseBytes,
    /// Milliseconds of one request, from its start to the end of its response.
    RequestTimeMs,
    /// Files handed in, files open for reading at once, and files created, each.
    Files,
    /// Bytes of the files created, summed.
    FileBytes,
    /// Lines of log. Beyond it lines are dropped, and one line says so.
    LogLines,
    /// Bytes of log. Beyond it lines are dropped, and one line says so.
    LogBytes,
    /// Calls of one installation at the same time.
    ConcurrentCalls,
}

impl Limit {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 18] = [
        Self::Fuel,
        Self::TimeMs,
        Self::MemoryBytes,
        Self::StackBytes,
        Self::HostCalls,
        Self::Handles,
        Self::InputBytes,
        Self::OutputBytes,
        Self::Requests,
        Self::ConcurrentRequests,
        Self::RequestBytes,
        Self::ResponseBytes,
        Self::RequestTimeMs,
        Self::Files,
        Self::FileBytes,
        Self::LogLines,
        Self::LogBytes,
        Self::ConcurrentCalls,
    ];

    /// What holds where neither the manifest nor the admin says anything.
    pub fn default_value(self) -> u64 {
        match self {
            // Half a second to a second of pure computation: far more than any call of an API needs.
            Self::Fuel => 1_000_000_000,
            Self::TimeMs => 30_000,
            // A JavaScript engine starts at 9 MiB, Python at 12 MiB; an API's answer of 16 MiB fits beside its parsed form.
            Self::MemoryBytes => 64 << 20,
            Self::StackBytes => WASM_STACK_BYTES as u64,
            // A gigabyte in pieces of 64 KiB, read and written, is 65 k calls.
            Self::HostCalls => 100_000,
            // Each can keep up to 64 KiB in the host, so all of them as much as the guest has memory.
            Self::Handles => 1_024,
            Self::InputBytes => 4 << 20,
            Self::OutputBytes => 4 << 20,
            Self::Requests => 64,
            Self::ConcurrentRequests => 8,
            Self::RequestBytes => 8 << 20,
            Self::ResponseBytes => 16 << 20,
            Self::RequestTimeMs => 20_000,
            Self::Files => 32,
            Self::FileBytes => 4 << 30,
            Self::LogLines => 1_000,
            Self::LogBytes => 256 << 10,
            Self::ConcurrentCalls => 32,
        }
    }

    /// The highest value that can be set, where the host's own construction sets one.
    pub fn ceiling(self) -> u64 {
        match self {
            // The pool's slots and the engine's stacks have their size from the start.
            Self::MemoryBytes => SLOT_MEMORY_BYTES as u64,
            Self::StackBytes => WASM_STACK_BYTES as u64,
            Self::InputBytes | Self::OutputBytes => HOSTCALL_BYTES as u64,
            Self::ConcurrentCalls => CALLS_AT_ONCE as u64,
            Self::Handles => 1 << 20,
            _ => u64::MAX >> 1,
        }
    }

    /// What it is counted in.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Fuel => "units of fuel",
            Self::TimeMs | Self::RequestTimeMs => "ms",
            Self::MemoryBytes
            | Self::StackBytes
            | Self::InputBytes
            | Self::OutputBytes
            | Self::RequestBytes
            | Self::ResponseBytes
            | Self::FileBytes
            | Self::LogBytes => "bytes",
            Self::HostCalls | Self::ConcurrentCalls => "calls",
            Self::Handles => "handles",
            Self::Requests | Self::ConcurrentRequests => "requests",
            Self::Files => "files",
            Self::LogLines => "lines",
        }
    }

    /// The word for it, as `--limit` takes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fuel => "fuel",
            Self::TimeMs => "time-ms",
            Self::MemoryBytes => "memory-bytes",
            Self::StackBytes => "stack-bytes",
            Self::HostCalls => "host-calls",
            Self::Handles => "handles",
            Self::InputBytes => "input-bytes",
            Self::OutputBytes => "output-bytes",
            Self::Requests => "requests",
            Self::ConcurrentRequests => "concurrent-requests",
            Self::RequestBytes => "request-bytes",
            Self::ResponseBytes => "response-bytes",
            Self::RequestTimeMs => "request-time-ms",
            Self::Files => "files",
            Self::FileBytes => "file-bytes",
            Self::LogLines => "log-lines",
            Self::LogBytes => "log-bytes",
            Self::ConcurrentCalls => "concurrent-calls",
        }
    }

    /// What the manifest wishes for it, if it may wish and does.
    pub fn wish(self, wishes: &LimitWishes) -> Option<u64> {
        match self {
            Self::Fuel => wishes.fuel,
            Self::TimeMs => wishes.time_ms,
            Self::MemoryBytes => wishes.memory_bytes,
            Self::ResponseBytes => wishes.response_bytes,
            _ => None,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Limit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|limit| limit.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            format!("`{text}` is not a limit: expected one of {known}")
        })
    }
}

/// The limits that an admin has set; what is not in here has its default.
pub type LimitGrants = BTreeMap<Limit, u64>;

/// The value in force for every limit of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits([u64; Limit::ALL.len()]);

impl Limits {
    /// Grant ∩ manifest: where the manifest wishes, the smaller of its wish and what is granted (or the default); where it
    /// does not, what is granted (or the default).
    pub fn in_force(wishes: &LimitWishes, grants: &LimitGrants) -> Self {
        Self(Limit::ALL.map(|limit| {
            let granted = grants.get(&limit).copied().unwrap_or(limit.default_value()).min(limit.ceiling());
            limit.wish(wishes).map_or(granted, |wish| wish.min(granted))
        }))
    }

    /// The value in force, in the limit's unit.
    pub fn get(&self, limit: Limit) -> u64 {
        self.0[limit as usize]
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::in_force(&LimitWishes::default(), &LimitGrants::new())
    }
}
