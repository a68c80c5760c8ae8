//! Statements as evidence: what is in the log about one release, its namespace's keys, and what was said since.

use jackfield_db::{Conn, Result, on};
use sqlx::FromRow;

/// A statement in the log.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct StatementRow {
    pub(crate) kind: String,
    pub(crate) bundle: Vec<u8>,
    pub(crate) log_index: i64,
}

/// The component of a release that everybody may know of.
pub(crate) async fn component(conn: &mut Conn, package: &str, version: &str) -> Result<Option<String>> {
    on!(conn, c => sqlx::query_scalar(
        "SELECT component FROM releases
         WHERE package = $1 AND version = $2 AND state IN ('released', 'yanked', 'quarantined', 'revoked')",
    )
    .bind(package)
    .bind(version)
    .fetch_optional(c))
}

/// What a published checkpoint covers of: the release's own statements, its namespace's keysets, and the statuses of the
/// namespace's keys; in the order of the log.
pub(crate) async fn statements(
    conn: &mut Conn,
    namespace: &str,
    package: &str,
    component: &str,
    at_most: i64,
) -> Result<Vec<StatementRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT kind, bundle, log_index FROM statements
         WHERE log_index < (SELECT COALESCE(MAX(size), 0) FROM log_checkpoints WHERE published_at IS NOT NULL)
           AND ((package = $2 AND component = $3)
                OR (namespace = $1 AND kind = 'keyset')
                OR (namespace = $1 AND kind = 'status' AND package IS NULL))
         ORDER BY log_index LIMIT $4",
    )
    .bind(namespace)
    .bind(package)
    .bind(component)
    .bind(at_most)
    .fetch_all(c))
}

/// Audits of a component.
pub(crate) async fn audits(conn: &mut Conn, component: &str) -> Result<i64> {
    on!(conn, c => sqlx::query_scalar("SELECT COUNT(*) FROM statements WHERE component = $1 AND kind = 'audit'")
        .bind(component)
        .fetch_one(c))
}
