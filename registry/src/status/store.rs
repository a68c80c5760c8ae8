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

/// One status of a release or a key.
#[derive(Clone, Debug, FromRow)]
#[expect(missing_docs, reason = "as in the table")]
pub struct StatusRow {
    pub id: String,
    pub package: Option<String>,
    pub version: Option<String>,
    pub key_id: Option<String>,
    pub namespace: String,
    pub action: String,
    pub reason: String,
    pub since_index: Option<i64>,
    pub expires_at: Option<i64>,
    pub statement: Option<String>,
    pub authority: String,
    pub actor: String,
    pub at: i64,
    pub settled_at: Option<i64>,
    /// Of its statement: who signed, and its place in the log.
    pub signed_by: Option<String>,
    pub log_index: Option<i64>,
}

/// A release that can be taken back.
#[derive(Clone, Debug, FromRow)]
pub(super) struct ReleaseRow {
    pub(super) id: String,
    pub(super) package: String,
    pub(super) version: String,
    pub(super) state: String,
    pub(super) oci_manifest: String,
}

/// A key's signature under a release.
#[derive(Clone, Debug, FromRow)]
pub(super) struct SignerRow {
    pub(super) key_id: String,
    pub(super) log_index: i64,
}

pub(super) async fn add(conn: &mut Conn, row: &StatusRow) -> Result<()> {
    on!(conn, c => sqlx::query(
        "INSERT INTO statuses (id, package, version, key_id, namespace, action, reason, since_index, expires_at, statement,
           authority, actor, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(&row.id)
    .bind(&row.package)
    .bind(&row.version)
    .bind(&row.key_id)
    .bind(&row.namespace)
    .bind(&row.action)
    .bind(&row.reason)
    .bind(row.since_index)
    .bind(row.expires_at)
    .bind(&row.statement)
    .bind(&row.authority)
    .bind(&row.actor)
    .bind(row.at)
    .execute(c), rows)
    .map(drop)
}

/// Whether a status was made of that statement already.
pub(super) async fn has_statement(conn: &mut Conn, statement: &str) -> Result<bool> {
    let count: i64 = on!(conn, c => sqlx::query_scalar("SELECT COUNT(*) FROM statuses WHERE statement = $1")
        .bind(statement)
        .fetch_one(c))?;
    Ok(count > 0)
}

/// Statuses of a release, as the log has them; those that wait for it come last.
pub(super) async fn of_release(conn: &mut Conn, package: &str, version: &str) -> Result<Vec<StatusRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT s.*, t.key_id AS signed_by, t.log_index FROM statuses s LEFT JOIN statements t ON t.digest = s.statement
         WHERE s.package = $1 AND s.version = $2 ORDER BY COALESCE(t.log_index, 9223372036854775807), s.at, s.id",
    )
    .bind(package)
    .bind(version)
    .fetch_all(c))
}

/// Statuses of a namespace's keys, in the same order.
pub(super) async fn of_keys(conn: &mut Conn, namespace: &str) -> Result<Vec<StatusRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT s.*, t.key_id AS signed_by, t.log_index FROM statuses s LEFT JOIN statements t ON t.digest = s.statement
         WHERE s.namespace = $1 AND s.key_id IS NOT NULL
         ORDER BY COALESCE(t.log_index, 9223372036854775807), s.at, s.id",
    )
    .bind(namespace)
    .fetch_all(c))
}

/// Statuses whose statement was not in the log when it was last looked, oldest first.
pub(super) async fn waiting(conn: &mut Conn, limit: i64) -> Result<Vec<StatusRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT s.*, t.key_id AS signed_by, t.log_index FROM statuses s JOIN statements t ON t.digest = s.statement
         WHERE s.settled_at IS NULL AND t.log_index IS NOT NULL ORDER BY s.at, s.id LIMIT $1",
    )
    .bind(limit)
    .fetch_all(c))
}

pub(super) async fn settled(conn: &mut Conn, id: &str, now: i64) -> Result<u64> {
    on!(conn, c => sqlx::query("UPDATE statuses SET settled_at = $2 WHERE id = $1 AND settled_at IS NULL")
        .bind(id)
        .bind(now)
        .execute(c), rows)
}

const RELEASE: &str =
    "SELECT id, package, version, state, oci_manifest FROM releases WHERE package = $1 AND version = $2
    AND state IN ('released', 'yanked', 'quarantined', 'revoked')";

pub(super) async fn release(conn: &mut Conn, package: &str, version: &str) -> Result<Option<ReleaseRow>> {
    on!(conn, c => sqlx::query_as(RELEASE).bind(package).bind(version).fetch_optional(c))
}

/// Releases in quarantine of which one has ended.
pub(super) async fn ended_quarantines(conn: &mut Conn, now: i64, limit: i64) -> Result<Vec<ReleaseRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT id, package, version, state, oci_manifest FROM releases r WHERE state = 'quarantined' AND EXISTS (
           SELECT 1 FROM statuses s WHERE s.package = r.package AND s.version = r.version AND s.action = 'quarantine'
             AND s.expires_at <= $1)
         AND NOT EXISTS (
           SELECT 1 FROM statuses s WHERE s.package = r.package AND s.version = r.version AND s.action = 'quarantine'
             AND s.expires_at > $1)
         ORDER BY id LIMIT $2",
    )
    .bind(now)
    .bind(limit)
    .fetch_all(c))
}

/// Releases that a key has signed.
pub(super) async fn signed_with(conn: &mut Conn, namespace: &str, key_id: &str) -> Result<Vec<ReleaseRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT DISTINCT r.id, r.package, r.version, r.state, r.oci_manifest
         FROM statements t JOIN releases r ON r.package = t.package AND r.version = t.version
         WHERE t.namespace = $1 AND t.key_id = $2 AND t.kind = 'publish'
           AND r.state IN ('released', 'yanked', 'quarantined', 'revoked')",
    )
    .bind(namespace)
    .bind(key_id)
    .fetch_all(c))
}

/// Who has signed a release.
pub(super) async fn signers(conn: &mut Conn, release: &ReleaseRow) -> Result<Vec<SignerRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT key_id, log_index FROM statements
         WHERE package = $1 AND version = $2 AND kind = 'publish' AND log_index IS NOT NULL",
    )
    .bind(&release.package)
    .bind(&release.version)
    .fetch_all(c))
}

/// Takes a release from one of the states that everybody may see to another, and writes it into its story.
pub(super) async fn set_state(
    conn: &mut Conn,
    release: &ReleaseRow,
    to: &str,
    reason: Option<&str>,
    actor: &str,
    now: i64,
) -> Result<bool> {
    let met = on!(conn, c => sqlx::query(
        "UPDATE releases SET state = $2, reason = $3, state_at = $4,
           next_actor = CASE WHEN $2 = 'quarantined' THEN 'moderator' ELSE 'nobody' END
         WHERE id = $1 AND state = $5",
    )
    .bind(&release.id)
    .bind(to)
    .bind(reason)
    .bind(now)
    .bind(&release.state)
    .execute(c), rows)?;
    if met == 0 {
        return Ok(false);
    }
    on!(conn, c => sqlx::query(
        "INSERT INTO release_events (release_id, seq, at, state, actor, reason)
         SELECT $1, COALESCE(MAX(seq), 0) + 1, $2, $3, $4, $5 FROM release_events WHERE release_id = $1",
    )
    .bind(&release.id)
    .bind(now)
    .bind(to)
    .bind(actor)
    .bind(reason)
    .execute(c), rows)?;
    Ok(true)
}
