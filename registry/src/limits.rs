//! Every bound of the registry, with its unit and reason. Those of packages and statements stand in
//! `jackfield_package::limits`.

/// Bytes of a JSON request body: the largest honest one is a bundle of 256 KiB.
pub const JSON_BODY_BYTES: usize = 512 << 10;

/// Bytes of a password: a paragraph. More costs hashing time and no guesser anything.
pub const PASSWORD_BYTES: usize = 1 << 10;
/// Characters of a password at the least: below, a stolen table is guessed (NIST SP 800-63B asks for 8 with a second factor).
pub const PASSWORD_CHARACTERS: usize = 12;
/// Passwords hashed at once, each with 19 MiB and a core for some 20 ms: the rest waits.
pub const PASSWORDS_AT_ONCE: usize = 2;
/// Tokens a user may have that are neither revoked nor expired: each is a secret to look after.
pub const TOKENS_PER_USER: i64 = 100;
/// Seconds a token lives at the most: what nobody renews in a year, nobody looks after.
pub const TOKEN_LIFETIME_S: i64 = 366 * 86_400;
/// Seconds a token lives if nobody says.
pub const TOKEN_LIFETIME_DEFAULT_S: i64 = 90 * 86_400;
/// Seconds a token of trusted publishing or of the OCI token endpoint lives: one upload on a slow line.
pub const TOKEN_SHORT_S: i64 = 15 * 60;
/// Seconds between two notes of when a token was last used: a write per request would be the costliest part of reading.
pub const TOKEN_USED_EVERY_S: i64 = 3600;
/// Bytes of a token's label, and of other one-line texts for lists.
pub const LABEL_TEXT_BYTES: usize = 200;
/// Namespaces a user may own, if no operator makes them: names are scarce.
pub const NAMESPACES_PER_USER: i64 = 20;
/// Members of a namespace: a large team.
pub const MEMBERS_PER_NAMESPACE: i64 = 200;
/// Failed sign-ins at once for one name, then one each [`SIGN_IN_EVERY_S`]: nobody forgets his password that often.
pub const SIGN_INS_AT_ONCE: u32 = 10;
/// Seconds until another failed sign-in is let through: 2 880 guesses a day find no password of 12 characters.
pub const SIGN_IN_EVERY_S: u32 = 30;
/// Callers whose rates are remembered: 100 bytes each. When it is full, those who have been quiet are forgotten first.
pub const RATES_REMEMBERED: usize = 100_000;
