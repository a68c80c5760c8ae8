//! Publishing over HTTP: hand in a statement, watch the release, decide about a held one.

use std::time::Duration;

use axum::{
    Json, Router,
    extract::{Request, State as FromState},
    routing::{get, post},
};
use http::StatusCode;
use jackfield_package::{PackageName, limits::BUNDLE_BYTES};
use jackfield_server::{
    body::{self, Body},
    uri::{Path, Query},
};
use semver::Version;
use serde::{Deserialize, Serialize};

use super::{
    State, decision,
    decision::Decision,
    statements,
    store::{self, Check, Event, Release},
    withdrawal,
};
use crate::{
    Problem, Shared,
    account::{Action, Actor, Target},
    clock::Micros,
    fault::{self, Point},
    limits::{HELD_SHOWN, PROGRESS_WAIT_S},
    read::path::ReleasePath,
};

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/v1/packages/{namespace}/{name}/{version}/statements", post(hand_in))
        .route("/v1/packages/{namespace}/{name}/{version}/progress", get(progress))
        .route("/v1/packages/{namespace}/{name}/{version}/appeal", post(appeal))
        .route("/v1/packages/{namespace}/{name}/{version}/withdrawal", post(withdraw))
        .route("/v1/moderation/releases", get(held))
        .route("/v1/moderation/releases/{id}", post(decide))
}

/// Where a release stands, and how it came there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Progress {
    /// Its id, for moderators.
    pub id: String,
    /// The package.
    pub package: String,
    /// The version.
    pub version: String,
    /// Where it stands.
    pub state: State,
    /// Why, for a person.
    pub reason: Option<String>,
    /// Who acts next.
    pub next_actor: String,
    /// Digest of the component.
    pub component: String,
    /// Digest of the OCI manifest.
    pub oci_manifest: String,
    /// When the state began, in microseconds since 1970.
    pub state_at: Micros,
    /// When it is tried again, if the last attempt came to no verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Micros>,
    /// Digest of the component of the package's last release: what the statement names as `previous`.
    pub previous: Option<String>,
    /// What its author has to say about a hold or rejection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub appeal: Option<String>,
    /// Its story.
    pub events: Vec<Event>,
    /// What each rule says, as soon as that is known.
    pub checks: Vec<Check>,
}

/// `?wait=SECONDS&since=SEQ`: answers when the story is longer than that, or the time is over.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Waiting {
    #[serde(default)]
    wait: u64,
    #[serde(default)]
    since: i64,
}

#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Appeal {
    message: String,
}

#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Withdrawn {
    reason: String,
}

#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Decided {
    decision: Decision,
    reason: String,
}

async fn hand_in(
    FromState(registry): FromState<Shared>,
    actor: Actor,
    ReleasePath(package, version): ReleasePath,
    request: Request,
) -> Result<(StatusCode, Json<Progress>), Problem> {
    let mut tx = registry.db.begin().await?;
    actor.authorise(&registry, &mut tx, Action::Publish, &Target::Package(package.clone())).await?;
    drop(tx);
    let bundle = body::read(request, BUNDLE_BYTES).await?;
    let mut tx = registry.db.begin().await?;
    actor.authorise(&registry, &mut tx, Action::Publish, &Target::Package(package.clone())).await?;
    let release = statements::accept(&registry, &mut tx, &actor, &package, &version, &bundle).await?;
    let answer = told(&mut tx, release).await?;
    tx.commit().await?;
    fault::reach(Point::Signed);
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

async fn progress(
    FromState(registry): FromState<Shared>,
    actor: Actor,
    ReleasePath(package, version): ReleasePath,
    Query(waiting): Query<Waiting>,
) -> Result<Json<Progress>, Problem> {
    let until = tokio::time::Instant::now() + Duration::from_secs(waiting.wait.min(PROGRESS_WAIT_S));
    loop {
        let mut conn = registry.db.read().await?;
        let found = seen_by(&mut conn, &actor, &package, &version).await?;
        let answer = told(&mut conn, found).await?;
        drop(conn);
        let news = answer.events.last().is_some_and(|event| event.seq > waiting.since);
        if news || tokio::time::Instant::now() >= until {
            return Ok(Json(answer));
        }
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}

async fn appeal(
    FromState(registry): FromState<Shared>,
    actor: Actor,
    ReleasePath(package, version): ReleasePath,
    Body(body): Body<Appeal>,
) -> Result<Json<Progress>, Problem> {
    let mut tx = registry.db.begin().await?;
    actor.authorise(&registry, &mut tx, Action::Publish, &Target::Package(package.clone())).await?;
    let release = store::newest_attempt(&mut tx, &package, &version).await?;
    let release = release.ok_or_else(|| statements::unknown(&package, &version))?;
    decision::appeal(&mut tx, &release, &body.message).await?;
    let release = store::by_id(&mut tx, &release.id).await?.unwrap_or(release);
    let answer = told(&mut tx, release).await?;
    tx.commit().await?;
    Ok(Json(answer))
}

async fn withdraw(
    FromState(registry): FromState<Shared>,
    actor: Actor,
    ReleasePath(package, version): ReleasePath,
    Body(body): Body<Withdrawn>,
) -> Result<Json<Progress>, Problem> {
    let mut tx = registry.db.begin().await?;
    let detail = format!("withdraw {version}");
    actor
        .authorise_noting(&registry, &mut tx, Action::Publish, &Target::Package(package.clone()), Some(&detail))
        .await?;
    let release = withdrawal::withdraw(&registry, &mut tx, &actor, &package, &version, &body.reason).await?;
    let answer = told(&mut tx, release).await?;
    tx.commit().await?;
    Ok(Json(answer))
}

async fn held(FromState(registry): FromState<Shared>, actor: Actor) -> Result<Json<Vec<Progress>>, Problem> {
    let mut tx = registry.db.begin().await?;
    actor.authorise(&registry, &mut tx, Action::Moderate, &Target::Registry).await?;
    let mut all = Vec::new();
    for release in store::held(&mut tx, HELD_SHOWN).await? {
        all.push(told(&mut tx, release).await?);
    }
    tx.commit().await?;
    Ok(Json(all))
}

async fn decide(
    FromState(registry): FromState<Shared>,
    actor: Actor,
    Path(id): Path<String>,
    Body(body): Body<Decided>,
) -> Result<Json<Progress>, Problem> {
    let release = decision::decide(&registry, &actor, &id, body.decision, &body.reason).await?;
    Ok(Json(told(&mut registry.db.read().await?, release).await?))
}

/// What is not out yet is for members of the namespace, and nobody else learns that it is there.
async fn seen_by(
    conn: &mut jackfield_db::Conn,
    actor: &Actor,
    package: &PackageName,
    version: &Version,
) -> Result<Release, Problem> {
    let member = actor.may_read(conn, &Target::Package(package.clone())).await?;
    let release = store::newest_attempt(conn, package, version).await?;
    match release {
        Some(release) if member || release.state()?.is_public() => Ok(release),
        _ => Err(statements::unknown(package, version)),
    }
}

async fn told(conn: &mut jackfield_db::Conn, release: Release) -> Result<Progress, Problem> {
    let state = release.state()?;
    Ok(Progress {
        events: store::events(conn, &release.id).await?,
        checks: store::checks(conn, &release.id).await?,
        previous: store::last_released(conn, &release.package).await?,
        id: release.id,
        package: release.package,
        version: release.version,
        state,
        reason: release.reason,
        next_actor: release.next_actor,
        component: release.component,
        oci_manifest: release.oci_manifest,
        state_at: release.state_at,
        retry_at: release.retry_at,
        appeal: release.appeal,
    })
}
