//! Getting the credentials of one installation's requests: from files, or from the broker of this home.

use std::sync::Arc;

use jackfield_broker::{
    Caller, Error,
    attach::{Attached, Binding},
    clock::{Clock as _, SystemClock},
    provider::Signs,
};
use jackfield_package::{PackageName, Refusal};

use crate::broker::HomeBroker;

/// Attaches credentials to the requests of one installation.
#[derive(Clone)]
pub(crate) struct Attacher {
    caller: Caller,
    broker: Arc<HomeBroker>,
}

impl Attacher {
    /// For this connector's requests.
    pub(crate) fn new(connector: PackageName, broker: Arc<HomeBroker>) -> Self {
        Self { caller: broker.caller(connector), broker }
    }

    async fn attach(&self, bindings: &[Arc<Binding>], purpose: &str) -> Result<Attached, Error> {
        self.broker.get().await?.0.attach(&self.caller, bindings, purpose).await
    }

    /// How the services that these are sent to say that a token has expired, other than by 401.
    pub(crate) async fn signs(&self, attached: &Attached) -> Signs {
        self.broker.get().await.map(|(_, flows)| flows.signs(attached)).unwrap_or_default()
    }

    /// After a 401, or what says the same: what may be tried instead.
    pub(crate) async fn attach_anew(&self, attached: &Attached) -> Result<Option<Attached>, Refusal> {
        let anew = async { self.broker.get().await?.0.attach_anew(attached).await };
        anew.await.map_err(refusal)
    }

    /// After any other answer.
    pub(crate) async fn taken(&self, attached: &Attached) {
        let told = async { self.broker.get().await?.0.taken(attached).await };
        if let Err(error) = told.await {
            tracing::warn!(%error, "a credential that works again could not be marked so");
        }
    }
}

/// Gets the secrets for one request. Those in files need no broker, and no home for one.
pub(crate) async fn attach(
    attacher: Option<&Attacher>,
    bindings: &[Arc<Binding>],
    purpose: &str,
) -> Result<Attached, Refusal> {
    match attacher {
        _ if bindings.is_empty() => Ok(Attached::none()),
        Some(attacher) if bindings.iter().any(|binding| binding.is_of_a_connection()) => {
            attacher.attach(bindings, purpose).await.map_err(refusal)
        }
        _ => {
            let bindings = bindings.to_vec();
            let read = move || Attached::from_files(&bindings, SystemClock.now());
            let read = tokio::task::spawn_blocking(read).await;
            read.map_err(|_| Refusal::new("secret-unreadable", "reading the credential broke off"))?
        }
    }
}

fn refusal(error: Error) -> Refusal {
    match error {
        Error::Refused(refusal) | Error::Unavailable(refusal) => refusal,
        Error::Fault(cause) => {
            tracing::error!(cause, "the broker failed");
            Refusal::new("broker-fault", "the broker failed; the host's log has the cause")
        }
    }
}
