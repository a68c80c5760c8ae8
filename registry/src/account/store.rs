//! Rows of users, tokens, namespaces, members and the audit log.

use jackfield_db::{Conn, Result, on};

use crate::clock::Micros;

/// A user.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct UserRow {
    pub(crate) name: String,
    pub(crate) password: Option<String>,
    pub(crate) operator: bool,
    pub(crate) disabled_at: Option<Micros>,
}

/// A token, without what it was made from.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct TokenRow {
    pub(crate) id: String,
    pub(crate) user_name: Option<String>,
    pub(crate) identity: Option<String>,
    pub(crate) label: String,
    pub(crate) pattern: String,
    pub(crate) actions: String,
    pub(crate) created_at: Micros,
    pub(crate) expires_at: Micros,
    pub(crate) revoked_at: Option<Micros>,
    pub(crate) last_used_at: Option<Micros>,
}

/// A namespace.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct NamespaceRow {
    pub(crate) name: String,
    pub(crate) class: String,
    pub(crate) state: String,
    pub(crate) reason: Option<String>,
    pub(crate) control: Option<String>,
    pub(crate) control_missing_since: Option<Micros>,
    pub(crate) quota_bytes: i64,
    pub(crate) created_at: Micros,
}

/// Who is a member of what.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct MemberRow {
    pub(crate) namespace: String,
    pub(crate) user_name: String,
    pub(crate) role: String,
}

pub(crate) async fn ping(conn: &mut Conn) -> Result<i64> {
    on!(conn, c => sqlx::query_scalar("SELECT CAST(1 AS BIGINT)").fetch_one(c))
}

pub(crate) async fn user_count(conn: &mut Conn) -> Result<i64> {
    on!(conn, c => sqlx::query_scalar("SELECT COUNT(*) FROM users").fetch_one(c))
}

pub(crate) async fn user(conn: &mut Conn, name: &str) -> Result<Option<UserRow>> {
    on!(conn, c => sqlx::query_as("SELECT name, password, operator, disabled_at FROM users WHERE name = $1")
        .bind(name).fetch_optional(c))
}

/// How many were added: none if the name is taken.
pub(crate) async fn add_user(
    conn: &mut Conn,
    name: &str,
    password: Option<&str>,
    operator: bool,
    now: Micros,
) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "INSERT INTO users (name, password, operator, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO NOTHING")
        .bind(name).bind(password).bind(operator).bind(now).execute(c), rows)
}

pub(crate) async fn set_password(conn: &mut Conn, name: &str, password: &str) -> Result<u64> {
    on!(conn, c => sqlx::query("UPDATE users SET password = $2 WHERE name = $1").bind(name).bind(password).execute(c), rows)
}

pub(crate) async fn set_disabled(conn: &mut Conn, name: &str, at: Option<Micros>) -> Result<u64> {
    on!(conn, c => sqlx::query("UPDATE users SET disabled_at = $2 WHERE name = $1").bind(name).bind(at).execute(c), rows)
}

pub(crate) async fn add_token(conn: &mut Conn, row: &TokenRow, hash: &[u8]) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "INSERT INTO tokens (id, hash, user_name, identity, label, pattern, actions, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)")
        .bind(&row.id).bind(hash).bind(&row.user_name).bind(&row.identity).bind(&row.label).bind(&row.pattern)
        .bind(&row.actions).bind(row.created_at).bind(row.expires_at).execute(c), rows)
}

pub(crate) async fn token_by_hash(conn: &mut Conn, hash: &[u8]) -> Result<Option<TokenRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT id, user_name, identity, label, pattern, actions, created_at, expires_at, revoked_at, last_used_at
         FROM tokens WHERE hash = $1").bind(hash).fetch_optional(c))
}

pub(crate) async fn token_by_id(conn: &mut Conn, id: &str) -> Result<Option<TokenRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT id, user_name, identity, label, pattern, actions, created_at, expires_at, revoked_at, last_used_at
         FROM tokens WHERE id = $1").bind(id).fetch_optional(c))
}

