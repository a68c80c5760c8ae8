//! The marketplace's pages, inside the binary: running it needs no Node and no folder beside it.
//!
//! The pages are an app that asks the registry's API in the browser. So there are files, and one page for every address that is
//! nobody else's; which page it shows there, it finds out itself. `npm run build` in this folder makes them before `cargo build`;
//! without it there is one page that says so ([`IS_BUILT`]).

use std::{collections::HashMap, sync::LazyLock};

use axum::{
    Router,
    body::Body,
    extract::Request,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use sha2::{Digest as _, Sha256};
use tower::ServiceExt as _;

mod embedded {
    /// A file of the build, and its smaller copies.
    pub(crate) struct Embedded {
        pub(crate) name: &'static str,
        pub(crate) bytes: &'static [u8],
        pub(crate) brotli: Option<&'static [u8]>,
        pub(crate) gzip: Option<&'static [u8]>,
    }

    include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
}

/// Whether the pages are in here, or only the one that says how to have them. A release is made with them.
pub const IS_BUILT: bool = embedded::IS_BUILT;

/// No script and no style but those of the build, and nothing asked of anybody else. No page can be framed.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// As the registry says it of its own answers.
const STRICT_TRANSPORT: &str = "max-age=31536000";

/// What is named by its content never changes.
const IMMUTABLE: &str = "_app/immutable/";
/// What is the app's own: a name that is not there is no page of it.
const APP: &str = "_app/";
const INDEX: &str = "index.html";

/// Shows the pages where the API has no route. What is neither, the API answers as it did.
///
/// `https`: whether clients reach this by https, and may be told to come by nothing else.
pub fn mount(api: Router, https: bool) -> Router {
    let otherwise = api.clone();
    api.fallback(move |request: Request| async move {
        match page(request.method(), request.uri().path(), request.headers(), https) {
            Some(page) => page,
            None => otherwise.oneshot(request).await.into_response(),
        }
    })
}

/// The file of that path, or the app's page for whoever wants a page. None for what is neither.
pub fn page(method: &Method, path: &str, asked: &HeaderMap, https: bool) -> Option<Response> {
    if method != Method::GET && method != Method::HEAD {
        return None;
    }
    let name = path.strip_prefix('/')?;
    let file = match FILES.get(name).filter(|_| name != INDEX) {
        Some(file) => file,
        None if wants_a_page(asked) && !name.starts_with(APP) => FILES.get(INDEX)?,
        None => return None,
    };
    Some(file.answer(method, asked, https))
}

fn wants_a_page(asked: &HeaderMap) -> bool {
    asked
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("text/html"))
}

/// A file as it is served.
struct File {
    name: &'static str,
    media_type: &'static str,
    /// The first half of its SHA-256, in hex.
    hash: String,
    bytes: &'static [u8],
    brotli: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

static FILES: LazyLock<HashMap<&'static str, File>> = LazyLock::new(|| {
    let file = |embedded: &'static embedded::Embedded| File {
        name: embedded.name,
        media_type: media_type(embedded.name),
        hash: hex::encode(&Sha256::digest(embedded.bytes)[..16]),
        bytes: embedded.bytes,
        brotli: embedded.brotli,
        gzip: embedded.gzip,
    };
    embedded::EMBEDDED.iter().map(|embedded| (embedded.name, file(embedded))).collect()
});

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

impl File {
    fn answer(&self, method: &Method, asked: &HeaderMap, https: bool) -> Response {
        let (encoding, bytes) = match (self.brotli, self.gzip) {
            (Some(brotli), _) if takes(asked, "br") => (Some("br"), brotli),
            (_, Some(gzip)) if takes(asked, "gzip") => (Some("gzip"), gzip),
            _ => (None, self.bytes),
        };
        // Each encoding is a representation of its own (RFC 9110, 8.8.3).
        let etag = format!("\"{}{}\"", self.hash, encoding.map(|encoding| format!("-{encoding}")).unwrap_or_default());
        let known = is_known(asked, &etag);
        let mut response = match known {
            true => StatusCode::NOT_MODIFIED.into_response(),
            false if method == Method::HEAD => Response::new(Body::empty()),
            false => Response::new(Body::from(bytes)),
        };
        let headers = response.headers_mut();
        for (name, value) in HEADERS {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if https {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(STRICT_TRANSPORT));
        }
        let keep = if self.name.starts_with(IMMUTABLE) { "public, max-age=31536000, immutable" } else { "no-cache" };
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
        headers.insert(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
        if let Ok(etag) = HeaderValue::from_str(&etag) {
            headers.insert(header::ETAG, etag);
        }
        if !known {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media_type));
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
            if let Some(encoding) = encoding {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
            }
        }
        response
    }
}

/// Accept-Encoding (RFC 9110, 12.5.3), as far as browsers use it: named, and not at weight 0.
fn takes(asked: &HeaderMap, encoding: &str) -> bool {
    let values = asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let is_it = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        let weight = parts.find_map(|part| part.strip_prefix("q=")).and_then(|weight| weight.parse::<f32>().ok());
        is_it && weight.unwrap_or(1.0) > 0.0
    })
}

/// If-None-Match (RFC 9110, 13.1.2): weak comparison.
fn is_known(asked: &HeaderMap, etag: &str) -> bool {
    let values = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests;
