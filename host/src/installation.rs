//! A release pinned by digest, with its grant.

use jackfield_package::{Digest, Manifest, PackageName, Verified, key::KeyId};
use semver::Version;
use serde::{Deserialize, Serialize};

use crate::grant::Grant;

/// A release pinned by digest in this home, with what its admin allows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Installation {
    /// The package.
    pub name: PackageName,
    /// The release.
    pub version: Version,
    /// Its bytes.
    pub digest: Digest,
    /// The id of the key whose statement it was admitted by.
    pub signer: KeyId,
    /// Seconds since the Unix epoch.
    pub installed_at_s: u64,
    /// Off: calls are refused, and those that run are stopped. The kill switch.
    pub enabled: bool,
    /// What is allowed.
    pub grant: Grant,
    /// What the release is and asks for: a copy of what its bytes carry, so that nothing has to be parsed to call it.
    pub manifest: Manifest,
}

impl Installation {
    pub(crate) fn new(verified: &Verified, grant: Grant, installed_at_s: u64) -> Self {
        let package = verified.package();
        Self {
            name: package.manifest().name.clone(),
            version: package.manifest().version.clone(),
            digest: package.digest(),
            signer: *verified.signer(),
            installed_at_s,
            enabled: true,
            grant,
            manifest: package.manifest().clone(),
        }
    }
}