/// Those of a user that are not revoked, oldest first.
pub(crate) async fn tokens_of(conn: &mut Conn, user: &str) -> Result<Vec<TokenRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT id, user_name, identity, label, pattern, actions, created_at, expires_at, revoked_at, last_used_at
         FROM tokens WHERE user_name = $1 AND revoked_at IS NULL ORDER BY id").bind(user).fetch_all(c))
}

pub(crate) async fn live_token_count(conn: &mut Conn, user: &str, now: Micros) -> Result<i64> {
    on!(conn, c => sqlx::query_scalar(
        "SELECT COUNT(*) FROM tokens WHERE user_name = $1 AND revoked_at IS NULL AND expires_at > $2")
        .bind(user).bind(now).fetch_one(c))
}

pub(crate) async fn revoke_token(conn: &mut Conn, id: &str, now: Micros) -> Result<u64> {
    on!(conn, c => sqlx::query("UPDATE tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL")
        .bind(id).bind(now).execute(c), rows)
}

/// Of trusted publishing.
pub(crate) async fn revoke_tokens_labelled(conn: &mut Conn, label: &str, now: Micros) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "UPDATE tokens SET revoked_at = $2 WHERE user_name IS NULL AND label = $1 AND revoked_at IS NULL")
        .bind(label).bind(now).execute(c), rows)
}

/// Coarsely: not if it was noted since `since`.
pub(crate) async fn token_used(conn: &mut Conn, id: &str, now: Micros, since: Micros) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "UPDATE tokens SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $3)")
        .bind(id).bind(now).bind(since).execute(c), rows)
}

/// Rows that serve nobody any more: expired or revoked before `before`.
pub(crate) async fn forget_tokens(conn: &mut Conn, before: Micros) -> Result<u64> {
    on!(conn, c => sqlx::query("DELETE FROM tokens WHERE expires_at < $1 OR revoked_at < $1").bind(before).execute(c), rows)
}

pub(crate) async fn namespace(conn: &mut Conn, name: &str) -> Result<Option<NamespaceRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT name, class, state, reason, control, control_missing_since, quota_bytes, created_at
         FROM namespaces WHERE name = $1")
        .bind(name).fetch_optional(c))
}

pub(crate) async fn namespace_names(conn: &mut Conn) -> Result<Vec<String>> {
    on!(conn, c => sqlx::query_scalar("SELECT name FROM namespaces ORDER BY name").fetch_all(c))
}

pub(crate) async fn namespaces_held(conn: &mut Conn) -> Result<Vec<NamespaceRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT name, class, state, reason, control, control_missing_since, quota_bytes, created_at
         FROM namespaces WHERE state = 'held'
         ORDER BY created_at, name LIMIT 1000").fetch_all(c))
}

pub(crate) async fn add_namespace(conn: &mut Conn, row: &NamespaceRow) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "INSERT INTO namespaces (name, class, state, reason, quota_bytes, created_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (name) DO NOTHING")
        .bind(&row.name).bind(&row.class).bind(&row.state).bind(&row.reason).bind(row.quota_bytes).bind(row.created_at)
        .execute(c), rows)
}

pub(crate) async fn set_namespace_state(
    conn: &mut Conn,
    name: &str,
    from: &str,
    to: &str,
    reason: Option<&str>,
) -> Result<u64> {
    on!(conn, c => sqlx::query("UPDATE namespaces SET state = $3, reason = $4 WHERE name = $1 AND state = $2")
        .bind(name).bind(from).bind(to).bind(reason).execute(c), rows)
}

pub(crate) async fn set_control(conn: &mut Conn, name: &str, control: &str, now: Micros) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "UPDATE namespaces SET control = $2, control_checked_at = $3, control_missing_since = NULL WHERE name = $1")
        .bind(name).bind(control).bind(now).execute(c), rows)
}

