//! A release pinned by digest, with its grant.

use jackfield_package::{Digest, Manifest, PackageName, Verified, egress::HostPattern, key::KeyId, manifest::Auth};
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
    /// An entry of its manifest's `auth` with the hosts that its settings name in the place of templates: what a person decides by.
    pub fn auth_as_configured(&self, auth: &Auth) -> Auth {
        let named = |field: &str| -> Vec<HostPattern> {
            let value = self.grant.config.get(field);
            let texts =
                value.and_then(|value| value.as_array().map(Vec::as_slice).or(Some(std::slice::from_ref(value))));
            texts.into_iter().flatten().filter_map(|text| text.as_str()?.parse().ok()).collect()
        };
        let filled = auth.hosts.iter().flat_map(|host| match host {
            HostPattern::Template(field) => {
                Some(named(field)).filter(|hosts| !hosts.is_empty()).unwrap_or_else(|| vec![host.clone()])
            }
            host => vec![host.clone()],
        });
        Auth { hosts: filled.collect(), ..auth.clone() }
    }

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
