//! A registry on a port of its own.

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use jackfield_server::serve::bind;

use crate::{Shared, router};

/// Serves until `stop`, and works between requests, as [`jackfield_server::serve::serve`] has it.
pub async fn serve(listener: TcpListener, registry: Shared, stop: CancellationToken) {
    let (router, trust_forwarded) = (router(registry.clone()), registry.config.trust_forwarded);
    let working = registry.clone();
    jackfield_server::serve::serve(listener, router, trust_forwarded, |stop| working.work(stop), stop).await;
    registry.db.close().await;
}
