//! Rows of the index: what it says, and when it was said last.

use jackfield_db::{Conn, Result, on};
use sqlx::FromRow;

use crate::clock::Micros;

/// A release that everybody may know of.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct ReleaseRow {
    pub(crate) version: String,
    pub(crate) state: String,
    pub(crate) component: String,
    pub(crate) oci_manifest: String,
    pub(crate) size: i64,
    pub(crate) released_at: Option<i64>,
}

/// Releases that were ever released, the newest first.
pub(crate) async fn releases(conn: &mut Conn, package: &str, at_most: i64) -> Result<Vec<ReleaseRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT version, state, component, oci_manifest, size, released_at FROM releases
         WHERE package = $1 AND state IN ('released', 'yanked', 'quarantined', 'revoked')
         ORDER BY released_at DESC LIMIT $2",
    )
    .bind(package)
    .bind(at_most)
    .fetch_all(c))
}

/// The author's message; the outer option is the package.
pub(crate) async fn deprecated(conn: &mut Conn, package: &str) -> Result<Option<Option<String>>> {
    on!(conn, c => sqlx::query_scalar("SELECT deprecated FROM packages WHERE name = $1").bind(package).fetch_optional(c))
}

/// Entries under the newest published checkpoint.
pub(crate) async fn published_size(conn: &mut Conn) -> Result<i64> {
    on!(conn, c => sqlx::query_scalar(
        "SELECT COALESCE(MAX(size), 0) FROM log_checkpoints WHERE published_at IS NOT NULL",
    )
    .fetch_one(c))
}

/// Notes that an index is signed. Whoever else signs one of the same package waits here until this transaction ends.
pub(crate) async fn sign(conn: &mut Conn, package: &str, log_size: i64, now: Micros) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "INSERT INTO package_indexes (package, log_size, issued_at) VALUES ($1, $2, $3)
         ON CONFLICT (package) DO UPDATE SET log_size = excluded.log_size, issued_at = excluded.issued_at",
    )
    .bind(package)
    .bind(log_size)
    .bind(now)
    .execute(c), rows)
}

/// Packages whose index is older than that, or than what it speaks of; also those that have none yet.
pub(crate) async fn due(conn: &mut Conn, issued_before: Micros, at_most: i64) -> Result<Vec<String>> {
    on!(conn, c => sqlx::query_scalar(
        "SELECT r.package FROM releases r LEFT JOIN package_indexes i ON i.package = r.package
         WHERE r.state IN ('released', 'yanked', 'quarantined', 'revoked')
           AND (i.package IS NULL OR i.issued_at < $1 OR i.issued_at < r.state_at
                OR EXISTS (SELECT 1 FROM advisories a WHERE a.package = r.package
                           AND (a.published_at > i.issued_at OR a.withdrawn_at > i.issued_at)))
         GROUP BY r.package ORDER BY MIN(COALESCE(i.issued_at, 0)) LIMIT $2",
    )
    .bind(issued_before)
    .bind(at_most)
    .fetch_all(c))
}
