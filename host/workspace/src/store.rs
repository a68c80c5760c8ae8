//! The rows of workspaces.

use std::time::Duration;

use jackfield_db::{Conn, Result, on};
use jackfield_server::ids::uuid_v7_floor;
use serde::{Serialize, Serializer};
use sqlx::QueryBuilder;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use crate::{
    Problem, Shared,
    clock::{DAY, Micros},
    limits::{AUDIT_DAYS, BILLS_DAYS, BILLS_IN_ONE},
    role::Role,
};

#[derive(Clone, Debug, Serialize, sqlx::FromRow)]
pub(crate) struct WorkspaceRow {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) calls_a_minute: i64,
    pub(crate) created_at: Micros,
}

#[derive(Clone, Debug, Serialize, sqlx::FromRow, ToSchema)]
#[schema(as = WorkspaceMember)]
pub(crate) struct MemberRow {
    #[serde(rename = "user")]
    pub(crate) user_name: String,
    #[schema(value_type = Role)]
    pub(crate) role: String,
}

#[derive(Clone, Debug, Serialize, sqlx::FromRow, ToSchema)]
#[schema(as = Membership)]
pub(crate) struct MembershipRow {
    pub(crate) name: String,
    pub(crate) title: String,
    /// None: seen by an operator who is no member.
    #[schema(value_type = Option<Role>, required)]
    pub(crate) role: Option<String>,
}

#[derive(Clone, Debug, Serialize, sqlx::FromRow, ToSchema)]
#[schema(as = WorkspaceToken)]
pub(crate) struct TokenRow {
    pub(crate) id: String,
    pub(crate) workspace: String,
    pub(crate) label: String,
    #[schema(value_type = Role)]
    pub(crate) role: String,
    pub(crate) packages: String,
    pub(crate) created_by: String,
    #[schema(value_type = i64)]
    pub(crate) created_at: Micros,
    #[schema(value_type = i64)]
    pub(crate) expires_at: Micros,
    #[schema(value_type = Option<i64>, required)]
    pub(crate) revoked_at: Option<Micros>,
    #[schema(value_type = Option<i64>, required)]
    pub(crate) last_used_at: Option<Micros>,
}

#[derive(Clone, Debug, Serialize, sqlx::FromRow, ToSchema)]
#[schema(as = AuditLine)]
pub(crate) struct AuditRow {
    pub(crate) number: i64,
    #[schema(value_type = i64)]
    pub(crate) at: Micros,
    pub(crate) caller: String,
    pub(crate) action: String,
    pub(crate) target: String,
    pub(crate) allowed: bool,
    #[schema(required)]
    pub(crate) detail: Option<String>,
    /// In hex.
    #[serde(serialize_with = "as_hex")]
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub(crate) hash: Vec<u8>,
}

fn as_hex<S: Serializer>(bytes: &[u8], serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::encode(bytes))
}

/// What is looked for in the audit log.
pub(crate) struct AuditQuery {
    pub(crate) caller: Option<String>,
    pub(crate) action: Option<String>,
    pub(crate) target: Option<String>,
    pub(crate) allowed: Option<bool>,
    pub(crate) before: i64,
    pub(crate) most: i64,
}

/// A call that was made, and what it cost.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct InvocationRow {
    pub(crate) id: String,
    pub(crate) workspace: String,
    pub(crate) at: Micros,
    pub(crate) caller: String,
    pub(crate) connector: String,
    pub(crate) version: String,
    pub(crate) operation: String,
    pub(crate) outcome: String,
    pub(crate) code: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) bill: String,
    pub(crate) denials: Option<String>,
    pub(crate) trace: Option<String>,
}

/// Which calls.
pub(crate) struct InvocationQuery {
    pub(crate) caller: Option<String>,
    pub(crate) connector: Option<String>,
    pub(crate) outcome: Option<String>,
    pub(crate) before: Option<String>,
    pub(crate) most: i64,
}

#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct AnswerRow {
    pub(crate) request: Vec<u8>,
    pub(crate) status: Option<i64>,
    pub(crate) headers: Option<String>,
    pub(crate) body: Option<String>,
}

/// A text of somebody else's, as a row keeps it: so many characters, which make no page, and without U+0000, which PostgreSQL keeps
/// in no text: one such row would hold up all that are written with it.
pub(crate) fn text(text: &str, most: usize) -> String {
    text.chars().filter(|it| *it != '\0').take(most).collect()
}

