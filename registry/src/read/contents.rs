//! What a component says of itself beside its manifest: its WIT, and the cassettes that it may be tried with.
//!
//! It is read when somebody asks, by the validator's child and not here: decoding a component's types is the work of a large parser
//! on hostile bytes. It depends on the bytes alone, so what was read is kept in memory and never written down: a newer parser
//! says it better.

use std::{sync::Arc, time::Duration};

use axum::{extract::State, response::Response};
use http::{HeaderMap, StatusCode};
use jackfield_package::Digest;
use moka::sync::Cache;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{packages, path::ReleasePath};
use crate::{
    Problem, Shared,
    account::Actor,
    blob::LocalFile,
    limits::{READINGS_AT_ONCE, READINGS_KEPT_BYTES, TURN_S},
    oci::ContentDigest,
    validator::{Contents, Validator, ValidatorFault, Wit},
};

/// What was read a while ago, and whose turn it is to be read.
#[derive(Debug)]
pub(crate) struct Readings {
    kept: Cache<Digest, Arc<Contents>>,
    turns: Semaphore,
}

impl Readings {
    pub(crate) fn new() -> Self {
        let weigh = |_: &Digest, contents: &Arc<Contents>| u32::try_from(size_of(contents)).unwrap_or(u32::MAX);
        let kept = Cache::builder().max_capacity(READINGS_KEPT_BYTES).weigher(weigh).build();
        Self { kept, turns: Semaphore::new(READINGS_AT_ONCE) }
    }

    /// What a component says of itself. That nothing can be made of it is an answer, and kept too.
    ///
    /// # Errors
    /// 501 `sandbox-missing`, 503 `sandbox-busy`, 503 `sandbox-failed`.
    pub(crate) async fn of(&self, registry: &Shared, component: &Digest) -> Result<Arc<Contents>, Problem> {
        if let Some(contents) = self.kept.get(component) {
            return Ok(contents);
        }
        let validator = validator(registry)?;
        let _turn = turn(&self.turns).await?;
        // Somebody before may have asked the same.
        if let Some(contents) = self.kept.get(component) {
            return Ok(contents);
        }
        let file = file_of(registry, component).await?;
        let contents = Arc::new(validator.read(file.path()).await.map_err(no_verdict)?);
        self.kept.insert(*component, contents.clone());
        Ok(contents)
    }
}

fn size_of(contents: &Contents) -> usize {
    let Contents { wit: Wit::Text(text) | Wit::None(text), fixtures } = contents;
    let of_fixture = |fixture: &crate::validator::Fixture| 512 + fixture.input.get().len();
    512 + text.len() + fixtures.iter().map(of_fixture).sum::<usize>()
}

/// What reads and runs components.
///
/// # Errors
/// 501 `sandbox-missing`.
pub(crate) fn validator(registry: &Shared) -> Result<&Arc<dyn Validator>, Problem> {
    registry.validator.as_ref().ok_or_else(|| no_verdict(ValidatorFault::Missing))
}

/// One's turn, if it comes soon.
///
/// # Errors
/// 503 `sandbox-busy`.
pub(crate) async fn turn(turns: &Semaphore) -> Result<SemaphorePermit<'_>, Problem> {
    match tokio::time::timeout(Duration::from_secs(TURN_S), turns.acquire()).await {
        Ok(Ok(permit)) => Ok(permit),
        Ok(Err(_)) | Err(_) => {
            Err(Problem::unavailable("sandbox-busy", "others have components read or run at this moment"))
        }
    }
}

/// A component's bytes, in a file.
///
/// # Errors
/// 503 where they are gone, or the store does not answer.
pub(crate) async fn file_of(registry: &Shared, component: &Digest) -> Result<LocalFile, Problem> {
    let file = registry.blobs.local_file(&ContentDigest::from(*component).object()).await?;
    file.ok_or_else(|| Problem::unavailable("storage-unavailable", "the component's bytes are not to be had"))
}

/// Nothing that a release is held against: the same may go through the next time.
pub(crate) fn no_verdict(fault: ValidatorFault) -> Problem {
    if fault == ValidatorFault::Missing {
        let message = "nobody reads and runs components here";
        return Problem::new(StatusCode::NOT_IMPLEMENTED, "sandbox-missing", message);
    }
    tracing::warn!(%fault, "a component could not be read or run");
    Problem::unavailable("sandbox-failed", "the component could not be read or run this time")
}

/// The WIT of a component, as it stands in its bytes.
pub(crate) async fn wit(
    State(registry): State<Shared>,
    ReleasePath(name, version): ReleasePath,
    actor: Actor,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (row, is_public) = {
        let mut conn = registry.db.read().await?;
        let (_, row, is_public) = packages::see_release(&mut conn, &actor, &name, &version).await?;
        (row, is_public)
    };
    match &registry.readings.of(&registry, &row.component.parse()?).await?.wit {
        Wit::Text(text) => Ok(packages::bytes(&headers, is_public, text.clone(), "text/plain; charset=utf-8")),
        Wit::None(why) => {
            Err(Problem::not_found("wit-not-found", format!("{name} {version} can't be written as WIT: {why}")))
        }
    }
}
