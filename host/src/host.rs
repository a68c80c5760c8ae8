//! The host: what an embedder holds.

use std::{
    cell::RefCell,
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use jackfield_broker::{Broker, flow::Flows, sender::Sender};
use jackfield_package::{
    Digest, Manifest, Package, PackageName, Refusal, Verified,
    key::SigningKey,
    schema::Schema,
    statement::{Bundle, ReceiptStatement},
};
use rustls::pki_types::CertificateDer;
use tokio_util::sync::CancellationToken;

use crate::{
    bindings::types,
    broker::HomeBroker,
    call::{self, Call, Ended, Entry, Prepared, either},
    compiled::{Compiled, Compiler},
    credentials::Attacher,
    egress::{CallEgress, Egress, Meter, ProviderNetwork, Resolve, SystemResolver, Transport, Wire, tls_config},
    engine::{Engines, Shards},
    error::Error,
    failure::{Failure, HostFault, LimitExceeded},
    files::Files,
    grant::{Grant, OperationGrant},
    home::Home,
    installation::Installation,
    invocation::{Invocation, Outcome},
    limits::{Limit, STOP_CHECK_MS},
    live::Live,
    log::LogBook,
    usage::{Counter, Usage, UsageBook},
};

/// Runs connectors from one home folder. Cheap to clone; all clones share engines, pools and connections.
#[derive(Clone)]
pub struct Host(Arc<Inner>);

/// Who carries requests.
enum Transports {
    /// The network: connections of its own for each installation.
    Wire { resolver: Arc<dyn Resolve>, tls: Box<rustls::ClientConfig> },
    /// What the embedder handed in, for all.
    Shared(Arc<dyn Transport>),
}

struct Inner {
    home: Home,
    compiled: Compiled,
    shards: Arc<Shards>,
    broker: Arc<HomeBroker>,
    transports: Transports,
    usage: Arc<UsageBook>,
    live: RwLock<HashMap<PackageName, Arc<Live>>>,
}

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
    tenancy: Option<Tenancy>,
}

/// One tenant of a broker that serves many.
struct Tenancy {
    broker: Broker,
    flows: Flows,
    tenant: String,
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
        let broker = Arc::new(match self.tenancy {
            None => HomeBroker::new(folder, self.database, network),
            Some(Tenancy { broker, flows, tenant }) => HomeBroker::shared(broker, flows, tenant, network),
        });
        let shards = self.engines.0;
        let usage = Arc::new(UsageBook::new(home.usage_path()));
        Ok(Host(Arc::new(Inner { home, compiled, shards, broker, transports, usage, live: RwLock::default() })))
    }
}

impl Host {
    /// Settings, to be changed and built. The home is `jackfield` in the current folder unless set.
    pub fn builder() -> HostBuilder {
        HostBuilder {
            home: PathBuf::from("jackfield"),
            compiler: Compiler::InProcess,
            resolver: Arc::new(SystemResolver),
            root_certificates: Vec::new(),
            transport: None,
            engines: Engines::default(),
            database: None,
            tenancy: None,
        }
    }

    /// The broker of this home and the flows of its providers; made when it is first needed.
    ///
    /// # Errors
    /// Those of [`jackfield_broker::home::open`].
    pub async fn broker(&self) -> Result<(Broker, Flows), jackfield_broker::Error> {
        self.0.broker.get().await.cloned()
    }

    /// How providers are reached from here: resolved, classified and connected to as every destination is.
    pub fn provider_network(&self) -> Arc<dyn Sender> {
        self.0.broker.network()
    }

