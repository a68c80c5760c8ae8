//! Routes of status.

use axum::{
    Json, Router,
    extract::State,
    http::HeaderMap,
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::{get, post, put},
};
use jackfield_package::{Label, key::KeyId};
use jackfield_server::{body::Body, uri::Path};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    accept::{self, NewStatus, Subject, Taken},
    advisories, store,
};
use crate::{
    Problem, Shared,
    account::{Action, Actor, Target},
    index,
    limits::REASON_CHARS,
    read::{
        caching, packages,
        path::{PackagePath, ReleasePath},
        time::rfc3339,
    },
    review::text,
};

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/v1/packages/{namespace}/{name}/{version}/status", get(statuses).post(add))
        .route("/v1/namespaces/{namespace}/keys/{keyid}/status", post(add_of_key))
        .route("/v1/packages/{namespace}/{name}/deprecation", put(deprecate).delete(undeprecate))
        .route("/v1/packages/{namespace}/{name}/advisories", get(advisories::list).post(advisories::publish))
        .route("/v1/packages/{namespace}/{name}/advisories/{id}/withdrawal", post(advisories::withdraw))
}

/// Why a package is deprecated.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Deprecation {
    /// What to use instead.
    pub message: String,
}

async fn deprecate(
    State(registry): State<Shared>,
    PackagePath(name): PackagePath,
    actor: Actor,
    Body(deprecation): Body<Deprecation>,
) -> Result<StatusCode, Problem> {
    let message = text::plain("the message", &deprecation.message, REASON_CHARS)?;
    set(&registry, &actor, &name, Some(&message)).await
}

async fn undeprecate(
    State(registry): State<Shared>,
    PackagePath(name): PackagePath,
    actor: Actor,
) -> Result<StatusCode, Problem> {
    set(&registry, &actor, &name, None).await
}

async fn set(
    registry: &Shared,
    actor: &Actor,
    name: &jackfield_package::PackageName,
    message: Option<&str>,
) -> Result<StatusCode, Problem> {
    let mut tx = registry.db.begin().await?;
    actor.authorise(registry, &mut tx, Action::Status, &Target::Package(name.clone())).await?;
    if store::deprecate(&mut tx, &name.to_string(), message, registry.now()).await? == 0 {
        return Err(packages::package_not_found(name));
    }
    tx.commit().await?;
    index::refresh(registry, name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What was said about a release.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Statuses {
    /// What it comes to: `released`, `yanked`, `quarantined` or `revoked`.
    pub state: String,
    /// Everything, in the order of the log; what waits for it last.
    pub statuses: Vec<StatusView>,
}

/// One of it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct StatusView {
    /// yank, quarantine, revoke or lift.
    pub action: String,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: String,
    /// `owner` or `registry`: whose key signed.
    pub authority: String,
    /// When it was taken in (RFC 3339).
    pub at: String,
    /// When a quarantine ends.
    pub expires_at: Option<String>,
    /// Its statement: GET /v1/statements/{digest}.
    pub statement: Option<String>,
    /// Its place in the log; none while it waits.
    pub log_index: Option<i64>,
    /// Whether it counts: a published checkpoint covers it.
    pub effective: bool,
}

async fn statuses(
    State(registry): State<Shared>,
    ReleasePath(name, version): ReleasePath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut conn = registry.db.read().await?;
    let (_, release, _) = packages::see_release(&mut conn, &Actor::anonymous(), &name, &version).await?;
    let rows = store::of_release(&mut conn, &name.to_string(), &version.to_string()).await?;
    let view = |row: store::StatusRow| StatusView {
        action: row.action,
        reason: row.reason,
        by: row.actor,
        authority: row.authority,
        at: rfc3339(row.at),
        expires_at: row.expires_at.map(rfc3339),
        statement: row.statement,
        log_index: row.log_index,
        effective: row.settled_at.is_some(),
    };
    caching::changing(&headers, &Statuses { state: release.state, statuses: rows.into_iter().map(view).collect() })
}

async fn add(
    State(registry): State<Shared>,
    ReleasePath(name, version): ReleasePath,
    actor: Actor,
    Body(new): Body<NewStatus>,
) -> Result<Response, Problem> {
    taken(accept::accept(&registry, &actor, &Subject::Release(name, version), new).await?)
}

async fn add_of_key(
    State(registry): State<Shared>,
    Path((namespace, key)): Path<(String, String)>,
    actor: Actor,
    Body(new): Body<NewStatus>,
) -> Result<Response, Problem> {
    let (namespace, key): (Label, KeyId) = (namespace.parse()?, key.parse()?);
    taken(accept::accept(&registry, &actor, &Subject::Key(namespace, key), new).await?)
}

fn taken(taken: Taken) -> Result<Response, Problem> {
    Ok((StatusCode::ACCEPTED, Json(taken)).into_response())
}
