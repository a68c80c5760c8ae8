//! Rows as reading sees them.

use jackfield_db::{Conn, Result, on};
use sqlx::FromRow;

/// A package.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct PackageRow {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) state: String,
    pub(crate) deprecated: Option<String>,
    pub(crate) downloads: i64,
    pub(crate) installs: i64,
    pub(crate) created_at: i64,
}

/// A release, without its long texts.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct ReleaseRow {
    pub(crate) id: String,
    pub(crate) version: String,
    pub(crate) state: String,
    pub(crate) reason: Option<String>,
    pub(crate) component: String,
    pub(crate) size: i64,
    pub(crate) oci_manifest: String,
    pub(crate) manifest_digest: Option<String>,
    pub(crate) staged_by: String,
    pub(crate) released_at: Option<i64>,
    pub(crate) ruleset: Option<String>,
}

/// The long texts of a release.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct TextsRow {
    pub(crate) manifest: Option<String>,
    pub(crate) facts: Option<String>,
    pub(crate) readme: Option<String>,
}

/// A check that a release went through.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct CheckRow {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) level: String,
    pub(crate) state: String,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// A statement, without its bundle.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct StatementRow {
    pub(crate) digest: String,
    pub(crate) kind: String,
    pub(crate) key_id: String,
    pub(crate) version: Option<String>,
    pub(crate) accepted_at: i64,
    pub(crate) log_index: Option<i64>,
}

/// A statement's bytes, and whom they are about.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct BundleRow {
    pub(crate) bundle: Vec<u8>,
    pub(crate) namespace: String,
    pub(crate) log_index: Option<i64>,
}

/// What was proven of a namespace.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct NamespaceRow {
    pub(crate) state: String,
    pub(crate) control: Option<String>,
    pub(crate) control_missing_since: Option<i64>,
    pub(crate) created_at: i64,
}

/// A package in its namespace's list.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct ListedRow {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) title: String,
    pub(crate) summary: String,
    pub(crate) deprecated: Option<String>,
    pub(crate) released_at: i64,
}

pub(crate) async fn package(conn: &mut Conn, name: &str) -> Result<Option<PackageRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT name, namespace, state, deprecated, downloads, installs, created_at FROM packages WHERE name = $1",
    )
    .bind(name)
    .fetch_optional(c))
}

/// Releases that everybody may know of.
pub(crate) async fn visible_releases(conn: &mut Conn, package: &str) -> Result<Vec<ReleaseRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT id, version, state, reason, component, size, oci_manifest, manifest_digest, staged_by, released_at, ruleset
         FROM releases WHERE package = $1 AND state IN ('released', 'yanked', 'quarantined', 'revoked')",
    )
    .bind(package)
    .fetch_all(c))
}

/// The release of that version, in whatever state but rejected.
pub(crate) async fn release(conn: &mut Conn, package: &str, version: &str) -> Result<Option<ReleaseRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT id, version, state, reason, component, size, oci_manifest, manifest_digest, staged_by, released_at, ruleset
         FROM releases WHERE package = $1 AND version = $2 AND state <> 'rejected'",
    )
    .bind(package)
    .bind(version)
    .fetch_optional(c))
}

pub(crate) async fn texts(conn: &mut Conn, release_id: &str) -> Result<TextsRow> {
    on!(conn, c => sqlx::query_as("SELECT manifest, facts, readme FROM releases WHERE id = $1")
        .bind(release_id)
        .fetch_one(c))
}

pub(crate) async fn checks(conn: &mut Conn, release_id: &str) -> Result<Vec<CheckRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT id, title, level, state, message, hint FROM release_checks WHERE release_id = $1 ORDER BY seq",
    )
    .bind(release_id)
    .fetch_all(c))
}

/// Statements about a package that are in the log, oldest first.
pub(crate) async fn statements(conn: &mut Conn, package: &str) -> Result<Vec<StatementRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT digest, kind, key_id, version, accepted_at, log_index FROM statements
         WHERE package = $1 AND log_index IS NOT NULL ORDER BY log_index",
    )
    .bind(package)
    .fetch_all(c))
}

pub(crate) async fn bundle(conn: &mut Conn, digest: &str) -> Result<Option<BundleRow>> {
    on!(conn, c => sqlx::query_as("SELECT bundle, namespace, log_index FROM statements WHERE digest = $1")
        .bind(digest)
        .fetch_optional(c))
}

pub(crate) async fn namespace(conn: &mut Conn, name: &str) -> Result<Option<NamespaceRow>> {
    on!(conn, c => sqlx::query_as("SELECT state, control, control_missing_since, created_at FROM namespaces WHERE name = $1")
        .bind(name)
        .fetch_optional(c))
}

/// Packages of a namespace that have a version to install, by name, after `after`.
pub(crate) async fn listed(conn: &mut Conn, namespace: &str, after: &str, limit: i64) -> Result<Vec<ListedRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT p.name, k.version, k.title, k.summary, p.deprecated, k.released_at
         FROM packages p JOIN package_cards k ON k.package = p.name
         WHERE p.namespace = $1 AND p.name > $2 ORDER BY p.name LIMIT $3",
    )
    .bind(namespace)
    .bind(after)
    .bind(limit)
    .fetch_all(c))
}

/// Adds to a package's counts, and to what it is sorted by; a package that is not there has none.
pub(crate) async fn add_counts(conn: &mut Conn, package: &str, downloads: i64, installs: i64) -> Result<()> {
    on!(conn, c => sqlx::query(
        "UPDATE packages SET downloads = downloads + $2, installs = installs + $3 WHERE name = $1",
    )
    .bind(package)
    .bind(downloads)
    .bind(installs)
    .execute(c), rows)?;
    on!(conn, c => sqlx::query("UPDATE package_cards SET installs = installs + $2 WHERE package = $1")
        .bind(package)
        .bind(installs)
        .execute(c), rows)
    .map(drop)
}
