//! The tables, in the order they came.

use jackfield_db::{Migration, Sql};

/// Every step.
pub const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    name: "connections",
    sql: Sql::Both(include_str!("../migrations/0001_connections.sql")),
}];
