//! An installation in use: what is worked out once for it and shared by its calls.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use jackfield_package::{Label, Refusal};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use crate::{
    call::Prepared,
    egress::Egress,
    failure::{Failure, LimitExceeded},
    grant::OperationGrant,
    home::Stamp,
    installation::Installation,
    limits::{Limit, Limits, QUEUED_CALLS},
    usage::Counter,
};

/// One version of an installation's record, ready for calls. A changed record makes a new one.
pub(crate) struct Live {
    pub(crate) stamp: Option<Stamp>,
    pub(crate) installation: Installation,
    pub(crate) config: String,
    pub(crate) limits: Limits,
    pub(crate) egress: Arc<Egress>,
    /// One a shard, loaded when first called there.
    pub(crate) prepared: Vec<OnceCell<Prepared>>,
    /// Cancelled when the installation is stopped: its calls end.
    pub(crate) stop: CancellationToken,
    /// Its successful calls; none for what is not installed.
    pub(crate) usage: Option<Counter>,
    calls: Semaphore,
    waiting: AtomicUsize,
}

impl Live {
    pub(crate) fn new(
        stamp: Option<Stamp>,
        installation: Installation,
        egress: Egress,
        shards: usize,
        usage: Option<Counter>,
    ) -> Self {
        let limits = Limits::in_force(&installation.manifest.limits, &installation.grant.limits);
        let calls =
            usize::try_from(limits.get(Limit::ConcurrentCalls)).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self {
            stamp,
            config: serde_json::Value::Object(installation.grant.config.clone()).to_string(),
            installation,
            limits,
            egress: Arc::new(egress),
            prepared: (0..shards).map(|_| OnceCell::new()).collect(),
            stop: CancellationToken::new(),
            usage,
            calls: Semaphore::new(calls),
            waiting: AtomicUsize::new(0),
        }
    }

    /// A place among the calls that run at once. Waiting is bounded, so that a flood is told so at once.
    pub(crate) async fn turn(&self) -> Result<SemaphorePermit<'_>, Failure> {
        if let Ok(permit) = self.calls.try_acquire() {
            return Ok(permit);
        }
        let waiting = Waiting::begin(&self.waiting);
        if waiting.position >= QUEUED_CALLS {
            let allowed = self.limits.get(Limit::ConcurrentCalls);
            return Err(Failure::Limit(LimitExceeded {
                limit: Limit::ConcurrentCalls,
                allowed,
                used: allowed + waiting.position as u64,
            }));
        }
        self.calls.acquire().await.map_err(|_| Failure::Cancelled)
    }

    /// What can be said of a call before anything runs.
    pub(crate) fn authorise(&self, operation: &str) -> Result<(), Failure> {
        use crate::denial::{Denial, Layer};
        let installation = &self.installation;
        let name = &installation.name;
        let denied = |reason: String, fix: String| {
            Failure::Denied(Denial {
                connector: name.clone(),
                operation: operation.to_owned(),
                asked: "to run".to_owned(),
                layer: Layer::Installation,
                reason,
                fix: Some(fix),
            })
        };
        if !installation.enabled {
            return Err(denied("the installation is disabled".to_owned(), format!("jackfield enable {name}")));
        }
        if installation.manifest.operation(operation).is_none() {
            let known: Vec<_> = installation.manifest.operations.iter().map(|known| known.name.as_str()).collect();
            let message = format!("`{name}` has no operation `{}`", operation.escape_debug());
            return Err(Failure::Refused(
                Refusal::new("operation-unknown", message).hint(format!("it has: {}", known.join(", "))),
            ));
        }
        if let OperationGrant::Only(granted) = &installation.grant.operations
            && !granted.iter().any(|known| known.as_str() == operation)
        {
            // `--operation` says which ones, so those that are granted are named again.
            let named = granted.iter().map(Label::as_str).chain([operation]);
            let flags: String = named.map(|operation| format!(" --operation {operation}")).collect();
            return Err(denied(
                format!("the operation `{operation}` is not granted"),
                format!("jackfield grant {name}{flags}"),
            ));
        }
        Ok(())
    }
}

struct Waiting<'a> {
    count: &'a AtomicUsize,
    position: usize,
}

impl<'a> Waiting<'a> {
    fn begin(count: &'a AtomicUsize) -> Self {
        Self { count, position: count.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}
