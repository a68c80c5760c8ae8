//! The port: connections in, requests to the router, and an orderly end.

mod callers;
mod stall;

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

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

use self::{callers::Callers, stall::Stalling};
use crate::{
    limits::{CONNECTIONS, CONNECTIONS_PER_ADDRESS, HEADER_BYTES, HEADER_TIMEOUT_S, SHUTDOWN_S, STALL_S, UNSENT_BYTES},
    peer::PeerAddress,
};

/// What connections may do to each other. There is one such set, [`Bounds::default`]; tests have less patience.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// At once. Whoever comes when all are taken waits in the kernel's queue.
    pub connections: usize,
    /// Of these, from one address; one more is closed at once. Where `trust_forwarded` is set all come from the proxy, whose
    /// business this is.
    pub connections_per_address: usize,
    /// How long one may take nothing of what it is sent.
    pub stall: Duration,
    /// How long one may be idle, or take to say what it wants.
    pub header: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: CONNECTIONS,
            connections_per_address: CONNECTIONS_PER_ADDRESS,
            stall: Duration::from_secs(STALL_S),
            header: Duration::from_secs(HEADER_TIMEOUT_S),
        }
    }
}

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
    serve_within(Bounds::default(), listener, router, trust_forwarded, work, stop).await;
}

/// The same within other bounds.
pub async fn serve_within<W>(
    bounds: Bounds,
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
    accept(bounds, listener, router, trust_forwarded, &stop).await;
    workers_stop.cancel();
    if tokio::time::timeout(Duration::from_secs(SHUTDOWN_S), workers).await.is_err() {
        tracing::warn!("the work between requests did not end in time");
    }
}

async fn accept(
    bounds: Bounds,
    listener: TcpListener,
    router: Router,
    trust_forwarded: bool,
    stop: &CancellationToken,
) {
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(bounds.connections));
    let callers = Callers::new(bounds.connections_per_address);
    let (crowded, stalled) = (Tally::default(), Arc::new(Tally::default()));
    let mut server = auto::Builder::new(TokioExecutor::new()).http1_only();
    server.http1().timer(TokioTimer::new()).header_read_timeout(bounds.header).max_buf_size(HEADER_BYTES);
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
        let counted = callers.one_more(peer.ip());
        if counted.is_none() && !trust_forwarded {
            crowded.one_more(peer, "closed a connection: its address has as many as it may");
            continue;
        }
        prepare(&stream);
        let router = router.clone();
        let service = service_fn(move |mut request: Request<hyper::body::Incoming>| {
            let address = forwarded(request.headers()).filter(|_| trust_forwarded).unwrap_or(peer.ip());
            request.extensions_mut().insert(PeerAddress(address));
            router.clone().oneshot(request.map(Body::new))
        });
        let io = TokioIo::new(Stalling::new(stream, bounds.stall));
        let connection = server.serve_connection(io, TowerToHyperService::new(service)).into_owned();
        let connection = graceful.watch(connection);
        let stalled = stalled.clone();
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                match is_stalled(&*error) {
                    true => stalled.one_more(peer, "closed a connection: it took nothing of what it was sent"),
                    false => {
                        tracing::debug!(error = &*error as &dyn std::error::Error, %peer, "a connection ended early")
                    }
                }
            }
            drop((counted, slot));
        });
    }
    drop(listener);
    tracing::info!("shutting down");
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(Duration::from_secs(SHUTDOWN_S)) => tracing::warn!("requests were cut off"),
    }
}

/// Connections of a kind that were closed. Each is told to whoever debugs; the first, second, fourth, eighth and so on to the
/// operator, who is to hear of an attack and keep his disk.
#[derive(Debug, Default)]
struct Tally(AtomicU64);

impl Tally {
    fn one_more(&self, peer: SocketAddr, why: &'static str) {
        let count = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        if count.is_power_of_two() {
            tracing::warn!(%peer, count, "{why}");
        } else {
            tracing::debug!(%peer, count, "{why}");
        }
    }
}

/// Whether it is our own patience that ended: a client's that is slow with its headers has no IO error in it.
fn is_stalled(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::TimedOut)
}

/// Small answers leave at once, and little of a large one waits in the kernel. Both make things better, and neither has to work.
fn prepare(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let _ = socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES);
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
