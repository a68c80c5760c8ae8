//! A request's path and query, read strictly, and a problem instead of the framework's plain text.

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::Problem;

/// The extractor of what a route's `{…}` stand for.
///
/// # Errors
/// 400 `path-malformed`.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

/// The extractor of a query. Its type says `#[serde(deny_unknown_fields)]`.
///
/// # Errors
/// 400 `query-malformed`.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if has_nul(parts.uri.path()) {
            return Err(Problem::bad_request("path-malformed", "the path has the character U+0000"));
        }
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(_) => Err(Problem::bad_request("path-malformed", "the path is not UTF-8 once it is decoded")),
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if has_nul(parts.uri.query().unwrap_or_default()) {
            return Err(Problem::bad_request("query-malformed", "the query has the character U+0000"));
        }
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(Problem::bad_request("query-malformed", rejection.body_text())),
        }
    }
}

/// Whether it has U+0000, percent-encoded as it must be: PostgreSQL keeps it in no text, and no name has it.
fn has_nul(encoded: &str) -> bool {
    encoded.contains("%00")
}
