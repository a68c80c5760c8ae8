//! Downloads and installs, counted in memory and written now and then: reading writes nothing.
//!
//! What was counted since the last write is lost with the process. That is the price, and the counts are for people.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jackfield_package::PackageName;
use tokio_util::sync::CancellationToken;

use super::store;
use crate::{Problem, Shared, limits::COUNTS_KEPT};

/// How long a count may wait.
const WRITE_EVERY: Duration = Duration::from_secs(10);

/// What was counted since the last write.
#[derive(Debug, Default)]
pub struct Counts {
    waiting: Mutex<HashMap<PackageName, Count>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    downloads: i64,
    installs: i64,
}

impl Counts {
    /// Somebody fetched the component of a release.
    pub fn download(&self, package: &PackageName) {
        self.add(package, Count { downloads: 1, installs: 0 });
    }

    /// Somebody's host says that it has installed a release.
    pub fn install(&self, package: &PackageName) {
        self.add(package, Count { downloads: 0, installs: 1 });
    }

    fn add(&self, package: &PackageName, count: Count) {
        let mut waiting = self.locked();
        if waiting.len() >= COUNTS_KEPT && !waiting.contains_key(package) {
            return;
        }
        let sum = waiting.entry(package.clone()).or_default();
        sum.downloads += count.downloads;
        sum.installs += count.installs;
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<PackageName, Count>> {
        // Adding numbers leaves nothing half done.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes what was counted. If that fails, it is counted again with the next.
///
/// # Errors
/// The database's.
pub async fn write(registry: &Shared) -> Result<(), Problem> {
    let mut counted: Vec<_> = std::mem::take(&mut *registry.counts.locked()).into_iter().collect();
    if counted.is_empty() {
        return Ok(());
    }
    // In one order everywhere: two processes that write at the same time don't wait for each other in a circle.
    counted.sort_by(|(a, _), (b, _)| a.cmp(b));
    let written = write_all(registry, &counted).await;
    if written.is_err() {
        for (package, count) in &counted {
            registry.counts.add(package, *count);
        }
    }
    written
}

async fn write_all(registry: &Shared, counted: &[(PackageName, Count)]) -> Result<(), Problem> {
    let mut tx = registry.db.begin().await?;
    for (package, count) in counted {
        store::add_counts(&mut tx, &package.to_string(), count.downloads, count.installs).await?;
    }
    Ok(tx.commit().await?)
}

/// Writes every few seconds, and once more at the end.
pub(crate) async fn worker(registry: Shared, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(WRITE_EVERY)).await.is_some() {
        if let Err(problem) = write(&registry).await {
            tracing::warn!(%problem, "counts could not be written");
        }
    }
    if let Err(problem) = write(&registry).await {
        tracing::warn!(%problem, "counts are lost");
    }
}
