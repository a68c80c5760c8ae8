//! The signed index: a package's versions, digests and status, as hosts resolve them.

use axum::Router;
use tokio_util::sync::CancellationToken;

use crate::Shared;

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
}

pub(crate) async fn worker(_registry: Shared, stop: CancellationToken) {
    stop.cancelled().await;
}
