//! An answer that says no, in words a caller can act upon.

use std::{
    borrow::Cow,
    fmt, io,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use serde::Serialize;
use serde_json::Value;

use crate::bindings::jackfield::connector::types::{Error as Wire, ErrorKind as WireKind};

/// What an operation answers.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Whether this instance has sent any request. An instance serves one call, so this is a fact about the call; a static
/// keeps it true for errors that the author makes after a request went out.
static REQUEST_SENT: AtomicBool = AtomicBool::new(false);

/// Records that a request left.
pub(crate) fn note_request_sent() {
    REQUEST_SENT.store(true, Ordering::Relaxed);
}

/// What went wrong, in the words of the contract (`error-kind`), which never get more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The input is wrong; the same input fails again.
    InvalidInput,
    /// The credential is missing, expired or not accepted.
    Unauthenticated,
    /// The credential is good, but may not do this; or the host denied a request.
    Forbidden,
    /// What the input names does not exist.
    NotFound,
    /// The state of things contradicts the request.
    Conflict,
    /// Too many requests.
    RateLimited,
    /// The service is down or not reachable; later may help.
    Unavailable,
    /// The service answered with something that makes no sense.
    Upstream,
    /// The polling cursor is too old; start again without one.
    CursorExpired,
    /// A fault of the connector.
    Internal,
    /// None of the above.
    Other,
}

impl ErrorKind {
    /// The word of the contract.
    pub fn as_str(self) -> &'static str {
        match self {
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
        }
    }

    /// Whether the same call may succeed later, where the kind alone tells.
    fn retryable(self) -> Option<bool> {
        match self {
            Self::RateLimited | Self::Unavailable => Some(true),
            Self::InvalidInput | Self::Unauthenticated | Self::Forbidden | Self::NotFound | Self::CursorExpired => {
                Some(false)
            }
            Self::Conflict | Self::Upstream | Self::Internal | Self::Other => None,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An answer that says no.
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    kind: ErrorKind,
    code: Cow<'static, str>,
    message: String,
    retryable: Option<bool>,
    retry_after: Option<Duration>,
    request_sent: bool,
    details: Option<Value>,
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $kind:ident;)+) => {$(
        $(#[$doc])*
        pub fn $name(message: impl Into<String>) -> Self {
            Self::new(ErrorKind::$kind, message)
        }
    )+};
}

impl Error {
    /// An error of this kind, whose code is the kind's word until [`Error::with_code`] says more. The message is one
    /// sentence for a person: what failed, on what.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            code: Cow::Borrowed(kind.as_str()),
            message: message.into(),
            retryable: kind.retryable(),
            retry_after: None,
            request_sent: false,
            details: None,
        }
    }

    constructors! {
        /// The input is wrong; the same input fails again.
        invalid_input => InvalidInput;
        /// The credential is missing, expired or not accepted.
        unauthenticated => Unauthenticated;
        /// The credential is good, but may not do this.
        forbidden => Forbidden;
        /// What the input names does not exist.
        not_found => NotFound;
        /// The state of things contradicts the request.
        conflict => Conflict;
        /// Too many requests; say how long to wait with [`Error::retry_after`].
        rate_limited => RateLimited;
        /// The service is down or not reachable; later may help.
        unavailable => Unavailable;
        /// The service answered with something that makes no sense.
        upstream => Upstream;
        /// A fault of the connector.
        internal => Internal;
        /// None of the other kinds.
        other => Other;
    }

    /// A stable, machine-readable word of the connector's own, such as `issue-locked`.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.code = code.into();
        self
    }

    /// Whether the same call may succeed later; left alone, the kind decides.
    #[must_use]
    pub fn with_retryable(mut self, retryable: bool) -> Self {
        self.retryable = Some(retryable);
        self
    }

    /// How long to wait before the next try.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Whether anything left the sandbox. The HTTP helper sets this; it never goes back to false in the answer.
    #[must_use]
    pub fn with_request_sent(mut self, sent: bool) -> Self {
        self.request_sent = sent;
        self
    }

    /// More, for a machine. What can't be written as JSON is left out.
    #[must_use]
    pub fn with_details(mut self, details: impl Serialize) -> Self {
        self.details = serde_json::to_value(details).ok();
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The machine-readable word.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The sentence for a person.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether the same call may succeed later, if known.
    pub fn retryable(&self) -> Option<bool> {
        self.retryable
    }

    /// How long to wait before the next try, if known.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Whether anything left the sandbox before this.
    pub fn request_sent(&self) -> bool {
        self.request_sent
    }

    /// More, for a machine.
    pub fn details(&self) -> Option<&Value> {
        self.details.as_ref()
    }

    pub(crate) fn into_wire(self) -> Wire {
        Wire {
            kind: match self.kind {
                ErrorKind::InvalidInput => WireKind::InvalidInput,
                ErrorKind::Unauthenticated => WireKind::Unauthenticated,
                ErrorKind::Forbidden => WireKind::Forbidden,
                ErrorKind::NotFound => WireKind::NotFound,
                ErrorKind::Conflict => WireKind::Conflict,
                ErrorKind::RateLimited => WireKind::RateLimited,
                ErrorKind::Unavailable => WireKind::Unavailable,
                ErrorKind::Upstream => WireKind::Upstream,
                ErrorKind::CursorExpired => WireKind::CursorExpired,
                ErrorKind::Internal => WireKind::Internal,
                ErrorKind::Other => WireKind::Other,
            },
            code: self.code.into_owned(),
            message: self.message,
            retryable: self.retryable,
            retry_after_ms: self.retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
            request_sent: self.request_sent || REQUEST_SENT.load(Ordering::Relaxed),
            details: self.details.map(|details| details.to_string()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.kind, self.code, self.message)
    }
}

impl std::error::Error for Error {}

/// An error of this crate that travelled through [`io::Read`] or [`io::Write`] comes out as it went in; any other is a
/// fault of the connector.
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(own) => own,
            Err(error) => Self::internal(error.to_string()).with_code("io"),
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        io::Error::other(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_survives_a_reader() {
        let error = Error::rate_limited("slow down").with_code("calm").with_retry_after(Duration::from_secs(2));
        assert_eq!(Error::from(io::Error::from(error.clone())), error);
    }

    #[test]
    fn a_foreign_io_error_is_a_fault_of_the_connector() {
        let error = Error::from(io::Error::from(io::ErrorKind::InvalidData));
        assert_eq!((error.kind(), error.code()), (ErrorKind::Internal, "io"));
    }

    #[test]
    fn the_wire_form_says_all() {
        let wire = Error::conflict("locked")
            .with_code("issue-locked")
            .with_request_sent(true)
            .with_retry_after(Duration::from_millis(1500))
            .with_details(serde_json::json!({"a": 1}))
            .into_wire();
        assert_eq!(wire.code, "issue-locked");
        assert_eq!(wire.retryable, None);
        assert_eq!(wire.retry_after_ms, Some(1500));
        assert!(wire.request_sent);
        assert_eq!(wire.details.as_deref(), Some(r#"{"a":1}"#));
    }
}
