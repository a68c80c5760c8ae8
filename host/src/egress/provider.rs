//! The broker's way to providers: the wire that connectors' requests take, with the same addresses refused. A token endpoint
//! is as good a way into a network as any other.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use jackfield_broker::{
    limits::{PROVIDER_ANSWER_BYTES, PROVIDER_TIMEOUT_MS},
    sender::{Reach, SendError as NotSent, SendFailure, Sender},
};
use jackfield_package::egress::{HostPattern, Methods, Ports};
use tokio::time::timeout;

use super::{
    Destination, HttpError, Outgoing, SendError, Transport,
    destination::{Host, Target},
};
use crate::grant::EgressGrant;

/// Sends what the broker asks of providers.
pub(crate) struct ProviderNetwork {
    transport: Box<dyn Transport>,
}

impl ProviderNetwork {
    pub(crate) fn new(transport: Box<dyn Transport>) -> Self {
        Self { transport }
    }
}

#[async_trait]
impl Sender for ProviderNetwork {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, NotSent> {
        let Reach(exempt) = request.extensions().get::<Reach>().cloned().unwrap_or_default();
        let host = request.uri().host().unwrap_or_default().to_owned();
        let not_sent = |sent: bool, kind: SendFailure, reason: String| NotSent { sent, kind, reason, hint: None };
        let target = Target::read(request.uri(), request.method())
            .map_err(|refused| not_sent(false, SendFailure::Denied, refused.reason))?;
        let is_here = match &target.host {
            Host::Address(address) => address.is_loopback(),
            Host::Name(name) => name == "localhost",
        };
        if !target.tls && !is_here {
            return Err(not_sent(false, SendFailure::Denied, format!("`{host}` is to be asked over https only")));
        }
        let grant = EgressGrant {
            host: HostPattern::Exact(target.host.pattern_text()),
            ports: Ports::default(),
            methods: Methods::default(),
            plaintext: false,
            addresses: Vec::new(),
        };
        let outgoing = Outgoing {
            destination: Destination { target, exempt, grant, credentials: Vec::new() },
            request: request.map(|body| Full::new(body).map_err(|never| match never {}).boxed_unsync()),
            connect_timeout: Duration::from_millis(PROVIDER_TIMEOUT_MS / 2),
        };
        let exchange = async {
            let response = self.transport.send(outgoing).await.map_err(|error| unsent(&host, error))?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, PROVIDER_ANSWER_BYTES).collect().await.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    let reason = format!("`{host}` answers with more than {PROVIDER_ANSWER_BYTES} bytes");
                    not_sent(true, SendFailure::TooLarge, reason)
                } else {
                    not_sent(true, SendFailure::Unreachable, format!("`{host}` broke off its answer"))
                }
            })?;
            Ok(Response::from_parts(parts, body.to_bytes()))
        };
        let limit = Duration::from_millis(PROVIDER_TIMEOUT_MS);
        timeout(limit, exchange).await.unwrap_or_else(|_| {
            let reason = format!("`{host}` did not answer within {} s", limit.as_secs());
            Err(not_sent(true, SendFailure::TimedOut, reason))
        })
    }
}

/// Whether the request may have arrived: certainly not where no connection stood.
fn unsent(host: &str, error: SendError) -> NotSent {
    let (sent, kind, reason) = match error {
        SendError::Refused(refused) => {
            let hint = refused.grant.map(|_| {
                "if it is yours, name its network in the provider's entry: addresses = [\"10.0.0.0/8\"] (jackfield provider add \
                 --address)"
                    .to_owned()
            });
            return NotSent { sent: false, kind: SendFailure::Denied, reason: refused.reason, hint };
        }
        SendError::Failed(HttpError::DnsError { .. } | HttpError::DnsTimeout) => {
            (false, SendFailure::Unreachable, format!("the name `{host}` can't be resolved"))
        }
        SendError::Failed(HttpError::ConnectionRefused) => {
            (false, SendFailure::Unreachable, format!("`{host}` takes no connection"))
        }
        SendError::Failed(HttpError::ConnectionTimeout | HttpError::DestinationIpUnroutable) => {
            (false, SendFailure::Unreachable, format!("`{host}` can't be reached"))
        }
        SendError::Failed(HttpError::TlsCertificateError) => {
            (false, SendFailure::Denied, format!("`{host}` shows a certificate that nobody here trusts"))
        }
        SendError::Failed(error) => (true, SendFailure::Unreachable, format!("asking `{host}` failed: {error}")),
    };
    NotSent { sent, kind, reason, hint: None }
}