/// Names and domains whose record was last looked up before then, the longest ago first.
pub(crate) async fn due_controls(conn: &mut Conn, before: Micros, at_most: i64) -> Result<Vec<(String, String)>> {
    on!(conn, c => sqlx::query_as(
        "SELECT name, control FROM namespaces
         WHERE control LIKE 'dns:%' AND (control_checked_at IS NULL OR control_checked_at < $1)
         ORDER BY COALESCE(control_checked_at, 0) LIMIT $2")
        .bind(before).bind(at_most).fetch_all(c))
}

/// The record is there.
pub(crate) async fn control_seen(conn: &mut Conn, name: &str, control: &str, now: Micros) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "UPDATE namespaces SET control_checked_at = $3, control_missing_since = NULL WHERE name = $1 AND control = $2")
        .bind(name).bind(control).bind(now).execute(c), rows)
}

/// The record is not there.
pub(crate) async fn control_missed(conn: &mut Conn, name: &str, control: &str, now: Micros) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "UPDATE namespaces SET control_checked_at = $3, control_missing_since = COALESCE(control_missing_since, $3)
         WHERE name = $1 AND control = $2")
        .bind(name).bind(control).bind(now).execute(c), rows)
}

/// It has been missing since before then: it proves nothing any more.
pub(crate) async fn control_lost(conn: &mut Conn, name: &str, control: &str, before: Micros) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "UPDATE namespaces SET control = NULL, control_missing_since = NULL
         WHERE name = $1 AND control = $2 AND control_missing_since <= $3")
        .bind(name).bind(control).bind(before).execute(c), rows)
}

/// Remembers an identity token; 0 if it was exchanged before.
pub(crate) async fn exchange_once(conn: &mut Conn, id: &[u8], forget_at: Micros) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "INSERT INTO exchanged_tokens (id, forget_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING")
        .bind(id).bind(forget_at).execute(c), rows)
}

pub(crate) async fn forget_exchanged(conn: &mut Conn, now: Micros) -> Result<u64> {
    on!(conn, c => sqlx::query("DELETE FROM exchanged_tokens WHERE forget_at < $1").bind(now).execute(c), rows)
}

/// A name that was never granted is free again.
pub(crate) async fn remove_held_namespace(conn: &mut Conn, name: &str) -> Result<u64> {
    on!(conn, c => sqlx::query("DELETE FROM members WHERE namespace = $1 AND EXISTS
        (SELECT 1 FROM namespaces WHERE name = $1 AND state = 'held')").bind(name).execute(c), rows)?;
    on!(conn, c => sqlx::query("DELETE FROM trusted_publishers WHERE namespace = $1 AND EXISTS
        (SELECT 1 FROM namespaces WHERE name = $1 AND state = 'held')").bind(name).execute(c), rows)?;
    on!(conn, c => sqlx::query("DELETE FROM namespaces WHERE name = $1 AND state = 'held'").bind(name).execute(c), rows)
}

/// Makes others that change this namespace's members or keys wait for this transaction.
pub(crate) async fn lock_namespace(conn: &mut Conn, name: &str) -> Result<u64> {
    on!(conn, c => sqlx::query("UPDATE namespaces SET quota_bytes = quota_bytes WHERE name = $1").bind(name).execute(c), rows)
}

pub(crate) async fn role(conn: &mut Conn, namespace: &str, user: &str) -> Result<Option<String>> {
    on!(conn, c => sqlx::query_scalar("SELECT role FROM members WHERE namespace = $1 AND user_name = $2")
        .bind(namespace).bind(user).fetch_optional(c))
}

pub(crate) async fn members(conn: &mut Conn, namespace: &str) -> Result<Vec<MemberRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT namespace, user_name, role FROM members WHERE namespace = $1 ORDER BY user_name")
        .bind(namespace).fetch_all(c))
}

pub(crate) async fn memberships(conn: &mut Conn, user: &str) -> Result<Vec<MemberRow>> {
    on!(conn, c => sqlx::query_as("SELECT namespace, user_name, role FROM members WHERE user_name = $1 ORDER BY namespace")
        .bind(user).fetch_all(c))
}

pub(crate) async fn owned_count(conn: &mut Conn, user: &str) -> Result<i64> {
    on!(conn, c => sqlx::query_scalar("SELECT COUNT(*) FROM members WHERE user_name = $1 AND role = 'owner'")
        .bind(user).fetch_one(c))
}

pub(crate) async fn set_member(conn: &mut Conn, namespace: &str, user: &str, role: &str, now: Micros) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "INSERT INTO members (namespace, user_name, role, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (namespace, user_name) DO UPDATE SET role = excluded.role")
        .bind(namespace).bind(user).bind(role).bind(now).execute(c), rows)
}

