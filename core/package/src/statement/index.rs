//! The index statement: a registry says which releases of a package there are, as of a size of its log.

use semver::Version;
use serde::{Deserialize, Serialize};

use super::{Bundle, frame};
use crate::{
    Digest, PackageName, Refusal,
    advisory::Advisory,
    key::SigningKey,
    limits::{INDEX_ADVISORIES, INDEX_BYTES, INDEX_RELEASES, SUMMARY_CHARS, WORD_CHARS},
};

/// `predicateType` of an index statement.
pub const INDEX_PREDICATE_TYPE: &str = "https://jackfield.dev/spec/index/v1";

/// What hosts resolve a name and a range of versions by. It stands outside the log, and says up to where it has read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexStatement {
    /// Who says so, a bare host name.
    pub registry: String,
    /// The package.
    pub name: PackageName,
    /// Entries of the log that it takes into account. It never shrinks.
    pub log_size: u64,
    /// When it was signed, in microseconds since 1970.
    pub issued: i64,
    /// When it is stale, in microseconds since 1970.
    pub expires: i64,
    /// The author's message, if the package is deprecated.
    pub deprecated: Option<String>,
    /// Known faults that stand.
    pub advisories: Vec<Advisory>,
    /// Every release that was ever released, by version.
    pub releases: Vec<IndexRelease>,
}

/// One release in an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexRelease {
    /// Its version.
    pub version: Version,
    /// Digest of its component.
    pub component: Digest,
    /// Digest of the OCI manifest it is served under.
    pub oci_manifest: Digest,
    /// Bytes of the component.
    pub size: u64,
    /// When it was released, in microseconds since 1970.
    pub released_at: i64,
    /// What has become of it.
    pub status: ReleaseStatus,
}

/// What has become of a release; what is worse is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReleaseStatus {
    /// To be had.
    Released,
    /// Not for new installations.
    Yanked,
    /// Waits for somebody to look.
    Quarantined,
    /// Not to be run any more.
    Revoked,
}

impl ReleaseStatus {
    /// The word in statements.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Released => "released",
            Self::Yanked => "yanked",
            Self::Quarantined => "quarantined",
            Self::Revoked => "revoked",
        }
    }
}

impl IndexStatement {
    /// Signs it.
    pub fn sign(&self, key: &SigningKey) -> Bundle {
        Bundle::sign(self.to_payload(), key)
    }

    /// The statement's JSON, the same bytes for the same statement.
    pub fn to_payload(&self) -> Vec<u8> {
        let Self { registry, name, log_size, issued, expires, deprecated, advisories, releases } = self.clone();
        let subject = (frame::NAME, Digest::of(name.to_string().as_bytes()));
        let form = Form { registry, name, log_size, issued, expires, deprecated, advisories, releases };
        frame::write(INDEX_PREDICATE_TYPE, &[subject], &form)
    }

    /// Reads a payload whose signature has been checked, at most [`INDEX_BYTES`] of it. [`Bundle::parse_index`] reads the
    /// bundle.
    ///
    /// # Errors
    /// The codes of [`crate::strict_json::parse_with`], `statement-type`, `statement-malformed`.
    pub fn from_verified_payload(payload: &[u8]) -> Result<Self, Refusal> {
        let (mut subjects, form) = frame::read_within::<Form>(payload, INDEX_PREDICATE_TYPE, INDEX_BYTES)?;
        subjects.name(&form.name.to_string())?;
        subjects.nothing_left()?;
        let Form { registry, name, log_size, issued, expires, deprecated, advisories, releases } = form;
        frame::bounded("registry", &registry, WORD_CHARS)?;
        frame::bounded("deprecated", deprecated.as_deref().unwrap_or_default(), SUMMARY_CHARS)?;
        if advisories.len() > INDEX_ADVISORIES {
            return Err(frame::malformed(format!("the index has more than {INDEX_ADVISORIES} advisories")));
        }
        for advisory in &advisories {
            frame::bounded("advisories.id", &advisory.id, WORD_CHARS)?;
            frame::bounded("advisories.title", &advisory.title, SUMMARY_CHARS)?;
        }
        if releases.len() > INDEX_RELEASES {
            return Err(frame::malformed(format!("the index has more than {INDEX_RELEASES} releases")));
        }
        let mut versions: Vec<&Version> = releases.iter().map(|release| &release.version).collect();
        versions.sort_unstable();
        if versions.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(frame::malformed("a version stands twice in the index"));
        }
        Ok(Self { registry, name, log_size, issued, expires, deprecated, advisories, releases })
    }

    /// What is known against a version.
    pub fn advisories_of(&self, version: &Version) -> Vec<Advisory> {
        self.advisories.iter().filter(|advisory| advisory.affected.contains(version)).cloned().collect()
    }

    /// The release of this version.
    pub fn release(&self, version: &Version) -> Option<&IndexRelease> {
        self.releases.iter().find(|release| release.version == *version)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    registry: String,
    name: PackageName,
    log_size: u64,
    issued: i64,
    expires: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deprecated: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    advisories: Vec<Advisory>,
    releases: Vec<IndexRelease>,
}
