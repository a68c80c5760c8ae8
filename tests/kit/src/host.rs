//! A host with a home of its own, and a line of builder for each installation.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use jackfield_host::{
    Compiler, Error, Host, Installation, Invocation, Outcome,
    egress::Resolve,
    failure::HostFault,
    grant::{Grant, OperationGrant, Source},
    limits::Limit,
};
use jackfield_package::{Label, Manifest, PackageName, Verified, manifest::Attach, statement::Bundle, verify::verify};
use rustls::pki_types::CertificateDer;
use serde_json::Value;
use tempfile::TempDir;

use crate::package::{PackageBuilder, trust};

/// The host, whose home goes with it.
pub struct TestHost {
    host: Host,
    home: TempDir,
}

/// What a host is made with, where the defaults do not do.
#[derive(Default)]
pub struct TestHostBuilder {
    resolver: Option<Arc<dyn Resolve>>,
    roots: Vec<CertificateDer<'static>>,
    database: Option<String>,
}

impl TestHost {
    /// A host that compiles in this process, resolves like the system and trusts the web's authorities.
    ///
    /// # Panics
    /// If there can't be one.
    #[expect(clippy::new_without_default, reason = "each is another")]
    pub fn new() -> Self {
        Self::builder().start()
    }

    /// One that differs.
    pub fn builder() -> TestHostBuilder {
        TestHostBuilder::default()
    }

    /// A host of the same kind over a home that exists.
    ///
    /// # Errors
    /// If there can't be one.
    pub fn over(home: &Path) -> Result<Host, HostFault> {
        Host::builder().home(home).compiler(Compiler::InProcess).build()
    }

    /// Begins an installation of the program of that file.
    pub fn program(&self, program: &str) -> Installing<'_> {
        Installing { on: self, package: PackageBuilder::of(program), grant: Grant::default() }
    }

    /// The host itself.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Its home.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The files of one folder of its home.
    ///
    /// # Panics
    /// If there is no such folder.
    pub fn files_in(&self, folder: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.home().join(folder)).expect("the folder");
        let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        files.sort();
        files
    }
}

impl TestHostBuilder {
    /// Names mean what this says.
    #[must_use]
    pub fn resolver(mut self, resolver: Arc<dyn Resolve>) -> Self {
        self.resolver = Some(resolver);
        self
    }

    /// Servers with certificates of this authority are believed.
    #[must_use]
    pub fn root(mut self, root: CertificateDer<'static>) -> Self {
        self.roots.push(root);
        self
    }

    /// Connections are kept in that database, not in a file of the home.
    #[must_use]
    pub fn database(mut self, url: &str) -> Self {
        self.database = Some(url.to_owned());
        self
    }

    /// The host.
    ///
    /// # Panics
    /// If there can't be one.
    pub fn start(self) -> TestHost {
        let home = TempDir::new().expect("a temporary folder");
        let mut builder = Host::builder().home(home.path()).compiler(Compiler::InProcess);
        if let Some(resolver) = self.resolver {
            builder = builder.resolver(resolver);
        }
        if !self.roots.is_empty() {
            builder = builder.root_certificates(self.roots);
        }
        if let Some(database) = self.database {
            builder = builder.database(database);
        }
        TestHost { host: builder.build().expect("a host"), home }
    }
}

/// A program on its way to be installed.
pub struct Installing<'a> {
    on: &'a TestHost,
    package: PackageBuilder,
    grant: Grant,
}

impl<'a> Installing<'a> {
    /// Under another name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.package = self.package.named(name);
        self
    }

    /// The manifest asks for a destination; see [`PackageBuilder::asks`].
    #[must_use]
    pub fn asks(mut self, destination: &str) -> Self {
        self.package = self.package.asks(destination);
        self
    }

    /// The admin grants a destination.
    ///
    /// # Panics
    /// On what is not a destination.
    #[must_use]
    pub fn grants(mut self, destination: &str) -> Self {
        self.grant.egress.push(destination.parse().expect("a destination"));
        self
    }

    /// The manifest asks for a destination, and the admin grants it.
    #[must_use]
    pub fn allows(self, destination: &str) -> Self {
        self.asks(destination).grants(destination)
    }

    /// The manifest asks for a bearer token for these hosts, and the admin binds a file that holds `secret`.
    ///
    /// # Panics
    /// On what is not an id or a host.
    #[must_use]
    pub fn credential(mut self, id: &str, hosts: &[&str], attach: Attach, secret: &str) -> Self {
        let path = self.on.home().join(format!("{id}.secret"));
        std::fs::write(&path, secret).expect("a secret's file");
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("its mode");
        self.grant.credentials.insert(id.parse::<Label>().expect("an id"), Source::File(path));
        self.package = self.package.auth(id, hosts, attach);
        self
    }

    /// The admin sets a limit.
    #[must_use]
    pub fn limit(mut self, limit: Limit, value: u64) -> Self {
        self.grant.limits.insert(limit, value);
        self
    }

    /// The admin grants these operations only.
    ///
    /// # Panics
    /// On what is not a name.
    #[must_use]
    pub fn operations(mut self, names: &[&str]) -> Self {
        self.grant.operations = OperationGrant::Only(names.iter().map(|name| name.parse().expect("a name")).collect());
        self
    }

    /// The manifest has this schema for settings, and the admin sets this object.
    ///
    /// # Panics
    /// On what is not an object.
    #[must_use]
    pub fn config(mut self, schema: Value, config: Value) -> Self {
        self.grant.config = config.as_object().expect("an object").clone();
        self.manifest(|manifest| manifest.config = Some(schema))
    }

    /// Anything else of the manifest.
    #[must_use]
    pub fn manifest(mut self, change: impl FnOnce(&mut Manifest)) -> Self {
        self.package = self.package.manifest(change);
        self
    }

    /// Installs it.
    ///
    /// # Panics
    /// If that is refused.
    pub async fn install(self) -> Installed<'a> {
        let name = self.package.name().clone();
        self.try_install().await.unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Installs it, if the host lets it.
    ///
    /// # Errors
    /// Why not.
    pub async fn try_install(self) -> Result<Installed<'a>, Error> {
        let (verified, bundle) = self.verified()?;
        let name = self.package.name().clone();
        let installation = self.on.host.install(verified, &[bundle], self.grant).await?;
        Ok(Installed { on: self.on, name, installation })
    }

    /// The release, checked, and its signed statement.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn verified(&self) -> Result<(Verified, Bundle), Error> {
        let package = self.package.try_build()?;
        let bundle = jackfield_package::statement::sign_publish(&package, &crate::publisher());
        let verified = verify(&package, std::slice::from_ref(&bundle), &trust()).verdict?;
        Ok((verified, bundle))
    }
}

/// An installed program.
pub struct Installed<'a> {
    on: &'a TestHost,
    /// Its name.
    pub name: PackageName,
    /// What the host answered.
    pub installation: Installation,
}

impl Installed<'_> {
    /// Calls `run`.
    pub async fn run(&self, input: Value) -> Outcome {
        self.call(Invocation::new("run", input.to_string())).await
    }

    /// Calls as worded.
    pub async fn call(&self, invocation: Invocation) -> Outcome {
        self.on.host.invoke(&self.name, invocation).await
    }

    /// Changes the grant.
    ///
    /// # Panics
    /// If that is refused.
    pub fn regrant(&self, change: impl FnOnce(&mut Grant)) {
        let mut grant = self.on.host.installation(&self.name).expect("it is installed").grant;
        change(&mut grant);
        self.on.host.set_grant(&self.name, grant).expect("the grant is taken");
    }
}
