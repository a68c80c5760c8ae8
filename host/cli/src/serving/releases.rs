//! Where the releases of workspaces come from: registries, held against the policy of the workspace's home, as `jackfield install`
//! and `upgrade` do it.

use std::{path::Path, sync::OnceLock};

use async_trait::async_trait;
use jackfield_host::{Error, Host, Installation, grant::Grant};
use jackfield_package::{
    PackageName,
    admission::{HostPolicy, Query, TrustedRegistry},
    difference::Change,
    statement::Bundle,
};
use jackfield_workspace::{
    Problem,
    supply::{GrantChoice, Offer, Standing, Supply as WorkspaceSupply},
};
use serde_json::{Value, json};

use crate::{
    commands::{install::all_of, upgrade::more},
    context::Context,
    error::Failed,
    standing::Since,
    supply::{Good, Supply, Wanted},
    trusted::Trusted,
};

/// Registries, as each workspace believes them.
#[derive(Debug)]
pub(super) struct Releases {
    context: Context,
    /// The registry of this very process, once it is known where it listens.
    own: OnceLock<TrustedRegistry>,
}

/// A release that may be installed, and what is to be said of it first.
struct Considered<'c> {
    supply: Supply<'c>,
    good: Good,
    previous: Option<Installation>,
    changes: Vec<Change>,
    signer_changed: bool,
}

impl Releases {
    pub(super) fn new(context: Context) -> Self {
        Self { context, own: OnceLock::new() }
    }

    /// Tells where the registry of this process is, and its keys: new workspaces believe it.
    pub(super) fn set_own(&self, registry: TrustedRegistry) {
        let _ = self.own.set(registry);
    }

    async fn consider<'c>(&self, context: &'c Context, host: &Host, wanted: &str) -> Result<Considered<'c>, Failed> {
        let wanted = Wanted::parse(wanted).unwrap_or_else(|| {
            Err(Failed::usage("package-malformed", format!("`{}` is no package", wanted.escape_debug()))
                .hint("such as acme:crm, or acme:crm@^1.2"))
        })?;
        let trusted = Trusted::of(context);
        let locked = trusted.lock()?.package(&wanted.name).cloned();
        let origin = locked.as_ref().map(|locked| locked.registry.clone());
        let supply = Supply::of(origin.as_deref(), self.own.get(), context)?;
        let previous = match host.installation(&wanted.name) {
            Ok(installation) => Some(installation),
            Err(Error::NotInstalled { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let query =
            Query { name: wanted.name, range: wanted.range, locked: previous.as_ref().map(|previous| previous.digest) };
        let good = supply.find(&query, false).await?.verdict?;
        let (changes, signer_changed) = match &previous {
            None => (Vec::new(), false),
            Some(previous) => (more(previous, &good, &supply)?, !good.admitted.signers.contains(&previous.signer)),
        };
        Ok(Considered { supply, good, previous, changes, signer_changed })
    }
}

impl Considered<'_> {
    fn offer(&self) -> Offer {
        let package = self.good.admitted.verified.package();
        let manifest = package.manifest();
        Offer {
            name: manifest.name.clone(),
            version: manifest.version.to_string(),
            digest: package.digest().to_string(),
            replaces: self.previous.as_ref().map(|previous| previous.version.to_string()),
            manifest: manifest.clone(),
            changes: json!(self.changes),
            consent_needed: self.signer_changed || !self.changes.is_empty(),
            warnings: self.good.admitted.warnings.clone(),
        }
    }

    fn grant(&self, choice: GrantChoice) -> Grant {
        let manifest = self.good.admitted.verified.package().manifest();
        let before = || self.previous.as_ref().map(|previous| previous.grant.clone()).unwrap_or_default();
        match choice {
            GrantChoice::All => all_of(manifest, self.previous.as_ref()),
            GrantChoice::None => Grant { egress: Vec::new(), ..before() },
            GrantChoice::Keep => before(),
            GrantChoice::Exactly(grant) => *grant,
        }
    }
}