pub(crate) async fn remove_member(conn: &mut Conn, namespace: &str, user: &str) -> Result<u64> {
    on!(conn, c => sqlx::query("DELETE FROM members WHERE namespace = $1 AND user_name = $2")
        .bind(namespace).bind(user).execute(c), rows)
}

/// One line of the audit log.
#[derive(Clone, Debug, serde::Serialize, sqlx::FromRow)]
pub(crate) struct AuditRow {
    pub(crate) id: String,
    pub(crate) at: Micros,
    pub(crate) actor: String,
    pub(crate) token: Option<String>,
    pub(crate) action: String,
    pub(crate) target: String,
    pub(crate) allowed: bool,
    pub(crate) detail: Option<String>,
}

pub(crate) async fn add_audit(conn: &mut Conn, row: &AuditRow) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "INSERT INTO audit_log (id, at, actor, token, action, target, allowed, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
        .bind(&row.id).bind(row.at).bind(&row.actor).bind(&row.token).bind(&row.action).bind(&row.target)
        .bind(row.allowed).bind(&row.detail).execute(c), rows)
}

/// A keyset of a namespace.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct KeysetRow {
    pub(crate) version: i64,
    pub(crate) threshold: i64,
    /// JSON.
    pub(crate) keys: String,
    pub(crate) statement: String,
    pub(crate) created_at: Micros,
}

/// Oldest first.
pub(crate) async fn keysets(conn: &mut Conn, namespace: &str) -> Result<Vec<KeysetRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT version, threshold, keys, statement, created_at FROM keysets WHERE namespace = $1 ORDER BY version")
        .bind(namespace).fetch_all(c))
}

pub(crate) async fn add_keyset(conn: &mut Conn, namespace: &str, row: &KeysetRow) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "INSERT INTO keysets (namespace, version, threshold, keys, statement, created_at) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(namespace).bind(row.version).bind(row.threshold).bind(&row.keys).bind(&row.statement).bind(row.created_at)
        .execute(c), rows)
}

/// Makes a key a namespace's, unless it is another's already; whose it is.
pub(crate) async fn claim_key(conn: &mut Conn, key: &str, namespace: &str, now: Micros) -> Result<String> {
    on!(conn, c => sqlx::query(
        "INSERT INTO namespace_keys (public_key, namespace, created_at) VALUES ($1, $2, $3) ON CONFLICT (public_key) DO NOTHING")
        .bind(key).bind(namespace).bind(now).execute(c), rows)?;
    on!(conn, c => sqlx::query_scalar("SELECT namespace FROM namespace_keys WHERE public_key = $1").bind(key).fetch_one(c))
}

pub(crate) async fn key_owner(conn: &mut Conn, key: &str) -> Result<Option<String>> {
    on!(conn, c => sqlx::query_scalar("SELECT namespace FROM namespace_keys WHERE public_key = $1")
        .bind(key).fetch_optional(c))
}

/// Removes a namespace's keysets from a version on.
pub(crate) async fn remove_keysets(conn: &mut Conn, namespace: &str, version: i64) -> Result<u64> {
    on!(conn, c => sqlx::query("DELETE FROM keysets WHERE namespace = $1 AND version >= $2")
        .bind(namespace).bind(version).execute(c), rows)
}

pub(crate) async fn is_key_revoked(conn: &mut Conn, key_id: &str) -> Result<bool> {
    let newest: Option<String> = on!(conn, c => sqlx::query_scalar(
        "SELECT action FROM statuses WHERE key_id = $1 ORDER BY id DESC LIMIT 1").bind(key_id).fetch_optional(c))?;
    Ok(newest.is_some_and(|action| action == "revoke"))
}

