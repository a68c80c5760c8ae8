//! The rows of the log.

use jackfield_db::{Conn, Result, on};

use crate::clock::Micros;

pub(super) struct StatementRow {
    pub(super) digest: String,
    pub(super) leaf: String,
    pub(super) entry: Vec<u8>,
    pub(super) kind: String,
    pub(super) key_id: String,
    pub(super) namespace: String,
    pub(super) package: Option<String>,
    pub(super) version: Option<String>,
    pub(super) component: Option<String>,
    pub(super) bundle: Vec<u8>,
}

/// Whether it is new.
pub(super) async fn insert_statement(conn: &mut Conn, row: StatementRow, now: Micros) -> Result<bool> {
    let met = on!(conn, c => sqlx::query(
        "INSERT INTO statements
             (digest, leaf, entry, kind, key_id, namespace, package, version, component, bundle, accepted_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (leaf) DO NOTHING")
        .bind(&row.digest).bind(&row.leaf).bind(&row.entry).bind(&row.kind).bind(&row.key_id).bind(&row.namespace)
        .bind(&row.package).bind(&row.version).bind(&row.component).bind(&row.bundle).bind(now)
        .execute(c), rows)?;
    Ok(met > 0)
}

pub(super) async fn statement_of_leaf(conn: &mut Conn, leaf: &str) -> Result<Option<String>> {
    on!(conn, c => sqlx::query_scalar("SELECT digest FROM statements WHERE leaf = $1").bind(leaf).fetch_optional(c))
}

/// A statement's index and bundle, if it is in the log up to this size.
pub(super) async fn logged_statement(conn: &mut Conn, digest: &str, size: i64) -> Result<Option<i64>> {
    on!(conn, c => sqlx::query_scalar("SELECT log_index FROM statements WHERE digest = $1 AND log_index < $2")
        .bind(digest).bind(size).fetch_optional(c))
}

/// One statement as it stands in the log.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct LoggedRow {
    pub(super) entry: Vec<u8>,
    pub(super) bundle: Vec<u8>,
}

/// Statements of the log, in its order.
pub(super) async fn logged(conn: &mut Conn, from: i64, limit: i64) -> Result<Vec<LoggedRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT entry, bundle FROM statements
         WHERE log_index >= $1 ORDER BY log_index LIMIT $2")
        .bind(from).bind(limit).fetch_all(c))
}

/// The bundle of the statement that an entry is made of, wherever that stands in the log.
pub(super) async fn bundle_of_entry(conn: &mut Conn, entry: &[u8]) -> Result<Option<Vec<u8>>> {
    on!(conn, c => sqlx::query_scalar("SELECT bundle FROM statements WHERE leaf = $1")
        .bind(jackfield_package::Digest::of(entry).to_string()).fetch_optional(c))
}

// ── The lease ───────────────────────────────────────────────────────────────────────────────────────────────────────

