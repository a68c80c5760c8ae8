//! Reading and deleting blobs.

use std::ops::Range;

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::{
    access::Need,
    answer::{self, CONTENT_DIGEST},
    digest::ContentDigest,
    namespace::Namespace,
    routes::Call,
    shown::ShownBlob,
    store,
};
use crate::{Problem, limits::KEPT_OBJECT_BYTES};

/// A blob that the caller may see.
struct Found {
    blob: ShownBlob,
    visible: bool,
    /// None: they stand in the store.
    bytes: Option<Bytes>,
}

/// A small one that everybody sees, if it was read a moment ago; a large one, whose file is opened each time, by what was known of
/// it then.
fn remembered(call: &Call, digest: &ContentDigest) -> Option<Found> {
    let blob = call.registry.shown.find(&call.repository, digest, call.registry.now())?;
    let bytes = match blob.size <= KEPT_OBJECT_BYTES {
        true => Some(call.registry.blobs.kept(&digest.object())?),
        false => None,
    };
    Some(Found { blob, visible: true, bytes })
}

/// By the rows: one indexed look-up, and one more for who asks if it is staged.
async fn looked_up(call: &Call, digest: &ContentDigest) -> Result<Found, Problem> {
    let since = call.registry.shown.since();
    let mut conn = call.registry.db.read().await?;
    let package = call.repository.package().map(|package| package.to_string());
    let row = store::blob_to_read(&mut conn, call.repository.as_str(), digest.as_str(), package.as_deref()).await?;
    let row = row.ok_or_else(|| unknown(digest))?;
    if !row.visible && !call.caller.sees_staged(&call.registry, &mut conn, &call.repository).await? {
        return Err(unknown(digest));
    }
    drop(conn);
    let blob = ShownBlob { size: u64::try_from(row.size).unwrap_or_default(), is_component: row.is_component };
    let bytes = row.bytes.map(Bytes::from);
    if let Some(bytes) = &bytes {
        call.registry.blobs.keep(&digest.object(), bytes);
    }
    // What is large and stands in its row is not in the store, where a large one would be looked for.
    if row.visible && (bytes.is_none() || blob.size <= KEPT_OBJECT_BYTES) {
        call.registry.shown.remember(&call.repository, digest, blob, since, call.registry.now());
    }
    Ok(Found { blob, visible: row.visible, bytes })
}

/// `GET` and `HEAD /v2/<name>/blobs/<digest>`: from memory, or one indexed look-up and then the file.
pub(crate) async fn read(call: &Call, digest: &ContentDigest) -> Result<Response, Problem> {
    let Found { blob, visible, bytes } = match remembered(call, digest) {
        Some(found) => found,
        None => looked_up(call, digest).await?,
    };
    let size = blob.size;
    let mut response = answer::empty(StatusCode::OK);
    answer::set(&mut response, CONTENT_DIGEST, digest.as_str());
    answer::set(&mut response, header::ETAG, format!("\"{digest}\""));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let cache = if visible { "public, max-age=31536000, immutable" } else { "private, no-store" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));

    let wanted = match asked_range(&call.headers, size) {
        None => 0..size,
        Some(Some(range)) => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let value = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            answer::set(&mut response, header::CONTENT_RANGE, value);
            range
        }
        Some(None) => {
            let problem = Problem::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "range-invalid",
                format!("the blob has {size} bytes, and the range asked for is not among them"),
            );
            let all = HeaderValue::from_str(&format!("bytes */{size}")).map_err(|error| Problem::internal(&error))?;
            return Err(problem.header(header::CONTENT_RANGE, all));
        }
    };
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(wanted.end - wanted.start));
    if call.method == Method::HEAD {
        return Ok(response);
    }
    // What else a repository holds comes along with the component.
    if visible
        && blob.is_component
        && is_begun(&wanted, size)
        && let Some(package) = call.repository.package()
    {
        call.registry.counts.download(&package);
    }
    let bytes = match bytes {
        None if size <= KEPT_OBJECT_BYTES => {
            let whole = call.registry.blobs.get_immutable(&digest.object()).await?;
            Some(whole.filter(|bytes| bytes.len() as u64 == size).ok_or_else(|| gone(digest))?)
        }
        found => found,
    };
    *response.body_mut() = match bytes {
        Some(bytes) => Body::from(slice(bytes, &wanted)),
        None => {
            let stream = call.registry.blobs.stream(&digest.object(), wanted).await?;
            Body::from_stream(stream.ok_or_else(|| gone(digest))?)
        }
    };
    Ok(response)
}

fn gone(digest: &ContentDigest) -> Problem {
    tracing::error!(%digest, "a blob's bytes are gone from the blob store");
    Problem::unavailable("storage-unavailable", "the registry's blob store lacks these bytes")
}

