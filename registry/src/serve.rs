//! A registry on a port of its own.

use jackfield_server::serve::Port;
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
    let port = Port { bounds, trust_forwarded: registry.config.trust_forwarded, ..Port::plain(listener) };
    let working = registry.clone();
    let work = |stop| working.work(stop);
    jackfield_server::serve::serve(port, router(registry.clone()), work, stop).await;
    registry.db.close().await;
}
