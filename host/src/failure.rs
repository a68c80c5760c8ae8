//! How an invocation can end other than well: four different things, and a guest's panic.

use std::{fmt, time::Duration};

use jackfield_package::Refusal;
use serde::Serialize;

use crate::{denial::Denial, limits::Limit};

/// Why an invocation gave no result.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "failure", rename_all = "kebab-case")]
pub enum Failure {
    /// The connector answered with an error of its own.
    Guest(GuestError),
    /// The connector crashed: it panicked or trapped.
    Panic(Panic),
    /// The connector used up a limit.
    Limit(LimitExceeded),
    /// The host denied what the call cannot do without.
    Denied(Denial),
    /// Nothing that the connector or its admin did: the host itself failed.
    Host(HostFault),
    /// The caller cancelled, or the installation was stopped.
    Cancelled,
    /// The call can't be made as it stands: no such operation, an input that is not JSON. Nothing has run.
    Refused(Refusal),
}

/// The connector's own error, as `jackfield:connector/types.error` carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GuestError {
    /// What went wrong, in words a caller can act upon.
    pub kind: ErrorKind,
    /// A stable word of the connector's own.
    pub code: String,
    /// One sentence for a person.
    pub message: String,
    /// Whether the same call may succeed later; unknown where absent.
    pub retryable: Option<bool>,
    /// How long to wait before the next try, in milliseconds on the wire.
    #[serde(rename = "retry_after_ms", serialize_with = "as_millis")]
    pub retry_after: Option<Duration>,
    /// Whether the guest says that anything left the sandbox that may have had an effect.
    pub request_sent: bool,
    /// More, as JSON.
    pub details: Option<serde_json::Value>,
}

/// `jackfield:connector/types.error-kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "documented in wit/connector.wit")]
pub enum ErrorKind {
    InvalidInput,
    Unauthenticated,
    Forbidden,
    NotFound,
    Conflict,
    RateLimited,
    Unavailable,
    Upstream,
    CursorExpired,
    Internal,
    Other,
}

/// A crash of the guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Panic {
    /// What the guest wrote to stderr last, or the trap's name.
    pub message: String,
    /// Frames of the guest, innermost first, demangled.
    pub backtrace: Vec<String>,
}

/// A limit that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LimitExceeded {
    /// Which.
    pub limit: Limit,
    /// Its value in force, in the limit's unit.
    pub allowed: u64,
    /// What was used or asked for, in the same unit; at least this.
    pub used: u64,
}

/// The host failed.
#[derive(Clone, Debug, Serialize)]
pub struct HostFault {
    /// What failed, on what.
    pub message: String,
    /// What to do, where that is known.
    pub hint: Option<String>,
}

impl HostFault {
    /// A fault without a hint.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidInput => "invalid-input",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::Conflict => "conflict",
            Self::RateLimited => "rate-limited",
            Self::Unavailable => "unavailable",
            Self::Upstream => "upstream",
            Self::CursorExpired => "cursor-expired",
            Self::Internal => "internal",
            Self::Other => "other",
        })
    }
}

impl fmt::Display for GuestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}, {}]", self.message, self.kind, self.code)
    }
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, allowed, used } = self;
        write!(f, "the limit `{limit}` is {allowed} {unit}, the call used {used}", unit = limit.unit())
    }
}

impl fmt::Display for HostFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Guest(error) => write!(f, "the connector answered with an error: {error}"),
            Self::Panic(panic) => write!(f, "the connector crashed: {}", panic.message),
            Self::Limit(limit) => write!(f, "the connector was stopped: {limit}"),
            Self::Denied(denial) => fmt::Display::fmt(denial, f),
            Self::Host(fault) => write!(f, "the host failed: {fault}"),
            Self::Cancelled => f.write_str("the call was cancelled"),
            Self::Refused(refusal) => fmt::Display::fmt(refusal, f),
        }
    }
}

impl Failure {
    /// One word for it: in bills, metrics and traces.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Guest(_) => "guest",
            Self::Panic(_) => "panic",
            Self::Limit(_) => "limit",
            Self::Denied(_) => "denied",
            Self::Host(_) => "host",
            Self::Cancelled => "cancelled",
            Self::Refused(_) => "refused",
        }
    }
}

impl From<HostFault> for Failure {
    fn from(fault: HostFault) -> Self {
        Self::Host(fault)
    }
}

impl std::error::Error for Failure {}
impl std::error::Error for HostFault {}

/// At most so many bytes of a text, and a sign that there was more.
pub(crate) fn shortened(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.shrink_to_fit();
        text.push('…');
    }
    text
}

fn as_millis<S: serde::Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => serializer.serialize_some(&u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)),
        None => serializer.serialize_none(),
    }
}