/// Takes or renews the lease. None: another holds it.
pub(super) async fn take_lease(conn: &mut Conn, holder: &str, until: Micros, now: Micros) -> Result<Option<i64>> {
    on!(conn, c => sqlx::query(
        "INSERT INTO log_lease (id, holder, generation, expires_at) VALUES (1, '', 0, 0) ON CONFLICT (id) DO NOTHING")
        .execute(c), rows)?;
    on!(conn, c => sqlx::query_scalar(
        "UPDATE log_lease
         SET generation = CASE WHEN holder = $1 THEN generation ELSE generation + 1 END, holder = $1, expires_at = $2
         WHERE id = 1 AND (holder = $1 OR expires_at <= $3) RETURNING generation")
        .bind(holder).bind(until).bind(now).fetch_optional(c))
}

/// Whether the lease is still the one that was taken. Locks it to the transaction's end.
pub(super) async fn hold_lease(conn: &mut Conn, holder: &str, generation: i64, until: Micros) -> Result<bool> {
    let met = on!(conn, c => sqlx::query(
        "UPDATE log_lease SET expires_at = $3 WHERE id = 1 AND holder = $1 AND generation = $2")
        .bind(holder).bind(generation).bind(until).execute(c), rows)?;
    Ok(met == 1)
}

/// Ends the lease of this holder now, if it is his.
pub(super) async fn end_lease(conn: &mut Conn, holder: &str) -> Result<()> {
    on!(conn, c => sqlx::query("UPDATE log_lease SET expires_at = 0 WHERE id = 1 AND holder = $1")
        .bind(holder).execute(c), rows)
    .map(drop)
}

// ── The order ───────────────────────────────────────────────────────────────────────────────────────────────────────

/// Whether a statement waits for its place.
pub(super) async fn anything_waits(conn: &mut Conn) -> Result<bool> {
    let found: Option<i64> = on!(conn, c => sqlx::query_scalar(
        "SELECT accepted_at FROM statements WHERE log_index IS NULL LIMIT 1").fetch_optional(c))?;
    Ok(found.is_some())
}

/// The first place that nothing has.
pub(super) async fn next_place(conn: &mut Conn) -> Result<i64> {
    on!(conn, c => sqlx::query_scalar("SELECT COALESCE(MAX(idx) + 1, 0) FROM log_entries").fetch_one(c))
}

/// Gives up to `limit` waiting statements their places, oldest first; of one time, keys before what they sign. How many.
pub(super) async fn fix_order(conn: &mut Conn, limit: i64) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "INSERT INTO log_entries (idx, statement)
         SELECT (SELECT COALESCE(MAX(idx) + 1, 0) FROM log_entries)
                    + ROW_NUMBER() OVER (ORDER BY waiting.accepted_at, waiting.rank, waiting.digest) - 1,
                waiting.digest
         FROM (SELECT digest, accepted_at, CASE kind WHEN 'keyset' THEN 0 ELSE 1 END AS rank FROM statements
               WHERE log_index IS NULL
                 AND NOT EXISTS (SELECT 1 FROM log_entries WHERE log_entries.statement = statements.digest)
               ORDER BY accepted_at, rank, digest LIMIT $1) AS waiting")
        .bind(limit).execute(c), rows)
}

/// Entries in their fixed order, from an index on.
pub(super) async fn fixed_entries(conn: &mut Conn, from: i64, limit: i64) -> Result<Vec<Vec<u8>>> {
    on!(conn, c => sqlx::query_scalar(
        "SELECT statements.entry FROM log_entries JOIN statements ON statements.digest = log_entries.statement
         WHERE log_entries.idx >= $1 ORDER BY log_entries.idx LIMIT $2")
        .bind(from).bind(limit).fetch_all(c))
}

/// Marks what a new checkpoint covers.
pub(super) async fn cover(conn: &mut Conn, from: i64, to: i64) -> Result<()> {
    on!(conn, c => sqlx::query(
        "UPDATE statements
         SET log_index = (SELECT idx FROM log_entries WHERE log_entries.statement = statements.digest)
         WHERE digest IN (SELECT statement FROM log_entries WHERE idx >= $1 AND idx < $2)")
        .bind(from).bind(to).execute(c), rows)?;
    Ok(())
}

// ── Checkpoints ─────────────────────────────────────────────────────────────────────────────────────────────────────

#[derive(Clone, Debug, sqlx::FromRow)]
pub(super) struct CheckpointRow {
    pub(super) size: i64,
    pub(super) root: String,
    pub(super) note: String,
    pub(super) published_at: Option<Micros>,
}

/// The newest that was signed, published or not.
pub(super) async fn newest_signed(conn: &mut Conn) -> Result<Option<CheckpointRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT size, root, note, published_at FROM log_checkpoints ORDER BY size DESC LIMIT 1").fetch_optional(c))
}

/// The newest that everybody may see.
pub(super) async fn newest_published(conn: &mut Conn) -> Result<Option<CheckpointRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT size, root, note, published_at FROM log_checkpoints
         WHERE published_at IS NOT NULL ORDER BY size DESC LIMIT 1").fetch_optional(c))
}

