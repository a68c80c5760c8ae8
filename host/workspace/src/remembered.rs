//! What was looked up a moment ago: a row per call would cost more than the call.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    clock::{Micros, SECOND},
    limits::{REMEMBERED, REMEMBERED_S},
};

/// Lookups at a time of what nobody remembers. The thousands that ask when an answer has grown old wait for these, and then find it: they
/// must not take all connections to the database from one another.
const LOOKUPS: usize = 4;
/// How long one waits for that.
const LOOKUP_WAIT: Duration = Duration::from_secs(2);

/// Answers of the database, by what was asked; good for [`REMEMBERED_S`] seconds, and in this process until they are forgotten.
#[derive(Debug)]
pub(crate) struct Remembered<K, V> {
    all: Mutex<HashMap<K, (V, Micros)>>,
    lookups: Semaphore,
}

impl<K, V> Default for Remembered<K, V> {
    fn default() -> Self {
        Self { all: Mutex::default(), lookups: Semaphore::new(LOOKUPS) }
    }
}

impl<K: Eq + Hash, V: Clone> Remembered<K, V> {
    /// What is remembered; or else a turn to look it up, after which it is [`put`](Self::put).
    pub(crate) async fn get_or_turn(&self, key: &K, now: Micros) -> Result<V, Option<SemaphorePermit<'_>>> {
        if let Some(value) = self.get(key, now) {
            return Ok(value);
        }
        // Where the database does not answer, each hears it for himself and nobody waits for those before him.
        let turn = tokio::time::timeout(LOOKUP_WAIT, self.lookups.acquire()).await.ok().and_then(Result::ok);
        // Somebody may have looked while one waited.
        self.get(key, now).ok_or(turn)
    }

    fn get(&self, key: &K, now: Micros) -> Option<V> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(key).filter(|(_, until)| *until > now).map(|(value, _)| value.clone())
    }

    /// `ends_at`: when it is good no more in any case.
    pub(crate) fn put(&self, key: K, value: V, ends_at: Micros, now: Micros) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= REMEMBERED {
            all.retain(|_, (_, until)| *until > now);
        }
        if all.len() < REMEMBERED {
            all.insert(key, (value, ends_at.min(now + REMEMBERED_S * SECOND)));
        }
    }

    /// Whatever changes one makes them all be looked up anew.
    pub(crate) fn forget(&self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
