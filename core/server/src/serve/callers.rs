//! How many connections each address has open.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use crate::peer::caller_of;

/// One number for each address that has a connection: never more of them than connections.
#[derive(Debug)]
pub(super) struct Callers {
    most: usize,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// One of an address's connections, while it lives.
#[derive(Debug)]
pub(super) struct Counted {
    caller: IpAddr,
    callers: Arc<Callers>,
}

impl Callers {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, open: Mutex::default() })
    }

    /// One more from there; none if it has as many as it may.
    pub(super) fn one_more(self: &Arc<Self>, address: IpAddr) -> Option<Counted> {
        let caller = caller_of(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(caller).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Counted { caller, callers: self.clone() })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut open = self.callers.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.caller) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]
    use super::*;

    #[test]
    fn a_network_of_ipv6_is_one_caller_and_who_left_is_forgotten() {
        let callers = Callers::new(2);
        let from = |address: &str| callers.one_more(address.parse().unwrap());
        let first = from("2001:db8::1");
        let second = from("2001:db8::2:1");
        assert!(first.is_some() && second.is_some() && from("2001:db8::3").is_none());
        let neighbours = (from("2001:db8:0:1::1"), from("192.0.2.1"), from("::ffff:192.0.2.1"));
        assert!(neighbours.0.is_some() && neighbours.1.is_some() && neighbours.2.is_some());
        assert!(from("192.0.2.1").is_none());
        drop((first, neighbours));
        let again = from("2001:db8::3");
        assert!(again.is_some());
        drop((second, again));
        assert!(callers.open.lock().unwrap().is_empty());
    }
}
