//! What was looked up a moment ago: a row per call would cost more than the call.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
};

use crate::{
    clock::{Micros, SECOND},
    limits::{REMEMBERED, REMEMBERED_S},
};

/// Answers of the database, by what was asked; good for [`REMEMBERED_S`] seconds, and in this process until they are forgotten.
#[derive(Debug)]
pub(crate) struct Remembered<K, V>(Mutex<HashMap<K, (V, Micros)>>);

impl<K, V> Default for Remembered<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone> Remembered<K, V> {
    pub(crate) fn get(&self, key: &K, now: Micros) -> Option<V> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(key).filter(|(_, until)| *until > now).map(|(value, _)| value.clone())
    }

    /// `ends_at`: when it is good no more in any case.
    pub(crate) fn put(&self, key: K, value: V, ends_at: Micros, now: Micros) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= REMEMBERED {
            all.retain(|_, (_, until)| *until > now);
        }
        if all.len() < REMEMBERED {
            all.insert(key, (value, ends_at.min(now + REMEMBERED_S * SECOND)));
        }
    }

    /// Whatever changes one makes them all be looked up anew.
    pub(crate) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
