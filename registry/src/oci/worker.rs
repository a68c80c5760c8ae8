//! What goes on between requests: uploads that nobody goes on with are forgotten, and bytes that no repository shows.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{store, uploads};
use crate::{
    Problem, Shared,
    clock::SECOND,
    limits::{BLOB_UNUSED_S, SWEEP_ROWS, UPLOAD_IDLE_S},
    oci::ContentDigest,
};

/// How often. Nothing depends on it.
const EVERY: Duration = Duration::from_secs(600);

pub(crate) async fn run(registry: Shared, stop: CancellationToken) {
    loop {
        if let Err(problem) = sweep(&registry).await {
            tracing::warn!(%problem, "sweeping uploads and blobs failed; it is tried again");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// One round; how many uploads and blobs went.
///
/// # Errors
/// 503 if the database or the blob store does not answer: what was left is swept the next time.
pub async fn sweep(registry: &Shared) -> Result<(usize, usize), Problem> {
    let now = registry.now();
    let mut conn = registry.db.read().await?;
    let idle = store::idle_uploads(&mut conn, now - UPLOAD_IDLE_S * SECOND, SWEEP_ROWS).await?;
    let before = now - BLOB_UNUSED_S * SECOND;
    let unused = store::unused_blobs(&mut conn, before, SWEEP_ROWS).await?;
    drop(conn);
    let mut uploads = 0;
    for id in &idle {
        let Some(_held) = registry.blobs.hold(id) else { continue };
        let mut tx = registry.db.begin().await?;
        let ended = store::end_idle_upload(&mut tx, id, now - UPLOAD_IDLE_S * SECOND).await?;
        tx.commit().await?;
        if ended {
            uploads::forget_file(registry.blobs.upload_path(id)).await?;
            uploads += 1;
        }
    }
    let mut blobs = 0;
    for text in unused {
        let digest: ContentDigest = text.parse()?;
        // The file goes while the row is locked: whoever brings these bytes at this moment waits, and brings them anew.
        let mut tx = registry.db.begin().await?;
        if store::forget_blob(&mut tx, digest.as_str(), before).await? {
            registry.blobs.delete(&digest.object()).await?;
            tx.commit().await?;
            blobs += 1;
        }
    }
    Ok((uploads, blobs))
}