    /// Installs a verified release with a grant, in place of the release of the same name that was there; one that was
    /// disabled stays so. `bundles` are kept beside it as the evidence of its admission.
    ///
    /// # Errors
    /// [`Error::Refused`] if the grant does not fit the manifest; [`Error::Fault`] if the component does not compile or the home
    /// can't be written.
    pub async fn install(&self, verified: Verified, bundles: &[Bundle], grant: Grant) -> Result<Installation, Error> {
        let package = verified.package();
        self.fits(package.manifest(), &grant)?;
        self.compile(package).await?;

        let mut installation = Installation::new(&verified, grant, now_s());
        let statements: Vec<u8> =
            bundles.iter().flat_map(|bundle| [bundle.to_bytes(), b"\n".to_vec()].concat()).collect();
        let home = &self.0.home;
        let locked = home.lock()?;
        // What somebody has switched off stays off, whatever release comes.
        installation.enabled =
            home.read_record::<Installation>(&installation.name)?.is_none_or(|before| before.enabled);
        home.write_component(&locked, package.digest(), package.bytes(), &statements)?;
        home.write_record(&locked, &installation.name, &installation)?;
        self.sweep(&locked);
        drop(locked);
        self.forget(&installation.name);
        tracing::info!(name = %installation.name, version = %installation.version, digest = %installation.digest, "installed");
        Ok(installation)
    }

    /// Replaces what an installation is allowed. Calls that run keep what they began with.
    ///
    /// # Errors
    /// [`Error::Refused`] if the grant does not fit the manifest, [`Error::NotInstalled`], [`Error::Fault`].
    pub fn set_grant(&self, name: &PackageName, grant: Grant) -> Result<Installation, Error> {
        self.change_grant(name, |_| Ok(grant))
    }

    /// Makes a grant of the one in force, with nobody changing it in between: of two changes at once none is lost.
    ///
    /// # Errors
    /// Those of `change`, and of [`Host::set_grant`].
    pub fn change_grant<E: From<Error>>(
        &self,
        name: &PackageName,
        change: impl FnOnce(&Installation) -> Result<Grant, E>,
    ) -> Result<Installation, E> {
        self.change(name, |installation| {
            let grant = change(installation)?;
            self.fits(&installation.manifest, &grant).map_err(Error::from)?;
            installation.grant = grant;
            Ok(())
        })
    }

    /// The kill switch: off refuses new calls at once and stops running ones, in other processes within a second.
    ///
    /// # Errors
    /// [`Error::NotInstalled`], [`Error::Fault`].
    pub fn set_enabled(&self, name: &PackageName, enabled: bool) -> Result<Installation, Error> {
        let changed = self.change(name, |installation| {
            installation.enabled = enabled;
            Ok::<_, Error>(())
        });
        if enabled {
            return changed;
        }
        // What runs here is stopped first: that needs nothing of the disk.
        self.stop(name);
        match changed {
            Err(Error::Fault(fault)) => self.disable_in_place(name, fault),
            changed => changed,
        }
    }

    /// Removes an installation, stops its calls, and deletes its bytes if no other needs them.
    ///
    /// # Errors
    /// [`Error::NotInstalled`], [`Error::Fault`].
    pub fn uninstall(&self, name: &PackageName) -> Result<(), Error> {
        let locked = self.0.home.lock()?;
        if !self.0.home.remove_record(&locked, name)? {
            return Err(self.not_installed(name));
        }
        self.sweep(&locked);
        drop(locked);
        self.stop(name);
        self.forget(name);
        Ok(())
    }

    /// All installations, by name.
    ///
    /// # Errors
    /// A fault if the home can't be read.
    pub fn installations(&self) -> Result<Vec<Installation>, Error> {
        Ok(self.0.home.records()?)
    }

    /// One installation.
    ///
    /// # Errors
    /// [`Error::NotInstalled`], [`Error::Fault`].
    pub fn installation(&self, name: &PackageName) -> Result<Installation, Error> {
        self.0.home.read_record(name)?.ok_or_else(|| self.not_installed(name))
    }

    /// How much the installed release was used here; none if not one call went well.
    ///
    /// # Errors
    /// [`Error::NotInstalled`], [`Error::Fault`].
    pub fn usage(&self, name: &PackageName) -> Result<Option<Usage>, Error> {
        let installation = self.installation(name)?;
        if let Some(live) = self.0.live.read().unwrap_or_else(PoisonError::into_inner).get(name)
            && let Some(usage) = &live.usage
        {
            usage.flush();
        }
        Ok(self.0.usage.read()?.get(&installation.digest.hex()).copied())
    }

