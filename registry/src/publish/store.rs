//! Rows of packages, releases, their story and their checks.

mod statements;

use jackfield_db::{Conn, Result, on};
use jackfield_package::{PackageName, check::Outcome};
use semver::Version;
use serde::Serialize;

use super::{Staged, State, Why};
use crate::{Problem, clock::Micros};

pub use statements::{
    Awaited, HandedIn, KeysetRow, await_statement, awaited, bundles, keyset, put_bundle, revoked_keys,
};

/// A release's row.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
#[expect(missing_docs, reason = "migrations/0003_releases.sql says what each column is")]
pub struct Release {
    pub id: String,
    pub package: String,
    pub version: String,
    pub state: String,
    pub reason: Option<String>,
    pub next_actor: String,
    pub state_at: Micros,
    pub component: String,
    pub size: i64,
    pub oci_manifest: String,
    pub manifest: Option<String>,
    pub manifest_digest: Option<String>,
    pub facts: Option<String>,
    pub readme: Option<String>,
    pub attempts: i64,
    pub retry_at: Option<Micros>,
    pub lease_holder: Option<String>,
    pub lease_until: Option<Micros>,
    pub staged_by: String,
    pub staged_at: Micros,
    pub released_at: Option<Micros>,
    pub ruleset: Option<String>,
    pub appeal: Option<String>,
}

impl Release {
    /// Where it stands.
    ///
    /// # Errors
    /// 500 `internal` if the row says something unknown.
    pub fn state(&self) -> std::result::Result<State, Problem> {
        self.state.parse()
    }

    /// Its version.
    ///
    /// # Errors
    /// 500 `internal` if the row says something unknown.
    pub fn version(&self) -> std::result::Result<Version, Problem> {
        self.version.parse().map_err(|error: semver::Error| Problem::internal(&error))
    }
}

/// One step of a release's story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub struct Event {
    /// Its place, from 1.
    pub seq: i64,
    /// When, in microseconds since 1970.
    pub at: Micros,
    /// The state that began.
    pub state: String,
    /// Who did it.
    pub actor: String,
    /// Why, for a person.
    pub reason: Option<String>,
}

/// One check's outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub struct Check {
    /// The rule.
    pub id: String,
    /// What it asks for.
    pub title: String,
    /// `error` or `warning`.
    pub level: String,
    /// `pass`, `fail` or `unknown`.
    pub state: String,
    /// What is wrong, one place a line.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Makes the package's row, if there is none. Its namespace must exist.
pub async fn ensure_package(conn: &mut Conn, package: &PackageName, now: Micros) -> Result<()> {
    on!(conn, c => sqlx::query(
        "INSERT INTO packages (name, namespace, state, downloads, installs, created_at, updated_at)
         VALUES ($1, $2, 'staged', 0, 0, $3, $3) ON CONFLICT (name) DO NOTHING")
        .bind(package.to_string()).bind(package.namespace().as_str()).bind(now).execute(c), rows)
    .map(drop)
}

/// The release under that version, unless it was rejected.
pub async fn find(conn: &mut Conn, package: &PackageName, version: &Version) -> Result<Option<Release>> {
    on!(conn, c => sqlx::query_as(
        "SELECT * FROM releases WHERE package = $1 AND version = $2 AND state <> 'rejected'")
        .bind(package.to_string()).bind(version.to_string()).fetch_optional(c))
}

/// The newest attempt at that version, rejected ones included.
pub async fn newest_attempt(conn: &mut Conn, package: &PackageName, version: &Version) -> Result<Option<Release>> {
    on!(conn, c => sqlx::query_as(
        "SELECT * FROM releases WHERE package = $1 AND version = $2 ORDER BY staged_at DESC, id DESC LIMIT 1")
        .bind(package.to_string()).bind(version.to_string()).fetch_optional(c))
}

/// Digest of the component of a rejected attempt at that version whose statements went to the log before it was rejected.
pub async fn logged_attempt(conn: &mut Conn, package: &PackageName, version: &Version) -> Result<Option<String>> {
    let row: Option<(String,)> = on!(conn, c => sqlx::query_as(
        "SELECT component FROM releases r WHERE package = $1 AND version = $2 AND state = 'rejected'
         AND EXISTS (SELECT 1 FROM release_statements s WHERE s.release_id = r.id) LIMIT 1")
        .bind(package.to_string()).bind(version.to_string()).fetch_optional(c))?;
    Ok(row.map(|(component,)| component))
}

/// The release of that id.
pub async fn by_id(conn: &mut Conn, id: &str) -> Result<Option<Release>> {
    on!(conn, c => sqlx::query_as("SELECT * FROM releases WHERE id = $1").bind(id).fetch_optional(c))
}

/// How many versions of a package wait for their author's signature.
pub async fn count_staged(conn: &mut Conn, package: &PackageName) -> Result<i64> {
    let (count,): (i64,) = on!(conn, c => sqlx::query_as(
        "SELECT COUNT(*) FROM releases WHERE package = $1 AND state = 'staged'")
        .bind(package.to_string()).fetch_one(c))?;
    Ok(count)
}

/// A new release, staged.
pub async fn insert(
    conn: &mut Conn,
    id: &str,
    package: &PackageName,
    version: &Version,
    staged: Staged,
    actor: &str,
    now: Micros,
) -> Result<()> {
    on!(conn, c => sqlx::query(
        "INSERT INTO releases (id, package, version, state, next_actor, state_at, component, size, oci_manifest, attempts,
                               staged_by, staged_at)
         VALUES ($1, $2, $3, 'staged', 'author', $4, $5, $6, $7, 0, $8, $4)")
        .bind(id).bind(package.to_string()).bind(version.to_string()).bind(now).bind(staged.component.to_string())
        .bind(staged.size).bind(staged.oci_manifest.to_string()).bind(actor)
        .execute(c), rows)
    .map(drop)
}

/// From one state to another, if it is in the first. The lease ends with the state.
pub async fn set_state(
    conn: &mut Conn,
    id: &str,
    from: State,
    to: State,
    reason: Option<&str>,
    now: Micros,
) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "UPDATE releases SET state = $3, next_actor = $4, reason = $5, state_at = $6, lease_holder = NULL,
                             lease_until = NULL, retry_at = NULL
         WHERE id = $1 AND state = $2")
        .bind(id).bind(from.as_str()).bind(to.as_str()).bind(to.next_actor().as_str()).bind(reason).bind(now)
        .execute(c), rows)
}

