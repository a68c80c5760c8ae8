//! From a path on the command line to a package, and to a package that is verified.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use jackfield_package::{
    Package, Verified,
    limits::BUNDLE_BYTES,
    statement::Bundle,
    verify::{Namespaces, Trust, TrustedKey, Verification, verify},
};

use crate::{
    context::{Context, read_bounded},
    error::Failed,
    flags::Evidence,
    store::{TrustStore, read_public_key},
};

/// Reads a component and every rule of its form.
pub(crate) fn read_package(path: &Path, context: &Context) -> Result<Package, Failed> {
    let bytes = context.read_component(path)?;
    Package::parse(bytes).map_err(|mut refusal| {
        refusal.message = format!("`{}`: {}", path.display(), refusal.message);
        refusal.into()
    })
}

/// Where a component's bundle stands: beside it, `<component>.sigstore.json`.
pub(crate) fn bundle_path(component: &Path) -> PathBuf {
    let mut name = OsString::from(component);
    name.push(".sigstore.json");
    name.into()
}

/// Reads one bundle.
pub(crate) fn read_bundle(path: &Path) -> Result<Bundle, Failed> {
    let bytes = read_bounded(path, "the bundle", BUNDLE_BYTES as u64)?;
    Bundle::parse(&bytes).map_err(|mut refusal| {
        refusal.message = format!("`{}`: {}", path.display(), refusal.message);
        refusal.into()
    })
}

/// The bundles that were named, or else the one beside the component, if there is one.
pub(crate) fn read_bundles(component: &Path, evidence: &Evidence) -> Result<Vec<Bundle>, Failed> {
    if !evidence.bundle.is_empty() {
        return evidence.bundle.iter().map(|path| read_bundle(path)).collect();
    }
    let beside = bundle_path(component);
    if beside.exists() { Ok(vec![read_bundle(&beside)?]) } else { Ok(Vec::new()) }
}

/// Whom to believe: the keys that were named, for every namespace, or else those of this home.
pub(crate) fn read_trust(evidence: &Evidence, context: &Context) -> Result<Trust, Failed> {
    if evidence.keys.is_empty() {
        return Ok(TrustStore::load(context)?.to_trust());
    }
    let key = |path: &PathBuf| Ok(TrustedKey { key: read_public_key(path)?, namespaces: Namespaces::All });
    Ok(Trust::new(evidence.keys.iter().map(key).collect::<Result<_, Failed>>()?))
}

/// A component, its bundles, and what came of holding them against the trusted keys.
pub(crate) struct Examined {
    pub(crate) package: Package,
    pub(crate) bundles: Vec<Bundle>,
    pub(crate) verification: Verification,
}

impl Examined {
    pub(crate) fn read(component: &Path, evidence: &Evidence, context: &Context) -> Result<Self, Failed> {
        let package = read_package(component, context).map_err(|failed| match failed.is_not_found() {
            true => failed.hint("a package of a registry is named namespace:name; find one: jackfield search TEXT"),
            false => failed,
        })?;
        let bundles = read_bundles(component, evidence)?;
        let verification = verify(&package, &bundles, &read_trust(evidence, context)?);
        Ok(Self { package, bundles, verification })
    }

    /// What can be installed, or why not.
    pub(crate) fn verified(self) -> Result<(Verified, Vec<Bundle>), Failed> {
        Ok((self.verification.verdict?, self.bundles))
    }
}
