//! One SQL text, two databases.
//!
//! A [`Db`] is SQLite in a file or PostgreSQL by URL. A store function takes a [`Conn`], which is one connection of either
//! kind, and runs the *same* query on it by [`on!`], so that nothing is written twice and nothing hides which text the
//! database sees. [`Db::read`] lends a connection, [`Db::begin`] one inside a transaction, which [`Tx::commit`] ends; a
//! `&mut Tx` serves wherever a `&mut Conn` is asked for, so every store function composes.
//!
//! What both databases understand alike: `$1`, `RETURNING`, `ON CONFLICT … DO UPDATE … WHERE`, row-value comparison,
//! `CAST(SUM(x) AS BIGINT)`, `FILTER`, window functions, `IS NOT DISTINCT FROM`, partial unique indexes. Columns are
//! `TEXT`, `BIGINT`, `BOOLEAN` and `BYTEA` (SQLite keeps bytes under that name too). Time is a `BIGINT` of microseconds
//! since 1970, bound from the caller's clock, never asked of the database. Full-text search is the one thing each database
//! says in its own words.

pub mod clock;
mod conn;
mod error;
mod migrate;
#[cfg(feature = "testing")]
pub mod testing;

pub use conn::{Conn, Dialect, PostgresSlot, SqliteSlot, Tx};
pub use error::{DbError, Result};
pub use migrate::{Migration, Sql};
#[doc(hidden)]
pub use sqlx as __sqlx;

use std::{path::Path, str::FromStr as _, time::Duration};

use sqlx::{
    Connection as _, PgPool, SqlitePool,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

/// Connections that wait on one another's answers on PostgreSQL; readers on SQLite.
const CONNECTIONS: u32 = 16;
/// How long a caller waits for a connection: longer, and the client has gone away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long SQLite waits for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection to a server may have waited for its next use without being asked whether it still lives: asking before
/// each use would cost as much as the query.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);

/// A database. Cheap to clone: clones share their connections.
#[derive(Clone, Debug)]
pub enum Db {
    /// A file. One connection writes, since SQLite has one writer; the others read beside it (WAL).
    Sqlite {
        /// Readers.
        read: SqlitePool,
        /// The writer.
        write: SqlitePool,
    },
    /// A server.
    Postgres(PgPool),
}

/// How many connections, and how long to wait for one.
#[derive(Clone, Copy, Debug)]
pub struct PoolLimits {
    /// Connections at the most.
    pub connections: u32,
    /// How long a caller waits for one before [`DbError::Unavailable`].
    pub acquire_timeout: Duration,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self { connections: CONNECTIONS, acquire_timeout: ACQUIRE_TIMEOUT }
    }
}

