//! What reading packages answers with.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    search::routes::Rating,
    store::{CheckRow, ListedRow, NamespaceRow, ReleaseRow, StatementRow},
    time::rfc3339,
};
use crate::status;

/// A package's page.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PackagePage {
    /// `namespace:name`.
    pub name: String,
    /// Its name for a person, of the newest version.
    pub title: String,
    /// What it does, of the newest version.
    pub summary: String,
    /// The version that is installed if none is named; none if all have been taken back.
    pub latest: Option<String>,
    /// The author's message, if it is deprecated.
    pub deprecated: Option<String>,
    /// How often a component of it was fetched.
    pub downloads: i64,
    /// How often hosts said that they installed it.
    pub installs: i64,
    /// When it was first staged (RFC 3339).
    pub created_at: String,
    /// What its users say.
    pub rating: Rating,
    /// What is known of who made it and who looked at it: three things apart.
    pub trust: TrustFacts,
    /// Its versions, newest first.
    pub releases: Vec<ReleaseLine>,
    /// Known faults.
    pub advisories: Vec<status::advisories::Advisory>,
}

/// Three facts that are never one badge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrustFacts {
    /// What is known of who controls the namespace.
    pub namespace_control: NamespaceControl,
    /// Whether the service's owner publishes it: shown when the proven domain is the one that its requests go to.
    pub service_owner: ServiceOwner,
    /// Who has audited which version, by the statements in the log.
    pub audits: Vec<AuditFact>,
}

/// Who controls the namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NamespaceControl {
    /// `dns`, `key` or `none`.
    pub kind: String,
    /// The domain, or the key's id.
    pub proof: Option<String>,
    /// Since when the domain's record has not been there (RFC 3339); it counts for two weeks more.
    pub missing_since: Option<String>,
}

/// Whether the service's owner publishes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceOwner {
    /// True only if every host that it asks for is the proven domain or below it.
    pub publishes: bool,
    /// In words.
    pub words: String,
}

/// An audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditFact {
    /// Which version.
    pub version: Option<String>,
    /// The auditor's key. Whose it is, and whether to believe it, is the reader's to say.
    pub key_id: String,
    /// The statement: GET /v1/statements/{digest}.
    pub statement: String,
    /// Its place in the log.
    pub log_index: Option<i64>,
}

/// A version in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReleaseLine {
    /// Such as 1.2.3.
    pub version: String,
    /// `released`, `yanked`, `quarantined` or `revoked`; for members also the states before.
    pub state: String,
    /// Why, where somebody has said.
    pub reason: Option<String>,
    /// Digest of the component.
    pub component: String,
    /// Its bytes.
    pub size: i64,
    /// Digest of the OCI manifest it is served under.
    pub oci_manifest: String,
    /// When it was released (RFC 3339).
    pub released_at: Option<String>,
}

/// A release's page.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReleasePage {
    /// `namespace:name`.
    pub name: String,
    /// The package's, not this version's alone.
    pub deprecated: Option<String>,
    #[serde(flatten)]
    #[expect(missing_docs, reason = "its own")]
    pub release: ReleaseLine,
    /// Its name for a person.
    pub title: Option<String>,
    /// What it does.
    pub summary: Option<String>,
    /// SPDX licence expression.
    pub license: Option<String>,
    /// What changed, in the author's words.
    pub changes: Option<String>,
    /// Digest of the manifest section.
    pub manifest_digest: Option<String>,
    /// Who staged it.
    pub staged_by: String,
    /// The version of the rules that it passed.
    pub ruleset: Option<String>,
    /// Names of what its component imports.
    pub imports: Vec<String>,
    /// Names of what it exports.
    pub exports: Vec<String>,
    /// Known faults of this version.
    pub advisories: Vec<status::advisories::Advisory>,
}

/// Checks that a release went through.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Checks {
    /// The version of the rules.
    pub ruleset: Option<String>,
    /// Each rule with its outcome, in the order of the report.
    pub checks: Vec<CheckLine>,
}

/// One rule's outcome.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CheckLine {
    /// The rule.
    pub id: String,
    /// What it asks for.
    pub title: String,
    /// `error` or `warning`.
    pub level: String,
    /// `pass`, `fail` or `unknown`.
    pub state: String,
    /// What was found.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Statements about a release that are in the log.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Statements {
    /// Oldest first.
    pub statements: Vec<StatementLine>,
}

/// A statement in a list.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct StatementLine {
    /// What it is served by: GET /v1/statements/{digest}.
    pub digest: String,
    /// publish, checks, audit or status.
    pub kind: String,
    /// Who signed.
    pub key_id: String,
    /// Its place in the log.
    pub log_index: Option<i64>,
    /// When it was accepted (RFC 3339).
    pub accepted_at: String,
}

/// A namespace's packages.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NamespacePackages {
    /// The namespace.
    pub namespace: String,
    /// What is known of who controls it.
    pub control: NamespaceControl,
    /// When it was made (RFC 3339).
    pub created_at: String,
    /// Packages with a version to install, by name.
    pub packages: Vec<PackageLine>,
    /// `after` of the next page; none if this is the last.
    pub next: Option<String>,
}

/// A package in a namespace's list.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "as in the search")]
pub struct PackageLine {
    pub name: String,
    pub version: String,
    pub title: String,
    pub summary: String,
    pub deprecated: Option<String>,
    pub released_at: String,
}

impl NamespaceControl {
    pub(super) fn none() -> Self {
        Self { kind: "none".to_owned(), proof: None, missing_since: None }
    }

    pub(super) fn of(row: &NamespaceRow) -> Self {
        let Some((kind, proof)) = row.control.as_deref().and_then(|text| text.split_once(':')) else {
            return Self::none();
        };
        let missing_since = row.control_missing_since.map(rfc3339);
        Self { kind: kind.to_owned(), proof: Some(proof.to_owned()), missing_since }
    }
}

impl From<&ReleaseRow> for ReleaseLine {
    fn from(row: &ReleaseRow) -> Self {
        Self {
            version: row.version.clone(),
            state: row.state.clone(),
            // Until it is released, a reason is the author's and the moderators' matter; members may see it.
            reason: row.reason.clone().filter(|_| row.state != "released"),
            component: row.component.clone(),
            size: row.size,
            oci_manifest: row.oci_manifest.clone(),
            released_at: row.released_at.map(rfc3339),
        }
    }
}

impl From<CheckRow> for CheckLine {
    fn from(CheckRow { id, title, level, state, message, hint }: CheckRow) -> Self {
        Self { id, title, level, state, message, hint }
    }
}

impl From<StatementRow> for StatementLine {
    fn from(row: StatementRow) -> Self {
        let accepted_at = rfc3339(row.accepted_at);
        Self { digest: row.digest, kind: row.kind, key_id: row.key_id, log_index: row.log_index, accepted_at }
    }
}

impl From<ListedRow> for PackageLine {
    fn from(row: ListedRow) -> Self {
        Self {
            name: row.name,
            version: row.version,
            title: row.title,
            summary: row.summary,
            deprecated: row.deprecated,
            released_at: rfc3339(row.released_at),
        }
    }
}
