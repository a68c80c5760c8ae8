//! Calls that were made: their bills, written many at a time.
//!
//! A bill is handed over when its call has ended and is a row a tenth of a second later. So much is lost when the process is killed:
//! what must not be done twice has an idempotency key, which is a row before anything runs.

use std::time::Duration;

use axum::{Json, extract::State};
use jackfield_server::uri::{Path, Query};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;
use utoipa::{IntoParams, ToSchema};

use crate::{
    Problem, Shared,
    caller::Caller,
    clock::Micros,
    limits::{BILLS_AT_ONCE, BILLS_EVERY_MS, BILLS_IN_ONE, BILLS_WAITING, PAGE},
    role::Action,
    store::{self, InvocationQuery, InvocationRow},
};

/// Bills that wait to be written.
pub(crate) struct Bills {
    sender: mpsc::Sender<InvocationRow>,
    receiver: Mutex<mpsc::Receiver<InvocationRow>>,
}

impl Bills {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = mpsc::channel(BILLS_WAITING);
        Self { sender, receiver: Mutex::new(receiver) }
    }

    /// Hands one over. Where too many wait, the caller waits too: nothing is dropped.
    pub(crate) async fn put(&self, row: InvocationRow) {
        // The receiver lives as long as this does.
        let _ = self.sender.send(row).await;
    }
}

/// Writes bills until `stop`, and those that are left then.
pub(crate) async fn write_bills(workspaces: Shared, stop: CancellationToken) {
    let mut receiver = workspaces.bills.receiver.lock().await;
    let mut rows = Vec::with_capacity(BILLS_AT_ONCE);
    loop {
        while rows.len() < BILLS_AT_ONCE
            && let Ok(row) = receiver.try_recv()
        {
            rows.push(row);
        }
        if rows.is_empty() && stop.is_cancelled() {
            return;
        }
        // More wait already: they are not made to wait longer.
        let mut is_behind = rows.len() == BILLS_AT_ONCE;
        match write(&workspaces, &rows).await {
            Ok(()) => rows.clear(),
            Err(problem) if stop.is_cancelled() => {
                tracing::error!(%problem, count = rows.len(), "bills were not written before the end");
                return;
            }
            Err(problem) => {
                tracing::error!(%problem, "bills could not be written; it is tried again");
                is_behind = false;
            }
        }
        if !is_behind {
            let wait = tokio::time::sleep(Duration::from_millis(BILLS_EVERY_MS));
            tokio::select! {
                () = stop.cancelled() => {}
                () = wait => {}
            }
        }
    }
}

async fn write(workspaces: &Shared, rows: &[InvocationRow]) -> Result<(), Problem> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut tx = workspaces.db.begin().await?;
    for rows in rows.chunks(BILLS_IN_ONE) {
        store::add_invocations(&mut tx, rows).await?;
    }
    tx.commit().await?;
    Ok(())
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Search {
    caller: Option<String>,
    connector: Option<String>,
    outcome: Option<String>,
    before: Option<String>,
}

/// A call that was made, and what it cost.
#[derive(Serialize, ToSchema)]
pub(crate) struct Invocation {
    id: String,
    #[schema(value_type = i64)]
    at: Micros,
    caller: String,
    connector: String,
    version: String,
    operation: String,
    /// `ok`, or what it failed by.
    outcome: String,
    #[schema(required)]
    code: Option<String>,
    #[schema(required)]
    message: Option<String>,
    #[schema(value_type = std::collections::BTreeMap<String, u64>)]
    bill: Value,
    #[schema(value_type = Vec<Object>)]
    denials: Value,
    #[schema(required)]
    trace: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Invocations {
    invocations: Vec<Invocation>,
    /// The `before` of the next page; none if this is the last.
    #[schema(required)]
    next: Option<String>,
}

/// The newest first. A member sees his own.
pub(crate) async fn list(
    State(workspaces): State<Shared>,
    caller: Caller,
    Query(search): Query<Search>,
) -> Result<Json<Invocations>, Problem> {
    let sees_all = caller.sees_bills();
    if !sees_all && search.caller.as_ref().is_some_and(|name| *name != caller.name) {
        caller.may_look(&workspaces, Action::Bills, "invocations").await?;
    }
    let query = InvocationQuery {
        caller: if sees_all { search.caller } else { Some(caller.name.clone()) },
        connector: search.connector,
        outcome: search.outcome,
        before: search.before,
        most: PAGE,
    };
    let rows = store::invocations(&mut workspaces.db.read().await?, caller.workspace.as_str(), &query).await?;
    let next = (rows.len() as i64 == PAGE).then(|| rows.last().map(|row| row.id.clone())).flatten();
    Ok(Json(Invocations { invocations: rows.into_iter().map(shown).collect(), next }))
}

pub(crate) async fn show(
    State(workspaces): State<Shared>,
    caller: Caller,
    Path((_, id)): Path<(String, String)>,
) -> Result<Json<Invocation>, Problem> {
    let row = store::invocation(&mut workspaces.db.read().await?, caller.workspace.as_str(), &id).await?;
    let row = row.filter(|row| caller.sees_bills() || row.caller == caller.name);
    let row = row.ok_or_else(|| {
        Problem::not_found("invocation-not-found", "there is no such invocation of yours in this workspace")
            .hint("its row follows within a second of its answer, and is kept for 92 days")
    })?;
    Ok(Json(shown(row)))
}

fn shown(row: InvocationRow) -> Invocation {
    let raw = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    Invocation {
        bill: raw(&row.bill),
        denials: row.denials.as_deref().map_or_else(|| json!([]), raw),
        id: row.id,
        at: row.at,
        caller: row.caller,
        connector: row.connector,
        version: row.version,
        operation: row.operation,
        outcome: row.outcome,
        code: row.code,
        message: row.message,
        trace: row.trace,
    }
}

/// JSON text, as it is.
pub(crate) fn is_json(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok()
}
