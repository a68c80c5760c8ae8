//! A request's JSON, read strictly: bounded, unknown keys refused, and a problem instead of a bare status.

use axum::extract::{FromRequest, Request};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::{Problem, limits::JSON_BODY_BYTES};

/// The extractor. Its type says `#[serde(deny_unknown_fields)]`; at most [`JSON_BODY_BYTES`] are read.
///
/// # Errors
/// 413 `body-too-long`, 400 `body-malformed`.
#[derive(Clone, Copy, Debug)]
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let bytes = read(request, JSON_BODY_BYTES).await?;
        // A list would be read as the fields in their order, and an empty one as all defaults.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(Problem::bad_request("body-malformed", "the request's body is not a JSON object"));
        }
        if has_nul(&bytes) {
            return Err(Problem::bad_request(
                "body-malformed",
                "a text in the request's JSON has the character U+0000",
            ));
        }
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            Problem::bad_request("body-malformed", format!("the request's JSON is not right: {error}"))
        })
    }
}

/// The whole body, of at most that many bytes.
///
/// # Errors
/// As [`Body`].
pub async fn read(request: Request, most: usize) -> Result<bytes::Bytes, Problem> {
    match Limited::new(request.into_body(), most).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if is_too_long(&*error) => Err(Problem::new(
            http::StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-long",
            format!("the request's body is longer than {most} bytes"),
        )),
        Err(error) => Err(Problem::bad_request("body-malformed", format!("the request's body ends early: {error}"))),
    }
}

/// Whether a text in this JSON has U+0000, which PostgreSQL keeps in no text. Unescaped, JSON itself forbids it.
fn has_nul(json: &[u8]) -> bool {
    let mut bytes = json.iter();
    while bytes.any(|byte| *byte == b'\\') {
        if bytes.as_slice().starts_with(b"u0000") {
            return true;
        }
        // What is escaped escapes nothing itself.
        bytes.next();
    }
    false
}

/// By this limit, or by the one around all requests, which is wider and may be met first.
fn is_too_long(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| error.is::<LengthLimitError>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_is_seen_and_an_escaped_backslash_before_such_letters_is_none() {
        for (json, has) in [
            (r#"{"a":"\u0000"}"#, true),
            (r#"{"a":"\\\u0000"}"#, true),
            (r#"{"a":"\\u0000"}"#, false),
            (r#"{"a":"\u0001u0000"}"#, false),
            (r#"{"a":"\"#, false),
        ] {
            assert_eq!(has_nul(json.as_bytes()), has, "{json}");
        }
    }
}
