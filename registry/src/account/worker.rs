//! What goes on between requests: tokens that have long ended are forgotten, and old lines of the audit log; records that prove
//! control of a namespace are looked up again.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{control, store};
use crate::{
    Problem, Shared,
    clock::DAY,
    limits::{AUDIT_DAYS, TOKEN_KEPT_DAYS},
};

/// How often. Nothing depends on it.
const EVERY: Duration = Duration::from_secs(3600);

pub(crate) async fn run(registry: Shared, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        if let Err(problem) = sweep(&registry).await {
            tracing::warn!(%problem, "sweeping tokens and the audit log failed; it is tried again");
        }
        let rechecked = stop.run_until_cancelled(control::recheck(&registry)).await;
        if let Some(Err(problem)) = rechecked {
            tracing::warn!(%problem, "records that prove control could not be looked up again; it is tried again");
        }
    }
}

/// One round; how many tokens and lines went.
///
/// # Errors
/// 503 if the database does not answer: what was left is swept the next time.
pub async fn sweep(registry: &Shared) -> Result<(u64, u64), Problem> {
    let now = registry.now();
    let mut tx = registry.db.begin().await?;
    store::forget_attempts(&mut tx, now).await?;
    let tokens = store::forget_tokens(&mut tx, now - TOKEN_KEPT_DAYS * DAY).await?;
    store::forget_exchanged(&mut tx, now).await?;
    store::forget_codes(&mut tx, now).await?;
    let lines = store::forget_audit(&mut tx, now - AUDIT_DAYS * DAY).await?;
    tx.commit().await?;
    Ok((tokens, lines))
}
