//! Makes a package of a guest program: its manifest, and a publisher's signature.

use std::path::Path;

use jackfield_host::grant::EgressGrant;
use jackfield_package::{
    Label, Manifest, Package, PackageName, Refusal,
    egress::Egress,
    key::SigningKey,
    manifest::{Attach, Auth, AuthType},
    section,
    statement::{Bundle, sign_publish},
    verify::{Namespaces, Trust, TrustedKey},
};
use serde_json::{Value, json};

/// The one operation that every program has.
const OPERATIONS: &str = include_str!("../../programs/operations.json");

/// Who publishes in the namespace `test`.
pub fn publisher() -> SigningKey {
    SigningKey::from_seed([7; 32])
}

/// Trust in [`publisher`], for the namespace `test`.
///
/// # Panics
/// Never.
pub fn trust() -> Trust {
    let namespaces = Namespaces::List(vec!["test".parse().expect("a label")]);
    Trust::new(vec![TrustedKey { key: publisher().public_key(), namespaces }])
}

/// A program on its way to be a package.
#[derive(Clone, Debug)]
pub struct PackageBuilder {
    component: Vec<u8>,
    manifest: Manifest,
    sections: Vec<(String, Vec<u8>)>,
}

impl PackageBuilder {
    /// The program of that file, as `test:<its name>` in version 1.0.0, asking for nothing.
    ///
    /// # Panics
    /// If there is no such file.
    pub fn of(program: &str) -> Self {
        let component = std::fs::read(program).unwrap_or_else(|fault| panic!("{program}: {fault}"));
        let stem = Path::new(program).file_stem().and_then(|stem| stem.to_str()).expect("a name");
        let operations: Value = serde_json::from_str(OPERATIONS).expect("operations.json is JSON");
        let manifest = serde_json::from_value(json!({
            "name": format!("test:{}", stem.replace('_', "-")),
            "version": "1.0.0",
            "world": "jackfield:connector@0.1.0",
            "title": stem,
            "summary": "A guest program of the tests.",
            "license": "Apache-2.0",
            "operations": operations["operations"],
        }))
        .expect("a manifest");
        Self { component, manifest, sections: Vec::new() }
    }

    /// Under another name.
    ///
    /// # Panics
    /// On what is not a name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.manifest.name = name.parse().expect("a package's name");
        self
    }

    /// In another version.
    ///
    /// # Panics
    /// On what is not a version.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        self.manifest.version = version.parse().expect("a version");
        self
    }

    /// The manifest asks for this destination, written like a grant: `GET,POST https://api.example.com:8443`.
    ///
    /// # Panics
    /// On what is not a destination.
    #[must_use]
    pub fn asks(mut self, destination: &str) -> Self {
        let EgressGrant { host, ports, methods, .. } = destination.parse().expect("a destination");
        let reason = "The test asks for it.".to_owned();
        self.manifest.egress.push(Egress { host, pattern: None, ports, methods, reason });
        self
    }

    /// The manifest asks for a bearer token for these hosts.
    ///
    /// # Panics
    /// On what is not an id or a host.
    #[must_use]
    pub fn auth(mut self, id: &str, hosts: &[&str], attach: Attach) -> Self {
        self.manifest.auth.push(Auth {
            id: id.parse::<Label>().expect("an id"),
            r#type: AuthType::Bearer,
            provider: None,
            scopes: Vec::new(),
            hosts: hosts.iter().map(|host| host.parse().expect("a host")).collect(),
            attach,
            test: None,
            hook: None,
        });
        self
    }

    /// Anything else of the manifest.
    #[must_use]
    pub fn manifest(mut self, change: impl FnOnce(&mut Manifest)) -> Self {
        change(&mut self.manifest);
        self
    }

    /// With another custom section.
    #[must_use]
    pub fn section(mut self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        self.sections.push((name.to_owned(), content.into()));
        self
    }

    /// The package's name so far.
    pub fn name(&self) -> &PackageName {
        &self.manifest.name
    }

    /// The component with its manifest in it.
    ///
    /// # Panics
    /// If the program can't hold a manifest.
    pub fn bytes(&self) -> Vec<u8> {
        let manifest = serde_json::to_vec(&self.manifest).expect("a manifest is JSON");
        let mut sections = vec![(section::MANIFEST, manifest.as_slice())];
        sections.extend(self.sections.iter().map(|(name, content)| (name.as_str(), content.as_slice())));
        section::embed(&self.component, &sections).expect("a component takes a manifest")
    }

    /// The package, if it is one.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn try_build(&self) -> Result<Package, Refusal> {
        Package::parse(self.bytes())
    }

    /// The package, signed by [`publisher`].
    ///
    /// # Panics
    /// If it breaks a rule.
    pub fn signed(&self) -> (Package, Bundle) {
        let package = self.try_build().unwrap_or_else(|refusal| panic!("{}: {refusal}", self.manifest.name));
        let bundle = sign_publish(&package, &publisher());
        (package, bundle)
    }
}
