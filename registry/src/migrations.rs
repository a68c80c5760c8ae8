//! The tables, in the order they came.

use jackfield_db::{Migration, Sql};

/// Every step.
pub const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, name: "accounts", sql: Sql::Both(include_str!("../migrations/0001_accounts.sql")) },
    Migration { version: 2, name: "oci", sql: Sql::Both(include_str!("../migrations/0002_oci.sql")) },
    Migration { version: 3, name: "releases", sql: Sql::Both(include_str!("../migrations/0003_releases.sql")) },
    Migration { version: 4, name: "log", sql: Sql::Both(include_str!("../migrations/0004_log.sql")) },
    Migration { version: 5, name: "reviews", sql: Sql::Both(include_str!("../migrations/0005_reviews.sql")) },
    Migration {
        version: 6,
        name: "search",
        sql: Sql::Each {
            sqlite: include_str!("../migrations/0006_search.sqlite.sql"),
            postgres: include_str!("../migrations/0006_search.postgres.sql"),
        },
    },
    Migration { version: 7, name: "index", sql: Sql::Both(include_str!("../migrations/0007_index.sql")) },
    Migration { version: 8, name: "ageing", sql: Sql::Both(include_str!("../migrations/0008_ageing.sql")) },
    Migration { version: 9, name: "sessions", sql: Sql::Both(include_str!("../migrations/0009_sessions.sql")) },
    Migration {
        version: 10,
        name: "reservations",
        sql: Sql::Both(include_str!("../migrations/0010_reservations.sql")),
    },
    Migration { version: 11, name: "identities", sql: Sql::Both(include_str!("../migrations/0011_identities.sql")) },
];
