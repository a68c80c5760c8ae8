//! The lease: who refreshes a connection now.

use jackfield_db::{Conn, Result, on};

use crate::{clock::Micros, connection::ConnectionId};

/// What whoever took the lease finds in it.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub(super) struct Taken {
    /// Greater than every holder's before.
    pub(super) fence: i64,
    /// The generation that somebody before began to renew without coming to an end.
    pub(super) intent_generation: Option<i64>,
}

/// Takes the lease, if nobody has it. A lease that ends later than any may is one that a clock has jumped away from, and
/// counts for nothing.
pub(super) async fn take(
    conn: &mut Conn,
    id: &ConnectionId,
    holder: &str,
    until: Micros,
    now: Micros,
) -> Result<Option<Taken>> {
    on!(conn, c => sqlx::query_as(
        "INSERT INTO connection_leases (connection, holder, fence, expires_at) VALUES ($1, $2, 1, $3)
         ON CONFLICT (connection) DO UPDATE
         SET holder = excluded.holder, fence = connection_leases.fence + 1, expires_at = excluded.expires_at
         WHERE connection_leases.expires_at <= $4 OR connection_leases.expires_at > $3
         RETURNING fence, intent_generation")
        .bind(id.as_str()).bind(holder).bind(until).bind(now).fetch_optional(c))
}

/// Writes down that this generation's refresh token is about to be used.
pub(super) async fn intend(conn: &mut Conn, id: &ConnectionId, fence: i64, generation: i64) -> Result<()> {
    on!(conn, c => sqlx::query(
        "UPDATE connection_leases SET intent_generation = $3 WHERE connection = $1 AND fence = $2")
        .bind(id.as_str()).bind(fence).bind(generation).execute(c), rows)?;
    Ok(())
}

/// Lets others in. `over`: the provider's answer is known, so nothing is left unknown either.
pub(super) async fn release(conn: &mut Conn, id: &ConnectionId, fence: i64, over: bool) -> Result<()> {
    on!(conn, c => sqlx::query(
        "UPDATE connection_leases
         SET expires_at = 0, intent_generation = CASE WHEN $3 THEN NULL ELSE intent_generation END
         WHERE connection = $1 AND fence = $2")
        .bind(id.as_str()).bind(fence).bind(over).execute(c), rows)?;
    Ok(())
}

/// A fence greater than that of every refresh that runs: whoever signs in anew comes after all of them.
pub(crate) async fn seize(conn: &mut Conn, id: &ConnectionId) -> Result<i64> {
    on!(conn, c => sqlx::query_scalar(
        "INSERT INTO connection_leases (connection, holder, fence, expires_at) VALUES ($1, '', 1, 0)
         ON CONFLICT (connection) DO UPDATE
         SET holder = '', fence = connection_leases.fence + 1, expires_at = 0, intent_generation = NULL
         RETURNING fence")
        .bind(id.as_str()).fetch_one(c))
}
