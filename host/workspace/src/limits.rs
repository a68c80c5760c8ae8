//! Every bound of workspaces over HTTP, with its unit and reason. What a call may use stands in `jackfield_host::limits`.

/// Bytes of a request to invoke: the largest input that a host takes, and what JSON around it costs.
pub const INVOKE_BODY_BYTES: usize = 5 << 20;

/// Bytes of a form with an input and files: it is held in memory. Larger files go by the command or the library, where they are streams.
pub const INVOKE_FORM_BYTES: usize = 32 << 20;

/// Seconds to send the body of an invocation: 32 MiB over 3 Mbit/s. Whoever drips it holds a connection.
pub const INVOKE_BODY_S: u64 = 90;

/// Seconds until the answer to an invocation begins: longer than the longest call that a host allows, its wait for a turn included.
pub const INVOKE_TIMEOUT_S: u64 = 660;

/// Seconds to install: a component is fetched, admitted and compiled.
pub const INSTALL_TIMEOUT_S: u64 = 180;

/// Sessions of agents that are open at once: a few KiB each.
pub const MCP_SESSIONS: usize = 5_000;

/// Of these, with one token or of one person: a team's agents. One more ends the one that was used longest ago, whose client is told so and
/// begins anew.
pub const MCP_SESSIONS_PER_CALLER: usize = 64;

/// Seconds after which a session that nobody uses ends: an agent waits for its user over lunch, and not overnight.
pub const MCP_IDLE_S: u64 = 6 * 3_600;

/// Seconds for which a stream of what changes stays open: whoever listens shows his token again so often.
pub const MCP_STREAM_S: u64 = 3_600;

/// Tools in one page of their list.
pub const MCP_TOOLS_PAGE: usize = 200;

/// Log lines of a call that wait to be told to an agent: a burst. Beyond it they are dropped.
pub const MCP_LINES_WAITING: usize = 64;

/// Milliseconds that a caller may give a call at the most, as the host's own ceiling has it.
pub const DEADLINE_MS: u64 = 600_000;

/// Invocations a minute of a new workspace; its quota can be another. Some 160 a second: one small connector keeps a core busy so.
pub const CALLS_A_MINUTE: i64 = 10_000;

/// Workspaces of one server: each is a folder and, while in use, a handful of open things.
pub const WORKSPACES: i64 = 1_000;

/// Members of a workspace: a large company's department.
pub const MEMBERS: i64 = 500;

/// Tokens of a workspace that are neither revoked nor expired: one a program.
pub const TOKENS: i64 = 200;

/// Seconds a token lives at the most: what nobody renews in a year, nobody looks after.
pub const TOKEN_LIFETIME_S: i64 = 366 * 86_400;

/// Seconds a token lives if nobody says.
pub const TOKEN_LIFETIME_DEFAULT_S: i64 = 90 * 86_400;

/// Seconds between two notes of when a token was last used: a write per call would be dearer than the call.
pub const TOKEN_USED_EVERY_S: i64 = 3_600;

/// Seconds for which another process's change of a token or quota may go unnoticed; this process's own counts at once.
pub const REMEMBERED_S: i64 = 2;

/// Tokens, or quotas, remembered so: 300 bytes each.
pub const REMEMBERED: usize = 10_000;

/// Bytes of a title or label: a line.
pub const LABEL_BYTES: usize = 200;

/// Bytes of an idempotency key: four UUIDs.
pub const IDEMPOTENCY_KEY_BYTES: usize = 200;

/// Seconds for which an answer is kept under its key: whoever retries after a day starts anew.
pub const ANSWER_KEPT_S: i64 = 24 * 3_600;

/// Bytes of an answer that is kept: larger ones are answered, and not again.
pub const ANSWER_BYTES: usize = 4 << 20;

/// Seconds after which a key whose request never ended is free again: longer than any call lasts.
pub const CLAIM_S: i64 = 900;

/// Invocations whose bills wait in memory to be written, 1 KiB each: a second of a busy server. Beyond it callers wait.
pub const BILLS_WAITING: usize = 20_000;

/// Bills in one transaction: others that write wait some ten milliseconds for it.
pub const BILLS_AT_ONCE: usize = 1_000;

/// Bills in one statement: a hundredth of the ways to the database, and 1 300 values of the 32 766 that SQLite takes.
pub const BILLS_IN_ONE: usize = 100;

/// Milliseconds between two writings of bills, unless more of them wait than one writing takes: so much of them is lost when a process is killed.
pub const BILLS_EVERY_MS: u64 = 100;

/// Days that a bill is kept: a quarter, for whoever settles by quarters.
pub const BILLS_DAYS: i64 = 92;

/// Days that a line of the audit log is kept: a year and a month, for whoever looks once a year.
pub const AUDIT_DAYS: i64 = 400;

/// Characters of a target or a detail in the audit log: a grant with a few destinations.
pub const AUDIT_TEXT_CHARS: usize = 2_000;

/// Seconds between looks whether what is installed was taken back: one small request a package.
pub const STANDING_EVERY_S: u64 = 300;

/// Lines of a list in one answer.
pub const PAGE: i64 = 100;

/// Lines of the audit log in one answer of its export.
pub const EXPORT_PAGE: i64 = 1_000;

/// Characters of a message that is kept with a bill.
pub const MESSAGE_CHARS: usize = 500;

/// Denials that are kept with a bill: the first ones say what is wrong.
pub const DENIALS_KEPT: usize = 20;
