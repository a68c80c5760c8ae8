//! Rows of statuses and advisories.

use jackfield_db::{Conn, Result, on};
use sqlx::FromRow;

/// An advisory.
#[derive(Clone, Debug, FromRow)]
#[expect(missing_docs, reason = "as in the table")]
pub struct AdvisoryRow {
    pub id: String,
    pub package: String,
    pub affected: String,
    pub severity: String,
    pub title: String,
    pub body: String,
    pub url: Option<String>,
    pub published_by: String,
    pub published_at: i64,
    pub withdrawn_at: Option<i64>,
}

pub(super) async fn advisories(conn: &mut Conn, package: &str) -> Result<Vec<AdvisoryRow>> {
    on!(conn, c => sqlx::query_as("SELECT * FROM advisories WHERE package = $1 ORDER BY id DESC")
        .bind(package)
        .fetch_all(c))
}

/// The highest id of a year; `after` is what follows every id of it. A number that grows past four digits is longer.
pub(super) async fn last_advisory(conn: &mut Conn, prefix: &str, after: &str) -> Result<Option<String>> {
    on!(conn, c => sqlx::query_scalar(
        "SELECT id FROM advisories WHERE id >= $1 AND id < $2 ORDER BY LENGTH(id) DESC, id DESC LIMIT 1",
    )
    .bind(prefix)
    .bind(after)
    .fetch_optional(c))
}

pub(super) async fn add_advisory(conn: &mut Conn, row: &AdvisoryRow) -> Result<()> {
    on!(conn, c => sqlx::query(
        "INSERT INTO advisories (id, package, affected, severity, title, body, url, published_by, published_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(&row.id)
    .bind(&row.package)
    .bind(&row.affected)
    .bind(&row.severity)
    .bind(&row.title)
    .bind(&row.body)
    .bind(&row.url)
    .bind(&row.published_by)
    .bind(row.published_at)
    .execute(c), rows)
    .map(drop)
}

pub(super) async fn withdraw_advisory(conn: &mut Conn, package: &str, id: &str, now: i64) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "UPDATE advisories SET withdrawn_at = $3 WHERE id = $1 AND package = $2 AND withdrawn_at IS NULL",
    )
    .bind(id)
    .bind(package)
    .bind(now)
    .execute(c), rows)
}

/// Says that a package is deprecated, or no longer.
pub(super) async fn deprecate(conn: &mut Conn, package: &str, message: Option<&str>, now: i64) -> Result<u64> {
    on!(conn, c => sqlx::query("UPDATE packages SET deprecated = $2, updated_at = $3 WHERE name = $1")
        .bind(package)
        .bind(message)
        .bind(now)
        .execute(c), rows)
}