/// A keyset that is announced and not in force yet.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct RecoveryRow {
    /// JSON.
    pub(crate) keys: String,
    /// JSON.
    pub(crate) bundles: String,
    pub(crate) reason: String,
    pub(crate) requested_by: String,
    pub(crate) effective_at: Micros,
    pub(crate) created_at: Micros,
}

pub(crate) async fn recovery(conn: &mut Conn, namespace: &str) -> Result<Option<RecoveryRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT keys, bundles, reason, requested_by, effective_at, created_at FROM keyset_recoveries WHERE namespace = $1")
        .bind(namespace).fetch_optional(c))
}

pub(crate) async fn add_recovery(conn: &mut Conn, namespace: &str, row: &RecoveryRow) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "INSERT INTO keyset_recoveries (namespace, keys, bundles, reason, requested_by, effective_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (namespace) DO NOTHING")
        .bind(namespace).bind(&row.keys).bind(&row.bundles).bind(&row.reason).bind(&row.requested_by)
        .bind(row.effective_at).bind(row.created_at).execute(c), rows)
}

pub(crate) async fn remove_recovery(conn: &mut Conn, namespace: &str) -> Result<u64> {
    on!(conn, c => sqlx::query("DELETE FROM keyset_recoveries WHERE namespace = $1").bind(namespace).execute(c), rows)
}

/// A trusted publisher.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct PublisherRow {
    pub(crate) id: String,
    pub(crate) namespace: String,
    pub(crate) pattern: String,
    pub(crate) issuer: String,
    /// JSON.
    pub(crate) claims: String,
    pub(crate) created_at: Micros,
}

pub(crate) async fn publishers(conn: &mut Conn, namespace: &str) -> Result<Vec<PublisherRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT id, namespace, pattern, issuer, claims, created_at FROM trusted_publishers WHERE namespace = $1 ORDER BY id")
        .bind(namespace).fetch_all(c))
}

/// Of all namespaces.
pub(crate) async fn publishers_of(conn: &mut Conn, issuer: &str) -> Result<Vec<PublisherRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT id, namespace, pattern, issuer, claims, created_at FROM trusted_publishers WHERE issuer = $1 ORDER BY id")
        .bind(issuer).fetch_all(c))
}

pub(crate) async fn add_publisher(conn: &mut Conn, row: &PublisherRow) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "INSERT INTO trusted_publishers (id, namespace, pattern, issuer, claims, created_at) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(&row.id).bind(&row.namespace).bind(&row.pattern).bind(&row.issuer).bind(&row.claims).bind(row.created_at)
        .execute(c), rows)
}

pub(crate) async fn remove_publisher(conn: &mut Conn, namespace: &str, id: &str) -> Result<u64> {
    on!(conn, c => sqlx::query("DELETE FROM trusted_publishers WHERE namespace = $1 AND id = $2")
        .bind(namespace).bind(id).execute(c), rows)
}

/// Lines written before `before`.
pub(crate) async fn forget_audit(conn: &mut Conn, before: Micros) -> Result<u64> {
    on!(conn, c => sqlx::query("DELETE FROM audit_log WHERE at < $1").bind(before).execute(c), rows)
}

/// What was done to a namespace and its packages, newest first.
pub(crate) async fn audit_of(conn: &mut Conn, target: &str, most: i64) -> Result<Vec<AuditRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT id, at, actor, token, action, target, allowed, detail FROM audit_log
         WHERE target = $1 OR target LIKE $1 || ':%'
         ORDER BY at DESC, id DESC LIMIT $2").bind(target).bind(most).fetch_all(c))
}

pub(crate) async fn add_code(conn: &mut Conn, hash: &[u8], user: &str, expires_at: Micros) -> Result<u64> {
    on!(conn, c => sqlx::query("INSERT INTO sign_in_codes (hash, user_name, expires_at) VALUES ($1, $2, $3)")
        .bind(hash).bind(user).bind(expires_at).execute(c), rows)
}

