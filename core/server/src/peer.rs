//! Where a request comes from.

use std::{convert::Infallible, net::IpAddr};

use axum::extract::FromRequestParts;
use http::{Extensions, request::Parts};

/// Where a request comes from, as the rate limits count it. Set by the server; behind a proxy it may be taken from a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub IpAddr);

/// Whose address it is: a whole IPv6 /64 is one caller, and stands for it with zeros in its last half.
pub fn caller_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The address of a request's sender for counting; `unknown` where it came through no port.
pub fn caller_address(extensions: &Extensions) -> String {
    let address = extensions.get::<PeerAddress>();
    address.map_or_else(|| "unknown".to_owned(), |PeerAddress(address)| caller_of(*address).to_string())
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