// ── Workspaces and members ──────────────────────────────────────────────────────────────────────────────────────────

pub(crate) async fn workspace_count(conn: &mut Conn) -> Result<i64> {
    on!(conn, c => sqlx::query_scalar("SELECT COUNT(*) FROM workspaces").fetch_one(c))
}

pub(crate) async fn workspace_names(conn: &mut Conn) -> Result<Vec<String>> {
    on!(conn, c => sqlx::query_scalar("SELECT name FROM workspaces ORDER BY name").fetch_all(c))
}

/// How many were added: none if the name is taken.
pub(crate) async fn add_workspace(conn: &mut Conn, name: &str, title: &str, calls: i64, now: Micros) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "INSERT INTO workspaces (name, title, calls_a_minute, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO NOTHING")
        .bind(name).bind(title).bind(calls).bind(now).execute(c), rows)
}

pub(crate) async fn workspace(conn: &mut Conn, name: &str) -> Result<Option<WorkspaceRow>> {
    on!(conn, c => sqlx::query_as("SELECT name, title, calls_a_minute, created_at FROM workspaces WHERE name = $1")
        .bind(name).fetch_optional(c))
}

pub(crate) async fn set_quota(conn: &mut Conn, name: &str, calls: i64) -> Result<u64> {
    on!(conn, c => sqlx::query("UPDATE workspaces SET calls_a_minute = $2 WHERE name = $1")
        .bind(name).bind(calls).execute(c), rows)
}

/// A user's, or all of them, with the user's role.
pub(crate) async fn workspaces_of(conn: &mut Conn, user: &str, all: bool) -> Result<Vec<MembershipRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT w.name, w.title, m.role FROM workspaces w
         LEFT JOIN workspace_members m ON m.workspace = w.name AND m.user_name = $1
         WHERE $2 OR m.role IS NOT NULL ORDER BY w.name")
        .bind(user).bind(all).fetch_all(c))
}

pub(crate) async fn role(conn: &mut Conn, workspace: &str, user: &str) -> Result<Option<String>> {
    on!(conn, c => sqlx::query_scalar("SELECT role FROM workspace_members WHERE workspace = $1 AND user_name = $2")
        .bind(workspace).bind(user).fetch_optional(c))
}

pub(crate) async fn members(conn: &mut Conn, workspace: &str) -> Result<Vec<MemberRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT user_name, role FROM workspace_members WHERE workspace = $1 ORDER BY user_name")
        .bind(workspace).fetch_all(c))
}

pub(crate) async fn put_member(conn: &mut Conn, workspace: &str, user: &str, role: &str, now: Micros) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "INSERT INTO workspace_members (workspace, user_name, role, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (workspace, user_name) DO UPDATE SET role = excluded.role")
        .bind(workspace).bind(user).bind(role).bind(now).execute(c), rows)
}

pub(crate) async fn remove_member(conn: &mut Conn, workspace: &str, user: &str) -> Result<u64> {
    on!(conn, c => sqlx::query("DELETE FROM workspace_members WHERE workspace = $1 AND user_name = $2")
        .bind(workspace).bind(user).execute(c), rows)
}

// ── Tokens ──────────────────────────────────────────────────────────────────────────────────────────────────────────

pub(crate) async fn add_token(conn: &mut Conn, row: &TokenRow, hash: &[u8]) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "INSERT INTO workspace_tokens (id, hash, workspace, label, role, packages, created_by, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)")
        .bind(&row.id).bind(hash).bind(&row.workspace).bind(&row.label).bind(&row.role).bind(&row.packages)
        .bind(&row.created_by).bind(row.created_at).bind(row.expires_at).execute(c), rows)
}

pub(crate) async fn token_by_hash(conn: &mut Conn, hash: &[u8]) -> Result<Option<TokenRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT id, workspace, label, role, packages, created_by, created_at, expires_at, revoked_at, last_used_at
         FROM workspace_tokens WHERE hash = $1").bind(hash).fetch_optional(c))
}

pub(crate) async fn tokens(conn: &mut Conn, workspace: &str) -> Result<Vec<TokenRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT id, workspace, label, role, packages, created_by, created_at, expires_at, revoked_at, last_used_at
         FROM workspace_tokens WHERE workspace = $1 ORDER BY id DESC").bind(workspace).fetch_all(c))
}

