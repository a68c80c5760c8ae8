//! What goes on between requests.

use tokio_util::sync::CancellationToken;

use crate::Shared;

pub(crate) async fn run(_registry: Shared, stop: CancellationToken) {
    stop.cancelled().await;
}
