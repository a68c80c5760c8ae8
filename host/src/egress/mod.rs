//! Egress: every request that leaves a sandbox passes here, and nothing else does.
//!
//! The path of a request: the guest calls `wasi:http/outgoing-handler` → [`CallEgress`] (one a call) → [`Policy::judge`] (manifest ∩
//! grant, without I/O) → [`Transport::send`], on the [`Wire`]: resolve once → classify every address → connect to exactly one of
//! those → TLS with the name checked → attach the credential → send → blot the credential out of what comes back → [`CallEgress`]
//! again: count, cap, time, strip, record in the [`Meter`].
//!
//! What decides ([`policy`], [`address`]) does not act; what acts ([`wire`]) does not decide, beyond asking about the addresses it found.
//! No secret is above the transport: what wraps it, such as a recorder, sees none.
//!
//! Redirects are not followed: the guest sees the 3xx, and its next request is judged like any other.

pub mod address;
mod body;
mod call;
mod destination;
mod header;
mod look;
mod meter;
pub mod policy;
mod pool;
mod provider;
mod resolve;
mod template;
mod transport;
pub mod wire;

#[cfg(test)]
mod tests;

use jackfield_package::{Label, Manifest, PackageName, Refusal};

pub use call::CallEgress;
pub use destination::{Destination, Host};
pub use meter::Meter;
pub use policy::Policy;
pub(crate) use provider::ProviderNetwork;
pub use resolve::{Resolve, SystemResolver};
pub use transport::{Body, HttpError, Outgoing, SendError, Sending, Transport};
pub use wire::{Wire, tls_config};

use crate::{
    denial::Layer,
    grant::{EgressGrant, Grant},
};

/// The egress of one installation. A changed grant makes a new one, with connections of its own.
pub struct Egress {
    policy: Policy,
    transport: Box<dyn Transport>,
}

impl Egress {
    /// Joins a policy with the transport that serves this installation alone: it takes the transport for itself, so that
    /// two tenants never share a connection.
    pub fn new(manifest: &Manifest, grant: &Grant, transport: Box<dyn Transport>) -> Result<Self, Refusal> {
        Ok(Self { policy: Policy::new(manifest, grant)?, transport })
    }

    /// What it may reach.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Whether every credential that lies in a file can be read now. Asked at install, so that a wrong file shows at once and not
    /// in the first call; each request reads the file anew.
    pub fn check_credentials(&self) -> Result<(), Refusal> {
        self.policy.credentials().iter().try_for_each(|credential| credential.check())
    }

    /// The id of the `auth` entry that is bound, if one is: of several the first in the manifest.
    pub fn connection(&self) -> Option<&Label> {
        self.policy.credentials().first().map(|credential| credential.id())
    }

    fn transport(&self) -> &dyn Transport {
        &*self.transport
    }
}

/// A no, before it is known which call asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Which layer said it.
    pub layer: Layer,
    /// Why, in one sentence.
    pub reason: String,
    /// What would allow it, where anything would.
    pub fix: Option<String>,
    /// What an admin would have to grant, where that is the fix.
    pub grant: Option<Box<EgressGrant>>,
    /// Whether the service may have got the request, or one like it, before.
    pub sent: bool,
}

impl Refused {
    /// A no without a fix.
    pub fn new(layer: Layer, reason: impl Into<String>) -> Self {
        Self { layer, reason: reason.into(), fix: None, grant: None, sent: false }
    }

    fn fix(mut self, fix: String) -> Self {
        self.fix = Some(fix);
        self
    }

    fn needs(mut self, grant: EgressGrant) -> Self {
        self.grant = Some(Box::new(grant));
        self
    }

    /// The exact command or lines that would allow it.
    pub fn fix_for(&self, connector: &PackageName) -> Option<String> {
        let grant = self.grant.as_ref().map(|grant| policy::grant_command(connector, grant));
        self.fix.clone().or(grant)
    }
}

/// Whether a header is the host's alone, whatever the destination: no credential can stand there either.
pub(crate) fn is_host_header(name: &http::HeaderName) -> bool {
    header::is_connection_header(name) || *name == http::header::CONTENT_LENGTH
}
