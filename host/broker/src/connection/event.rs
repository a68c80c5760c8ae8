//! The one way in which a state changes: by the table, with an event in the outbox in the same transaction.

use jackfield_db::Conn;
use serde_json::json;

use super::{Connection, ConnectionId, State, Step, not_found, store, time_ordered};
use crate::{
    Error,
    clock::{Micros, rfc3339},
    error::Result,
};

/// Takes a step, and gives the connection as it is then. Each real transition leaves one event, due at once if there is
/// somebody to send it to.
pub(crate) async fn take(
    conn: &mut Conn,
    id: &ConnectionId,
    step: Step,
    reason: Option<&str>,
    deliver: bool,
    now: Micros,
) -> Result<Connection> {
    // Another transaction may change the state between the reading and the writing; then the step is taken from there.
    for _ in 0..State::ALL.len() {
        let connection = store::connection(conn, id).await?.ok_or_else(|| not_found(id.as_str()))?;
        let from = connection.state;
        let Some(to) = from.after(step) else { return Err(impossible(&connection, step)) };
        if !store::set_state(conn, id, from, to, reason, now).await? {
            continue;
        }
        if from != to {
            let message = format!("msg_{}", time_ordered(now)?);
            let payload = json!({
                "type": format!("connection.{to}"),
                "timestamp": rfc3339(now),
                "data": {
                    "connection": id.as_str(),
                    "connector": connection.connector,
                    "auth": connection.auth,
                    "label": connection.label,
                    "from": from,
                    "to": to,
                    "reason": reason,
                },
            });
            let due = deliver.then_some(now);
            store::insert_event(conn, &message, &connection, &payload.to_string(), due, now).await?;
            tracing::info!(connection = %id, %from, %to, reason, "connection changed");
            metrics::counter!("jackfield_connection_changes_total", "to" => to.to_string()).increment(1);
        }
        return Ok(Connection { state: to, reason: reason.map(ToOwned::to_owned), ..connection });
    }
    Err(Error::Fault(format!("the connection `{id}` changes faster than it can be changed")))
}

fn impossible(connection: &Connection, step: Step) -> Error {
    let Connection { id, state, .. } = connection;
    let step = match step {
        _ if *state == State::Deleted => return not_found(id.as_str()),
        Step::Disabled => "switched off",
        Step::Enabled => "switched on",
        Step::Revoked => "revoked",
        _ => return connection.unusable(),
    };
    Error::refused("connection-state", format!("the connection `{id}` is {state} and can't be {step}"))
}
