//! What a status code means, in the contract's words.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::{Error, ErrorKind, http::Headers};

/// How much of a body's text goes into a message.
const MESSAGE_CHARS: usize = 200;

/// The error that an answer of this status is.
pub(super) fn error(status: u16, headers: &Headers, body: &[u8], subject: &str, now: SystemTime) -> Error {
    let text = String::from_utf8_lossy(body);
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    let message = match parsed.as_ref().and_then(said).unwrap_or_default() {
        "" => format!("{subject}: {status}"),
        said => format!("{subject}: {status}: {}", said.chars().take(MESSAGE_CHARS).collect::<String>()),
    };
    let details = json!({ "status": status, "body": parsed.unwrap_or_else(|| Value::from(text.into_owned())) });
    let error = Error::new(kind(status), message)
        .with_code(format!("http-{status}"))
        .with_request_sent(true)
        .with_details(details);
    match headers.get("retry-after").and_then(|value| retry_after(value, now)) {
        Some(wait) => error.with_retry_after(wait),
        None => error,
    }
}

/// The kind of a status, 4xx and 5xx; any other makes no sense as an error, and is the service's fault.
fn kind(status: u16) -> ErrorKind {
    match status {
        400 | 413 | 414 | 415 | 422 => ErrorKind::InvalidInput,
        401 => ErrorKind::Unauthenticated,
        402 | 403 | 451 => ErrorKind::Forbidden,
        404 | 410 => ErrorKind::NotFound,
        409 | 412 | 423 | 428 => ErrorKind::Conflict,
        429 => ErrorKind::RateLimited,
        408 | 425 | 500..=599 => ErrorKind::Unavailable,
        _ => ErrorKind::Upstream,
    }
}

/// What the service says for itself: `{"message": …}`, `{"error": …}`, `{"error": {"message": …}}`, `{"detail": …}`
/// (RFC 9457), `{"error_description": …}` (RFC 6749).
fn said(body: &Value) -> Option<&str> {
    ["/message", "/error/message", "/error_description", "/detail", "/title", "/error"]
        .into_iter()
        .find_map(|pointer| body.pointer(pointer)?.as_str())
}

/// `Retry-After` (RFC 9110, 10.2.3): seconds, or a date. A date that has passed is no wait.
fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, headers: &[(&str, &str)], body: &str, kind: ErrorKind, message: &str, wait: Option<u64>) {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let error = error(status, &headers.iter().copied().collect(), body.as_bytes(), "GET https://a/", now);
        assert_eq!((error.kind(), error.message()), (kind, message));
        assert_eq!(error.retry_after().map(|wait| wait.as_secs()), wait);
        assert!(error.request_sent());
    }

    #[test]
    fn statuses() {
        check(422, &[], r#"{"error":{"message":"bad"}}"#, ErrorKind::InvalidInput, "GET https://a/: 422: bad", None);
        check(401, &[], "", ErrorKind::Unauthenticated, "GET https://a/: 401", None);
        check(403, &[], "<html>", ErrorKind::Forbidden, "GET https://a/: 403", None);
        check(410, &[], r#"{"error":"gone"}"#, ErrorKind::NotFound, "GET https://a/: 410: gone", None);
        check(412, &[], "[]", ErrorKind::Conflict, "GET https://a/: 412", None);
        check(429, &[("Retry-After", "7")], "", ErrorKind::RateLimited, "GET https://a/: 429", Some(7));
        let date = [("retry-after", "Sun, 06 Nov 1994 08:50:37 GMT")];
        check(503, &date, "", ErrorKind::Unavailable, "GET https://a/: 503", Some(60));
        let past = [("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")];
        check(408, &past, "", ErrorKind::Unavailable, "GET https://a/: 408", Some(0));
        check(429, &[("retry-after", "soon")], "", ErrorKind::RateLimited, "GET https://a/: 429", None);
        check(418, &[], "", ErrorKind::Upstream, "GET https://a/: 418", None);
    }
}