/// Whose code it is; it is good for nobody afterwards.
pub(crate) async fn take_code(conn: &mut Conn, hash: &[u8], now: Micros) -> Result<Option<String>> {
    on!(conn, c => sqlx::query_scalar(
        "DELETE FROM sign_in_codes WHERE hash = $1 AND expires_at > $2 RETURNING user_name")
        .bind(hash).bind(now).fetch_optional(c))
}

pub(crate) async fn forget_codes(conn: &mut Conn, now: Micros) -> Result<u64> {
    on!(conn, c => sqlx::query("DELETE FROM sign_in_codes WHERE expires_at <= $1").bind(now).execute(c), rows)
}

// ── Identities at providers ─────────────────────────────────────────────────────────────────────────────────────────

/// A sign-in that has left for a provider.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct AttemptRow {
    pub(crate) provider: String,
    pub(crate) nonce: String,
    pub(crate) verifier: String,
    pub(crate) next: String,
    pub(crate) user_name: Option<String>,
    pub(crate) expires_at: Micros,
}

pub(crate) async fn add_attempt(conn: &mut Conn, state: &[u8], row: &AttemptRow) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "INSERT INTO sign_in_attempts (state, provider, nonce, verifier, next, user_name, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind(state).bind(&row.provider).bind(&row.nonce).bind(&row.verifier).bind(&row.next).bind(&row.user_name)
        .bind(row.expires_at).execute(c), rows)
}

/// The attempt; it is nobody's afterwards.
pub(crate) async fn take_attempt(conn: &mut Conn, state: &[u8], now: Micros) -> Result<Option<AttemptRow>> {
    on!(conn, c => sqlx::query_as(
        "DELETE FROM sign_in_attempts WHERE state = $1 AND expires_at > $2
         RETURNING provider, nonce, verifier, next, user_name, expires_at")
        .bind(state).bind(now).fetch_optional(c))
}

pub(crate) async fn forget_attempts(conn: &mut Conn, now: Micros) -> Result<u64> {
    on!(conn, c => sqlx::query("DELETE FROM sign_in_attempts WHERE expires_at <= $1").bind(now).execute(c), rows)
}

/// Who a user is at an issuer.
#[derive(Clone, Debug, sqlx::FromRow, serde::Serialize)]
pub(crate) struct IdentityRow {
    pub(crate) id: String,
    pub(crate) issuer: String,
    pub(crate) subject: String,
    #[serde(skip)]
    pub(crate) user_name: String,
    pub(crate) label: String,
    pub(crate) created_at: Micros,
    pub(crate) used_at: Micros,
}

pub(crate) async fn identity(conn: &mut Conn, issuer: &str, subject: &str) -> Result<Option<IdentityRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT id, issuer, subject, user_name, label, created_at, used_at FROM user_identities
         WHERE issuer = $1 AND subject = $2").bind(issuer).bind(subject).fetch_optional(c))
}

pub(crate) async fn identities_of(conn: &mut Conn, user: &str) -> Result<Vec<IdentityRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT id, issuer, subject, user_name, label, created_at, used_at FROM user_identities
         WHERE user_name = $1 ORDER BY id").bind(user).fetch_all(c))
}

/// None if somebody has it already.
pub(crate) async fn add_identity(conn: &mut Conn, row: &IdentityRow) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "INSERT INTO user_identities (id, issuer, subject, user_name, label, created_at, used_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (issuer, subject) DO NOTHING")
        .bind(&row.id).bind(&row.issuer).bind(&row.subject).bind(&row.user_name).bind(&row.label).bind(row.created_at)
        .bind(row.used_at).execute(c), rows)
}

pub(crate) async fn identity_used(conn: &mut Conn, id: &str, label: &str, now: Micros) -> Result<u64> {
    on!(conn, c => sqlx::query("UPDATE user_identities SET used_at = $2, label = $3 WHERE id = $1")
        .bind(id).bind(now).bind(label).execute(c), rows)
}

pub(crate) async fn remove_identity(conn: &mut Conn, user: &str, id: &str) -> Result<u64> {
    on!(conn, c => sqlx::query("DELETE FROM user_identities WHERE user_name = $1 AND id = $2")
        .bind(user).bind(id).execute(c), rows)
}