    /// Says with this home's own key how much the installed release was used here, so that somebody here may review it.
    ///
    /// # Errors
    /// [`Error::Refused`] `not-used` if not one call went well; [`Error::NotInstalled`], [`Error::Fault`].
    pub fn receipt(&self, name: &PackageName) -> Result<Bundle, Error> {
        let Installation { name, version, digest, .. } = self.installation(name)?;
        let Some(Usage { calls, first_day, last_day }) = self.usage(&name)? else {
            let refusal = Refusal::new("not-used", format!("no call of `{name}` {version} has gone well in this home"));
            return Err(Error::Refused(refusal.hint("use it for a while first; each release counts for itself")));
        };
        let key = SigningKey::from_seed(self.0.home.receipt_key()?);
        let workspace = key.public_key();
        Ok(ReceiptStatement { workspace, name, version, component: digest, calls, first_day, last_day }.sign(&key))
    }

    /// Asks a release what it is: its `describe`, in an empty sandbox with no destination granted. Nothing gets installed.
    ///
    /// # Errors
    /// As for an invocation.
    pub async fn describe(&self, verified: &Verified) -> Result<String, Failure> {
        let package = verified.package();
        let installation = Installation::new(verified, Grant::default(), 0);
        let egress = self.egress(package.manifest(), &Grant::default()).map_err(Error::from)?;
        let live = Live::new(None, installation, egress, 1, None);
        let engine = self.0.shards.engine(self.0.shards.here())?;
        let source = source_of(package)?;
        let component = self.0.compiled.load(&self.0.home, engine, package.digest(), source.path()).await?;
        let prepared = Prepared::new(&call::linker(engine)?, &component)?;
        let call = self.call(&live, Entry::Describe, HashMap::new(), None, None, Instant::now());
        call::run(&prepared, call, std::future::pending()).await.result
    }

    /// Calls an operation in a fresh instance, and drops it. Always gives an outcome with its bill; whatever went wrong stands in
    /// [`Outcome::result`].
    pub async fn invoke(&self, name: &PackageName, invocation: Invocation) -> Outcome {
        let started = Instant::now();
        match self.try_invoke(name, invocation, started).await {
            Ok(outcome) => outcome,
            Err(failure) => Outcome::before_it_ran(failure, started.elapsed()),
        }
    }

    async fn try_invoke(
        &self,
        name: &PackageName,
        invocation: Invocation,
        started: Instant,
    ) -> Result<Outcome, Failure> {
        let live = self.live(name)?;
        live.authorise(&invocation.operation)?;
        let allowed = live.limits.get(Limit::InputBytes);
        if invocation.input.len() as u64 > allowed {
            let used = invocation.input.len() as u64;
            return Err(Failure::Limit(LimitExceeded { limit: Limit::InputBytes, allowed, used }));
        }
        if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&invocation.input) {
            return Err(Failure::Refused(Refusal::new("input-not-json", format!("the input is not JSON: {error}"))));
        }
        let max_files = live.limits.get(Limit::Files);
        if invocation.files.len() as u64 > max_files {
            let used = invocation.files.len() as u64;
            return Err(Failure::Limit(LimitExceeded { limit: Limit::Files, allowed: max_files, used }));
        }

        // Waiting for a turn and for the compiler counts for the call's time, and can be cancelled like it.
        let deadline = Duration::from_millis(live.limits.get(Limit::TimeMs));
        let ready = async { Ok::<_, Failure>((live.turn().await?, self.prepared(&live).await?)) };
        let (turn, prepared) = tokio::select! {
            biased;
            ready = tokio::time::timeout(deadline, ready) => ready.unwrap_or_else(|_| {
                let allowed = live.limits.get(Limit::TimeMs);
                Err(Failure::Limit(LimitExceeded { limit: Limit::TimeMs, allowed, used: allowed }))
            })?,
            () = either(&invocation.cancel, &live.stop) => return Err(Failure::Cancelled),
        };

