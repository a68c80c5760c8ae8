//! Every bound of the broker, with its unit and reason.

/// Bytes of one secret at the most. The longest tokens in use, JWTs full of groups, and the keys of service accounts stay below
/// 16 KiB.
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

/// Connections on a page of a list.
pub const CONNECTIONS_PAGE: i64 = 200;

/// Rows of audit on a page.
pub const AUDIT_PAGE: i64 = 200;

/// Events, or revocations, that are taken up at a time: each is an exchange with somebody else's server.
pub const EVENT_BATCH: i64 = 50;

/// Seconds for which one process has an event to itself: longer than one exchange takes.
pub const EVENT_CLAIM_S: i64 = 60;

/// Seconds until an event that was not taken is sent again, try by try; then it is given up. Standard Webhooks' own schedule, three
/// days in all.
pub const EVENT_RETRIES_S: [i64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// Bytes of the secret that events are signed with at the least and at the most: what Standard Webhooks asks for (192 to 512
/// bits).
pub const EVENT_SECRET_BYTES_LEAST: usize = 24;

/// See [`EVENT_SECRET_BYTES_LEAST`].
pub const EVENT_SECRET_BYTES_MOST: usize = 64;

/// Secrets that sign at once: the new one, the old one, and one that was forgotten.
pub const EVENT_SECRETS: usize = 3;

/// Bytes of the file that says where events go: an address, a path and some networks.
pub const EVENTS_FILE_BYTES: u64 = 16 << 10;

/// Seconds until a provider that did not take a revocation is asked again, try by try; then the secrets are forgotten here all
/// the same. A week in all: an outage is over by then.
pub const REVOCATION_RETRIES_S: [i64; 9] = [30, 300, 1_800, 7_200, 21_600, 43_200, 86_400, 172_800, 259_200];

/// Seconds before its end at which a token is renewed, or half its life, whichever is less: enough for a call that begins with it
/// to end with it.
pub const REFRESH_AHEAD_S: i64 = 900;

/// Seconds for which one process may refresh a connection undisturbed. Longer than [`PROVIDER_TIMEOUT_MS`], so that whoever
/// holds the lease has its answer, or knows that there is none, before another begins.
pub const REFRESH_LEASE_S: i64 = 60;

/// Milliseconds between two looks at what another process's refresh has come to.
pub const REFRESH_POLL_MS: u64 = 50;

/// Seconds that a caller waits for another process's refresh: its lease has ended by then.
pub const REFRESH_WAIT_S: u64 = 75;

/// Seconds until a refresh that failed is tried again by itself, failure by failure; the last one stays.
pub const REFRESH_RETRIES_S: [i64; 6] = [5, 15, 60, 300, 900, 3_600];

/// Times that the outcome of a refresh is written again if the database does not confirm it: until then the new tokens are
/// nowhere but in memory.
pub const REFRESH_STORE_TRIES: u32 = 6;

/// Milliseconds before the second of these, doubled each time.
pub const REFRESH_STORE_PAUSE_MS: u64 = 100;

/// Seconds that a token is old at least before another 401 has it renewed, if the one before it was answered 401 too: a service that
/// answers 401 to every token must not make the provider issue one a request.
pub const REJECT_PAUSE_S: i64 = 60;

/// Connections that are refreshed ahead of use at a time, and at once: providers limit how often they are asked.
pub const REFRESH_BATCH: i64 = 200;

/// How many of them at once.
pub const REFRESH_AT_ONCE: usize = 16;

/// Seconds between two rounds of the work that nobody asks for. A token is due long before its end, so this may be slow.
pub const WORK_INTERVAL_S: u64 = 5;

/// Bytes that a secret has at least: a shorter one can't be told from ordinary text, and blotting it out would blot out that.
pub const SECRET_BYTES_LEAST: usize = 8;

/// Requests of one exchange that a hook words: a login of two steps has two, and one that asks for a challenge first has three.
pub const HOOK_REQUESTS: usize = 4;

/// Entries of each list that a hook gives: the longest form in use has some twenty fields.
pub const HOOK_PARTS: usize = 64;

/// Bytes of a text once its placeholders are filled in: three secrets of the longest kind, with something between them.
pub const HOOK_FILLED_BYTES: usize = 4 * SECRET_BYTES;

/// Bytes of one text of an answer that a hook is shown: a code and a sentence.
pub const HOOK_SHOWN_BYTES: usize = 1 << 10;