/// Writes on in a release's story. Call it after a change of its row in the same transaction: that orders the numbers.
pub async fn add_event(conn: &mut Conn, id: &str, state: State, why: Why<'_>, now: Micros) -> Result<()> {
    on!(conn, c => sqlx::query(
        "INSERT INTO release_events (release_id, seq, at, state, actor, reason)
         SELECT $1, COALESCE(MAX(seq), 0) + 1, $2, $3, $4, $5 FROM release_events WHERE release_id = $1")
        .bind(id).bind(now).bind(state.as_str()).bind(why.actor).bind(why.reason).execute(c), rows)
    .map(drop)
}

/// A release's story.
pub async fn events(conn: &mut Conn, id: &str) -> Result<Vec<Event>> {
    on!(conn, c => sqlx::query_as(
        "SELECT seq, at, state, actor, reason FROM release_events WHERE release_id = $1 ORDER BY seq")
        .bind(id).fetch_all(c))
}

/// Forgets the outcomes of an earlier examination.
pub async fn clear_checks(conn: &mut Conn, id: &str) -> Result<()> {
    on!(conn, c => sqlx::query("DELETE FROM release_checks WHERE release_id = $1").bind(id).execute(c), rows).map(drop)
}

/// Writes an outcome.
pub async fn add_check(conn: &mut Conn, id: &str, seq: i64, outcome: &Outcome, now: Micros) -> Result<()> {
    use jackfield_package::check::{Level, State as Held};
    let level = match outcome.level {
        Level::Error => "error",
        Level::Warning => "warning",
    };
    let state = match outcome.state {
        Held::Pass => "pass",
        Held::Fail => "fail",
        Held::Unknown => "unknown",
    };
    on!(conn, c => sqlx::query(
        "INSERT INTO release_checks (release_id, id, seq, title, level, state, message, hint, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)")
        .bind(id).bind(outcome.id.as_ref()).bind(seq).bind(outcome.title.as_ref()).bind(level).bind(state)
        .bind(outcome.message.as_str()).bind(outcome.hint.as_deref()).bind(now).execute(c), rows)
    .map(drop)
}

/// The outcomes of a release's last examination.
pub async fn checks(conn: &mut Conn, id: &str) -> Result<Vec<Check>> {
    on!(conn, c => sqlx::query_as(
        "SELECT id, title, level, state, message, hint FROM release_checks WHERE release_id = $1 ORDER BY seq")
        .bind(id).fetch_all(c))
}

/// Makes whoever else would change a release of this package wait until this transaction ends.
pub async fn lock_package(conn: &mut Conn, package: &str, now: Micros) -> Result<()> {
    on!(conn, c => sqlx::query("UPDATE packages SET updated_at = $2 WHERE name = $1").bind(package).bind(now).execute(c), rows)
        .map(drop)
}

/// What the rules compare a release with.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Earlier {
    /// Its version.
    pub version: String,
    /// Digest of its component.
    pub component: String,
    /// Its manifest's JSON.
    pub manifest: Option<String>,
    /// JSON of [`super::rules::StoredFacts`].
    pub facts: Option<String>,
}

