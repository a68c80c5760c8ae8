//! The lock file, `jackfield.lock`: what was installed from registries, and what for.

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::{Digest, PackageName};

/// What is installed from registries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lock {
    /// One entry a package, by name.
    #[serde(rename = "package")]
    pub packages: Vec<LockedPackage>,
}

/// One release, pinned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockedPackage {
    /// The package.
    pub name: PackageName,
    /// Its version.
    pub version: Version,
    /// The component's digest.
    pub digest: Digest,
    /// The registry it came from, by origin.
    pub registry: String,
    /// Where its publish statement stands in that registry's log.
    pub log_index: u64,
    /// The version of the namespace's keyset that signed it.
    pub keyset_version: u64,
    /// SHA-256 of the evidence that it was admitted by, which is kept in the home.
    pub evidence: Digest,
    /// When it was admitted, in microseconds since 1970.
    pub admitted_at: i64,
}

impl Lock {
    /// The entry of this package.
    pub fn package(&self, name: &PackageName) -> Option<&LockedPackage> {
        self.packages.iter().find(|package| package.name == *name)
    }

    /// Puts an entry in the place of the one of the same name.
    pub fn put(&mut self, package: LockedPackage) {
        self.remove(&package.name);
        self.packages.push(package);
        self.packages.sort_by(|a, b| a.name.cmp(&b.name));
    }

    /// Takes an entry out.
    pub fn remove(&mut self, name: &PackageName) {
        self.packages.retain(|package| package.name != *name);
    }
}
