//! The tables, in the order they came.

use jackfield_db::{Migration, Sql};

/// Every step.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, name: "workspaces", sql: Sql::Both(include_str!("../migrations/0001_workspaces.sql")) },
    Migration { version: 2, name: "bills", sql: Sql::Both(include_str!("../migrations/0002_bills.sql")) },
];