        // Asked here, since a call that runs is watched only once it waits.
        if invocation.cancel.is_cancelled() || live.stop.is_cancelled() {
            return Err(Failure::Cancelled);
        }
        let entry = Entry::Operation {
            context: types::Context {
                config: live.config.clone(),
                connection: live.egress.connection().map(ToString::to_string),
                idempotency_key: invocation.idempotency_key.map_or_else(random_key, Ok)?,
                deadline_ms: u32::try_from(deadline.saturating_sub(started.elapsed()).as_millis()).unwrap_or(u32::MAX),
            },
            name: invocation.operation,
            input: invocation.input,
        };
        let call = self.call(&live, entry, invocation.files, invocation.output_directory, invocation.log_sink, started);
        let ended = call::run(prepared, call, self.stopped(&live, &invocation.cancel)).await;
        drop(turn);
        let outcome = outcome(ended);
        if let (Ok(_), Some(usage)) = (&outcome.result, &live.usage) {
            usage.count(now_s());
        }
        Ok(outcome)
    }

    fn call(
        &self,
        live: &Live,
        entry: Entry,
        files: HashMap<String, crate::files::FileSource>,
        output_directory: Option<PathBuf>,
        log_sink: Option<crate::log::LogSink>,
        started: Instant,
    ) -> Call {
        let meter = Arc::new(Meter::default());
        let operation: Arc<str> = match &entry {
            Entry::Describe => "describe".into(),
            Entry::Operation { name, .. } => name.as_str().into(),
        };
        Call {
            entry,
            egress: CallEgress::new(live.egress.clone(), operation, &live.limits, meter.clone()),
            meter,
            files: Files::new(files, output_directory, &live.limits),
            log: Arc::new(Mutex::new(LogBook::new(&live.limits, log_sink))),
            limits: live.limits.clone(),
            started,
        }
    }

    /// Ends when the call shall: the caller cancels, this process stops the installation, or another one has.
    async fn stopped(&self, live: &Live, cancel: &CancellationToken) {
        let elsewhere = async {
            loop {
                tokio::time::sleep(Duration::from_millis(STOP_CHECK_MS)).await;
                let stopped = match self.0.home.stamp(&live.installation.name) {
                    Ok(stamp) if stamp == live.stamp => false,
                    Ok(None) => true,
                    Ok(Some(_)) => self.installation(&live.installation.name).is_ok_and(|now| !now.enabled),
                    Err(_) => false,
                };
                if stopped {
                    return;
                }
            }
        };
        tokio::select! {
            () = either(cancel, &live.stop) => {}
            () = elsewhere => {}
        }
    }

    /// The installation as its record stands now.
    fn live(&self, name: &PackageName) -> Result<Arc<Live>, Error> {
        let stamp = self.0.home.stamp(name)?;
        if let Some(live) = self.0.live.read().unwrap_or_else(PoisonError::into_inner).get(name)
            && live.stamp == stamp
            && stamp.is_some()
        {
            return Ok(live.clone());
        }
        let installation = self.installation(name)?;
        let egress = self.egress(&installation.manifest, &installation.grant)?;
        let usage = Counter::new(self.0.usage.clone(), installation.digest);
        let live = Arc::new(Live::new(stamp, installation, egress, self.0.shards.len(), Some(usage)));
        self.0.live.write().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), live.clone());
        Ok(live)
    }

    /// An egress with connections of its own, so that no two installations share one.
    fn egress(&self, manifest: &Manifest, grant: &Grant) -> Result<Egress, Refusal> {
        let transport: Box<dyn Transport> = match &self.0.transports {
            Transports::Shared(transport) => Box::new(transport.clone()),
            Transports::Wire { resolver, tls } => {
                let attacher = Attacher::new(manifest.name.clone(), self.0.broker.clone());
                Box::new(Wire::new(resolver.clone(), tls).attacher(attacher))
            }
        };
        Egress::new(manifest, grant, transport)
    }

    /// Whether a grant makes sense for what the manifest asks, and its credentials can be read.
    fn fits(&self, manifest: &Manifest, grant: &Grant) -> Result<(), Refusal> {
        fits(manifest, grant)?;
        self.egress(manifest, grant)?.check_credentials()
    }

    async fn prepared<'a>(&self, live: &'a Live) -> Result<&'a Prepared, Failure> {
        let shard = self.0.shards.here();
        let prepare = async {
            let engine = self.0.shards.engine(shard)?;
            let digest = live.installation.digest;
            let source = self.0.home.component_path(digest);
            self.intact(digest, &source)?;
            let component = self.0.compiled.load(&self.0.home, engine, digest, &source).await?;
            Prepared::new(&call::linker(engine)?, &component)
        };
        Ok(live.prepared[shard].get_or_try_init(|| prepare).await?)
    }

    /// That the component in the home is still the one that was verified.
    fn intact(&self, digest: Digest, source: &std::path::Path) -> Result<(), HostFault> {
        let bytes = crate::home::read(source).map_err(crate::home::at(source))?;
        if Digest::of(&bytes) != digest {
            return Err(HostFault::new(format!(
                "`{}` was changed since it was installed: it no longer is {digest}",
                source.display()
            ))
            .hint("install the release again, and find out who writes into this folder"));
        }
        Ok(())
    }

    async fn compile(&self, package: &Package) -> Result<(), HostFault> {
        let source = source_of(package)?;
        self.0.compiled.prepare(&self.0.home, package.digest(), source.path()).await
    }

    fn change<E: From<Error>>(
        &self,
        name: &PackageName,
        change: impl FnOnce(&mut Installation) -> Result<(), E>,
    ) -> Result<Installation, E> {
        let locked = self.0.home.lock().map_err(Error::from)?;
        let mut installation = self.installation(name)?;
        change(&mut installation)?;
        self.0.home.write_record(&locked, name, &installation).map_err(Error::from)?;
        drop(locked);
        Ok(installation)
    }

    /// What stays behind is in nobody's way, and the change before it is made: so what fails here is told to the log alone.
    fn sweep(&self, locked: &crate::home::Locked) {
        let swept = self.installations().and_then(|installations| {
            let named: Vec<Digest> = installations.iter().map(|installation| installation.digest).collect();
            Ok(self.0.home.sweep(locked, &named)?)
        });
        if let Err(error) = swept {
            tracing::warn!(%error, "what is no longer needed could not be removed");
        }
    }

    /// The kill switch must not depend on there being room: where no record can be written anew, the one that stands is
    /// changed in its place, by as many bytes as it had.
    fn disable_in_place(&self, name: &PackageName, fault: HostFault) -> Result<Installation, Error> {
        let locked = self.0.home.lock()?;
        let before = self.installation(name)?;
        if !before.enabled {
            return Ok(before);
        }
        let after = Installation { enabled: false, ..before };
        if self.0.home.patch_record(&locked, name, "\n  \"enabled\": true,", "\n  \"enabled\":false,", &after)? {
            tracing::warn!(%fault, %name, "the record could not be written anew, and was changed in its place");
            return Ok(after);
        }
        Err(fault.into())
    }

    fn stop(&self, name: &PackageName) {
        if let Some(live) = self.0.live.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            live.stop.cancel();
        }
    }

    fn forget(&self, name: &PackageName) {
        self.0.live.write().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    fn not_installed(&self, name: &PackageName) -> Error {
        let installed =
            self.installations().unwrap_or_default().into_iter().map(|installation| installation.name).collect();
        Error::NotInstalled { name: name.clone(), installed }
    }
}

