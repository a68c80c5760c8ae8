//! The credential broker of a host, on the host's own network: of its home, opened when it is first needed, and once; or one that
//! it shares with other tenants.

use std::{path::PathBuf, sync::Arc};

use jackfield_broker::{
    Broker, Caller, Error,
    connection::{EventEndpoint, Who},
    flow::Flows,
    home::{self, HomeParts},
    hook::Hooks,
    sender::Sender,
};
use jackfield_package::PackageName;
use rustls::pki_types::CertificateDer;
use tokio::sync::OnceCell;

use crate::{
    egress::{ProviderNetwork, Resolve, Wire, tls_config},
    failure::HostFault,
};

/// The way to providers for a broker that is opened apart from any host: resolved, classified and connected to as every destination
/// is.
///
/// # Errors
/// A fault if the certificates make no sense.
pub fn provider_network(
    resolver: Arc<dyn Resolve>,
    root_certificates: &[CertificateDer<'static>],
) -> Result<Arc<dyn Sender>, HostFault> {
    let tls = tls_config(root_certificates)
        .map_err(|error| HostFault::new(format!("the root certificates can't be used: {error}")))?;
    Ok(Arc::new(ProviderNetwork::new(Box::new(Wire::new(resolver, &tls)))))
}

/// Of a home, its database and its master key are made when somebody first asks for it.
pub(crate) struct HomeBroker {
    home: PathBuf,
    database: Option<String>,
    network: Arc<dyn Sender>,
    /// Where it is one of many.
    tenant: Option<String>,
    /// Who runs hooks, where it is not.
    hooks: Option<Arc<dyn Hooks>>,
    events: Option<EventEndpoint>,
    opened: OnceCell<(Broker, Flows)>,
}

impl HomeBroker {
    pub(crate) fn new(
        home: PathBuf,
        database: Option<String>,
        network: Arc<dyn Sender>,
        hooks: Arc<dyn Hooks>,
        events: Option<EventEndpoint>,
    ) -> Self {
        Self { home, database, network, tenant: None, hooks: Some(hooks), events, opened: OnceCell::new() }
    }

    pub(crate) fn shared(broker: Broker, flows: Flows, tenant: String, network: Arc<dyn Sender>) -> Self {
        let opened = OnceCell::new_with(Some((broker, flows)));
        let home = PathBuf::new();
        Self { home, database: None, network, tenant: Some(tenant), hooks: None, events: None, opened }
    }

    pub(crate) fn network(&self) -> Arc<dyn Sender> {
        self.network.clone()
    }

    /// How the broker sees a connector of this host.
    pub(crate) fn caller(&self, connector: PackageName) -> Caller {
        match &self.tenant {
            None => Caller::local_connector(connector),
            Some(tenant) => Caller { tenant: tenant.clone(), who: Who::Connector(connector) },
        }
    }

    pub(crate) async fn get(&self) -> Result<&(Broker, Flows), Error> {
        let open = || {
            let parts = HomeParts {
                database: self.database.clone(),
                sender: self.network.clone(),
                hooks: self.hooks.clone(),
                events: self.events.clone(),
            };
            home::open(&self.home, parts)
        };
        self.opened.get_or_try_init(open).await
    }
}
