//! Why the broker did not do something.

use jackfield_db::DbError;
use jackfield_package::Refusal;

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why, sorted by whose matter it is. None of it ever holds a secret.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// What was asked for is wrong or not allowed; the same again gets the same answer. Codes stand in docs/errors/broker.md.
    #[error(transparent)]
    Refused(Refusal),
    /// A database or a provider does not answer: the same may go through later.
    #[error(transparent)]
    Unavailable(Refusal),
    /// The broker itself failed.
    #[error("{0}")]
    Fault(String),
}

impl Error {
    /// A refusal without a hint.
    pub fn refused(code: &'static str, message: impl Into<String>) -> Self {
        Self::Refused(Refusal::new(code, message))
    }

    /// The same with a hint; a fault has none.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        match self {
            Self::Refused(refusal) => Self::Refused(refusal.hint(hint)),
            Self::Unavailable(refusal) => Self::Unavailable(refusal.hint(hint)),
            Self::Fault(message) => Self::Fault(message),
        }
    }

    /// Its code; a fault of the broker has none of its own.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) | Self::Unavailable(refusal) => refusal.code,
            Self::Fault(_) => "broker-fault",
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<DbError> for Error {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Unavailable(_) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the broker's database is not available");
                Self::Unavailable(Refusal::new(
                    "broker-database-unavailable",
                    "the broker's database does not answer in time",
                ))
            }
            DbError::Url(reason) => {
                Self::refused("broker-database-malformed", format!("the broker's database: {reason}"))
                    .hint("postgres://user@host/database, or a file of SQLite")
            }
            other => Self::Fault(format!("the broker's database: {other}")),
        }
    }
}

/// Fills with the system's randomness.
pub(crate) fn random(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|error| Error::Fault(format!("no randomness: {error}")))
}