/// Whether a grant makes sense for what the manifest asks. A grant may be wider than the manifest in its destinations, since the
/// intersection decides; what can only be a slip is refused.
fn fits(manifest: &Manifest, grant: &Grant) -> Result<(), Refusal> {
    config_fits(manifest, &grant.config)?;
    for id in grant.credentials.keys() {
        if !manifest.auth.iter().any(|auth| auth.id == *id) {
            let known: Vec<_> = manifest.auth.iter().map(|auth| auth.id.as_str()).collect();
            let message = format!("`{}` asks for no credential `{id}`", manifest.name);
            return Err(Refusal::new("grant-credential-unknown", message).hint(match known[..] {
                [] => "it asks for none".to_owned(),
                _ => format!("it asks for: {}", known.join(", ")),
            }));
        }
    }
    if let OperationGrant::Only(names) = &grant.operations
        && let Some(unknown) = names.iter().find(|name| manifest.operation(name.as_str()).is_none())
    {
        let known: Vec<_> = manifest.operations.iter().map(|operation| operation.name.as_str()).collect();
        return Err(Refusal::new("operation-unknown", format!("`{}` has no operation `{unknown}`", manifest.name))
            .hint(format!("it has: {}", known.join(", "))));
    }
    for (limit, value) in &grant.limits {
        if *value > limit.ceiling() || *value == 0 {
            let message =
                format!("the limit `{limit}` can't be {value}: expected 1 to {} {}", limit.ceiling(), limit.unit());
            return Err(Refusal::new("grant-limit-out-of-range", message));
        }
    }
    Ok(())
}

