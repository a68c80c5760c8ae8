//! What came of a call, over HTTP: a result with its bill, or a problem that keeps the four kinds of failure apart.
//!
//! | failure | status |
//! |---|---|
//! | the connector's own error | by its kind: 422, 401→424, 403→424, 404, 409, 429, 503, 502, 410, 500 |
//! | it crashed | 500 `connector-crashed` |
//! | a limit | 413 for what came in, 503 for a full queue, 504 for time, else 507 |
//! | a denial | 403, with the denial and what would allow it |
//! | the host's fault | 500 `host-fault` |
//! | cancelled or stopped | 409 `call-stopped` |
//! | not to be done as it stands | 400 or 404 |

use axum::response::{IntoResponse as _, Response};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderValue, StatusCode, header};
use jackfield_host::{
    Bill, Denial, Failure, LogLine, Outcome, OutputFile,
    failure::{ErrorKind, LimitExceeded},
    limits::Limit,
};
use jackfield_server::problem::ProblemBody;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{Problem, idempotency::INVOCATION, invoke::Called, limits::ANSWER_BYTES};

/// A call that went well.
#[derive(Serialize)]
struct Success<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    invocation: &'a str,
    /// As the connector wrote it: numbers keep their digits.
    result: &'a RawValue,
    bill: &'a Bill,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    denials: &'a [Denial],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    log: &'a [LogLine],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<CreatedFile<'a>>,
}

#[derive(Serialize)]
pub(crate) struct CreatedFile<'a> {
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) media_type: &'a str,
    bytes: u64,
    pub(crate) base64: String,
}

/// A call that did not: RFC 9457 with members of its own.
#[derive(Serialize)]
struct NoSuccess<'a> {
    #[serde(flatten)]
    problem: ProblemBody,
    #[serde(skip_serializing_if = "str::is_empty")]
    invocation: &'a str,
    failure: &'a Failure,
    /// Whether the same call may succeed later; unknown where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    retryable: Option<bool>,
    /// Whether anything left the sandbox that may have had an effect.
    request_sent: bool,
    bill: &'a Bill,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    denials: &'a [Denial],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    log: &'a [LogLine],
}

/// What came of it.
pub(crate) fn of(called: &Called) -> Response {
    let id = called.id.as_deref().unwrap_or_default();
    let mut response = said(id, &called.outcome);
    if let Ok(id) = HeaderValue::from_str(id) {
        response.headers_mut().insert(INVOCATION, id);
    }
    response
}

/// The same of a call that no workspace has made, whose bill nobody keeps.
pub fn of_outcome(outcome: &Outcome) -> Response {
    said("", outcome)
}

fn said(invocation: &str, outcome: &Outcome) -> Response {
    success(invocation, outcome).unwrap_or_else(|failure| no_success(invocation, outcome, &failure))
}

