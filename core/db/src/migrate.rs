//! Bringing the tables up to date.

use std::borrow::Cow;

use sqlx::{
    SqlSafeStr as _,
    migrate::{MigrationType, Migrator},
};

use crate::{Db, Dialect, Result};

/// One step. Released steps never change: their checksums are kept in the database and compared.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its place in the order, from 1.
    pub version: i64,
    /// What it brings.
    pub name: &'static str,
    /// The text.
    pub sql: Sql,
}

/// A step's text.
#[derive(Clone, Copy, Debug)]
pub enum Sql {
    /// The same for both.
    Both(&'static str),
    /// Where it can't be the same.
    Each {
        /// For SQLite.
        sqlite: &'static str,
        /// For PostgreSQL.
        postgres: &'static str,
    },
}

pub(crate) async fn run(db: &Db, owner: &str, migrations: &[Migration]) -> Result<()> {
    let dialect = db.dialect();
    let steps: Vec<_> = migrations
        .iter()
        .map(|migration| {
            let sql = match (migration.sql, dialect) {
                (Sql::Both(sql), _) => sql,
                (Sql::Each { sqlite, .. }, Dialect::Sqlite) => sqlite,
                (Sql::Each { postgres, .. }, Dialect::Postgres) => postgres,
            };
            sqlx::migrate::Migration::new(
                migration.version,
                Cow::Borrowed(migration.name),
                MigrationType::Simple,
                sql.into_sql_str(),
                false,
            )
        })
        .collect();
    let table_name = Cow::Owned(format!("migrations_of_{owner}"));
    let migrator = Migrator { migrations: Cow::Owned(steps), table_name, ..Migrator::DEFAULT };
    match db {
        Db::Sqlite { write, .. } => migrator.run(write).await?,
        Db::Postgres(pool) => migrator.run(pool).await?,
    }
    Ok(())
}