fn config_fits(manifest: &Manifest, config: &serde_json::Map<String, serde_json::Value>) -> Result<(), Refusal> {
    let Some(schema) = &manifest.config else {
        if config.is_empty() {
            return Ok(());
        }
        return Err(Refusal::new("grant-config-invalid", format!("`{}` takes no settings", manifest.name)));
    };
    let faults = Schema::compile(schema)?.faults(&serde_json::Value::Object(config.clone()));
    if faults.is_empty() {
        return Ok(());
    }
    Err(Refusal::new(
        "grant-config-invalid",
        format!("the settings do not fit `{}`: {}", manifest.name, faults.join("; ")),
    )
    .hint(format!("its settings are, as JSON Schema: {schema}")))
}

/// The package's bytes as a file, which is what a compiler in another process can read.
fn source_of(package: &Package) -> Result<tempfile::NamedTempFile, HostFault> {
    let fault = |error: std::io::Error| HostFault::new(format!("a temporary file: {error}"));
    let file = tempfile::NamedTempFile::new().map_err(fault)?;
    std::fs::write(file.path(), package.bytes()).map_err(fault)?;
    Ok(file)
}

fn outcome(ended: Ended) -> Outcome {
    let Ended { mut result, bill, denials, log, files } = ended;
    let (mut created, mut staging) = (Vec::new(), None);
    // A failed call leaves no files behind: half a file under a whole one's name is a trap for whoever reads it.
    if result.is_ok() {
        match files.finish() {
            Ok((files, directory)) => (created, staging) = (files, directory),
            Err(error) => {
                result = Err(Failure::Host(
                    HostFault::new(format!("a created file could not be written: {error}"))
                        .hint("is there room, and may this process write there?"),
                ));
            }
        }
    }
    Outcome { result, bill, denials, log, files: created, _staging: staging }
}

/// 128 random bits. They are drawn for many calls at a time, since asking the system for each is a good part of what a short
/// call costs.
fn random_key() -> Result<String, HostFault> {
    const KEY_BYTES: usize = 16;
    thread_local!(static DRAWN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });
    DRAWN.with_borrow_mut(|drawn| {
        if drawn.is_empty() {
            let mut fresh = vec![0; 64 * KEY_BYTES];
            getrandom::fill(&mut fresh).map_err(|error| HostFault::new(format!("no randomness: {error}")))?;
            *drawn = fresh;
        }
        Ok(hex::encode(drawn.split_off(drawn.len() - KEY_BYTES)))
    })
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
