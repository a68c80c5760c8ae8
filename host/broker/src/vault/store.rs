//! The rows of the vault.

use jackfield_db::{Conn, Result, on};

use super::Wrapped;
use crate::connection::ConnectionId;

#[derive(sqlx::FromRow)]
pub(super) struct SecretRow {
    pub(super) field: String,
    pub(super) generation: i64,
    pub(super) sealed: Vec<u8>,
}

#[derive(sqlx::FromRow)]
pub(super) struct KeyRow {
    pub(super) connection: String,
    pub(super) tenant: String,
    pub(super) master: String,
    pub(super) wrapped: Vec<u8>,
}

pub(super) async fn insert_key(conn: &mut Conn, connection: &ConnectionId, wrapped: &Wrapped) -> Result<()> {
    on!(conn, c => sqlx::query("INSERT INTO connection_keys (connection, master, wrapped) VALUES ($1, $2, $3)")
        .bind(connection.as_str()).bind(&wrapped.master).bind(&wrapped.bytes).execute(c), rows)?;
    Ok(())
}

pub(super) async fn key(conn: &mut Conn, connection: &ConnectionId) -> Result<Option<Wrapped>> {
    let row: Option<(String, Vec<u8>)> = on!(conn, c => sqlx::query_as(
        "SELECT master, wrapped FROM connection_keys WHERE connection = $1")
        .bind(connection.as_str()).fetch_optional(c))?;
    Ok(row.map(|(master, bytes)| Wrapped { master, bytes }))
}

pub(super) async fn put_secret(
    conn: &mut Conn,
    connection: &ConnectionId,
    field: &str,
    generation: i64,
    sealed: &[u8],
) -> Result<()> {
    on!(conn, c => sqlx::query(
        "INSERT INTO connection_secrets (connection, field, generation, sealed) VALUES ($1, $2, $3, $4)
         ON CONFLICT (connection, field) DO UPDATE SET generation = excluded.generation, sealed = excluded.sealed")
        .bind(connection.as_str()).bind(field).bind(generation).bind(sealed).execute(c), rows)?;
    Ok(())
}

pub(super) async fn secrets(conn: &mut Conn, connection: &ConnectionId) -> Result<Vec<SecretRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT field, generation, sealed FROM connection_secrets WHERE connection = $1 ORDER BY field")
        .bind(connection.as_str()).fetch_all(c))
}

/// Forgets a connection's secrets and the key that they are sealed with.
pub(crate) async fn destroy(conn: &mut Conn, connection: &ConnectionId) -> Result<()> {
    on!(conn, c => sqlx::query("DELETE FROM connection_secrets WHERE connection = $1")
        .bind(connection.as_str()).execute(c), rows)?;
    on!(conn, c => sqlx::query("DELETE FROM connection_keys WHERE connection = $1")
        .bind(connection.as_str()).execute(c), rows)?;
    Ok(())
}

/// Forgets the tokens and keeps the client's own secret.
pub(crate) async fn forget_tokens(conn: &mut Conn, connection: &ConnectionId) -> Result<()> {
    on!(conn, c => sqlx::query(
        "DELETE FROM connection_secrets WHERE connection = $1 AND field IN ('access', 'refresh')")
        .bind(connection.as_str()).execute(c), rows)?;
    Ok(())
}

/// Keys that another than this master key wraps, in the order of connections, after one.
pub(super) async fn wrapped_otherwise(conn: &mut Conn, master: &str, after: &str, limit: i64) -> Result<Vec<KeyRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT k.connection, n.tenant, k.master, k.wrapped
         FROM connection_keys k JOIN connections n ON n.id = k.connection
         WHERE k.master <> $1 AND k.connection > $2 ORDER BY k.connection LIMIT $3")
        .bind(master).bind(after).bind(limit).fetch_all(c))
}

/// Puts the key's new wrapping in the place of this one. `false`: somebody else was there, or it is gone.
pub(super) async fn replace_key(conn: &mut Conn, row: &KeyRow, new: &Wrapped) -> Result<bool> {
    let met = on!(conn, c => sqlx::query(
        "UPDATE connection_keys SET master = $2, wrapped = $3 WHERE connection = $1 AND wrapped = $4")
        .bind(&row.connection).bind(&new.master).bind(&new.bytes).bind(&row.wrapped).execute(c), rows)?;
    Ok(met == 1)
}

/// How many data keys each master key wraps.
pub(super) async fn masters(conn: &mut Conn) -> Result<Vec<(String, i64)>> {
    on!(conn, c => sqlx::query_as("SELECT master, COUNT(*) FROM connection_keys GROUP BY master ORDER BY master")
        .fetch_all(c))
}
