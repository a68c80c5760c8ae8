//! The signed index: a package's versions, digests and status, as hosts resolve them.
//!
//! It is signed anew when a release or its status changes, and in time before it expires; the signed bytes are kept in the
//! blob store under `index/<namespace>/<name>.json`, so that reading one takes no SQL. A crash between a change and its index
//! is made good by the worker, which looks for indexes that are older than what they speak of.

mod store;

use std::time::Duration;

use axum::{Router, extract::State, response::Response, routing::get};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use jackfield_package::{
    PackageName,
    limits::INDEX_RELEASES,
    statement::{BUNDLE_MEDIA_TYPE, IndexRelease, IndexStatement, ReleaseStatus},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Problem, Shared,
    clock::SECOND,
    fault::{self, Point},
    read::{caching, path::PackagePath},
    status::advisories,
};

/// How often the worker looks for indexes to sign anew.
const WORK_EVERY: Duration = Duration::from_secs(5);
/// How many it signs at a time.
const WORK_AT_ONCE: i64 = 256;

pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/v1/index/{namespace}/{name}", get(show))
}

/// The newest signed index of a package, a Sigstore bundle.
async fn show(
    State(registry): State<Shared>,
    PackagePath(name): PackagePath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = registry.blobs.get_changing(&blob_name(&name)).await?;
    let index =
        found.ok_or_else(|| Problem::not_found("package-not-found", format!("there is no package `{name}`")))?;
    Ok(caching::changing_object(&headers, index, HeaderValue::from_static(BUNDLE_MEDIA_TYPE)))
}

fn blob_name(name: &PackageName) -> String {
    format!("index/{}/{}.json", name.namespace(), name.name())
}

/// Signs a package's index anew and puts it in the place of the one before. A package that never had a release has none.
///
/// # Errors
/// Those of the database and the blob store.
pub async fn refresh(registry: &Shared, name: &PackageName) -> Result<(), Problem> {
    let package = name.to_string();
    let mut tx = registry.db.begin().await?;
    let now = registry.now();
    // The row is held until the bytes are in place: what is read after it is never older than what another has written, so
    // that no index goes back behind an earlier one, which hosts would take for a lie.
    if store::deprecated(&mut tx, &package).await?.is_none() {
        return Ok(());
    }
    store::sign(&mut tx, &package, 0, now).await?;
    let log_size = store::published_size(&mut tx).await?;
    let rows = store::releases(&mut tx, &package, i64::try_from(INDEX_RELEASES).unwrap_or(i64::MAX)).await?;
    if rows.is_empty() {
        return Ok(());
    }
    let releases = rows.into_iter().map(release).collect::<Result<Vec<_>, Problem>>()?;
    let statement = IndexStatement {
        registry: registry.config.origin.clone(),
        name: name.clone(),
        log_size: u64::try_from(log_size).unwrap_or(0),
        issued: now,
        expires: now.saturating_add(registry.config.index_lifetime_s.saturating_mul(SECOND)),
        deprecated: store::deprecated(&mut tx, &package).await?.flatten(),
        advisories: advisories::standing(&mut tx, name).await?,
        releases,
    };
    let bytes = statement.sign(&registry.keys.statements).to_bytes();
    store::sign(&mut tx, &package, log_size, now).await?;
    registry.blobs.put(&blob_name(name), Bytes::from(bytes)).await?;
    fault::reach(Point::IndexWritten);
    tx.commit().await?;
    Ok(())
}

fn release(row: store::ReleaseRow) -> Result<IndexRelease, Problem> {
    let status = match row.state.as_str() {
        "yanked" => ReleaseStatus::Yanked,
        "quarantined" => ReleaseStatus::Quarantined,
        "revoked" => ReleaseStatus::Revoked,
        _ => ReleaseStatus::Released,
    };
    Ok(IndexRelease {
        version: row.version.parse().map_err(|error: semver::Error| Problem::internal(&error))?,
        component: row.component.parse().map_err(|refusal: jackfield_package::Refusal| Problem::internal(&refusal))?,
        oci_manifest: row
            .oci_manifest
            .parse()
            .map_err(|refusal: jackfield_package::Refusal| Problem::internal(&refusal))?,
        size: u64::try_from(row.size).unwrap_or(0),
        released_at: row.released_at.unwrap_or(0),
        status,
    })
}

/// Signs anew what is half-way to its expiry, and what lies behind its package.
pub(crate) async fn worker(registry: Shared, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(WORK_EVERY)).await.is_some() {
        if let Err(problem) = refresh_due(&registry).await {
            tracing::warn!(problem = &problem as &dyn std::error::Error, "indexes are not signed anew; again soon");
        }
    }
}

/// One round of the worker; how many it signed.
///
/// # Errors
/// Those of the database and the blob store.
pub async fn refresh_due(registry: &Shared) -> Result<usize, Problem> {
    let half = registry.config.index_lifetime_s.saturating_mul(SECOND) / 2;
    let due = store::due(&mut registry.db.read().await?, registry.now().saturating_sub(half), WORK_AT_ONCE).await?;
    for package in &due {
        refresh(registry, &package.parse()?).await?;
    }
    Ok(due.len())
}
