//! Settings of a host, and how it is put together.

use std::{
    path::PathBuf,
    sync::{Arc, RwLock},
};

use jackfield_broker::{Broker, connection::EventEndpoint, flow::Flows};
use rustls::pki_types::CertificateDer;

use super::{Host, Inner, Transports, WeakHost};
use crate::{
    broker::HomeBroker,
    compiled::{Compiled, Compiler},
    egress::{ProviderNetwork, Resolve, SystemResolver, Transport, Wire, tls_config},
    engine::Engines,
    failure::HostFault,
    home::Home,
    hook::HomeHooks,
    usage::UsageBook,
};

/// Settings of a [`Host`]. Defaults: compile in this process, resolve by the system, trust the web's root certificates, one shard
/// a CPU.
pub struct HostBuilder {
    home: PathBuf,
    compiler: Compiler,
    resolver: Arc<dyn Resolve>,
    root_certificates: Vec<CertificateDer<'static>>,
    transport: Option<Arc<dyn Transport>>,
    engines: Engines,
    database: Option<String>,
    events: Option<EventEndpoint>,
    tenancy: Option<Tenancy>,
}

/// One tenant of a broker that serves many.
struct Tenancy {
    broker: Broker,
    flows: Flows,
    tenant: String,
}

impl Default for HostBuilder {
    fn default() -> Self {
        Self {
            home: PathBuf::from("jackfield"),
            compiler: Compiler::InProcess,
            resolver: Arc::new(SystemResolver),
            root_certificates: Vec::new(),
            transport: None,
            engines: Engines::default(),
            database: None,
            events: None,
            tenancy: None,
        }
    }
}

impl HostBuilder {
    /// Where installed state lives. Made if it isn't there.
    #[must_use]
    pub fn home(mut self, folder: impl Into<PathBuf>) -> Self {
        self.home = folder.into();
        self
    }

    /// Where components are compiled.
    #[must_use]
    pub fn compiler(mut self, compiler: Compiler) -> Self {
        self.compiler = compiler;
        self
    }

    /// Who resolves names. Every address that it gives is still classified.
    #[must_use]
    pub fn resolver(mut self, resolver: Arc<dyn Resolve>) -> Self {
        self.resolver = resolver;
        self
    }

    /// Root certificates to trust besides the web's.
    #[must_use]
    pub fn root_certificates(mut self, roots: Vec<CertificateDer<'static>>) -> Self {
        self.root_certificates = roots;
        self
    }

    /// What carries requests that were found right: the network by default, recorded exchanges in a connector's tests.
    #[must_use]
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Where connections are kept: a URL of PostgreSQL, or of a file. `broker.db` in the home unless set, made when first needed.
    #[must_use]
    pub fn database(mut self, url: impl Into<String>) -> Self {
        self.database = Some(url.into());
        self
    }

    /// Where the transitions of connections are told, if not where the home says: `events.toml`, or the environment
    /// ([`EventEndpoint::of_home`]). They are sent while somebody drives [`Broker::work`].
    #[must_use]
    pub fn events(mut self, endpoint: EventEndpoint) -> Self {
        self.events = Some(endpoint);
        self
    }

    /// A broker that is open already, in which this host is one tenant of several.
    #[must_use]
    pub fn broker(mut self, broker: Broker, flows: Flows, tenant: impl Into<String>) -> Self {
        self.tenancy = Some(Tenancy { broker, flows, tenant: tenant.into() });
        self
    }

    /// Which engines run its calls. Each reserves terabytes of address space, so the hosts of a process share one set.
    #[must_use]
    pub fn engines(mut self, engines: &Engines) -> Self {
        self.engines = engines.clone();
        self
    }

    /// The host.
    ///
    /// # Errors
    /// A fault if the home can't be made or read, or the certificates make no sense.
    pub fn build(self) -> Result<Host, HostFault> {
        let folder = self.home.clone();
        let home = Home::open(self.home)?;
        let compiled = Compiled::new(&home, self.compiler)?;
        let tls = tls_config(&self.root_certificates)
            .map_err(|error| HostFault::new(format!("the root certificates can't be used: {error}")))?;
        let transports = match self.transport {
            Some(transport) => Transports::Shared(transport),
            None => Transports::Wire { resolver: self.resolver, tls: Box::new(tls) },
        };
        let network: Box<dyn Transport> = match &transports {
            Transports::Shared(transport) => Box::new(transport.clone()),
            Transports::Wire { resolver, tls } => Box::new(Wire::new(resolver.clone(), tls)),
        };
        let network = Arc::new(ProviderNetwork::new(network));
        let shards = self.engines.0;
        let usage = Arc::new(UsageBook::new(home.usage_path()));
        Ok(Host(Arc::new_cyclic(|itself| {
            let hooks = Arc::new(HomeHooks(WeakHost(itself.clone())));
            let broker = Arc::new(match self.tenancy {
                None => HomeBroker::new(folder, self.database, network, hooks, self.events),
                Some(Tenancy { broker, flows, tenant }) => HomeBroker::shared(broker, flows, tenant, network),
            });
            Inner { home, compiled, shards, broker, transports, usage, live: RwLock::default() }
        })))
    }
}
