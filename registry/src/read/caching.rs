//! What caches may keep: what is addressed by a digest for ever, all else as long as its ETag holds (RFC 9110, 9111).

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jackfield_package::Digest;
use serde::Serialize;

use crate::{Problem, blob::Changing};

const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("public, no-cache");
const KEEP_NOT: HeaderValue = HeaderValue::from_static("private, no-store");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// JSON that may be another the next time.
///
/// # Errors
/// 500 if it can't be written as JSON.
pub(crate) fn changing<T: Serialize>(request: &HeaderMap, body: &T) -> Result<Response, Problem> {
    let bytes = json(body)?;
    Ok(respond(request, &Digest::of(&bytes).hex(), bytes, JSON, ASK_AGAIN))
}

/// JSON for this caller alone.
///
/// # Errors
/// 500 if it can't be written as JSON.
pub(crate) fn private<T: Serialize>(body: &T) -> Result<Response, Problem> {
    Ok(([(header::CONTENT_TYPE, JSON), (header::CACHE_CONTROL, KEEP_NOT)], json(body)?).into_response())
}

/// Bytes that may be others the next time.
pub(crate) fn changing_bytes(request: &HeaderMap, bytes: impl Into<Bytes>, media_type: HeaderValue) -> Response {
    let bytes = bytes.into();
    respond(request, &Digest::of(&bytes).hex(), bytes, media_type, ASK_AGAIN)
}

/// The same of an object of the blob store, whose digest is known.
pub(crate) fn changing_object(request: &HeaderMap, object: Changing, media_type: HeaderValue) -> Response {
    respond(request, &object.digest.hex(), object.bytes, media_type, ASK_AGAIN)
}

/// Bytes that are named by their digest.
pub(crate) fn immutable(
    request: &HeaderMap,
    digest: &Digest,
    bytes: impl Into<Bytes>,
    media_type: HeaderValue,
) -> Response {
    respond(request, &digest.hex(), bytes.into(), media_type, FOR_EVER)
}

fn json<T: Serialize>(body: &T) -> Result<Bytes, Problem> {
    serde_json::to_vec(body).map(Bytes::from).map_err(|error| Problem::internal(&error))
}

fn respond(request: &HeaderMap, name: &str, bytes: Bytes, media_type: HeaderValue, control: HeaderValue) -> Response {
    let etag = format!("\"{}\"", &name[..name.len().min(32)]);
    let known = is_known(request, &etag);
    let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { Response::new(Body::from(bytes)) };
    let headers = response.headers_mut();
    if !known {
        headers.insert(header::CONTENT_TYPE, media_type);
    }
    headers.insert(header::CACHE_CONTROL, control);
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    // A caller who is signed in may see what others don't.
    headers.insert(header::VARY, HeaderValue::from_static("authorization"));
    response
}

/// If-None-Match (RFC 9110, 13.1.2): weak comparison, several headers, several tags in each.
fn is_known(request: &HeaderMap, etag: &str) -> bool {
    request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
    })
}
