//! A registry on a port of its own.

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use jackfield_server::serve::{Bounds, bind};

use crate::{Shared, router};

/// Serves until `stop`, and works between requests, as [`jackfield_server::serve::serve`] has it.
pub async fn serve(listener: TcpListener, registry: Shared, stop: CancellationToken) {
    serve_within(Bounds::default(), listener, registry, stop).await;
}

/// The same within other bounds.
pub async fn serve_within(bounds: Bounds, listener: TcpListener, registry: Shared, stop: CancellationToken) {
    let (router, trust_forwarded) = (router(registry.clone()), registry.config.trust_forwarded);
    let working = registry.clone();
    let work = |stop| working.work(stop);
    jackfield_server::serve::serve_within(bounds, listener, router, trust_forwarded, work, stop).await;
    registry.db.close().await;
}