#[async_trait]
impl WorkspaceSupply for Releases {
    async fn offer(&self, home: &Path, host: &Host, wanted: &str) -> Result<Offer, Problem> {
        let context = self.context.at(home);
        Ok(self.consider(&context, host, wanted).await.map_err(Failed::into_problem)?.offer())
    }

    async fn install(
        &self,
        home: &Path,
        host: &Host,
        wanted: &str,
        grant: GrantChoice,
        consent: bool,
    ) -> Result<Installation, Problem> {
        let context = self.context.at(home);
        let considered = self.consider(&context, host, wanted).await.map_err(Failed::into_problem)?;
        let offer = considered.offer();
        if offer.consent_needed && !consent {
            let message = format!("{} {} does more than before, or another key signed it", offer.name, offer.version);
            return Err(Problem::conflict("consent-needed", message)
                .hint("look at what changes, and agree: the same again with `consent`"));
        }
        let grant = considered.grant(grant);
        let Considered { supply, good, previous, .. } = considered;
        let installed = async {
            let evidence = supply.keep(&good)?;
            let bundles: Vec<Bundle> = good.evidence.publish.iter().map(|logged| logged.bundle.clone()).collect();
            let installation = host.install(good.admitted.verified.clone(), &bundles, grant).await?;
            supply.lock(&good, evidence)?;
            Ok::<_, Failed>(installation)
        };
        let installation = installed.await.map_err(Failed::into_problem)?;
        if previous.is_none() && supply.policy.report_installs {
            supply.report_install(&good).await;
        }
        Ok(installation)
    }

    async fn forget(&self, home: &Path, name: &PackageName) -> Result<(), Problem> {
        Trusted::of(&self.context.at(home)).forget_locked(name).map_err(Failed::into_problem)
    }

    async fn standing(&self, home: &Path) -> Result<Vec<Standing>, Problem> {
        let context = self.context.at(home);
        let lock = Trusted::of(&context).lock().map_err(Failed::into_problem)?;
        let mut all = Vec::new();
        for package in &lock.packages {
            let supply = Supply::of(Some(&package.registry), self.own.get(), &context);
            let since = Since::ask(package, supply, false).await;
            // Not being able to ask is no news.
            if since.is_reached() {
                let against = since.against.as_ref();
                all.push(Standing {
                    name: package.name.clone(),
                    version: package.version.to_string(),
                    taken_back: against.map(|against| against.to_json()),
                    switched_off: against.is_some_and(|against| against.disabled),
                    advisories: json!(since.advisories),
                });
            }
        }
        Ok(all)
    }

    async fn policy(&self, home: &Path) -> Result<Value, Problem> {
        Ok(json!(Trusted::of(&self.context.at(home)).policy().map_err(Failed::into_problem)?))
    }

    async fn set_policy(&self, home: &Path, wanted: Value, may_choose_registries: bool) -> Result<(), Problem> {
        let names_registries = wanted.get("registries").is_some();
        let wanted: HostPolicy = serde_json::from_value(wanted).map_err(|error| {
            Problem::bad_request("policy-invalid", format!("this is no policy: {error}"))
                .hint("docs/spec/policy.md shows every key")
        })?;
        let mut refused = None;
        let changed = Trusted::of(&self.context.at(home)).change_policy(|now| {
            let registries = if names_registries { wanted.registries } else { now.registries.clone() };
            if registries != now.registries && !may_choose_registries {
                let message = "which registries are believed, an operator of the server says: the server asks them";
                refused = Some(Problem::forbidden("policy-registries", message.to_owned()));
                return Ok(now.clone());
            }
            // What was seen of keysets is no opinion.
            Ok(HostPolicy { registries, keysets: now.keysets.clone(), ..wanted })
        });
        changed.map_err(Failed::into_problem)?;
        refused.map_or(Ok(()), Err)
    }

    async fn prepare(&self, home: &Path) -> Result<(), Problem> {
        let Some(own) = self.own.get() else { return Ok(()) };
        Trusted::of(&self.context.at(home)).add_registry(own).map(drop).map_err(Failed::into_problem)
    }
}
