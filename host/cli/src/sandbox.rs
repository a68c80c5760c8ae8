//! A host that lasts as long as one build or one test run: its home is temporary, and the one key that it trusts is made
//! here and forgotten. An author's unsigned build thus runs through the same door as anybody's release.

use std::sync::Arc;

use jackfield_host::{Compiler, Engines, Host, HostBuilder, Installation, egress::Transport, grant::Grant};
use jackfield_package::{
    Package, Verified,
    key::SigningKey,
    statement::{Bundle, sign_publish},
    verify::{Namespaces, Trust, TrustedKey, verify},
};
use tempfile::TempDir;

use crate::error::{Failed, Kind};

/// A host for the author's own builds.
pub(crate) struct Sandbox {
    host: Host,
    home: TempDir,
    key: SigningKey,
}

impl Sandbox {
    /// A sandbox to ask components what they are.
    pub(crate) fn new() -> Result<Self, Failed> {
        Self::build(|builder| builder)
    }

    /// A sandbox whose requests this transport answers.
    pub(crate) fn with_transport(transport: Arc<dyn Transport>) -> Result<Self, Failed> {
        Self::build(|builder| builder.transport(transport))
    }

    fn build(change: impl FnOnce(HostBuilder) -> HostBuilder) -> Result<Self, Failed> {
        let home = tempfile::Builder::new()
            .prefix("jackfield-")
            .tempdir()
            .map_err(|error| Failed::file("cannot make a temporary folder", &error))?;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| {
            Failed::new(Kind::Fault, "no-randomness", format!("the system gives no randomness: {error}"))
        })?;
        // The author compiled this component; a process of its own would protect him from himself.
        let builder =
            Host::builder().home(home.path().join("home")).compiler(Compiler::InProcess).engines(&Engines::new(1));
        let host = change(builder).build()?;
        Ok(Self { host, home, key: SigningKey::from_seed(seed) })
    }

    /// The host.
    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// A place for files that go with the sandbox.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.home.path()
    }

    /// What the component says that it does: the answer of its `describe`, in an empty sandbox.
    pub(crate) async fn describe(&self, package: &Package) -> Result<String, Failed> {
        let (verified, _) = self.verified(package)?;
        Ok(self.host.describe(&verified).await?)
    }

    /// The same, with the reason why not apart from what failed around it.
    pub(crate) async fn try_describe(
        &self,
        package: &Package,
    ) -> Result<Result<String, jackfield_host::Failure>, Failed> {
        let (verified, _) = self.verified(package)?;
        Ok(self.host.describe(&verified).await)
    }

    /// Installs it with this grant.
    pub(crate) async fn install(&self, package: &Package, grant: Grant) -> Result<Installation, Failed> {
        let (verified, bundle) = self.verified(package)?;
        self.host.install(verified, &[bundle], grant).await.map_err(Failed::from)
    }

    fn verified(&self, package: &Package) -> Result<(Verified, Bundle), Failed> {
        let bundle = sign_publish(package, &self.key);
        let trusted = TrustedKey { key: self.key.public_key(), namespaces: Namespaces::All };
        let verification = verify(package, std::slice::from_ref(&bundle), &Trust::new(vec![trusted]));
        Ok((verification.verdict?, bundle))
    }
}
