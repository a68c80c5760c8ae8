//! What can go wrong, sorted by what a caller can do about it.

/// A result of this crate.
pub type Result<T> = std::result::Result<T, DbError>;

/// Why a database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The address makes no sense.
    #[error("the database's address can't be used: {0}")]
    Url(String),
    /// Nothing answers, or no connection came free in time: the same may go through later.
    #[error("the database is not available: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// A row breaks a uniqueness rule: somebody was there before.
    #[error("such a row exists already: {0}")]
    Unique(#[source] sqlx::Error),
    /// The tables can't be brought up to date.
    #[error("the database can't be migrated: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The query's own fault, or the database's.
    #[error("the database refused: {0}")]
    Other(#[source] sqlx::Error),
}

impl DbError {
    /// Whether a row was there already.
    pub fn is_unique(&self) -> bool {
        matches!(self, Self::Unique(_))
    }

    /// Whether there is no room left on its disk: SQLite's `SQLITE_FULL`, PostgreSQL's `disk_full`.
    pub fn is_full(&self) -> bool {
        let Self::Unavailable(sqlx::Error::Database(error)) = self else { return false };
        error.code().is_some_and(|code| code == "13" || code == "53100")
    }
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        let unavailable = match &error {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) | sqlx::Error::Tls(_) => true,
            // SQLite: busy and locked (5, 6 and their extended forms), I/O error (10), full (13), can't open (14).
            // PostgreSQL: connection exceptions (08), no resources (53), operator intervention (57), deadlock (40).
            sqlx::Error::Database(inner) => inner.code().is_some_and(|code| match code.parse::<u32>() {
                Ok(number) if code.len() < 5 => matches!(number & 0xff, 5 | 6 | 10 | 13 | 14),
                _ => ["08", "53", "57", "40"].iter().any(|class| code.starts_with(class)),
            }),
            _ => false,
        };
        if unavailable {
            return Self::Unavailable(error);
        }
        if matches!(&error, sqlx::Error::Database(inner) if inner.is_unique_violation()) {
            return Self::Unique(error);
        }
        Self::Other(error)
    }
}
