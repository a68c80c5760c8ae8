//! The port: connections in, requests to the router, and an orderly end.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use http::{HeaderMap, Request};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;
use tower::{ServiceExt as _, service_fn};

use crate::{
    limits::{CONNECTIONS, HEADER_BYTES, HEADER_TIMEOUT_S, SHUTDOWN_S},
    peer::PeerAddress,
};

/// Serves until `stop`, and works between requests: `work` is begun, and its token cancelled at the end. Then no connection is
/// accepted any more, requests that run are finished within [`SHUTDOWN_S`] seconds, and the work ends; whatever is cut off then is as
/// after a crash, and the next start goes on.
///
/// `trust_forwarded`: whether the address of a client stands in the last entry of `X-Forwarded-For`.
pub async fn serve<W>(
    listener: TcpListener,
    router: Router,
    trust_forwarded: bool,
    work: impl FnOnce(CancellationToken) -> W,
    stop: CancellationToken,
) where
    W: Future<Output = ()> + Send + 'static,
{
    let workers_stop = CancellationToken::new();
    let workers = tokio::spawn(work(workers_stop.clone()));
    accept(listener, router, trust_forwarded, &stop).await;
    workers_stop.cancel();
    if tokio::time::timeout(Duration::from_secs(SHUTDOWN_S), workers).await.is_err() {
        tracing::warn!("the work between requests did not end in time");
    }
}

async fn accept(listener: TcpListener, router: Router, trust_forwarded: bool, stop: &CancellationToken) {
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let mut server = auto::Builder::new(TokioExecutor::new()).http1_only();
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(HEADER_TIMEOUT_S))
        .max_buf_size(HEADER_BYTES);
    loop {
        // Whoever comes when all are taken waits in the kernel's queue.
        let next = async {
            let slot = slots.clone().acquire_owned().await;
            (slot, listener.accept().await)
        };
        let (slot, accepted) = tokio::select! {
            () = stop.cancelled() => break,
            next = next => next,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                pause_after(&error).await;
                continue;
            }
        };
        let _ = TcpStream::set_nodelay(&stream, true);
        let router = router.clone();
        let service = service_fn(move |mut request: Request<hyper::body::Incoming>| {
            let address = forwarded(request.headers()).filter(|_| trust_forwarded).unwrap_or(peer.ip());
            request.extensions_mut().insert(PeerAddress(address));
            router.clone().oneshot(request.map(Body::new))
        });
        let connection = server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = &*error as &dyn std::error::Error, %peer, "a connection ended early");
            }
            drop(slot);
        });
    }
    drop(listener);
    tracing::info!("shutting down");
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(Duration::from_secs(SHUTDOWN_S)) => tracing::warn!("requests were cut off"),
    }
}

/// What a proxy in front appended to `X-Forwarded-For`: the last entry, since those before it are the client's own words.
fn forwarded(headers: &HeaderMap) -> Option<std::net::IpAddr> {
    let text = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
    text.rsplit(',').next()?.trim().parse().ok()
}

/// Out of descriptors or memory: not at once again. One client's own failure is nobody's else's matter.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::error!(error = error as &dyn std::error::Error, "cannot accept a connection");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Opens the port; 0 lets the system choose.
///
/// # Errors
/// If it is taken, or not this machine's.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}