/// Releases of a package that everybody has seen, the newest release first.
pub async fn released(conn: &mut Conn, package: &str) -> Result<Vec<Earlier>> {
    on!(conn, c => sqlx::query_as(
        "SELECT version, component, manifest, facts FROM releases
         WHERE package = $1 AND released_at IS NOT NULL ORDER BY released_at DESC, id DESC")
        .bind(package).fetch_all(c))
}

/// The package's newest release by time: what the next statement names as `previous`.
pub async fn last_released(conn: &mut Conn, package: &str) -> Result<Option<String>> {
    let row: Option<(String,)> = on!(conn, c => sqlx::query_as(
        "SELECT component FROM releases WHERE package = $1 AND released_at IS NOT NULL
         ORDER BY released_at DESC, id DESC LIMIT 1")
        .bind(package).fetch_optional(c))?;
    Ok(row.map(|(component,)| component))
}

/// Another release of the package that is on its way: `previous` is a chain, so they go one after the other.
pub async fn in_flight(conn: &mut Conn, package: &str, but: &str) -> Result<Option<String>> {
    let row: Option<(String,)> = on!(conn, c => sqlx::query_as(
        "SELECT version FROM releases WHERE package = $1 AND id <> $2 AND state IN ('checking', 'ready', 'logged') LIMIT 1")
        .bind(package).bind(but).fetch_optional(c))?;
    Ok(row.map(|(version,)| version))
}

/// Takes the release that has waited longest for an examination, for this process and until then. Counts the attempt now, so
/// that one which takes the process down is counted too.
pub async fn claim(conn: &mut Conn, holder: &str, until: Micros, now: Micros) -> Result<Option<Release>> {
    on!(conn, c => sqlx::query_as(
        "UPDATE releases SET lease_holder = $1, lease_until = $2, attempts = attempts + 1
         WHERE id = (SELECT id FROM releases WHERE state = 'checking' AND (retry_at IS NULL OR retry_at <= $3)
                     AND (lease_until IS NULL OR lease_until <= $3) ORDER BY state_at, id LIMIT 1)
           AND state = 'checking' AND (lease_until IS NULL OR lease_until <= $3)
         RETURNING *")
        .bind(holder).bind(until).bind(now).fetch_optional(c))
}

/// Whether this process still holds the release; if so nobody else changes it until this transaction ends.
pub async fn hold_lease(conn: &mut Conn, id: &str, holder: &str, until: Micros) -> Result<bool> {
    on!(conn, c => sqlx::query(
        "UPDATE releases SET lease_until = $3 WHERE id = $1 AND lease_holder = $2 AND state = 'checking'")
        .bind(id).bind(holder).bind(until).execute(c), rows)
    .map(|met| met == 1)
}

/// No verdict this time.
pub async fn put_off(conn: &mut Conn, id: &str, holder: &str, reason: &str, retry_at: Micros) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "UPDATE releases SET lease_holder = NULL, lease_until = NULL, retry_at = $4, reason = $3
         WHERE id = $1 AND lease_holder = $2 AND state = 'checking'")
        .bind(id).bind(holder).bind(reason).bind(retry_at).execute(c), rows)
}

/// Counts an attempt back that found nothing wrong and only came too early.
pub async fn not_counted(conn: &mut Conn, id: &str) -> Result<u64> {
    on!(conn, c => sqlx::query("UPDATE releases SET attempts = attempts - 1 WHERE id = $1 AND attempts > 0")
        .bind(id).execute(c), rows)
}

/// Starts counting anew, after a person has decided.
pub async fn reset_attempts(conn: &mut Conn, id: &str) -> Result<u64> {
    on!(conn, c => sqlx::query("UPDATE releases SET attempts = 0 WHERE id = $1").bind(id).execute(c), rows)
}

/// What the examination found in the bytes.
#[derive(Clone, Debug)]
pub struct Found<'a> {
    /// The section `jackfield:manifest`.
    pub manifest: &'a str,
    /// Its digest.
    pub manifest_digest: &'a str,
    /// JSON of [`super::rules::StoredFacts`].
    pub facts: &'a str,
    /// The README.
    pub readme: Option<&'a str>,
    /// Version of the rules.
    pub ruleset: &'a str,
}

