//! Passwords: argon2id, a few at once.

use std::ops::Deref;

use argon2::{
    Algorithm, Argon2, Params, PasswordVerifier as _, Version,
    password_hash::{PasswordHasher as _, phc::PasswordHash},
};
use serde::{Deserialize, Deserializer};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::{
    Problem,
    keys::random,
    limits::{PASSWORD_BYTES, PASSWORD_CHARACTERS, PASSWORDS_AT_ONCE},
};

/// Memory of one hash in KiB (OWASP Password Storage, argon2id).
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over it.
const PASSES: u32 = 2;
/// Lanes.
const LANES: u32 = 1;

/// A password as it arrived: wiped when dropped, and without a text form.
#[derive(Clone, Default)]
pub(crate) struct Password(Zeroizing<String>);

impl From<String> for Password {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl Deref for Password {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

/// What hashes passwords. Hashing is slow on purpose, so it stands on threads that may block, and only a few at once.
#[derive(Debug)]
pub(crate) struct Passwords {
    slots: Semaphore,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        Self { slots: Semaphore::new(PASSWORDS_AT_ONCE) }
    }

    /// The PHC string of a password.
    pub(crate) async fn hash(&self, password: Password) -> Result<String, Problem> {
        let salt: [u8; 16] = random()?;
        self.on_a_thread(move || {
            let hash: PasswordHash = hasher()?.hash_password_with_salt(password.as_bytes(), &salt).ok()?;
            Some(hash.to_string())
        })
        .await?
        .ok_or_else(|| Problem::internal(&std::io::Error::other("argon2 refuses its own parameters")))
    }

    /// Whether it is the password of that hash. Without a hash it is not, and takes as long to say so.
    pub(crate) async fn matches(&self, password: Password, hash: Option<String>) -> Result<bool, Problem> {
        self.on_a_thread(move || {
            let Some(argon2) = hasher() else { return false };
            match hash {
                Some(hash) => argon2.verify_password(password.as_bytes(), hash.as_str()).is_ok(),
                None => {
                    let _: Result<PasswordHash, _> = argon2.hash_password_with_salt(password.as_bytes(), &[0; 16]);
                    false
                }
            }
        })
        .await
    }

    async fn on_a_thread<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let _slot = self.slots.acquire().await.map_err(|error| Problem::internal(&error))?;
        tokio::task::spawn_blocking(work).await.map_err(|error| Problem::internal(&error))
    }
}

fn hasher() -> Option<Argon2<'static>> {
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(MEMORY_KIB, PASSES, LANES, None).ok()?))
}

/// Whether a new password will do.
///
/// # Errors
/// 400 `password-weak`, `password-too-long`.
pub(crate) fn check_new(user: &str, password: &str) -> Result<(), Problem> {
    if password.len() > PASSWORD_BYTES {
        return Err(Problem::bad_request(
            "password-too-long",
            format!("the password is longer than {PASSWORD_BYTES} bytes"),
        ));
    }
    let distinct = password.chars().collect::<std::collections::BTreeSet<_>>().len();
    if password.chars().count() < PASSWORD_CHARACTERS || distinct < 4 || password.to_lowercase().contains(user) {
        return Err(Problem::bad_request(
            "password-weak",
            format!(
                "the password is too easy to guess: expected {PASSWORD_CHARACTERS} characters, and not the user's name"
            ),
        )
        .hint("a few unrelated words make a good one"));
    }
    Ok(())
}
