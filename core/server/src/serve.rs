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
    net::{TcpListener, TcpSocket, TcpStream},
    sync::Semaphore,
};
use tokio_util::{either::Either, sync::CancellationToken};
use tower::{ServiceExt as _, service_fn};

use self::{callers::Callers, stall::Stalling};
use crate::{
    gauge::Counted,
    limits::{
        CONNECTIONS, CONNECTIONS_PER_ADDRESS, HEADER_BYTES, HEADER_TIMEOUT_S, SHUTDOWN_S, STALL_S, UNACCEPTED,
        UNSENT_BYTES,
    },
    peer::PeerAddress,
    tls::Tls,
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

/// What is served on, and how.
#[derive(Debug)]
pub struct Port {
    /// Where connections come in.
    pub listener: TcpListener,
    /// By which certificate; none: plain HTTP.
    pub tls: Option<Arc<Tls>>,
    /// Whether the address of a client stands in the last entry of `X-Forwarded-For`.
    pub trust_forwarded: bool,
    /// What connections may do to each other.
    pub bounds: Bounds,
}

impl Port {
    /// Plain HTTP to whoever connects.
    pub fn plain(listener: TcpListener) -> Self {
        Self { listener, tls: None, trust_forwarded: false, bounds: Bounds::default() }
    }
}

/// Serves until `stop`, and works between requests: `work` is begun, and its token cancelled at the end. Then no connection is
/// accepted any more, requests that run are finished within [`SHUTDOWN_S`] seconds, and the work ends; whatever is cut off then is as
/// after a crash, and the next start goes on.
pub async fn serve<W>(port: Port, router: Router, work: impl FnOnce(CancellationToken) -> W, stop: CancellationToken)
where
    W: Future<Output = ()> + Send + 'static,
{
    let workers_stop = CancellationToken::new();
    let workers = tokio::spawn(work(workers_stop.clone()));
    accept(port, router, &stop).await;
    workers_stop.cancel();
    if tokio::time::timeout(Duration::from_secs(SHUTDOWN_S), workers).await.is_err() {
        tracing::warn!("the work between requests did not end in time");
    }
}

async fn accept(port: Port, router: Router, stop: &CancellationToken) {
    let Port { listener, tls, trust_forwarded, bounds } = port;
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(bounds.connections));
    let callers = Callers::new(bounds.connections_per_address);
    let (crowded, closed) = (Tally::default(), Arc::new(Closed::default()));
    let mut server = auto::Builder::new(TokioExecutor::new()).http1_only();
    server.http1().timer(TokioTimer::new()).header_read_timeout(bounds.header).max_buf_size(HEADER_BYTES);
    let server = Arc::new(server);
    let renewed = async {
        match &tls {
            Some(tls) => tls.keep_up().await,
            None => std::future::pending().await,
        }
    };
    let mut renewed = std::pin::pin!(renewed);
    loop {
        // Whoever comes when all are taken waits in the kernel's queue.
        let next = async {
            let slot = slots.clone().acquire_owned().await;
            (slot, listener.accept().await)
        };
        let (slot, accepted) = tokio::select! {
            () = stop.cancelled() => break,
            () = &mut renewed => continue,
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
        let (server, tls, watcher) = (server.clone(), tls.clone(), graceful.watcher());
        let (closed, stop) = (closed.clone(), stop.clone());
        tokio::spawn(async move {
            let open = Counted::begin("jackfield_http_connections");
            let stream = Stalling::new(stream, bounds.stall);
            let stream = match tls {
                None => Either::Left(stream),
                Some(tls) => tokio::select! {
                    // Who has asked nothing yet keeps nobody from the end.
                    () = stop.cancelled() => return,
                    greeted = tokio::time::timeout(bounds.header, tls.accept(stream)) => match greeted {
                        Ok(Ok(stream)) => Either::Right(stream),
                        Ok(Err(error)) => return tracing::debug!(%error, %peer, "no TLS came of a connection"),
                        Err(_) => return closed.slow_to_greet.one_more(peer, "closed a connection: no TLS came of it"),
                    },
                },
            };
            let connection =
                server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).into_owned();
            if let Err(error) = watcher.watch(connection).await {
                match is_stalled(&*error) {
                    true => closed.stalled.one_more(peer, "closed a connection: it took nothing of what it was sent"),
                    false => {
                        tracing::debug!(error = &*error as &dyn std::error::Error, %peer, "a connection ended early")
                    }
                }
            }
            drop((counted, slot, open));
        });
    }
    drop(listener);
    tracing::info!("shutting down");
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(Duration::from_secs(SHUTDOWN_S)) => tracing::warn!("requests were cut off"),
    }
}

/// Connections that ended by our patience, not theirs.
#[derive(Debug, Default)]
struct Closed {
    stalled: Tally,
    slow_to_greet: Tally,
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
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // What was served here a moment ago is in nobody's way.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(UNACCEPTED)
}