pub(crate) async fn live_token_count(conn: &mut Conn, workspace: &str, now: Micros) -> Result<i64> {
    on!(conn, c => sqlx::query_scalar(
        "SELECT COUNT(*) FROM workspace_tokens WHERE workspace = $1 AND revoked_at IS NULL AND expires_at > $2")
        .bind(workspace).bind(now).fetch_one(c))
}

pub(crate) async fn token_used(conn: &mut Conn, id: &str, now: Micros) -> Result<u64> {
    on!(conn, c => sqlx::query("UPDATE workspace_tokens SET last_used_at = $2 WHERE id = $1")
        .bind(id).bind(now).execute(c), rows)
}

pub(crate) async fn revoke_token(conn: &mut Conn, workspace: &str, id: &str, now: Micros) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "UPDATE workspace_tokens SET revoked_at = $3 WHERE workspace = $1 AND id = $2 AND revoked_at IS NULL")
        .bind(workspace).bind(id).bind(now).execute(c), rows)
}

// ── Audit ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/// The newest line's number and hash. Locks the chain: on PostgreSQL by the workspace's row, on SQLite every writer waits anyway.
pub(crate) async fn last_audit(conn: &mut Conn, workspace: &str) -> Result<Option<(i64, Vec<u8>)>> {
    let _locked: u64 = on!(conn, c => sqlx::query("UPDATE workspaces SET name = name WHERE name = $1")
        .bind(workspace).execute(c), rows)?;
    on!(conn, c => sqlx::query_as(
        "SELECT number, hash FROM workspace_audit WHERE workspace = $1 ORDER BY number DESC LIMIT 1")
        .bind(workspace).fetch_optional(c))
}

pub(crate) async fn add_audit(conn: &mut Conn, workspace: &str, row: &AuditRow) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "INSERT INTO workspace_audit (workspace, number, at, caller, action, target, allowed, detail, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)")
        .bind(workspace).bind(row.number).bind(row.at).bind(&row.caller).bind(&row.action).bind(&row.target)
        .bind(row.allowed).bind(&row.detail).bind(&row.hash).execute(c), rows)
}

pub(crate) async fn audit(conn: &mut Conn, workspace: &str, query: &AuditQuery) -> Result<Vec<AuditRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT number, at, caller, action, target, allowed, detail, hash FROM workspace_audit
         WHERE workspace = $1 AND number < $2
           AND ($3 IS NULL OR caller = $3) AND ($4 IS NULL OR action = $4)
           AND ($5 IS NULL OR substr(target, 1, length($5)) = $5) AND ($6 IS NULL OR allowed = $6)
         ORDER BY number DESC LIMIT $7")
        .bind(workspace).bind(query.before).bind(&query.caller).bind(&query.action).bind(&query.target)
        .bind(query.allowed).bind(query.most).fetch_all(c))
}

pub(crate) async fn audit_after(conn: &mut Conn, workspace: &str, after: i64, most: i64) -> Result<Vec<AuditRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT number, at, caller, action, target, allowed, detail, hash FROM workspace_audit
         WHERE workspace = $1 AND number > $2 ORDER BY number LIMIT $3")
        .bind(workspace).bind(after).bind(most).fetch_all(c))
}

// ── Invocations ─────────────────────────────────────────────────────────────────────────────────────────────────────

/// Many in one statement: each is a way to the database and back.
pub(crate) async fn add_invocations(conn: &mut Conn, rows: &[InvocationRow]) -> Result<u64> {
    let start = "INSERT INTO workspace_invocations (id, workspace, at, caller, connector, version, operation, outcome, code, message,
        bill, denials, trace) ";
    on!(conn, c => async {
        let mut insert = QueryBuilder::new(start);
        insert.push_values(rows, |mut places, row| {
            places.push_bind(&row.id).push_bind(&row.workspace).push_bind(row.at).push_bind(&row.caller)
                .push_bind(&row.connector).push_bind(&row.version).push_bind(&row.operation).push_bind(&row.outcome)
                .push_bind(&row.code).push_bind(&row.message).push_bind(&row.bill).push_bind(&row.denials)
                .push_bind(&row.trace);
        });
        // A full statement comes again and again; of one that is not full, none is like another.
        insert.build().persistent(rows.len() == BILLS_IN_ONE).execute(c).await
    }, rows)
}

