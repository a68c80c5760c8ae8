//! Trying a released connector without installing it: one call in the sandbox that checked it, whose network is one of the package's own
//! cassettes. Nothing leaves, nothing is kept, and no bill is anybody's.
//!
//! Whoever may read a package may try it. What a try costs is bounded by how often one may, how many run at a time, and what
//! the child that runs it may use.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::get,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
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
    account::{Actor, session::from_these_pages},
    clock::SECOND,
    limits::{TRIES_AT_ONCE, TRIES_IN_A_ROW, TRY_EVERY_S, TRY_FILES, TRY_WORD_BYTES},
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
    /// Never more of them than requests.
    trying: Mutex<HashSet<String>>,
}

struct Alone<'a> {
    trials: &'a Trials,
    caller: String,
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.trials.trying.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.caller);
    }
}

impl Trials {
    /// # Errors
    /// 400 `config-malformed` for more than a machine can run.
    pub(crate) fn new(at_once: usize) -> Result<Self, Problem> {
        if at_once > TRIES_AT_ONCE {
            let message = format!("`tries_at_once` is {at_once}: expected 0 to {TRIES_AT_ONCE}");
            return Err(Problem::bad_request("config-malformed", message));
        }
        let turns = (at_once > 0).then(|| Semaphore::new(at_once));
        Ok(Self { turns, tries: Limiter::default(), trying: Mutex::default() })
    }

    /// The only try of a caller at a time, as long as it is held: of many addresses each has its turn.
    fn alone<'a>(&'a self, caller: &str) -> Result<Alone<'a>, Problem> {
        let mut trying = self.trying.lock().unwrap_or_else(PoisonError::into_inner);
        if !trying.insert(caller.to_owned()) {
            let message = "a try from this address is not at its end";
            return Err(Problem::too_many("too-many-requests", message, 1));
        }
        Ok(Alone { trials: self, caller: caller.to_owned() })
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
    headers: HeaderMap,
    Body(trial): Body<Trial>,
) -> Result<Response, Problem> {
    // Another site's page is not to use up what its visitors may.
    from_these_pages(&headers)?;
    if trial.operation.len() > TRY_WORD_BYTES
        || trial.cassette.as_ref().is_some_and(|name| name.len() > TRY_WORD_BYTES)
        || trial.files.len() > TRY_FILES
        || trial.files.keys().any(|id| id.len() > TRY_WORD_BYTES)
    {
        let message = format!("a try has names of {TRY_WORD_BYTES} bytes and {TRY_FILES} files at the most");
        return Err(Problem::bad_request("body-malformed", message));
    }
    let component = offered(&registry, &actor, &name, &version).await?;
    let (turns, validator) = (registry.trials.turns()?, validator(&registry)?);
    let by_user = actor.user.as_ref().map(|user| format!("user {user}"));
    for caller in [Some(format!("address {address}")), by_user].into_iter().flatten() {
        registry.trials.tries.take(&caller, RATE, registry.now()).map_err(|wait| {
            Problem::too_many("too-many-requests", &format!("more than {TRIES_IN_A_ROW} tries in a row"), wait)
        })?;
    }
    let _alone = registry.trials.alone(&address.to_string())?;
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
