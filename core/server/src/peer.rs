//! Where a request comes from.

use std::{convert::Infallible, net::IpAddr};

use axum::extract::FromRequestParts;
use http::{Extensions, request::Parts};

/// Where a request comes from, as the rate limits count it. Set by the server; behind a proxy it may be taken from a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub IpAddr);

/// The address for counting: a whole IPv6 /64 is one caller.
pub fn address_for_counting(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// The address of a request's sender for counting; `unknown` where it came through no port.
pub fn caller_address(extensions: &Extensions) -> String {
    let address = extensions.get::<PeerAddress>();
    address.map_or_else(|| "unknown".to_owned(), |PeerAddress(address)| address_for_counting(*address))
}

/// [`caller_address`] as an extractor.
#[derive(Clone, Debug)]
pub struct PeerCaller(pub String);

impl<S: Sync> FromRequestParts<S> for PeerCaller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self(caller_address(&parts.extensions)))
    }
}