/// Whether a download begins with this: whoever goes on where he stopped, or fetches in pieces, is counted once; who looks at
/// the first byte to learn the size is not.
fn is_begun(wanted: &Range<u64>, size: u64) -> bool {
    wanted.start == 0 && (wanted.end > 1 || (size == 1 && wanted.end == 1))
}

/// `DELETE /v2/<name>/blobs/<digest>`: this repository shows it no more. The bytes go when no repository does.
pub(crate) async fn delete(call: &Call, digest: &ContentDigest) -> Result<Response, Problem> {
    let mut tx = call.registry.db.begin().await?;
    call.caller.authorise(&call.registry, &mut tx, &call.repository, Need::Delete).await?;
    let namespace = Namespace::of(&mut tx, &call.repository).await?;
    namespace.deletes(&call.repository)?;
    let found = store::blob(&mut tx, call.repository.as_str(), digest.as_str()).await?;
    let Some(row) = found else { return Err(unknown(digest)) };
    store::unlink_blob(&mut tx, call.repository.as_str(), digest.as_str()).await?;
    store::refund(&mut tx, call.repository.namespace(), row.size).await?;
    tx.commit().await?;
    call.registry.shown.forget();
    Ok(answer::empty(StatusCode::ACCEPTED))
}

/// The answer for what is not there, and for what the caller may not see.
pub(crate) fn unknown(digest: &ContentDigest) -> Problem {
    Problem::not_found("blob-unknown", format!("the repository has no blob {digest}"))
}

/// The one range of bytes that is asked for: none if the whole is, `Some(None)` if nothing of it is there. Several ranges, and
/// other units, are answered with the whole (RFC 9110, 14.2).
fn asked_range(headers: &HeaderMap, size: u64) -> Option<Option<Range<u64>>> {
    let text = headers.get(header::RANGE)?.to_str().ok()?.strip_prefix("bytes=")?.trim();
    let (first, last) = text.split_once('-')?;
    let number = |text: &str| -> Option<u64> {
        (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().unwrap_or(u64::MAX))
    };
    match (first.is_empty(), last.is_empty()) {
        (true, true) => None,
        (true, false) => {
            let count = number(last)?.min(size);
            Some((count > 0).then_some(size - count..size))
        }
        (false, true) => {
            let first = number(first)?;
            Some((first < size).then_some(first..size))
        }
        (false, false) => {
            let (first, last) = (number(first)?, number(last)?);
            // An interval that ends before it begins holds no byte either; clients are told, not sent the whole.
            Some((first < size && first <= last).then(|| first..last.saturating_add(1).min(size)))
        }
    }
}

fn slice(bytes: Bytes, range: &Range<u64>) -> Bytes {
    let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
    bytes.slice(index(range.start)..index(range.end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str, size: u64) -> Option<Option<Range<u64>>> {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, text.parse().unwrap());
        asked_range(&headers, size)
    }

    #[test]
    fn a_download_is_counted_where_it_begins() {
        // The whole; the first of several pieces; a blob of one byte, and of none.
        for (wanted, size) in [(0..9, 9), (0..5, 9), (0..1, 1), (0..0, 0)] {
            assert_eq!(is_begun(&wanted, size), size > 0, "{wanted:?} of {size}");
        }
        // A look at the first byte; what comes after a beginning.
        for (wanted, size) in [(0..1, 9), (5..9, 9), (1..9, 9)] {
            assert!(!is_begun(&wanted, size), "{wanted:?} of {size}");
        }
    }

    #[test]
    fn ranges_are_as_rfc_9110_has_them() {
        assert_eq!(range("bytes=500-1499", 2048), Some(Some(500..1500)));
        assert_eq!(range("bytes=500-", 2048), Some(Some(500..2048)));
        assert_eq!(range("bytes=-500", 2048), Some(Some(1548..2048)));
        assert_eq!(range("bytes=-5000", 2048), Some(Some(0..2048)));
        assert_eq!(range("bytes=2000-5000", 2048), Some(Some(2000..2048)));
        assert_eq!(range("bytes=0-0", 2048), Some(Some(0..1)));
        for none in ["bytes=2048-", "bytes=5000-10000", "bytes=500-0", "bytes=-0", "bytes=99999999999999999999-"] {
            assert_eq!(range(none, 2048), Some(None), "{none}");
        }
        assert_eq!(range("bytes=0-", 0), Some(None));
        for whole in ["bytes=0-1,5-6", "lines=1-2", "bytes=a-b", "bytes=-", "bytes=", "bytes=+1-2", "bytes=1"] {
            assert_eq!(range(whole, 2048), None, "{whole}");
        }
    }
}
