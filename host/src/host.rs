//! The host: what an embedder holds.

mod builder;
mod calls;

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, Weak},
    time::{SystemTime, UNIX_EPOCH},
};

use jackfield_broker::{Broker, flow::Flows, hook::Hooks, sender::Sender};
use jackfield_package::{
    Digest, Manifest, Package, PackageName, Refusal, Verified,
    key::SigningKey,
    statement::{Bundle, ReceiptStatement},
};

pub use self::builder::HostBuilder;

use crate::{
    broker::HomeBroker,
    compiled::Compiled,
    credentials::Attacher,
    egress::{Egress, Resolve, Transport, Wire},
    engine::Shards,
    error::Error,
    failure::HostFault,
    grant::Grant,
    home::Home,
    hook::HomeHooks,
    installation::Installation,
    live::Live,
    usage::{Usage, UsageBook},
};

/// Runs connectors from one home folder. Cheap to clone; all clones share engines, pools and connections.
#[derive(Clone)]
pub struct Host(Arc<Inner>);

/// A host that is there as long as somebody else holds it.
pub(crate) struct WeakHost(Weak<Inner>);

impl WeakHost {
    pub(crate) fn upgrade(&self) -> Option<Host> {
        self.0.upgrade().map(Host)
    }
}

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

impl Host {
    /// Settings, to be changed and built. The home is `jackfield` in the current folder unless set.
    pub fn builder() -> HostBuilder {
        HostBuilder::default()
    }

    /// The broker of this home and the flows of its providers; made when it is first needed.
    ///
    /// # Errors
    /// Those of [`jackfield_broker::home::open`].
    pub async fn broker(&self) -> Result<(Broker, Flows), jackfield_broker::Error> {
        self.0.broker.get().await.cloned()
    }

    /// Who runs the hooks of the connectors that are installed here, for a broker that this host is one tenant of. It lasts as long as
    /// somebody holds the host.
    pub fn hooks(&self) -> Arc<dyn Hooks> {
        Arc::new(HomeHooks(WeakHost(Arc::downgrade(&self.0))))
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

    /// An egress with connections of its own, so that no two installations share one.
    pub(crate) fn egress(&self, manifest: &Manifest, grant: &Grant) -> Result<Egress, Refusal> {
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
        grant.fits(manifest)?;
        self.egress(manifest, grant)?.check_credentials()
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

/// The package's bytes as a file, which is what a compiler in another process can read.
fn source_of(package: &Package) -> Result<tempfile::NamedTempFile, HostFault> {
    let fault = |error: std::io::Error| HostFault::new(format!("a temporary file: {error}"));
    let file = tempfile::NamedTempFile::new().map_err(fault)?;
    std::fs::write(file.path(), package.bytes()).map_err(fault)?;
    Ok(file)
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
