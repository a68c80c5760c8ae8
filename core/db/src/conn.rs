//! One connection of either kind, within a transaction or not.

use std::ops::{Deref, DerefMut};

use sqlx::{PgConnection, Postgres, Sqlite, SqliteConnection, Transaction, pool::PoolConnection};

use crate::Result;

/// Which database a text is for, where it can't be the same for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// One connection. Given back when dropped.
#[derive(Debug)]
pub enum Conn {
    /// To SQLite.
    Sqlite(SqliteSlot),
    /// To PostgreSQL.
    Postgres(PostgresSlot),
}

impl Conn {
    /// Which of the two.
    pub fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }
}

/// A connection to SQLite; [`crate::on!`] looks inside, nothing else needs to.
#[derive(Debug)]
pub enum SqliteSlot {
    /// Each statement for itself.
    Plain(PoolConnection<Sqlite>),
    /// All or nothing.
    Transaction(Transaction<'static, Sqlite>),
}

impl SqliteSlot {
    /// What a query runs on.
    pub fn connection(&mut self) -> &mut SqliteConnection {
        match self {
            Self::Plain(connection) => connection,
            Self::Transaction(transaction) => transaction,
        }
    }
}

/// A connection to PostgreSQL.
#[derive(Debug)]
pub enum PostgresSlot {
    /// Each statement for itself.
    Plain(PoolConnection<Postgres>),
    /// All or nothing.
    Transaction(Transaction<'static, Postgres>),
}

impl PostgresSlot {
    /// What a query runs on.
    pub fn connection(&mut self) -> &mut PgConnection {
        match self {
            Self::Plain(connection) => connection,
            Self::Transaction(transaction) => transaction,
        }
    }
}

/// A transaction. Dropped without [`Self::commit`], it never was.
#[derive(Debug)]
pub struct Tx {
    conn: Conn,
}

impl Tx {
    pub(crate) fn new(conn: Conn) -> Self {
        Self { conn }
    }

    /// Makes it so. What returned is durable; an error means that it is unknown whether it is.
    ///
    /// # Errors
    /// [`crate::DbError`], if the database did not confirm.
    pub async fn commit(self) -> Result<()> {
        match self.conn {
            Conn::Sqlite(SqliteSlot::Transaction(transaction)) => transaction.commit().await?,
            Conn::Postgres(PostgresSlot::Transaction(transaction)) => transaction.commit().await?,
            Conn::Sqlite(SqliteSlot::Plain(_)) | Conn::Postgres(PostgresSlot::Plain(_)) => {}
        }
        Ok(())
    }
}

impl Deref for Tx {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.conn
    }
}
