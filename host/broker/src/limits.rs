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
/// Bytes of a value that fills in a provider's template: a host's name has 253 at the most, an account's id fewer.
pub const PROVIDER_PARAMETER_BYTES: usize = 253;

/// Bytes of a provider's file: the longest that comes with the program has two thousand.
pub const PROVIDER_FILE_BYTES: u64 = 64 << 10;

/// Files of providers that one home may have.
pub const PROVIDERS: usize = 1_000;

/// Characters of a provider's own words that are repeated to a person.
pub const PROVIDER_WORDS_CHARS: usize = 400;

/// Bytes of the query that a provider sends a person back with: a code may be a signed document of some kilobytes.
pub const CALLBACK_BYTES: usize = 16 << 10;

/// Seconds that a token is taken to last at the most, whatever its provider says: ten years.
pub const TOKEN_LIFETIME_S: u64 = 315_360_000;

/// Seconds that a signed assertion is good for: one request, and a provider's clock that is a little behind.
pub const ASSERTION_LIFETIME_S: i64 = 120;

/// Seconds by which the clock here may differ from a provider's before that is named as what may be wrong.
pub const CLOCK_SKEW_S: i64 = 60;

/// Seconds that a person has to enter a device code, whatever the provider says.
pub const DEVICE_CODE_S: u64 = 1_800;

/// Seconds between two questions for a device's tokens, and more of them after each `slow_down` (RFC 8628 section 3.5).
pub const DEVICE_INTERVAL_S: u64 = 5;

/// Seconds that a link to connect an account lasts: enough to find a password and a second factor, too little to be found later.
pub const SESSION_S: i64 = 900;

/// Links that one process keeps open: some kilobytes each, and ten a second for a quarter of an hour.
pub const SESSIONS: usize = 10_000;

/// Bytes of a form that is sent to a page: a secret of the longest kind, percent-encoded.
pub const FORM_BYTES: usize = 3 * SECRET_BYTES + (4 << 10);
