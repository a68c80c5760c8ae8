//! Which headers a guest may set, and which come back to it.
//!
//! Three classes are the host's alone. Framing and connection headers (RFC 9110 section 7.6.1) would let a guest smuggle a second
//! request or address another server; the sandbox refuses them when the guest sets them, and [`judge`] again. Headers by which a proxy vouches
//! for a client (`forwarded`, `x-forwarded-*`, `x-real-ip`, `via`) are refused too: services behind a proxy trust them, and the
//! host is not that proxy. Where a credential is bound, its place and `authorization` and `cookie` are refused: see
//! [`super::policy`].

use std::sync::{Arc, LazyLock};

use http::{HeaderMap, HeaderName, header};
use wasmtime_wasi_http::ForbiddenHeaderFilter;

use super::Refused;
use crate::{denial::Layer, limits::HEADER_BYTES};

/// Whether a header belongs to the connection and so is never the guest's, in either direction.
pub(crate) fn is_connection_header(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "host" | "connection" | "keep-alive" | "te" | "trailer" | "transfer-encoding" | "upgrade" | "http2-settings"
    ) || name.as_str().starts_with("proxy-")
}

/// [`is_connection_header`] in the form in which wasmtime asks for it.
pub(crate) static CONNECTION_HEADERS: LazyLock<ForbiddenHeaderFilter> =
    LazyLock::new(|| Arc::new(|name: &HeaderName| is_connection_header(name)));

/// Whether a header speaks for a proxy.
fn is_forwarding_header(name: &HeaderName) -> bool {
    matches!(name.as_str(), "forwarded" | "via" | "x-real-ip" | "x-client-ip" | "x-original-url" | "x-rewrite-url")
        || name.as_str().starts_with("x-forwarded-")
}

/// Headers by which some servers take another method than the one in the request line.
pub(crate) const METHOD_OVERRIDES: [HeaderName; 3] = [
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-method-override"),
];

/// Judges the headers of a request, credentials aside.
pub(crate) fn judge(headers: &HeaderMap) -> Result<(), Refused> {
    let refuse =
        |name: &HeaderName, reason: &str| Err(Refused::new(Layer::Header, format!("the header `{name}` {reason}")));
    let mut bytes = 0;
    for (name, value) in headers {
        bytes += name.as_str().len() + value.len() + 4;
        if is_connection_header(name) {
            return refuse(name, "belongs to the connection, and the host alone sets it");
        }
        if is_forwarding_header(name) {
            return refuse(name, "speaks for a proxy, which the connector is not");
        }
        // The type's own parser takes these out; what is sent must not depend on one line in another crate.
        if value.as_bytes().iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return refuse(name, "holds a line break");
        }
    }
    if bytes > HEADER_BYTES {
        return Err(Refused::new(Layer::Request, format!("the headers have {bytes} bytes, more than {HEADER_BYTES}")));
    }
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    if let Some(length) = lengths.next()
        && (lengths.next().is_some() || length.is_empty() || !length.as_bytes().iter().all(u8::is_ascii_digit))
    {
        return refuse(&header::CONTENT_LENGTH, "is not one number");
    }
    Ok(())
}

/// Takes out of a response what belongs to the connection, the headers that `Connection:` names included.
pub(crate) fn strip_response(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let own: Vec<HeaderName> = headers.keys().filter(|name| is_connection_header(name)).cloned().collect();
    for name in named.iter().chain(&own) {
        headers.remove(name);
    }
}
