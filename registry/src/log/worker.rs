//! What goes on between requests: sequencing, and asking witnesses.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{
    sequencer::{Round, Sequencer},
    witnesses,
};
use crate::Shared;

/// How long to wait after a fault: long enough not to flood the log file.
const AFTER_FAULT: Duration = Duration::from_secs(1);

pub(crate) async fn run(registry: Shared, stop: CancellationToken) {
    tokio::join!(sequence(&registry, &stop), witnesses::run(&registry, &stop));
}

async fn sequence(registry: &Shared, stop: &CancellationToken) {
    let interval = Duration::from_millis(registry.config.sequence_interval_ms.max(1));
    let mut sequencer = match Sequencer::new() {
        Ok(sequencer) => sequencer,
        Err(problem) => return tracing::error!(%problem, "the log's sequencer can't start"),
    };
    loop {
        let pause = match sequencer.round(registry).await {
            Ok(Round::Grown(entries)) => {
                tracing::info!(entries, "the log has grown");
                interval
            }
            Ok(Round::Idle | Round::Behind) => interval,
            Err(problem) => {
                tracing::warn!(%problem, "a round of the log's sequencer failed");
                interval.max(AFTER_FAULT)
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => break,
        }
    }
    if let Err(problem) = sequencer.end(registry).await {
        tracing::warn!(%problem, "the log's lease could not be given back: the next writer waits for its end");
    }
}
