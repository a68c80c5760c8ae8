//! The rows of connections, their events and their audit.

use jackfield_db::{Conn, DbError, Result, on};

use super::{Connection, ConnectionId, State};
use crate::{clock::Micros, token::TokenSet};

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    tenant: String,
    connector: String,
    auth: String,
    label: String,
    state: String,
    reason: Option<String>,
    terms: String,
    account: Option<String>,
    scopes: Option<String>,
    generation: i64,
    fence: i64,
    rejected_generation: i64,
    issued_at: Option<Micros>,
    expires_at: Option<Micros>,
    due_at: Option<Micros>,
    refresh_expires_at: Option<Micros>,
    failures: i64,
    retry_at: Option<Micros>,
    created_at: Micros,
    last_used_at: Option<Micros>,
}

impl Row {
    fn read(self) -> Option<Connection> {
        Some(Connection {
            id: self.id.parse().ok()?,
            tenant: self.tenant,
            connector: self.connector.parse().ok()?,
            auth: self.auth.parse().ok()?,
            label: self.label,
            state: State::parse(&self.state)?,
            reason: self.reason,
            terms: serde_json::from_str(&self.terms).ok()?,
            account: self.account,
            scopes: self.scopes.map(|scopes| serde_json::from_str(&scopes)).transpose().ok()?,
            generation: self.generation,
            fence: self.fence,
            rejected_generation: self.rejected_generation,
            issued_at: self.issued_at,
            expires_at: self.expires_at,
            due_at: self.due_at,
            refresh_expires_at: self.refresh_expires_at,
            failures: self.failures,
            retry_at: self.retry_at,
            created_at: self.created_at,
            last_used_at: self.last_used_at,
        })
    }
}

fn read(row: Row) -> Result<Connection> {
    let id = row.id.clone();
    row.read().ok_or_else(|| {
        DbError::Other(sqlx::Error::Decode(format!("the row of the connection `{id}` makes no sense").into()))
    })
}

pub(super) async fn insert(conn: &mut Conn, new: &Connection) -> Result<()> {
    on!(conn, c => sqlx::query(
        "INSERT INTO connections (id, tenant, connector, auth, label, state, terms, generation, fence,
             rejected_generation, failures, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, 0, 0, $8, $8)")
        .bind(new.id.as_str()).bind(&new.tenant).bind(new.connector.to_string()).bind(new.auth.as_str())
        .bind(&new.label).bind(new.state.as_str()).bind(json(&new.terms)).bind(new.created_at)
        .execute(c), rows)?;
    Ok(())
}

pub(crate) async fn connection(conn: &mut Conn, id: &ConnectionId) -> Result<Option<Connection>> {
    let row: Option<Row> = on!(conn, c => sqlx::query_as("SELECT * FROM connections WHERE id = $1")
        .bind(id.as_str()).fetch_optional(c))?;
    row.map(read).transpose()
}

/// A workspace's connections that are not deleted, in the order they were made, after one.
pub(super) async fn of_tenant(conn: &mut Conn, tenant: &str, after: &str, limit: i64) -> Result<Vec<Connection>> {
    let rows: Vec<Row> = on!(conn, c => sqlx::query_as(
        "SELECT * FROM connections WHERE tenant = $1 AND id > $2 AND state <> 'deleted' ORDER BY id LIMIT $3")
        .bind(tenant).bind(after).bind(limit).fetch_all(c))?;
    rows.into_iter().map(read).collect()
}

/// How many there are in each state.
pub(super) async fn count_by_state(conn: &mut Conn) -> Result<Vec<(String, i64)>> {
    Ok(on!(conn, c => sqlx::query_as("SELECT state, COUNT(*) FROM connections GROUP BY state").fetch_all(c))?)
}

/// Connections whose token is due by now, those that have waited longest first.
pub(crate) async fn due(conn: &mut Conn, now: Micros, limit: i64) -> Result<Vec<Connection>> {
    let rows: Vec<Row> = on!(conn, c => sqlx::query_as(
        "SELECT * FROM connections
         WHERE due_at <= $1 AND state IN ('active', 'degraded', 'refreshing') AND (retry_at IS NULL OR retry_at <= $1)
         ORDER BY due_at LIMIT $2")
        .bind(now).bind(limit).fetch_all(c))?;
    rows.into_iter().map(read).collect()
}

/// `false`: the state is not `from` any more.
pub(super) async fn set_state(
    conn: &mut Conn,
    id: &ConnectionId,
    from: State,
    to: State,
    reason: Option<&str>,
    now: Micros,
) -> Result<bool> {
    let met = on!(conn, c => sqlx::query(
        "UPDATE connections SET state = $3, reason = $4, updated_at = $5 WHERE id = $1 AND state = $2")
        .bind(id.as_str()).bind(from.as_str()).bind(to.as_str()).bind(reason).bind(now).execute(c), rows)?;
    Ok(met == 1)
}

pub(super) async fn set_terms(conn: &mut Conn, connection: &Connection) -> Result<()> {
    on!(conn, c => sqlx::query("UPDATE connections SET terms = $2 WHERE id = $1")
        .bind(connection.id.as_str()).bind(json(&connection.terms)).execute(c), rows)?;
    Ok(())
}

/// When a token set was got, and until when it lasts.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    pub(crate) issued_at: Micros,
    pub(crate) expires_at: Option<Micros>,
    pub(crate) due_at: Option<Micros>,
    pub(crate) refresh_expires_at: Option<Micros>,
}