/// The published checkpoint above this size that the most witnesses have cosigned, and the newest of those.
pub(super) async fn best_published(conn: &mut Conn, above: i64) -> Result<Option<CheckpointRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT size, root, note, published_at FROM log_checkpoints
         WHERE published_at IS NOT NULL AND size > $1
         ORDER BY (SELECT COUNT(*) FROM log_cosignatures WHERE log_cosignatures.size = log_checkpoints.size) DESC,
                  size DESC
         LIMIT 1")
        .bind(above).fetch_optional(c))
}

/// Adds a checkpoint after the one of size `after`. False: somebody else did, and this one must never be seen.
pub(super) async fn insert_checkpoint(
    conn: &mut Conn,
    after: Option<i64>,
    size: i64,
    root: &str,
    note: &str,
    now: Micros,
) -> Result<bool> {
    let met = on!(conn, c => sqlx::query(
        "INSERT INTO log_checkpoints (size, root, note, created_at)
         SELECT $2, $3, $4, $5
         WHERE (SELECT MAX(size) FROM log_checkpoints) IS NOT DISTINCT FROM CAST($1 AS BIGINT)")
        .bind(after).bind(size).bind(root).bind(note).bind(now).execute(c), rows)?;
    Ok(met == 1)
}

pub(super) async fn mark_published(conn: &mut Conn, size: i64, now: Micros) -> Result<()> {
    on!(conn, c => sqlx::query(
        "UPDATE log_checkpoints SET published_at = $2 WHERE size <= $1 AND published_at IS NULL")
        .bind(size).bind(now).execute(c), rows)?;
    Ok(())
}

// ── Cosignatures ────────────────────────────────────────────────────────────────────────────────────────────────────

/// Cosignature lines of a checkpoint, by the witness's name.
pub(super) async fn cosignatures(conn: &mut Conn, size: i64) -> Result<Vec<String>> {
    on!(conn, c => sqlx::query_scalar("SELECT line FROM log_cosignatures WHERE size = $1 ORDER BY witness")
        .bind(size).fetch_all(c))
}

pub(super) async fn add_cosignature(conn: &mut Conn, size: i64, witness: &str, line: &str, now: Micros) -> Result<()> {
    on!(conn, c => sqlx::query(
        "INSERT INTO log_cosignatures (size, witness, line, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (size, witness) DO UPDATE SET line = $3, created_at = $4")
        .bind(size).bind(witness).bind(line).bind(now).execute(c), rows)?;
    Ok(())
}

/// The largest size that a witness has cosigned, as far as is known here.
pub(super) async fn last_cosigned(conn: &mut Conn, witness: &str) -> Result<i64> {
    on!(conn, c => sqlx::query_scalar("SELECT COALESCE(MAX(size), 0) FROM log_cosignatures WHERE witness = $1")
        .bind(witness).fetch_one(c))
}

// ── What is served, for holding it against the log ──────────────────────────────────────────────────────────────────

#[derive(Debug, sqlx::FromRow)]
pub(super) struct ReleaseRow {
    pub(super) package: String,
    pub(super) version: String,
    pub(super) component: String,
    pub(super) state: String,
}

/// All of them; of one version, what holds it comes last.
pub(super) async fn releases(conn: &mut Conn) -> Result<Vec<ReleaseRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT package, version, component, state FROM releases
         ORDER BY package, version, CASE state WHEN 'rejected' THEN 0 ELSE 1 END").fetch_all(c))
}

#[derive(Debug, sqlx::FromRow)]
pub(super) struct ServedKeyset {
    pub(super) namespace: String,
    pub(super) version: i64,
    pub(super) threshold: i64,
    pub(super) keys: String,
}

/// Those whose statement is in the log: one that waits for it is not held against it.
pub(super) async fn served_keysets(conn: &mut Conn) -> Result<Vec<ServedKeyset>> {
    on!(conn, c => sqlx::query_as(
        "SELECT keysets.namespace, keysets.version, keysets.threshold, keysets.keys FROM keysets
         JOIN statements ON statements.digest = keysets.statement
         WHERE statements.log_index < (SELECT MAX(size) FROM log_checkpoints WHERE published_at IS NOT NULL)
         ORDER BY keysets.namespace, keysets.version").fetch_all(c))
}
