//! Places of a release's statements in the log's order.

use jackfield_db::{Conn, Result, on};

/// A publish statement of a release.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Signature {
    pub(super) statement: String,
    pub(super) key_id: String,
    /// None: it has no place yet.
    pub(super) idx: Option<i64>,
}

pub(super) async fn signatures(conn: &mut Conn, release: &str) -> Result<Vec<Signature>> {
    on!(conn, c => sqlx::query_as(
        "SELECT r.statement, s.key_id, e.idx FROM release_statements r
         JOIN statements s ON s.digest = r.statement LEFT JOIN log_entries e ON e.statement = s.digest
         WHERE r.release_id = $1 AND s.kind = 'publish' ORDER BY e.idx, r.statement")
        .bind(release).fetch_all(c))
}

/// All that a release waits for.
pub(super) async fn statements(conn: &mut Conn, release: &str) -> Result<Vec<String>> {
    on!(conn, c => sqlx::query_scalar("SELECT statement FROM release_statements WHERE release_id = $1")
        .bind(release).fetch_all(c))
}

/// A release of which a publish statement has just got its place.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Placed {
    pub(super) id: String,
    pub(super) namespace: String,
    /// Whether a part of it had its place before.
    pub(super) begun: bool,
}

pub(super) async fn placed(conn: &mut Conn, from: i64) -> Result<Vec<Placed>> {
    on!(conn, c => sqlx::query_as(
        "SELECT releases.id, packages.namespace, EXISTS (
             SELECT 1 FROM release_statements r JOIN log_entries e ON e.statement = r.statement
             WHERE r.release_id = releases.id AND e.idx < $1) AS begun
         FROM releases JOIN packages ON packages.name = releases.package
         WHERE releases.state = 'ready' AND EXISTS (
             SELECT 1 FROM log_entries e JOIN release_statements r ON r.statement = e.statement
             JOIN statements s ON s.digest = e.statement
             WHERE e.idx >= $1 AND s.kind = 'publish' AND r.release_id = releases.id)
         ORDER BY releases.id")
        .bind(from).fetch_all(c))
}

/// A keyset statement, of which a change has one for each key that signed it.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct KeysetSignature {
    pub(super) statement: String,
    pub(super) key_id: String,
    pub(super) bundle: Vec<u8>,
    /// None: it has no place yet.
    pub(super) idx: Option<i64>,
}

pub(super) async fn keysets(conn: &mut Conn, namespace: &str) -> Result<Vec<KeysetSignature>> {
    on!(conn, c => sqlx::query_as(
        "SELECT s.digest AS statement, s.key_id, s.bundle, e.idx FROM statements s LEFT JOIN log_entries e ON e.statement = s.digest
         WHERE s.namespace = $1 AND s.kind = 'keyset' ORDER BY e.idx")
        .bind(namespace).fetch_all(c))
}

/// Namespaces of which a keyset statement has just got its place.
pub(super) async fn namespaces_placed(conn: &mut Conn, from: i64) -> Result<Vec<String>> {
    on!(conn, c => sqlx::query_scalar(
        "SELECT DISTINCT s.namespace FROM log_entries e JOIN statements s ON s.digest = e.statement
         WHERE e.idx >= $1 AND s.kind = 'keyset' ORDER BY s.namespace")
        .bind(from).fetch_all(c))
}

/// The revocation of a key that has its place in the log.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct PlacedRevocation {
    pub(super) key_id: String,
    pub(super) since_index: Option<i64>,
    pub(super) idx: i64,
}

/// Those of a namespace that were not lifted since.
pub(super) async fn placed_revocations(conn: &mut Conn, namespace: &str) -> Result<Vec<PlacedRevocation>> {
    on!(conn, c => sqlx::query_as(
        "SELECT s.key_id, s.since_index, e.idx FROM statuses s JOIN log_entries e ON e.statement = s.statement
         WHERE s.namespace = $1 AND s.key_id IS NOT NULL AND s.action = 'revoke'
           AND NOT EXISTS (SELECT 1 FROM statuses newer WHERE newer.namespace = s.namespace AND newer.key_id = s.key_id
                           AND newer.action = 'lift' AND (newer.at, newer.id) > (s.at, s.id))")
        .bind(namespace).fetch_all(c))
}

/// Takes back the order from an index on. Only before anything was built upon it: in the transaction that fixed it.
pub(super) async fn free_places(conn: &mut Conn, from: i64) -> Result<u64> {
    on!(conn, c => sqlx::query("DELETE FROM log_entries WHERE idx >= $1").bind(from).execute(c), rows)
}

/// Forgets a statement that has no place in the log.
pub(super) async fn forget(conn: &mut Conn, statement: &str) -> Result<()> {
    on!(conn, c => sqlx::query("DELETE FROM release_statements WHERE statement = $1").bind(statement).execute(c), rows)?;
    on!(conn, c => sqlx::query("DELETE FROM statements WHERE digest = $1 AND log_index IS NULL")
        .bind(statement).execute(c), rows)
    .map(drop)
}
