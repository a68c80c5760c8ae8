//! Advisories: known faults, and the versions that have them.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use jackfield_db::Conn;
use jackfield_package::{
    PackageName, Refusal,
    advisory::{self, Affected, Severity},
    limits::INDEX_ADVISORIES,
};
use jackfield_server::body::Body;
use semver::Version;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::store;
use crate::{
    Problem, Shared,
    account::{Action, Actor, Target},
    clock::Micros,
    index,
    limits::{ADVISORY_CHARS, REASON_CHARS},
    read::{
        caching, packages,
        path::{ItemPath, PackagePath},
        time::rfc3339,
    },
    review::text,
};

/// A known fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Advisory {
    /// Such as `JFA-2026-0001`.
    pub id: String,
    /// `namespace:name`.
    pub package: String,
    /// Ranges of versions that have it, separated by `||`, such as `>=1.2.0, <1.2.5`.
    pub affected: String,
    /// `low`, `medium`, `high` or `critical`.
    #[schema(value_type = String)]
    pub severity: Severity,
    /// In one line.
    pub title: String,
    /// What can happen, and what to do.
    pub body: String,
    /// Where to read on; https.
    pub url: Option<String>,
    /// Who published it.
    pub published_by: String,
    /// When (RFC 3339).
    pub published_at: String,
    /// When it was withdrawn: it was a mistake.
    pub withdrawn_at: Option<String>,
}

/// An advisory to be published.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "as in Advisory")]
pub struct NewAdvisory {
    pub affected: String,
    #[schema(value_type = String)]
    pub severity: Severity,
    pub title: String,
    pub body: String,
    #[serde(default)]
    pub url: Option<String>,
}

/// Advisories of a package.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Advisories {
    /// Newest first, withdrawn ones too.
    pub advisories: Vec<Advisory>,
}

impl Advisory {
    /// Whether that version has the fault, unless the advisory was a mistake.
    pub fn affects(&self, version: &Version) -> bool {
        self.withdrawn_at.is_none() && self.affected.parse().is_ok_and(|affected: Affected| affected.contains(version))
    }
}

/// Advisories of a package, newest first.
///
/// # Errors
/// The database's.
pub async fn of(conn: &mut Conn, package: &PackageName) -> Result<Vec<Advisory>, Problem> {
    Ok(store::advisories(conn, &package.to_string()).await?.into_iter().map(Advisory::from).collect())
}

/// Those that stand, as the index tells hosts of them; the worst first.
///
/// # Errors
/// The database's.
pub(crate) async fn standing(conn: &mut Conn, package: &PackageName) -> Result<Vec<advisory::Advisory>, Problem> {
    let rows = store::advisories(conn, &package.to_string()).await?.into_iter();
    let standing = rows.filter(|row| row.withdrawn_at.is_none()).map(|row| {
        let affected = row.affected.parse().map_err(|refusal: Refusal| Problem::internal(&refusal))?;
        let Advisory { id, severity, title, .. } = row.into();
        Ok(advisory::Advisory { id, severity, affected, title })
    });
    let mut standing = standing.collect::<Result<Vec<_>, Problem>>()?;
    standing.sort_by_key(|advisory| std::cmp::Reverse(advisory.severity));
    Ok(standing)
}

impl From<store::AdvisoryRow> for Advisory {
    fn from(row: store::AdvisoryRow) -> Self {
        Self {
            id: row.id,
            package: row.package,
            affected: row.affected,
            // Rows are written by these words alone; what cannot be read is taken for the worst.
            severity: row.severity.parse().unwrap_or(Severity::Critical),
            title: row.title,
            body: row.body,
            url: row.url,
            published_by: row.published_by,
            published_at: rfc3339(row.published_at),
            withdrawn_at: row.withdrawn_at.map(rfc3339),
        }
    }
}

fn link(url: Option<&str>) -> Result<(), Problem> {
    let good = |url: &str| {
        url.len() <= jackfield_package::limits::WORD_CHARS
            && url::Url::parse(url).is_ok_and(|url| url.scheme() == "https" && url.has_host())
            && !url.chars().any(|c| c.is_control() || c.is_whitespace())
    };
    match url {
        Some(url) if !good(url) => Err(Problem::bad_request("advisory-url", "`url` is no https address")),
        _ => Ok(()),
    }
}

pub(super) async fn list(
    State(registry): State<Shared>,
    PackagePath(name): PackagePath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut conn = registry.db.read().await?;
    packages::see(&mut conn, &name).await?;
    caching::changing(&headers, &Advisories { advisories: of(&mut conn, &name).await? })
}

pub(super) async fn publish(
    State(registry): State<Shared>,
    PackagePath(name): PackagePath,
    actor: Actor,
    Body(new): Body<NewAdvisory>,
) -> Result<Response, Problem> {
    let _: Affected = new.affected.parse()?;
    link(new.url.as_deref())?;
    let title = text::plain("the title", &new.title, REASON_CHARS)?;
    let body = text::plain("the advisory", &new.body, ADVISORY_CHARS)?;
    let now = registry.now();
    // Two that are published at the same moment take the same number: the later one takes the next.
    for _ in 0..8 {
        let mut tx = registry.db.begin().await?;
        actor.authorise(&registry, &mut tx, Action::Status, &Target::Package(name.clone())).await?;
        packages::see(&mut tx, &name).await?;
        if standing(&mut tx, &name).await?.len() >= INDEX_ADVISORIES {
            let message = format!("{INDEX_ADVISORIES} advisories stand against {name}, more than which no index shows");
            return Err(Problem::conflict("advisory-too-many", message)
                .hint("one that says it for all; then withdraw the others"));
        }
        let row = store::AdvisoryRow {
            id: next_id(&mut tx, now).await?,
            package: name.to_string(),
            affected: new.affected.clone(),
            severity: new.severity.as_str().to_owned(),
            title: title.clone(),
            body: body.clone(),
            url: new.url.clone(),
            published_by: actor.name.clone(),
            published_at: now,
            withdrawn_at: None,
        };
        match store::add_advisory(&mut tx, &row).await {
            Err(error) if error.is_unique() => {}
            added => {
                added?;
                tx.commit().await?;
                index::refresh(&registry, &name).await?;
                return Ok((StatusCode::CREATED, Json(Advisory::from(row))).into_response());
            }
        }
    }
    Err(Problem::unavailable("advisory-busy", "too many advisories are being published at this moment"))
}

async fn next_id(conn: &mut Conn, now: Micros) -> Result<String, Problem> {
    let year = &rfc3339(now)[..4];
    let prefix = format!("JFA-{year}-");
    let last = store::last_advisory(conn, &prefix, &format!("JFA-{year}.")).await?;
    let last = last.and_then(|id| id.strip_prefix(&prefix).and_then(|digits| digits.parse::<u32>().ok())).unwrap_or(0);
    Ok(format!("{prefix}{:04}", last + 1))
}

pub(super) async fn withdraw(
    State(registry): State<Shared>,
    ItemPath(name, id): ItemPath,
    actor: Actor,
) -> Result<StatusCode, Problem> {
    let mut tx = registry.db.begin().await?;
    actor.authorise(&registry, &mut tx, Action::Status, &Target::Package(name.clone())).await?;
    if store::withdraw_advisory(&mut tx, &name.to_string(), &id, registry.now()).await? == 0 {
        return Err(Problem::not_found("advisory-not-found", format!("{name} has no advisory `{id}` that stands")));
    }
    tx.commit().await?;
    index::refresh(&registry, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
