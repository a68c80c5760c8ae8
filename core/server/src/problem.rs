//! Saying no over HTTP: problem details (RFC 9457) with a code that stays.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jackfield_db::DbError;
use jackfield_package::{Fault, Refusal};
use serde::{Deserialize, Serialize};

/// What was not done, why, and what to do about it.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// Stable kebab-case word with a line in docs/errors.
    pub code: &'static str,
    /// What failed, on what, and what was expected.
    pub message: String,
    /// The next thing to do, where there is one.
    pub hint: Option<String>,
    /// Where a value that was sent is wrong, if that is why.
    pub errors: Vec<Fault>,
    /// Such as `WWW-Authenticate` or `Retry-After`.
    pub headers: HeaderMap,
}

/// The body of a [`Problem`], `application/problem+json`.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ProblemBody {
    /// Where the code is explained.
    pub r#type: String,
    /// The status's words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The message.
    pub detail: String,
    /// The code.
    pub code: String,
    /// The hint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Where a value that was sent is wrong, if that is why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(inline, value_type = Vec<FaultBody>)]
    pub errors: Vec<Fault>,
}

impl ProblemBody {
    /// One without a hint.
    pub fn new(status: StatusCode, code: impl Into<String>, detail: impl Into<String>) -> Self {
        let code = code.into();
        Self {
            r#type: format!("https://jackfield.dev/errors/{code}"),
            title: status.canonical_reason().unwrap_or("error").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            code,
            hint: None,
            errors: Vec::new(),
        }
    }
}

/// A place in a value, and what is wrong with it.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "how the OpenAPI document describes `Fault`")]
struct FaultBody {
    /// A JSON Pointer (RFC 6901), empty for the whole.
    pointer: String,
    /// What is wrong there.
    detail: String,
}

impl Problem {
    /// A problem without a hint.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), hint: None, errors: Vec::new(), headers: HeaderMap::new() }
    }

    /// 400: the request can't be understood, or breaks a rule.
    pub fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 404. Also the answer for what the caller may not see: no oracle.
    pub fn not_found(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    /// 409.
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    /// 403: known, and not allowed.
    pub fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, message)
    }

    /// 500. The cause goes to the operator's log, never to the caller.
    pub fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error = cause, "internal fault");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "this server failed to do this; its operator has the cause in the log",
        )
    }

    /// 503: the same may go through later.
    pub fn unavailable(code: &'static str, message: impl Into<String>) -> Self {
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message);
        problem.headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        problem
    }

    /// 503: there is no room for what came.
    pub fn disk_full() -> Self {
        Self::unavailable("disk-full", "the server's disk is full")
            .hint("tell its operator; it goes on by itself as soon as there is room")
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with a header.
    #[must_use]
    pub fn header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// 401 with the challenge: nobody is known, or not by what was presented.
    pub fn unauthenticated(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, message)
            .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"jackfield\""))
    }

    /// 429 with `Retry-After`.
    pub fn too_many(code: &'static str, message: &str, wait_s: u64) -> Self {
        let message = format!("{message}; the next goes through in {wait_s} s");
        Self::new(StatusCode::TOO_MANY_REQUESTS, code, message).header(header::RETRY_AFTER, HeaderValue::from(wait_s))
    }

    /// The body.
    pub fn body(&self) -> ProblemBody {
        ProblemBody {
            hint: self.hint.clone(),
            errors: self.errors.clone(),
            ..ProblemBody::new(self.status, self.code, &self.message)
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} [{}]", self.message, self.code)
    }
}

impl std::error::Error for Problem {}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: refusal.code,
            message: refusal.message,
            hint: refusal.hint,
            errors: refusal.faults,
            headers: HeaderMap::new(),
        }
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        match &error {
            error if error.is_full() => Self::disk_full(),
            DbError::Unavailable(_) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the database is not available");
                Self::unavailable("database-unavailable", "the server's database does not answer in time")
            }
            _ => Self::internal(&error),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.body()).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        response.headers_mut().extend(self.headers);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}