/// Writes what a token set says about itself, as the next generation after `base`: if `base` is still what stands there, or
/// if what stands there was written by a holder before this one (a smaller fence). `None`: neither. This is the compare
/// and swap that makes a refresh count once.
pub(crate) async fn store_generation(
    conn: &mut Conn,
    id: &ConnectionId,
    base: i64,
    fence: i64,
    tokens: &TokenSet,
    times: Times,
) -> Result<Option<i64>> {
    on!(conn, c => sqlx::query_scalar(
        "UPDATE connections
         SET generation = generation + 1, fence = $3, issued_at = $4, expires_at = $5, due_at = $6,
             refresh_expires_at = $7, account = COALESCE($8, account), scopes = COALESCE($9, scopes),
             failures = 0, retry_at = NULL
         WHERE id = $1 AND (generation = $2 OR (generation = $2 + 1 AND fence < $3))
             AND state NOT IN ('deleted', 'revoked')
         RETURNING generation")
        .bind(id.as_str()).bind(base).bind(fence).bind(times.issued_at).bind(times.expires_at).bind(times.due_at)
        .bind(times.refresh_expires_at).bind(tokens.account.as_deref()).bind(tokens.scopes.as_ref().map(json))
        .fetch_optional(c))
}

/// A service answered 401 to this generation. `false`: it is not the one there is.
pub(crate) async fn reject_generation(conn: &mut Conn, id: &ConnectionId, generation: i64) -> Result<bool> {
    let met = on!(conn, c => sqlx::query(
        "UPDATE connections SET rejected_generation = $2 WHERE id = $1 AND generation = $2")
        .bind(id.as_str()).bind(generation).execute(c), rows)?;
    Ok(met == 1)
}

/// The service took it after all.
pub(crate) async fn unreject_generation(conn: &mut Conn, id: &ConnectionId, generation: i64) -> Result<()> {
    on!(conn, c => sqlx::query(
        "UPDATE connections SET rejected_generation = 0 WHERE id = $1 AND rejected_generation = $2")
        .bind(id.as_str()).bind(generation).execute(c), rows)?;
    Ok(())
}

pub(crate) async fn set_failures(conn: &mut Conn, id: &ConnectionId, failures: i64, retry_at: Micros) -> Result<()> {
    on!(conn, c => sqlx::query("UPDATE connections SET failures = $2, retry_at = $3 WHERE id = $1")
        .bind(id.as_str()).bind(failures).bind(retry_at).execute(c), rows)?;
    Ok(())
}

pub(super) async fn used(conn: &mut Conn, id: &ConnectionId, now: Micros) -> Result<()> {
    on!(conn, c => sqlx::query("UPDATE connections SET last_used_at = $2 WHERE id = $1")
        .bind(id.as_str()).bind(now).execute(c), rows)?;
    Ok(())
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

// ── Revocation ──────────────────────────────────────────────────────────────────────────────────────────────────────

/// Puts a connection on the list of those whose tokens the provider shall forget.
pub(super) async fn insert_revocation(conn: &mut Conn, id: &ConnectionId, now: Micros) -> Result<()> {
    on!(conn, c => sqlx::query(
        "INSERT INTO connection_revocations (connection, attempts, next_at) VALUES ($1, 0, $2)
         ON CONFLICT (connection) DO NOTHING")
        .bind(id.as_str()).bind(now).execute(c), rows)?;
    Ok(())
}

/// Which are due, and how often they were tried.
pub(super) async fn due_revocations(conn: &mut Conn, now: Micros, limit: i64) -> Result<Vec<(String, i64)>> {
    on!(conn, c => sqlx::query_as(
        "SELECT connection, attempts FROM connection_revocations WHERE next_at <= $1 ORDER BY next_at LIMIT $2")
        .bind(now).bind(limit).fetch_all(c))
}

/// Takes one for this attempt. `false`: another process has.
pub(super) async fn claim_revocation(conn: &mut Conn, id: &str, attempts: i64, next: Micros) -> Result<bool> {
    let met = on!(conn, c => sqlx::query(
        "UPDATE connection_revocations SET attempts = attempts + 1, next_at = $3
         WHERE connection = $1 AND attempts = $2")
        .bind(id).bind(attempts).bind(next).execute(c), rows)?;
    Ok(met == 1)
}

pub(super) async fn delete_revocation(conn: &mut Conn, id: &ConnectionId) -> Result<()> {
    on!(conn, c => sqlx::query("DELETE FROM connection_revocations WHERE connection = $1")
        .bind(id.as_str()).execute(c), rows)?;
    Ok(())
}

// ── Events ──────────────────────────────────────────────────────────────────────────────────────────────────────────

#[derive(sqlx::FromRow)]
pub(super) struct EventRow {
    pub(super) id: String,
    pub(super) payload: String,
    pub(super) attempts: i64,
    pub(super) next_at: Option<Micros>,
}

pub(super) async fn insert_event(
    conn: &mut Conn,
    id: &str,
    of: &Connection,
    payload: &str,
    due: Option<Micros>,
    now: Micros,
) -> Result<()> {
    on!(conn, c => sqlx::query(
        "INSERT INTO connection_events (id, connection, seq, tenant, payload, created_at, attempts, next_at)
         VALUES ($1, $2, (SELECT COALESCE(MAX(seq), 0) + 1 FROM connection_events WHERE connection = $2), $3, $4, $5, 0,
             $6)")
        .bind(id).bind(of.id.as_str()).bind(&of.tenant).bind(payload).bind(now).bind(due).execute(c), rows)?;
    Ok(())
}

pub(super) async fn due_events(conn: &mut Conn, now: Micros, limit: i64) -> Result<Vec<EventRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT id, payload, attempts, next_at FROM connection_events WHERE next_at <= $1
         ORDER BY created_at, connection, seq LIMIT $2")
        .bind(now).bind(limit).fetch_all(c))
}

/// `false`: another process has it.
pub(super) async fn claim_event(conn: &mut Conn, event: &EventRow, until: Micros) -> Result<bool> {
    let met = on!(conn, c => sqlx::query(
        "UPDATE connection_events SET next_at = $3, attempts = attempts + 1 WHERE id = $1 AND next_at = $2")
        .bind(&event.id).bind(event.next_at).bind(until).execute(c), rows)?;
    Ok(met == 1)
}

pub(super) async fn settle_event(
    conn: &mut Conn,
    id: &str,
    delivered_at: Option<Micros>,
    next: Option<Micros>,
) -> Result<()> {
    let next = if delivered_at.is_some() { None } else { next };
    on!(conn, c => sqlx::query("UPDATE connection_events SET delivered_at = $2, next_at = $3 WHERE id = $1")
        .bind(id).bind(delivered_at).bind(next).execute(c), rows)?;
    Ok(())
}

/// What a connection's events said, in their order.
#[cfg(test)]
pub(crate) async fn events_of(conn: &mut Conn, id: &ConnectionId) -> Result<Vec<String>> {
    on!(conn, c => sqlx::query_scalar("SELECT payload FROM connection_events WHERE connection = $1 ORDER BY seq")
        .bind(id.as_str()).fetch_all(c))
}

// ── Audit ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/// One row of the audit.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, sqlx::FromRow)]
pub struct AuditRow {
    /// Sorts by time.
    pub id: String,
    /// To which connection.
    pub connection: Option<String>,
    /// Who.
    pub caller: String,
    /// What.
    pub action: String,
    /// `done`, or the code of the refusal.
    pub outcome: String,
    /// More, for a person. Never a secret.
    pub detail: Option<String>,
    /// When.
    pub at: Micros,
}

pub(super) async fn insert_audit(conn: &mut Conn, tenant: &str, row: &AuditRow) -> Result<()> {
    on!(conn, c => sqlx::query(
        "INSERT INTO connection_audit (id, tenant, connection, caller, action, outcome, detail, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
        .bind(&row.id).bind(tenant).bind(&row.connection).bind(&row.caller).bind(&row.action).bind(&row.outcome)
        .bind(&row.detail).bind(row.at).execute(c), rows)?;
    Ok(())
}

pub(super) async fn audit_of(conn: &mut Conn, id: &ConnectionId, limit: i64) -> Result<Vec<AuditRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT id, connection, caller, action, outcome, detail, at FROM connection_audit
         WHERE connection = $1 ORDER BY id DESC LIMIT $2")
        .bind(id.as_str()).bind(limit).fetch_all(c))
}