fn success(invocation: &str, outcome: &Outcome) -> Result<Response, Failure> {
    let Outcome { result, bill, denials, log, files, .. } = outcome;
    let result = result.as_ref().map_err(Clone::clone)?;
    let fault = |message: String| Failure::Host(jackfield_host::failure::HostFault::new(message));
    let result: &RawValue =
        serde_json::from_str(result).map_err(|error| fault(format!("the connector's answer is not JSON: {error}")))?;
    let files = files.iter().map(created).collect::<Result<Vec<_>, _>>()?;
    let answer = Success { invocation, result, bill, denials, log, files };
    let body = serde_json::to_vec(&answer).map_err(|error| fault(error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// A file that the connector created, in an answer.
pub(crate) fn created(file: &OutputFile) -> Result<CreatedFile<'_>, Failure> {
    let fault =
        |message: String, hint: &str| Failure::Host(jackfield_host::failure::HostFault::new(message).hint(hint));
    if file.bytes > ANSWER_BYTES as u64 {
        // The command and the library have files as streams.
        let (allowed, used) = (ANSWER_BYTES as u64, file.bytes);
        return Err(Failure::Limit(LimitExceeded { limit: Limit::FileBytes, allowed, used }));
    }
    let bytes = std::fs::read(&file.path).map_err(|error| fault(format!("`{}`: {error}", file.name), "try again"))?;
    Ok(CreatedFile {
        id: &file.id,
        name: &file.name,
        media_type: &file.media_type,
        bytes: file.bytes,
        base64: STANDARD.encode(bytes),
    })
}

fn no_success(invocation: &str, outcome: &Outcome, failure: &Failure) -> Response {
    let Outcome { bill, denials, log, .. } = outcome;
    let Said { status, code, hint, retryable, retry_after_s } = say(failure);
    let problem = ProblemBody { hint, ..ProblemBody::new(status, code, failure.to_string()) };
    let request_sent = request_sent(failure, bill);
    let answer = NoSuccess { problem, invocation, failure, retryable, request_sent, bill, denials, log };
    let body = serde_json::to_vec(&answer).unwrap_or_default();
    let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
    if let Some(seconds) = retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// Whether anything left that may have had an effect: what the connector says of itself, or what was counted. The greater caution wins.
pub(crate) fn request_sent(failure: &Failure, bill: &Bill) -> bool {
    bill.http_requests > 0 || matches!(failure, Failure::Guest(error) if error.request_sent)
}

/// A failure, as it is said to whoever called.
pub(crate) struct Said {
    status: StatusCode,
    pub(crate) code: String,
    pub(crate) hint: Option<String>,
    pub(crate) retryable: Option<bool>,
    pub(crate) retry_after_s: Option<u64>,
}

pub(crate) fn say(failure: &Failure) -> Said {
    let said =
        |status, code: &str| Said { status, code: code.to_owned(), hint: None, retryable: None, retry_after_s: None };
    match failure {
        Failure::Guest(error) => Said {
            retryable: error.retryable,
            retry_after_s: error.retry_after.map(|wait| wait.as_secs() + u64::from(wait.subsec_nanos() > 0)),
            ..said(status_of(error.kind), &format!("connector-{}", error.kind))
        },
        Failure::Panic(_) => said(StatusCode::INTERNAL_SERVER_ERROR, "connector-crashed"),
        Failure::Limit(exceeded) => limit(exceeded, said),
        Failure::Denied(denial) => Said { hint: denial.fix.clone(), ..said(StatusCode::FORBIDDEN, "denied") },
        Failure::Host(fault) => {
            tracing::error!(%fault, "an invocation failed by the host's own fault");
            Said { hint: fault.hint.clone(), ..said(StatusCode::INTERNAL_SERVER_ERROR, "host-fault") }
        }
        Failure::Cancelled => said(StatusCode::CONFLICT, "call-stopped"),
        Failure::Refused(refusal) => {
            let status = match refusal.code {
                "not-installed" | "operation-unknown" => StatusCode::NOT_FOUND,
                _ => StatusCode::BAD_REQUEST,
            };
            Said { hint: refusal.hint.clone(), ..said(status, refusal.code) }
        }
    }
}

fn limit(exceeded: &LimitExceeded, said: impl Fn(StatusCode, &str) -> Said) -> Said {
    let code = "limit-reached";
    match exceeded.limit {
        Limit::InputBytes | Limit::Files => said(StatusCode::PAYLOAD_TOO_LARGE, code),
        Limit::ConcurrentCalls => Said {
            retryable: Some(true),
            retry_after_s: Some(1),
            ..said(StatusCode::SERVICE_UNAVAILABLE, "queue-full")
        },
        Limit::TimeMs => said(StatusCode::GATEWAY_TIMEOUT, code),
        Limit::FileBytes => Said {
            hint: Some(format!(
                "an answer carries files of {ANSWER_BYTES} bytes at the most; the command `jackfield invoke` and the library have them as \
                 streams, up to what the grant's `file-bytes` allows"
            )),
            ..said(StatusCode::INSUFFICIENT_STORAGE, code)
        },
        limit => Said {
            hint: Some(format!("an admin can raise `{limit}` in the installation's grant")),
            ..said(StatusCode::INSUFFICIENT_STORAGE, code)
        },
    }
}

/// A connector's trouble with *its* credentials must not read as the caller's: 424.
fn status_of(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::InvalidInput => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::Unauthenticated | ErrorKind::Forbidden => StatusCode::FAILED_DEPENDENCY,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Upstream => StatusCode::BAD_GATEWAY,
        ErrorKind::CursorExpired => StatusCode::GONE,
        ErrorKind::Internal | ErrorKind::Other => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// One word for what came of it, and the code and message of what went wrong.
pub(crate) fn summary(result: &Result<String, Failure>) -> (&'static str, Option<String>, Option<String>) {
    let Err(failure) = result else { return ("ok", None, None) };
    let code = match failure {
        Failure::Guest(error) => error.code.clone(),
        Failure::Limit(exceeded) => exceeded.limit.to_string(),
        failure => say(failure).code,
    };
    (failure.word(), Some(code), Some(failure.to_string()))
}

impl From<HostError> for Problem {
    fn from(HostError(error): HostError) -> Self {
        use jackfield_host::Error;
        match error {
            Error::Refused(refusal) => refusal.into(),
            Error::NotInstalled { name, .. } => {
                Problem::not_found("not-installed", format!("`{name}` is not installed in this workspace"))
            }
            Error::Fault(fault) => Problem::internal(&fault),
        }
    }
}

/// An error of installed state, on its way to a problem.
pub(crate) struct HostError(pub(crate) jackfield_host::Error);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]
    use super::*;

    #[test]
    fn the_four_kinds_stay_apart() {
        let exceeded = |limit| Failure::Limit(LimitExceeded { limit, allowed: 1, used: 2 });
        let rows = [
            (exceeded(Limit::Fuel), 507, "limit-reached"),
            (exceeded(Limit::TimeMs), 504, "limit-reached"),
            (exceeded(Limit::InputBytes), 413, "limit-reached"),
            (exceeded(Limit::ConcurrentCalls), 503, "queue-full"),
            (Failure::Cancelled, 409, "call-stopped"),
            (Failure::Host(jackfield_host::failure::HostFault::new("x")), 500, "host-fault"),
            (Failure::Refused(jackfield_package::Refusal::new("operation-unknown", "x")), 404, "operation-unknown"),
            (Failure::Refused(jackfield_package::Refusal::new("input-not-json", "x")), 400, "input-not-json"),
        ];
        for (failure, status, code) in rows {
            let said = say(&failure);
            assert_eq!((said.status.as_u16(), said.code.as_str()), (status, code));
        }
        assert_eq!(status_of(ErrorKind::Unauthenticated), StatusCode::FAILED_DEPENDENCY);
    }
}
