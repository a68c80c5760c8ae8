//! The audit log of a workspace: what was done and what was refused, each line bound to the one before by its hash.
//!
//! The hash of a line is SHA-256 over the hash before (32 zero bytes for the first) and the line as canonical JSON, keys in the
//! order of [`Line`]. Whoever keeps the newest hash can tell whether anything before it was changed.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::header;
use jackfield_db::Conn;
use jackfield_package::Label;
use jackfield_server::uri::Query;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::{IntoParams, ToSchema};

use crate::{
    Problem, Shared,
    caller::Caller,
    clock::Micros,
    limits::{AUDIT_TEXT_CHARS, EXPORT_PAGE, PAGE},
    role::Action,
    store::{self, AuditRow},
};

/// What is hashed of a line, in this order.
#[derive(Serialize)]
struct Line<'a> {
    workspace: &'a str,
    number: i64,
    at: Micros,
    caller: &'a str,
    action: &'a str,
    target: &'a str,
    allowed: bool,
    detail: Option<&'a str>,
}

pub(crate) async fn write(
    tx: &mut Conn,
    caller: &Caller,
    action: Action,
    target: &str,
    allowed: bool,
    detail: Option<&str>,
    now: Micros,
) -> Result<(), Problem> {
    let workspace = caller.workspace.as_str();
    let (number, before) = store::last_audit(tx, workspace).await?.unwrap_or((0, vec![0; 32]));
    let mut row = AuditRow {
        number: number + 1,
        at: now,
        caller: caller.name.clone(),
        action: action.word().to_owned(),
        target: store::text(target, AUDIT_TEXT_CHARS),
        allowed,
        detail: detail.map(|detail| store::text(detail, AUDIT_TEXT_CHARS)),
        hash: Vec::new(),
    };
    row.hash = hash(&before, workspace, &row).to_vec();
    store::add_audit(tx, workspace, &row).await?;
    Ok(())
}

/// In a transaction of its own, since nothing else is done.
pub(crate) async fn write_denial(workspaces: &Shared, caller: &Caller, action: Action, target: &str, code: &str) {
    let written = async {
        let mut tx = workspaces.db.begin().await?;
        write(&mut tx, caller, action, target, false, Some(code), workspaces.now()).await?;
        tx.commit().await?;
        Ok::<_, Problem>(())
    };
    if let Err(problem) = written.await {
        tracing::error!(%problem, caller = caller.name, target, "a denial was not written down");
    }
}

fn hash(before: &[u8], workspace: &str, row: &AuditRow) -> [u8; 32] {
    let line = Line {
        workspace,
        number: row.number,
        at: row.at,
        caller: &row.caller,
        action: &row.action,
        target: &row.target,
        allowed: row.allowed,
        detail: row.detail.as_deref(),
    };
    let line = serde_json::to_vec(&line).unwrap_or_default();
    Sha256::new().chain_update(before).chain_update(line).finalize().into()
}

/// What is looked for: the newest first.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Search {
    /// Only lines of this caller.
    caller: Option<String>,
    /// Only of this action.
    action: Option<String>,
    /// Only those whose target begins so.
    target: Option<String>,
    /// Only what was refused, or only what was not.
    allowed: Option<bool>,
    /// Only lines before this one.
    before: Option<i64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AuditLines)]
pub(crate) struct Lines {
    audit: Vec<AuditRow>,
    /// The `before` of the next page; none if this is the last.
    #[schema(required)]
    next: Option<i64>,
}

/// Whether the chain holds.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditVerdict)]
pub(crate) struct Verdict {
    intact: bool,
    /// Lines that follow from those before them.
    lines: i64,
    /// The first that does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    broken_at: Option<i64>,
    /// The newest line's, in hex; keep it elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
}

pub(crate) async fn list(
    State(workspaces): State<Shared>,
    caller: Caller,
    Query(search): Query<Search>,
) -> Result<Json<Lines>, Problem> {
    caller.may_look(&workspaces, Action::Audit, "audit").await?;
    let found = store::AuditQuery {
        caller: search.caller,
        action: search.action,
        target: search.target,
        allowed: search.allowed,
        before: search.before.unwrap_or(i64::MAX),
        most: PAGE,
    };
    let audit = store::audit(&mut workspaces.db.read().await?, caller.workspace.as_str(), &found).await?;
    let next = (audit.len() as i64 == PAGE).then(|| audit.last().map(|row| row.number)).flatten();
    Ok(Json(Lines { audit, next }))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Export {
    /// Lines after this one.
    after: i64,
}

/// All lines as JSON lines, the oldest first, a thousand at a time; each with its hash, so that the chain can be checked.
pub(crate) async fn export(
    State(workspaces): State<Shared>,
    caller: Caller,
    Query(Export { after }): Query<Export>,
) -> Result<Response, Problem> {
    caller.may_look(&workspaces, Action::Audit, "audit").await?;
    let rows =
        store::audit_after(&mut workspaces.db.read().await?, caller.workspace.as_str(), after, EXPORT_PAGE).await?;
    let lines: String = rows.iter().filter_map(|row| serde_json::to_string(row).ok()).map(|line| line + "\n").collect();
    Ok(([(header::CONTENT_TYPE, "application/jsonl")], lines).into_response())
}

/// Whether every line that is still kept follows from the one before.
pub(crate) async fn verify(State(workspaces): State<Shared>, caller: Caller) -> Result<Json<Verdict>, Problem> {
    caller.may_look(&workspaces, Action::Audit, "audit").await?;
    Ok(Json(check(&workspaces, &caller.workspace).await?))
}

async fn check(workspaces: &Shared, workspace: &Label) -> Result<Verdict, Problem> {
    let mut conn = workspaces.db.read().await?;
    let (mut lines, mut after, mut before) = (0, 0, None::<Vec<u8>>);
    loop {
        let rows = store::audit_after(&mut conn, workspace.as_str(), after, EXPORT_PAGE).await?;
        for row in &rows {
            // Old lines are forgotten from the front: the first that is left is believed, the rest follows from it.
            let known = match (&before, row.number) {
                (Some(before), number) => number == after + 1 && hash(before, workspace.as_str(), row)[..] == row.hash,
                (None, 1) => hash(&[0; 32], workspace.as_str(), row)[..] == row.hash,
                (None, _) => true,
            };
            if !known {
                return Ok(Verdict { intact: false, lines, broken_at: Some(row.number), hash: None });
            }
            (lines, after, before) = (lines + 1, row.number, Some(row.hash.clone()));
        }
        if (rows.len() as i64) < EXPORT_PAGE {
            return Ok(Verdict { intact: true, lines, broken_at: None, hash: before.map(hex::encode) });
        }
    }
}
