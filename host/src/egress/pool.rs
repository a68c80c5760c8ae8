//! Connections of one installation that wait for their next request.
//!
//! A connection is used again only for the same scheme, host and port, and only where the address that it leads to passes the
//! judgement of the new request's destination. That address was classified when it was connected to, and no name is looked
//! up again, so nobody can slip another address in between.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use hyper::client::conn::http1::SendRequest;
use tokio::{
    runtime::Handle,
    task::AbortHandle,
    time::{Instant, sleep, timeout},
};

use super::{Destination, Host, transport::Body};
use crate::limits::{CONNECTION_AGE_MS, CONNECTION_READY_MS, IDLE_CONNECTIONS, IDLE_CONNECTIONS_PER_HOST};

/// One open connection. Dropping it closes the socket.
pub(super) struct Connection {
    pub(super) sender: SendRequest<Body>,
    peer: IpAddr,
    since: Instant,
    _task: Task,
}

/// The task that moves a connection's bytes; it ends with its owner.
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Connection {
    pub(super) fn new(sender: SendRequest<Body>, peer: IpAddr, task: AbortHandle) -> Self {
        Self { sender, peer, since: Instant::now(), _task: Task(task) }
    }

    fn is_fresh(&self) -> bool {
        !self.sender.is_closed() && self.since.elapsed() < Duration::from_millis(CONNECTION_AGE_MS)
    }
}

#[derive(PartialEq, Eq, Hash, Clone)]
struct Key {
    tls: bool,
    host: Host,
    port: u16,
}

impl Key {
    fn of(destination: &Destination) -> Self {
        Self { tls: destination.tls(), host: destination.host().clone(), port: destination.port() }
    }
}

struct Idle {
    connection: Connection,
    since: Instant,
}

impl Idle {
    fn is_usable(&self, idle: Duration) -> bool {
        self.connection.is_fresh() && self.since.elapsed() < idle
    }
}

pub(super) struct Pool {
    /// How long a connection may wait for its next use.
    idle: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    idle: HashMap<Key, Vec<Idle>>,
    /// Whether a task is looking after the idle ones.
    tended: bool,
}

impl State {
    fn drop_unusable(&mut self, idle: Duration) {
        self.idle.retain(|_, connections| {
            connections.retain(|waiting| waiting.is_usable(idle));
            !connections.is_empty()
        });
    }
}

impl Pool {
    pub(super) fn new(idle: Duration) -> Self {
        Self { idle, state: Mutex::default() }
    }

    /// A connection that may serve this destination: the one used last, since it is the least likely to have been closed.
    pub(super) fn take(&self, destination: &Destination) -> Option<Connection> {
        let mut state = self.state();
        let connections = state.idle.get_mut(&Key::of(destination))?;
        connections.retain(|waiting| waiting.is_usable(self.idle));
        let allowed =
            |idle: &Idle| idle.connection.sender.is_ready() && destination.judge_address(idle.connection.peer).is_ok();
        let at = connections.iter().rposition(allowed)?;
        Some(connections.remove(at).connection)
    }

    fn give(self: &Arc<Self>, key: Key, connection: Connection) {
        let mut state = self.state();
        state.drop_unusable(self.idle);
        let full = state.idle.values().map(Vec::len).sum::<usize>() >= IDLE_CONNECTIONS
            || state.idle.get(&key).is_some_and(|connections| connections.len() >= IDLE_CONNECTIONS_PER_HOST);
        if full || !connection.is_fresh() {
            return;
        }
        state.idle.entry(key).or_default().push(Idle { connection, since: Instant::now() });
        if !std::mem::replace(&mut state.tended, true) {
            tokio::spawn(tend(Arc::downgrade(self), self.idle));
        }
    }

    /// Nothing that holds this lock can leave the state half-changed.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn idle(&self) -> usize {
        self.state().idle.values().map(Vec::len).sum()
    }
}

/// Closes connections whose time is over, for as long as there are any.
async fn tend(pool: Weak<Pool>, idle: Duration) {
    loop {
        sleep(idle / 2).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut state = pool.state();
        state.drop_unusable(idle);
        if state.idle.is_empty() {
            state.tended = false;
            return;
        }
    }
}

/// A connection on loan to one exchange. Dropping it closes the connection; [`Lease::end`] gives it back.
pub(super) struct Lease {
    connection: Connection,
    pool: Arc<Pool>,
    key: Key,
}

impl Lease {
    pub(super) fn new(connection: Connection, pool: Arc<Pool>, destination: &Destination) -> Self {
        Self { connection, pool, key: Key::of(destination) }
    }

    /// The response is complete.
    pub(super) fn end(self) {
        let Self { mut connection, pool, key } = self;
        // A body may be dropped where no runtime is; then the connection closes.
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            // Not usable while the request's own body is still on its way.
            let ready = timeout(Duration::from_millis(CONNECTION_READY_MS), connection.sender.ready()).await;
            if matches!(ready, Ok(Ok(()))) {
                pool.give(key, connection);
            }
        });
    }
}