impl Db {
    /// Opens `sqlite:///path/to/file`, a plain path, or `postgres://user@host/database`.
    ///
    /// # Errors
    /// [`DbError::Url`] if the text is neither, [`DbError::Unavailable`] if nothing answers there.
    pub async fn open(url: &str, limits: PoolLimits) -> Result<Self> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let options = PgConnectOptions::from_str(url).map_err(|error| DbError::Url(error.to_string()))?;
            let pool = PgPoolOptions::new()
                .max_connections(limits.connections)
                .acquire_timeout(limits.acquire_timeout)
                .test_before_acquire(false)
                .before_acquire(|connection, state| {
                    Box::pin(async move {
                        if state.idle_for >= TRUSTED_IDLE {
                            connection.ping().await?;
                        }
                        Ok(true)
                    })
                })
                .connect_with(options)
                .await?;
            return Ok(Self::Postgres(pool));
        }
        if url.contains("://") && !url.starts_with("sqlite://") {
            return Err(DbError::Url(format!("`{}` is neither sqlite:// nor postgres://", redacted(url))));
        }
        Self::open_sqlite(Path::new(url.strip_prefix("sqlite://").unwrap_or(url)), limits).await
    }

    async fn open_sqlite(path: &Path, limits: PoolLimits) -> Result<Self> {
        // FULL: what was committed survives the machine's fall, not only the process's.
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        // A file that is open does not go away, so no connection is asked whether it still lives.
        let pool = SqlitePoolOptions::new().acquire_timeout(limits.acquire_timeout).test_before_acquire(false);
        let write = pool
            .clone()
            .max_connections(1)
            // On a full disk SQLite may end a transaction by itself (sqlite.org/lang_transaction.html, section 3). The connection
            // counts it for ever, and would begin no other: it is closed, and another takes its place.
            .before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }))
            .connect_with(options.clone())
            .await?;
        let read = pool.max_connections(limits.connections).connect_with(options.read_only(false)).await?;
        Ok(Self::Sqlite { read, write })
    }

    /// Which of the two.
    pub fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite { .. } => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// A connection for reading: each statement sees what was committed before it.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] if none comes free in time.
    pub async fn read(&self) -> Result<Conn> {
        Ok(match self {
            Self::Sqlite { read, .. } => Conn::Sqlite(SqliteSlot::Plain(read.acquire().await?)),
            Self::Postgres(pool) => Conn::Postgres(PostgresSlot::Plain(pool.acquire().await?)),
        })
    }

    /// A transaction that may write. SQLite: `BEGIN IMMEDIATE`, so that a writer never fails halfway for a lock.
    /// PostgreSQL: read committed; guard an update by its `WHERE` and look at how many rows it met.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] if no connection comes free in time.
    pub async fn begin(&self) -> Result<Tx> {
        Ok(Tx::new(match self {
            Self::Sqlite { write, .. } => {
                Conn::Sqlite(SqliteSlot::Transaction(write.begin_with("BEGIN IMMEDIATE").await?))
            }
            Self::Postgres(pool) => Conn::Postgres(PostgresSlot::Transaction(pool.begin().await?)),
        }))
    }

    /// Brings the tables of `owner` up to date. Several processes may start at once; one does it. Each owner's steps are counted in
    /// a table of their own, so that several may share a database.
    ///
    /// # Errors
    /// [`DbError::Migration`], also if the database has been migrated by a newer program.
    pub async fn migrate(&self, owner: &str, migrations: &[Migration]) -> Result<()> {
        migrate::run(self, owner, migrations).await
    }

    /// Copies a database of SQLite to a file that is not there yet, as it stands at one moment. Others go on writing.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] if the file can't be written; [`DbError::Url`] for PostgreSQL, which has tools of its own.
    pub async fn copy_to(&self, file: &Path) -> Result<()> {
        let Self::Sqlite { read, .. } = self else {
            return Err(DbError::Url("PostgreSQL is copied by pg_dump".to_owned()));
        };
        sqlx::query("VACUUM INTO $1").bind(file.display().to_string()).execute(read).await?;
        Ok(())
    }

    /// How many connections are in use, and how many wait for it.
    pub fn connections(&self) -> (u32, u32) {
        let of = |size: u32, idle: usize| {
            let idle = u32::try_from(idle).unwrap_or(u32::MAX).min(size);
            (size - idle, idle)
        };
        match self {
            Self::Sqlite { read, write } => {
                let (reading, writing) = (of(read.size(), read.num_idle()), of(write.size(), write.num_idle()));
                (reading.0 + writing.0, reading.1 + writing.1)
            }
            Self::Postgres(pool) => of(pool.size(), pool.num_idle()),
        }
    }

    /// Closes every connection, after what runs on it has ended.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// A URL without what may be a password.
pub fn redacted(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let rest = rest.rsplit_once('@').map_or(rest, |(_, after)| after);
    format!("{scheme}://{rest}")
}

/// Runs one query on whichever database a [`Conn`] is of:
///
/// ```ignore
/// let row: Option<Row> = on!(conn, c => sqlx::query_as("SELECT a FROM t WHERE b = $1").bind(b).fetch_optional(c))?;
/// let met = on!(conn, c => sqlx::query("UPDATE …").bind(b).execute(c), rows)?;   // how many rows it met
/// ```
#[macro_export]
macro_rules! on {
    ($conn:expr, $c:ident => $query:expr) => {{
        let conn: &mut $crate::Conn = $conn;
        match conn {
            $crate::Conn::Sqlite(slot) => {
                let $c = slot.connection();
                $query.await.map_err($crate::DbError::from)
            }
            $crate::Conn::Postgres(slot) => {
                let $c = slot.connection();
                $query.await.map_err($crate::DbError::from)
            }
        }
    }};
    ($conn:expr, $c:ident => $query:expr, rows) => {{
        let conn: &mut $crate::Conn = $conn;
        match conn {
            $crate::Conn::Sqlite(slot) => {
                let $c = slot.connection();
                $query.await.map(|done| done.rows_affected()).map_err($crate::DbError::from)
            }
            $crate::Conn::Postgres(slot) => {
                let $c = slot.connection();
                $query.await.map(|done| done.rows_affected()).map_err($crate::DbError::from)
            }
        }
    }};
}
