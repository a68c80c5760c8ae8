//! How the broker reaches the network. The host implements it on its own sender, which resolves once, classifies every
//! address and connects to exactly one of those: a token endpoint is as good a way inside as any.

use async_trait::async_trait;
use bytes::Bytes;
use ipnet::IpNet;

/// Sends a request, follows no redirect, and reads the whole answer, within [`crate::limits::PROVIDER_TIMEOUT_MS`] and
/// [`crate::limits::PROVIDER_ANSWER_BYTES`].
#[async_trait]
pub trait Sender: Send + Sync {
    /// The answer, whatever its status.
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, SendError>;
}

/// An extension of a request: networks that an admin lets this provider lie in although they are not public. Without it only
/// public addresses will do.
#[derive(Clone, Debug, Default)]
pub struct Reach(pub Vec<IpNet>);

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct SendError {
    /// Whether the other side may have got the request. `false` only if it certainly has not.
    pub sent: bool,
    /// What went wrong.
    pub kind: SendFailure,
    /// For a person: what failed, on which host. Holds nothing of the request's body or headers.
    pub reason: String,
    /// The next thing to do, where there is one.
    pub hint: Option<String>,
}

/// What went wrong on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendFailure {
    /// The host does not let it go there: not https, or an address that is not public. The same again is refused again.
    Denied,
    /// No connection, or one that broke.
    Unreachable,
    /// No whole answer in time.
    TimedOut,
    /// The answer is too large.
    TooLarge,
}
