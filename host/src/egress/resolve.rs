//! Names to addresses.

use std::{io, net::IpAddr, pin::Pin};

/// Turns a host name into all its addresses.
///
/// Called once for each new connection, never twice for one: what it answers is classified as a whole, and the connection
/// goes to one of exactly those addresses. Safe to call concurrently; the caller sets the time limit.
pub trait Resolve: Send + Sync + 'static {
    /// All addresses of `host`, which is a name in lower case and never an address.
    fn resolve<'a>(&'a self, host: &'a str) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;
}

/// The operating system's resolver (`getaddrinfo`), with its hosts file and its order of addresses (RFC 6724).
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect()) })
    }
}