/// Writes it into the release's row.
pub async fn set_found(conn: &mut Conn, id: &str, found: &Found<'_>) -> Result<u64> {
    on!(conn, c => sqlx::query(
        "UPDATE releases SET manifest = $2, manifest_digest = $3, facts = $4, readme = $5, ruleset = $6 WHERE id = $1")
        .bind(id).bind(found.manifest).bind(found.manifest_digest).bind(found.facts).bind(found.readme)
        .bind(found.ruleset).execute(c), rows)
}

/// Releases that have passed and are not yet out, the oldest first.
pub async fn passed(conn: &mut Conn, limit: i64) -> Result<Vec<Release>> {
    on!(conn, c => sqlx::query_as(
        "SELECT * FROM releases WHERE state IN ('ready', 'logged') ORDER BY state_at, id LIMIT $1")
        .bind(limit).fetch_all(c))
}

/// Notes when a release came out, and that its package is no longer empty. A lifted one keeps its time.
pub async fn set_released(conn: &mut Conn, id: &str, package: &str, now: Micros) -> Result<()> {
    on!(conn, c => sqlx::query("UPDATE releases SET released_at = $2 WHERE id = $1 AND released_at IS NULL")
        .bind(id).bind(now).execute(c), rows)?;
    on!(conn, c => sqlx::query("UPDATE packages SET state = 'active', updated_at = $2 WHERE name = $1")
        .bind(package).bind(now).execute(c), rows)
    .map(drop)
}

/// A package's row, as far as publishing looks at it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct PackageRow {
    /// `staged` or `active`.
    pub state: String,
    /// Who let a confusable name pass.
    pub name_approved_by: Option<String>,
}

/// The package's row.
pub async fn package(conn: &mut Conn, name: &str) -> Result<Option<PackageRow>> {
    on!(conn, c => sqlx::query_as("SELECT state, name_approved_by FROM packages WHERE name = $1")
        .bind(name).fetch_optional(c))
}

/// Lets a confusable name pass.
pub async fn approve_name(conn: &mut Conn, name: &str, actor: &str) -> Result<u64> {
    on!(conn, c => sqlx::query("UPDATE packages SET name_approved_by = $2 WHERE name = $1 AND name_approved_by IS NULL")
        .bind(name).bind(actor).execute(c), rows)
}

/// Names of packages that have been released, one page of them.
pub async fn active_packages(conn: &mut Conn, after: &str, limit: i64) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = on!(conn, c => sqlx::query_as(
        "SELECT name FROM packages WHERE state = 'active' AND name > $1 ORDER BY name LIMIT $2")
        .bind(after).bind(limit).fetch_all(c))?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

/// The bytes of an OCI manifest.
pub async fn oci_manifest(conn: &mut Conn, repository: &str, digest: &str) -> Result<Option<Vec<u8>>> {
    let row: Option<(Vec<u8>,)> = on!(conn, c => sqlx::query_as(
        "SELECT bytes FROM manifests WHERE repository = $1 AND digest = $2")
        .bind(repository).bind(digest).fetch_optional(c))?;
    Ok(row.map(|(bytes,)| bytes))
}

/// What the author says about a hold or a rejection.
pub async fn set_appeal(conn: &mut Conn, id: &str, appeal: &str) -> Result<u64> {
    on!(conn, c => sqlx::query("UPDATE releases SET appeal = $2 WHERE id = $1").bind(id).bind(appeal).execute(c), rows)
}

/// Releases that wait for a person, the oldest first.
pub async fn held(conn: &mut Conn, limit: i64) -> Result<Vec<Release>> {
    on!(conn, c => sqlx::query_as("SELECT * FROM releases WHERE state = 'held' ORDER BY state_at, id LIMIT $1")
        .bind(limit).fetch_all(c))
}

/// Another release of the package that has passed and is not out yet.
pub async fn about_to_release(conn: &mut Conn, package: &str, but: &str) -> Result<Option<String>> {
    let row: Option<(String,)> = on!(conn, c => sqlx::query_as(
        "SELECT version FROM releases WHERE package = $1 AND id <> $2 AND state IN ('ready', 'logged') LIMIT 1")
        .bind(package).bind(but).fetch_optional(c))?;
    Ok(row.map(|(version,)| version))
}
