//! Rows of what was signed: publish statements on their way, the keys that count, and what a release waits for in the log.

use jackfield_db::{Conn, Result, on};

use crate::clock::Micros;

/// A publish statement that was handed in.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct HandedIn {
    /// Who signed.
    pub key_id: String,
    /// SHA-256 of what was signed.
    pub payload: String,
    /// The bundle.
    pub bundle: Vec<u8>,
}

/// Keeps a publish statement until the release has passed: one a key, the newest.
pub async fn put_bundle(conn: &mut Conn, id: &str, new: &HandedIn, public_key: &str, now: Micros) -> Result<()> {
    on!(conn, c => sqlx::query(
        "INSERT INTO release_bundles (release_id, key_id, public_key, payload, bundle, accepted_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (release_id, key_id) DO UPDATE SET payload = $4, bundle = $5, accepted_at = $6")
        .bind(id).bind(new.key_id.as_str()).bind(public_key).bind(new.payload.as_str()).bind(new.bundle.as_slice())
        .bind(now).execute(c), rows)
    .map(drop)
}

/// The publish statements of a release.
pub async fn bundles(conn: &mut Conn, id: &str) -> Result<Vec<HandedIn>> {
    on!(conn, c => sqlx::query_as(
        "SELECT key_id, payload, bundle FROM release_bundles WHERE release_id = $1 ORDER BY accepted_at, key_id")
        .bind(id).fetch_all(c))
}

/// A namespace's keys as they count now.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct KeysetRow {
    /// From 1.
    pub version: i64,
    /// How many must sign.
    pub threshold: i64,
    /// JSON array of public keys in hex.
    pub keys: String,
}

/// A namespace's newest keyset.
pub async fn keyset(conn: &mut Conn, namespace: &str) -> Result<Option<KeysetRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT version, threshold, keys FROM keysets WHERE namespace = $1 ORDER BY version DESC LIMIT 1")
        .bind(namespace).fetch_optional(c))
}

/// Keys of a namespace that were revoked and not lifted: their ids, and since which index.
pub async fn revoked_keys(conn: &mut Conn, namespace: &str) -> Result<Vec<(String, Option<i64>)>> {
    on!(conn, c => sqlx::query_as(
        "SELECT key_id, since_index FROM statuses s WHERE namespace = $1 AND key_id IS NOT NULL AND action = 'revoke'
         AND NOT EXISTS (SELECT 1 FROM statuses newer WHERE newer.namespace = s.namespace AND newer.key_id = s.key_id
                         AND newer.action = 'lift' AND (newer.at, newer.id) > (s.at, s.id))")
        .bind(namespace).fetch_all(c))
}

/// Makes a release wait for a statement.
pub async fn await_statement(conn: &mut Conn, id: &str, statement: &str) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "INSERT INTO release_statements (release_id, statement) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(id).bind(statement).execute(c), rows)
}

/// A statement that a release waits for.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Awaited {
    /// Its digest.
    pub digest: String,
    /// publish or checks.
    pub kind: String,
    /// Who signed.
    pub key_id: String,
    /// The bundle.
    pub bundle: Vec<u8>,
}

/// The statements that a release waits for.
pub async fn awaited(conn: &mut Conn, id: &str) -> Result<Vec<Awaited>> {
    on!(conn, c => sqlx::query_as(
        "SELECT s.digest, s.kind, s.key_id, s.bundle FROM release_statements r JOIN statements s ON s.digest = r.statement
         WHERE r.release_id = $1 ORDER BY s.digest")
        .bind(id).fetch_all(c))
}
