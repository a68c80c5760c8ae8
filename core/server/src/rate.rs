//! How often: a bucket of tokens for each caller.

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use crate::{
    clock::{Micros, SECOND},
    limits::RATES_REMEMBERED,
};

/// So many at once, then one each so often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests at once.
    pub burst: u32,
    /// Microseconds until one more is let through.
    pub every: Micros,
}

/// Whose requests are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Requester {
    /// Who.
    pub who: Who,
    /// How many times as often as others such requests may come: each kind is counted apart.
    pub times_as_often: u32,
}

/// Whoever presents a token counts twice, once as each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    /// Where it comes from.
    Address(IpAddr),
    /// The SHA-256 of what it presents.
    Token([u8; 32]),
}

/// Remembers each caller in one number: when his bucket will be full again (the generic cell rate algorithm). At most
/// [`RATES_REMEMBERED`] callers: one whose bucket is full is as good as unknown and is forgotten first.
#[derive(Debug)]
pub struct Limiter<K = String> {
    full_at: Mutex<HashMap<K, Micros>>,
}

impl<K> Default for Limiter<K> {
    fn default() -> Self {
        Self { full_at: Mutex::default() }
    }
}

impl<K: Eq + Hash> Limiter<K> {
    /// Takes one.
    ///
    /// # Errors
    /// How many seconds to wait for the next.
    pub fn take<Q>(&self, caller: &Q, rate: Rate, now: Micros) -> Result<(), u64>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        let mut all = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.get_mut(caller);
        let full_at = known.as_deref().copied().unwrap_or(now).max(now);
        let wait = full_at + rate.every - now - rate.every * i64::from(rate.burst);
        if wait > 0 {
            return Err(u64::try_from(wait).unwrap_or(1).div_ceil(SECOND.unsigned_abs()));
        }
        if let Some(known) = known {
            *known = full_at + rate.every;
            return Ok(());
        }
        if all.len() >= RATES_REMEMBERED {
            make_room(&mut all, now);
        }
        all.insert(caller.to_owned(), full_at + rate.every);
        Ok(())
    }

    /// Puts one back that was taken for nothing.
    pub fn give_back<Q: Eq + Hash + ?Sized>(&self, caller: &Q, rate: Rate)
    where
        K: Borrow<Q>,
    {
        if let Some(full_at) = self.full_at.lock().unwrap_or_else(PoisonError::into_inner).get_mut(caller) {
            *full_at -= rate.every;
        }
    }
}

/// Forgets whoever may do everything again; if that is nobody, whoever is nearest to it.
fn make_room<K>(all: &mut HashMap<K, Micros>, now: Micros) {
    all.retain(|_, full_at| *full_at > now);
    if all.len() < RATES_REMEMBERED {
        return;
    }
    let mut times: Vec<Micros> = all.values().copied().collect();
    let half = times.len() / 2;
    let (_, median, _) = times.select_nth_unstable(half);
    let median = *median;
    all.retain(|_, full_at| *full_at > median);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]
    use super::*;

    const RATE: Rate = Rate { burst: 3, every: 10 * SECOND };

    #[test]
    fn a_burst_then_one_each_so_often() {
        let limiter = Limiter::<String>::default();
        for _ in 0..3 {
            limiter.take("a", RATE, 0).unwrap();
        }
        assert_eq!(limiter.take("a", RATE, 0), Err(10));
        assert_eq!(limiter.take("a", RATE, 4 * SECOND), Err(6));
        limiter.take("b", RATE, 0).unwrap();
        limiter.take("a", RATE, 10 * SECOND).unwrap();
        assert_eq!(limiter.take("a", RATE, 10 * SECOND), Err(10));
        limiter.give_back("a", RATE);
        limiter.take("a", RATE, 10 * SECOND).unwrap();
        for _ in 0..3 {
            limiter.take("a", RATE, 1000 * SECOND).unwrap();
        }
    }

    #[test]
    fn memory_is_bounded_and_the_busy_are_not_forgotten_for_the_quiet() {
        let limiter = Limiter::<String>::default();
        for _ in 0..3 {
            limiter.take("busy", RATE, 0).unwrap();
        }
        for number in 0..RATES_REMEMBERED * 2 {
            limiter.take(&number.to_string(), RATE, 0).unwrap();
        }
        assert!(limiter.full_at.lock().unwrap().len() <= RATES_REMEMBERED);
        assert!(limiter.take("busy", RATE, 0).is_err());
    }
}
