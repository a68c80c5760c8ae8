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

/// By this limit, or by the one around all requests, which is wider and may be met first.
fn is_too_long(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| error.is::<LengthLimitError>())
}
