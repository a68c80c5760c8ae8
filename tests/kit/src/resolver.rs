//! A resolver that knows what the test tells it.

use std::{
    collections::BTreeMap,
    future::Future,
    io,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex},
};

use jackfield_host::egress::Resolve;

/// Names and their addresses, and a record of what was looked up. A name that has several rows of addresses gets the next
/// row at each look-up, and the last one for ever: that is how rebinding works.
#[derive(Debug, Default)]
pub struct FakeResolver {
    rows: BTreeMap<String, Vec<Vec<IpAddr>>>,
    asked: Mutex<Vec<String>>,
}

impl FakeResolver {
    /// `[("api.example.com", "203.0.113.7 10.0.0.1"), …]`: addresses separated by spaces.
    ///
    /// # Panics
    /// On what is not an address.
    pub fn new(rows: &[(&str, &str)]) -> Arc<Self> {
        let mut resolver = Self::default();
        for (name, addresses) in rows {
            let addresses = addresses.split_whitespace().map(|text| text.parse().expect("an address")).collect();
            resolver.rows.entry((*name).to_owned()).or_default().push(addresses);
        }
        Arc::new(resolver)
    }

    /// Every name that was looked up, in order.
    ///
    /// # Panics
    /// After a panic.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

impl Resolve for FakeResolver {
    fn resolve(&self, host: &str) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + '_>> {
        let mut asked = self.asked.lock().expect("no panic");
        let before = asked.iter().filter(|name| *name == host).count();
        asked.push(host.to_owned());
        let answer = match self.rows.get(host) {
            Some(rows) => Ok(rows[before.min(rows.len() - 1)].clone()),
            None => Err(io::Error::new(io::ErrorKind::NotFound, format!("the test knows no `{host}`"))),
        };
        Box::pin(std::future::ready(answer))
    }
}
