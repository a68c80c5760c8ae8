//! Rows of packages, releases, their story and their checks.

use jackfield_db::{Conn, Result, on};
use jackfield_package::{PackageName, check::Outcome};
use semver::Version;
use serde::Serialize;

use super::{Staged, State, Why};
use crate::{Problem, clock::Micros};

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
