//! Trying a released connector without installing it: one call in the sandbox that checked it, whose network is one of the package's own
//! cassettes. Nothing leaves, nothing is kept, and no bill is anybody's.
//!
//! Whoever may read a package may try it. What a try costs is bounded by how often one may, how many run at a time, and what
//! the child that runs it may use.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::get,
};
use http::{HeaderValue, StatusCode, header};
use jackfield_package::{Digest, PackageName};
use jackfield_server::{
    body::Body,
    peer::PeerCaller,
    rate::{Limiter, Rate},
};
use semver::Version;
use serde::Serialize;
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use crate::{
    Problem, Shared,
    account::Actor,
    clock::SECOND,
    limits::{TRIES_IN_A_ROW, TRY_EVERY_S},
    read::{
        contents::{file_of, no_verdict, turn, validator},
        packages::see_release,
        path::ReleasePath,
    },
    validator::{Fixture, Trial, ValidatorFault},
};

const RATE: Rate = Rate { burst: TRIES_IN_A_ROW, every: TRY_EVERY_S * SECOND };

/// Whose turn it is, and who has tried how often.
#[derive(Debug)]
pub(crate) struct Trials {
    /// None: nobody tries anything here.
    turns: Option<Semaphore>,
    tries: Limiter,
}

impl Trials {
    pub(crate) fn new(at_once: usize) -> Self {
        let turns = (at_once > 0).then(|| Semaphore::new(at_once.min(Semaphore::MAX_PERMITS)));
        Self { turns, tries: Limiter::default() }
    }

    fn turns(&self) -> Result<&Semaphore, Problem> {
        self.turns.as_ref().ok_or_else(|| no_verdict(ValidatorFault::Missing))
    }
}

/// What a release may be tried with.
#[derive(Debug, Serialize, ToSchema)]
pub struct Tryable {
    /// Its cassettes: for each operation the first is what a form shows.
    pub fixtures: Vec<Fixture>,
}

pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/v1/packages/{namespace}/{name}/{version}/try", get(fixtures).post(try_out))
}

async fn fixtures(
    State(registry): State<Shared>,
    ReleasePath(name, version): ReleasePath,
    actor: Actor,
) -> Result<Json<Tryable>, Problem> {
    let component = offered(&registry, &actor, &name, &version).await?;
    registry.trials.turns()?;
    let contents = registry.readings.of(&registry, &component).await?;
    Ok(Json(Tryable { fixtures: Arc::unwrap_or_clone(contents).fixtures }))
}

async fn try_out(
    State(registry): State<Shared>,
    ReleasePath(name, version): ReleasePath,
    actor: Actor,
    PeerCaller(address): PeerCaller,
    Body(trial): Body<Trial>,
) -> Result<Response, Problem> {
    let component = offered(&registry, &actor, &name, &version).await?;
    let (turns, validator) = (registry.trials.turns()?, validator(&registry)?);
    let by_user = actor.user.as_ref().map(|user| format!("user {user}"));
    for caller in [Some(format!("address {address}")), by_user].into_iter().flatten() {
        registry.trials.tries.take(&caller, RATE, registry.now()).map_err(|wait| {
            Problem::too_many("too-many-requests", &format!("more than {TRIES_IN_A_ROW} tries in a row"), wait)
        })?;
    }
    let _turn = turn(turns).await?;
    let file = file_of(&registry, &component).await?;
    let tried = validator.try_out(file.path(), &trial).await.map_err(no_verdict)?;
    let status = StatusCode::from_u16(tried.status)
        .ok()
        .filter(|status| status.as_u16() >= 200)
        .ok_or_else(|| no_verdict(ValidatorFault::Failed(format!("{} is no status of an answer", tried.status))))?;
    let media_type = if status.is_success() { "application/json" } else { "application/problem+json" };
    let headers = [(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, "no-store")]
        .map(|(name, value)| (name, HeaderValue::from_static(value)));
    Ok((status, headers, tried.body.get().to_owned()).into_response())
}

/// The component of a release that anybody may install.
///
/// # Errors
/// 404 `release-not-found`, 409 `release-not-offered`.
async fn offered(registry: &Shared, actor: &Actor, name: &PackageName, version: &Version) -> Result<Digest, Problem> {
    let mut conn = registry.db.read().await?;
    let (_, row, is_public) = see_release(&mut conn, actor, name, version).await?;
    if !is_public || row.state != "released" {
        let message =
            format!("{name} {version} is {}: only what is released, and not taken back, can be tried", row.state);
        return Err(Problem::conflict("release-not-offered", message));
    }
    Ok(row.component.parse()?)
}
