//! The credential broker of a host's home, on the host's own network.

use std::sync::Arc;

use jackfield_broker::{Broker, flow::Flows, home, sender::Sender};

use crate::{Host, egress::ProviderNetwork};

impl Host {
    /// The broker of this home and the flows of its providers; made when it is first needed.
    ///
    /// # Errors
    /// Those of [`home::open`].
    pub async fn broker(&self) -> Result<(Broker, Flows), jackfield_broker::Error> {
        home::open(self.home(), self.provider_network()).await
    }

    /// How providers are reached from here: resolved, classified and connected to as every destination is.
    pub fn provider_network(&self) -> Arc<dyn Sender> {
        Arc::new(ProviderNetwork::new(self.transport()))
    }
}