pub(crate) async fn invocations(
    conn: &mut Conn,
    workspace: &str,
    query: &InvocationQuery,
) -> Result<Vec<InvocationRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT id, workspace, at, caller, connector, version, operation, outcome, code, message, bill, denials, trace
         FROM workspace_invocations WHERE workspace = $1
           AND ($2 IS NULL OR id < $2) AND ($3 IS NULL OR caller = $3)
           AND ($4 IS NULL OR connector = $4) AND ($5 IS NULL OR outcome = $5)
         ORDER BY id DESC LIMIT $6")
        .bind(workspace).bind(&query.before).bind(&query.caller).bind(&query.connector).bind(&query.outcome)
        .bind(query.most).fetch_all(c))
}

pub(crate) async fn invocation(conn: &mut Conn, workspace: &str, id: &str) -> Result<Option<InvocationRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT id, workspace, at, caller, connector, version, operation, outcome, code, message, bill, denials, trace
         FROM workspace_invocations WHERE workspace = $1 AND id = $2").bind(workspace).bind(id).fetch_optional(c))
}

// ── Answers under idempotency keys ──────────────────────────────────────────────────────────────────────────────────

/// Claims a key: a row that is not there, or whose claim ended without an answer long ago. How many were claimed.
pub(crate) async fn claim(
    conn: &mut Conn,
    workspace: &str,
    key: &str,
    request: &[u8],
    now: Micros,
    claimed_before: Micros,
    expires_at: Micros,
) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "INSERT INTO workspace_answers (workspace, idempotency_key, request, claimed_at, expires_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (workspace, idempotency_key) DO UPDATE
           SET request = excluded.request, status = NULL, headers = NULL, body = NULL,
               claimed_at = excluded.claimed_at, expires_at = excluded.expires_at
           WHERE workspace_answers.expires_at <= $4
              OR (workspace_answers.status IS NULL AND workspace_answers.claimed_at <= $6
                  AND workspace_answers.request = excluded.request)")
        .bind(workspace).bind(key).bind(request).bind(now).bind(expires_at).bind(claimed_before).execute(c), rows)
}

pub(crate) async fn answer(conn: &mut Conn, workspace: &str, key: &str) -> Result<Option<AnswerRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT request, status, headers, body FROM workspace_answers WHERE workspace = $1 AND idempotency_key = $2")
        .bind(workspace).bind(key).fetch_optional(c))
}

pub(crate) async fn keep_answer(
    conn: &mut Conn,
    workspace: &str,
    key: &str,
    status: i64,
    headers: &str,
    body: &str,
) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "UPDATE workspace_answers SET status = $3, headers = $4, body = $5 WHERE workspace = $1 AND idempotency_key = $2")
        .bind(workspace).bind(key).bind(status).bind(headers).bind(body).execute(c), rows)
}

pub(crate) async fn forget_answer(conn: &mut Conn, workspace: &str, key: &str) -> Result<u64> {
    on!(conn, c => sqlx::query("DELETE FROM workspace_answers WHERE workspace = $1 AND idempotency_key = $2")
        .bind(workspace).bind(key).execute(c), rows)
}

// ── What is old ─────────────────────────────────────────────────────────────────────────────────────────────────────

/// How often. Nothing depends on it.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);

/// Forgets what is kept long enough.
pub(crate) async fn sweep(workspaces: Shared, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(SWEEP_EVERY) => {}
        }
        let swept = async {
            let now = workspaces.now();
            let mut tx = workspaces.db.begin().await?;
            forget_old(&mut tx, now).await?;
            tx.commit().await?;
            Ok::<_, Problem>(())
        };
        if let Err(problem) = swept.await {
            tracing::warn!(%problem, "what is old could not be forgotten; it is tried again");
        }
    }
}

async fn forget_old(conn: &mut Conn, now: Micros) -> Result<()> {
    let answers: Result<u64> = on!(conn, c => sqlx::query("DELETE FROM workspace_answers WHERE expires_at <= $1")
        .bind(now).execute(c), rows);
    answers?;
    // Workspace by workspace: their index knows it so.
    let bills: Result<u64> = on!(conn, c => sqlx::query(
        "DELETE FROM workspace_invocations WHERE workspace IN (SELECT name FROM workspaces) AND id < $1")
        .bind(uuid_v7_floor(now - BILLS_DAYS * DAY)).execute(c), rows);
    bills?;
    let lines: Result<u64> = on!(conn, c => sqlx::query("DELETE FROM workspace_audit WHERE at < $1")
        .bind(now - AUDIT_DAYS * DAY).execute(c), rows);
    lines.map(drop)
}
