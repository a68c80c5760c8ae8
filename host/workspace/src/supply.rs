//! Where releases come from.

use std::path::Path;

use async_trait::async_trait;
use jackfield_host::{Host, Installation, grant::Grant};
use jackfield_package::{Manifest, PackageName};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::Problem;

/// What an admin is shown before he decides.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Offer {
    /// The package.
    #[schema(value_type = String)]
    pub name: PackageName,
    /// The release that the query means.
    pub version: String,
    /// Its component.
    pub digest: String,
    /// What is installed now, if anything is.
    #[schema(required)]
    pub replaces: Option<String>,
    /// Its manifest.
    #[schema(value_type = Object)]
    pub manifest: Manifest,
    /// What it may do that the installed release may not, in words.
    pub changes: Value,
    /// Whether somebody must agree, since it asks for more or another key signed it.
    pub consent_needed: bool,
    /// What admission warns of.
    pub warnings: Vec<String>,
}

/// How what is installed stands with the registry it came from.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Standing {
    /// The package.
    #[schema(value_type = String)]
    pub name: PackageName,
    /// The version that is installed.
    pub version: String,
    /// By whom it was yanked, quarantined or revoked, and why; null: it stands.
    #[schema(required)]
    pub taken_back: Option<Value>,
    /// Whether it was switched off just now, since it was revoked and the policy wants that.
    pub switched_off: bool,
    /// Advisories about this version.
    pub advisories: Value,
}

/// How releases are found, held against evidence and policy, and installed in the home of a workspace.
#[async_trait]
pub trait Supply: Send + Sync + std::fmt::Debug {
    /// What would be installed for `namespace:name[@RANGE]`, fully admitted; nothing changes but what was seen of the registry.
    ///
    /// # Errors
    /// What stands against it, by its code.
    async fn offer(&self, home: &Path, host: &Host, wanted: &str) -> Result<Offer, Problem>;

    /// Installs it. `grant`: what it may do, worked out from its manifest and the grant before; an upgrade that asks for more than the
    /// installed release did needs `consent`.
    ///
    /// # Errors
    /// What stands against it; 409 `consent-needed`.
    async fn install(
        &self,
        home: &Path,
        host: &Host,
        wanted: &str,
        grant: GrantChoice,
        consent: bool,
    ) -> Result<Installation, Problem>;

    /// Forgets that it came from a registry, after it was uninstalled.
    ///
    /// # Errors
    /// If the home can't be written.
    async fn forget(&self, home: &Path, name: &PackageName) -> Result<(), Problem>;

    /// Asks the registries how everything that is installed stands now; what was revoked is switched off where the policy wants that.
    /// What a registry could not be asked about is left out.
    ///
    /// # Errors
    /// If the home can't be read.
    async fn standing(&self, home: &Path) -> Result<Vec<Standing>, Problem>;

    /// What is asked of a release before it is installed, as JSON with the keys of `docs/spec/policy.md`.
    ///
    /// # Errors
    /// If the home can't be read.
    async fn policy(&self, home: &Path) -> Result<Value, Problem>;

    /// Changes it as a whole; keysets that were seen stay, and so do registries that are not named.
    ///
    /// # Errors
    /// 400 `policy-invalid`; 403 `policy-registries` for who names other registries and may not.
    async fn set_policy(&self, home: &Path, policy: Value, may_choose_registries: bool) -> Result<(), Problem>;

    /// Makes what a new workspace's home begins with: whom it believes.
    ///
    /// # Errors
    /// If the home can't be written.
    async fn prepare(&self, home: &Path) -> Result<(), Problem>;
}

/// What is granted to a release as it is installed.
#[derive(Clone, Debug, PartialEq)]
pub enum GrantChoice {
    /// All that its manifest asks for.
    All,
    /// Nothing beyond computing.
    None,
    /// As before; for a first installation nothing.
    Keep,
    /// Exactly this.
    Exactly(Box<Grant>),
}
