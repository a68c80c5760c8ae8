//! Every bound of the broker, with its unit and reason.

/// Bytes of one secret at the most. Providers issue tokens of some kilobytes, service accounts have keys of as many; nothing
/// honest comes near this.
pub const SECRET_BYTES: usize = 64 << 10;

/// Bytes of an answer from a provider: a token answer has some kilobytes, a userinfo answer a few more.
pub const PROVIDER_ANSWER_BYTES: usize = 1 << 20;

/// Milliseconds for one exchange with a provider, from resolving its name to the last byte of its answer.
pub const PROVIDER_TIMEOUT_MS: u64 = 20_000;

/// Data keys that a rewrap reads at a time: some kilobytes of rows.
pub const REWRAP_BATCH: i64 = 200;
