//! Carrying a judged request to its destination: over the wire, or from a record.

use std::{fmt, pin::Pin, time::Duration};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;

use super::{Destination, Refused};

/// What can go wrong on the way, as the guest is told (`wasi:http/types.error-code`).
pub use wasmtime_wasi_http::Error as HttpError;

/// A message's body, streamed.
pub type Body = UnsyncBoxBody<Bytes, HttpError>;

/// One judged request.
pub struct Outgoing {
    /// Where it goes. Carries the credentials to attach, which nobody but the host's own sender can read.
    pub destination: Destination,
    /// The request in absolute form, without any credential.
    pub request: http::Request<Body>,
    /// How long connecting may take.
    pub connect_timeout: Duration,
}

/// Why there is no response.
#[derive(Debug)]
pub enum SendError {
    /// A later layer said no: the address, or the credential.
    Refused(Refused),
    /// The network or the service failed.
    Failed(HttpError),
}

impl From<HttpError> for SendError {
    fn from(error: HttpError) -> Self {
        Self::Failed(error)
    }
}

impl From<Refused> for SendError {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => f.write_str(&refused.reason),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SendError {}

/// The answer to [`Transport::send`].
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<http::Response<Body>, SendError>> + Send + 'a>>;

/// Sends judged requests for one installation.
///
/// There are two: [`super::Wire`], and the replay of recorded exchanges. Either is asked concurrently and owns what it needs
/// to stop: dropping the future, or the response's body, ends the exchange at once. The caller counts bytes and keeps the time;
/// nobody repeats a request. A recorder that wraps another transport sees no credential, neither in the
/// request nor in the response.
pub trait Transport: Send + Sync + 'static {
    /// Sends one request and gives the response as soon as its headers are there.
    fn send(&self, outgoing: Outgoing) -> Sending<'_>;
}

/// A transport that several installations of one host share, as a replay is.
impl<T: Transport + ?Sized> Transport for std::sync::Arc<T> {
    fn send(&self, outgoing: Outgoing) -> Sending<'_> {
        (**self).send(outgoing)
    }
}
