//! What one call has used of the network, counted while it happens.

use std::sync::{
    Arc, Mutex, MutexGuard, OnceLock, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use crate::{
    bill::Bill,
    denial::Denial,
    failure::LimitExceeded,
    limits::{DENIALS, Limit},
};

/// The counters of one call. Shared with its exchanges, which may outlive the guest by a moment.
#[derive(Debug, Default)]
pub struct Meter {
    requests: AtomicU64,
    /// Those of `requests` that a later layer denied: they count for the limit, and nothing was sent.
    unsent: AtomicU64,
    denied: AtomicU64,
    bytes_out: AtomicU64,
    bytes_in: AtomicU64,
    in_flight: AtomicU64,
    denials: Mutex<Vec<Denial>>,
    limit: OnceLock<LimitExceeded>,
}

impl Meter {
    /// Writes the counters into a bill.
    pub fn fill(&self, bill: &mut Bill) {
        bill.http_requests = self.requests.load(Relaxed).saturating_sub(self.unsent.load(Relaxed));
        bill.http_denied = self.denied.load(Relaxed);
        bill.http_bytes_out = self.bytes_out.load(Relaxed);
        bill.http_bytes_in = self.bytes_in.load(Relaxed);
    }

    /// The denials, at most [`DENIALS`] of them, in order.
    pub fn denials(&self) -> Vec<Denial> {
        self.kept().clone()
    }

    /// The first limit of the network that the call reached.
    pub fn limit(&self) -> Option<LimitExceeded> {
        self.limit.get().copied()
    }

    /// Exchanges that have not ended.
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Relaxed)
    }

    /// Counts one more exchange, unless that would be one too many.
    pub(super) fn admit(self: &Arc<Self>, requests: u64, concurrent: u64) -> Result<Slot, LimitExceeded> {
        let one_more = |most: u64| move |count: u64| (count < most).then_some(count + 1);
        if self.in_flight.fetch_update(Relaxed, Relaxed, one_more(concurrent)).is_err() {
            return Err(self.reached(Limit::ConcurrentRequests, concurrent, concurrent.saturating_add(1)));
        }
        let slot = Slot(self.clone());
        if self.requests.fetch_update(Relaxed, Relaxed, one_more(requests)).is_err() {
            return Err(self.reached(Limit::Requests, requests, requests.saturating_add(1)));
        }
        Ok(slot)
    }

    /// Takes an admitted request out of the bill: it was denied before anything was sent.
    pub(super) fn unsent(&self) {
        self.unsent.fetch_add(1, Relaxed);
    }

    pub(super) fn deny(&self, denial: Denial) {
        self.denied.fetch_add(1, Relaxed);
        let mut denials = self.kept();
        if denials.len() < DENIALS {
            denials.push(denial);
        }
    }

    /// Notes a limit that was reached; the first one counts.
    pub(super) fn reached(&self, limit: Limit, allowed: u64, used: u64) -> LimitExceeded {
        let exceeded = LimitExceeded { limit, allowed, used };
        self.limit.get_or_init(|| exceeded);
        exceeded
    }

    pub(super) fn sent(&self, bytes: u64) {
        self.bytes_out.fetch_add(bytes, Relaxed);
    }

    pub(super) fn received(&self, bytes: u64) {
        self.bytes_in.fetch_add(bytes, Relaxed);
    }

    /// Pushing to a vector leaves nothing half-done.
    fn kept(&self) -> MutexGuard<'_, Vec<Denial>> {
        self.denials.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One exchange's place among those at the same time; given back when dropped.
#[derive(Debug)]
pub(super) struct Slot(Arc<Meter>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}
