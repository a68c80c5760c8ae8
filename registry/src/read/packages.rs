//! Packages and their releases, as everybody may see them.
//!
//! A release is seen once it is released, and for ever after: yanked, quarantined or revoked, its page says so and why.
//! Before, its members see it and nobody else learns that it is there.

use axum::{
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderValue},
    response::Response,
};
use jackfield_db::Conn;
use jackfield_package::{Label, Manifest, PackageName};
use semver::Version;
use serde::Serialize;

pub use super::answers::*;
use super::{
    caching, facts,
    path::{DigestPath, NamespacePath, PackagePath, ReleasePath},
    permissions::Permissions,
    search::routes::Rating,
    store::{self, PackageRow, ReleaseRow},
    time::rfc3339,
};
use crate::{
    Problem, Shared,
    account::{Actor, Target},
    limits::NAMESPACE_PAGE,
    review, status,
};

/// What everybody may see of a package, or what its members may.
pub(crate) struct Seen {
    pub(crate) package: PackageRow,
    pub(crate) releases: Vec<(Version, ReleaseRow)>,
}

/// # Errors
/// 404 `package-not-found`.
pub(crate) async fn see(conn: &mut Conn, name: &PackageName) -> Result<Seen, Problem> {
    let text = name.to_string();
    let package = store::package(conn, &text).await?.filter(|package| package.state == "active");
    let mut releases: Vec<_> = match package {
        Some(_) => store::visible_releases(conn, &text).await?,
        None => Vec::new(),
    }
    .into_iter()
    .filter_map(|release| Some((Version::parse(&release.version).ok()?, release)))
    .collect();
    releases.sort_by(|(a, _), (b, _)| b.cmp(a));
    match package {
        Some(package) if !releases.is_empty() => Ok(Seen { package, releases }),
        _ => Err(package_not_found(name)),
    }
}

impl Seen {
    /// The version that is installed if none is named.
    pub(crate) fn latest(&self) -> Option<&ReleaseRow> {
        let released = || self.releases.iter().filter(|(_, release)| release.state == "released");
        released().find(|(version, _)| version.pre.is_empty()).or_else(|| released().next()).map(|(_, row)| row)
    }
}

/// A release that the caller may see, and whether everybody may.
///
/// # Errors
/// 404 `release-not-found`.
pub(crate) async fn see_release(
    conn: &mut Conn,
    actor: &Actor,
    name: &PackageName,
    version: &Version,
) -> Result<(PackageRow, ReleaseRow, bool), Problem> {
    let text = name.to_string();
    let not_found = || {
        Problem::not_found("release-not-found", format!("there is no {name} {version}, or not for everybody's eyes"))
            .hint(format!("see what there is: jackfield info {name}"))
    };
    let package = store::package(conn, &text).await?.ok_or_else(not_found)?;
    let release = store::release(conn, &text, &version.to_string()).await?.ok_or_else(not_found)?;
    let is_public = package.state == "active"
        && matches!(release.state.as_str(), "released" | "yanked" | "quarantined" | "revoked");
    if !is_public && !actor.may_read(conn, &Target::Package(name.clone())).await? {
        return Err(not_found());
    }
    Ok((package, release, is_public))
}

pub(crate) fn package_not_found(name: &PackageName) -> Problem {
    Problem::not_found("package-not-found", format!("there is no package `{name}` with a release for everybody's eyes"))
        .hint("find packages: jackfield search TEXT")
}

pub(super) fn parsed(manifest: Option<&str>) -> Option<Manifest> {
    manifest.and_then(|text| Manifest::parse(text.as_bytes()).ok())
}

pub(super) fn answer<T: Serialize>(headers: &HeaderMap, is_public: bool, body: &T) -> Result<Response, Problem> {
    if is_public { caching::changing(headers, body) } else { caching::private(body) }
}

pub(crate) async fn package(
    State(registry): State<Shared>,
    PackagePath(name): PackagePath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut conn = registry.db.read().await?;
    let seen = see(&mut conn, &name).await?;
    let shown = seen.latest().unwrap_or(&seen.releases[0].1).clone();
    let manifest = parsed(store::texts(&mut conn, &shown.id).await?.manifest.as_deref());
    let rating = review::store::rating(&mut conn, &seen.package.name).await?;
    let namespace = store::namespace(&mut conn, &seen.package.namespace).await?;
    let control = namespace.as_ref().map_or_else(NamespaceControl::none, NamespaceControl::of);
    let audits = store::statements(&mut conn, &seen.package.name).await?;
    let page = PackagePage {
        name: seen.package.name.clone(),
        title: manifest.as_ref().map_or_else(|| seen.package.name.clone(), |manifest| manifest.title.clone()),
        summary: manifest.as_ref().map(|manifest| manifest.summary.clone()).unwrap_or_default(),
        latest: seen.latest().map(|row| row.version.clone()),
        deprecated: seen.package.deprecated.clone(),
        downloads: seen.package.downloads,
        installs: seen.package.installs,
        created_at: rfc3339(seen.package.created_at),
        rating: Rating::of_milli(rating.count, rating.mean_milli(), rating.bayesian_milli()),
        trust: TrustFacts {
            service_owner: service_owner(&control, manifest.as_ref()),
            namespace_control: control,
            audits: audits
                .into_iter()
                .filter(|statement| statement.kind == "audit")
                .map(|statement| AuditFact {
                    version: statement.version,
                    key_id: statement.key_id,
                    statement: statement.digest,
                    log_index: statement.log_index,
                })
                .collect(),
        },
        releases: seen.releases.iter().map(|(_, row)| row.into()).collect(),
        advisories: status::advisories::of(&mut conn, &name).await?,
    };
    caching::changing(&headers, &page)
}

/// Errs on the side of no: one host elsewhere, or one that a setting names, and it is not shown.
fn service_owner(control: &NamespaceControl, manifest: Option<&Manifest>) -> ServiceOwner {
    use jackfield_package::egress::HostPattern;
    let domain = control.proof.as_deref().filter(|_| control.kind == "dns");
    let (Some(domain), Some(manifest)) = (domain, manifest) else {
        return ServiceOwner { publishes: false, words: "nobody has shown to be the service's owner".to_owned() };
    };
    let below = |host: &str| host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    let theirs = |pattern: &HostPattern| match pattern {
        HostPattern::Exact(host) | HostPattern::Suffix(host) => below(host),
        HostPattern::Template(_) => false,
    };
    let publishes = !manifest.egress.is_empty() && manifest.egress.iter().all(|egress| theirs(&egress.host));
    let words = if publishes {
        format!("whoever controls {domain} publishes it, and it sends requests there only")
    } else {
        format!("it is published by whoever controls {domain}, which is not where its requests go")
    };
    ServiceOwner { publishes, words }
}

pub(crate) async fn release(
    State(registry): State<Shared>,
    ReleasePath(name, version): ReleasePath,
    actor: Actor,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut conn = registry.db.read().await?;
    let (package, row, is_public) = see_release(&mut conn, &actor, &name, &version).await?;
    let texts = store::texts(&mut conn, &row.id).await?;
    let manifest = parsed(texts.manifest.as_deref());
    let facts = texts.facts.as_deref();
    let mut advisories = status::advisories::of(&mut conn, &name).await?;
    advisories.retain(|advisory| advisory.affects(&version));
    let page = ReleasePage {
        name: package.name,
        deprecated: package.deprecated,
        release: (&row).into(),
        title: manifest.as_ref().map(|manifest| manifest.title.clone()),
        summary: manifest.as_ref().map(|manifest| manifest.summary.clone()),
        license: manifest.as_ref().map(|manifest| manifest.license.clone()),
        changes: manifest.and_then(|manifest| manifest.changes),
        manifest_digest: row.manifest_digest,
        staged_by: row.staged_by,
        ruleset: row.ruleset,
        imports: facts::imports(facts),
        exports: facts::exports(facts),
        advisories,
    };
    answer(&headers, is_public, &page)
}

/// The section `jackfield:manifest` as it stands in the component.
pub(crate) async fn manifest(
    State(registry): State<Shared>,
    ReleasePath(name, version): ReleasePath,
    actor: Actor,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut conn = registry.db.read().await?;
    let (_, row, is_public) = see_release(&mut conn, &actor, &name, &version).await?;
    let text = store::texts(&mut conn, &row.id).await?.manifest.ok_or_else(|| unread(&name, &version))?;
    Ok(bytes(&headers, is_public, text, "application/json"))
}

pub(super) fn unread(name: &PackageName, version: &Version) -> Problem {
    Problem::not_found("manifest-not-read", format!("nobody has read {name} {version} yet: it waits for its checks"))
}

pub(super) fn bytes(headers: &HeaderMap, is_public: bool, text: String, media_type: &'static str) -> Response {
    let mut response = caching::changing_bytes(headers, text, HeaderValue::from_static(media_type));
    if !is_public {
        response.headers_mut().insert(http::header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    }
    response
}

pub(crate) async fn permissions(
    State(registry): State<Shared>,
    ReleasePath(name, version): ReleasePath,
    actor: Actor,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut conn = registry.db.read().await?;
    let (_, row, is_public) = see_release(&mut conn, &actor, &name, &version).await?;
    let texts = store::texts(&mut conn, &row.id).await?;
    let manifest = parsed(texts.manifest.as_deref()).ok_or_else(|| unread(&name, &version))?;
    answer(&headers, is_public, &Permissions::of(&manifest, &facts::imports(texts.facts.as_deref())))
}

/// The README as its author wrote it, as plain text: whoever renders it, guards himself.
pub(crate) async fn readme(
    State(registry): State<Shared>,
    ReleasePath(name, version): ReleasePath,
    actor: Actor,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut conn = registry.db.read().await?;
    let (_, row, is_public) = see_release(&mut conn, &actor, &name, &version).await?;
    let text = store::texts(&mut conn, &row.id).await?.readme;
    let text = text.ok_or_else(|| Problem::not_found("readme-not-found", format!("{name} {version} has no README")))?;
    Ok(bytes(&headers, is_public, text, "text/plain; charset=utf-8"))
}

pub(crate) async fn checks(
    State(registry): State<Shared>,
    ReleasePath(name, version): ReleasePath,
    actor: Actor,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut conn = registry.db.read().await?;
    let (_, row, is_public) = see_release(&mut conn, &actor, &name, &version).await?;
    let checks = store::checks(&mut conn, &row.id).await?;
    let checks = checks.into_iter().map(CheckLine::from).collect();
    answer(&headers, is_public, &Checks { ruleset: row.ruleset, checks })
}

pub(crate) async fn statements(
    State(registry): State<Shared>,
    ReleasePath(name, version): ReleasePath,
    actor: Actor,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut conn = registry.db.read().await?;
    let (package, _, is_public) = see_release(&mut conn, &actor, &name, &version).await?;
    let version = version.to_string();
    let statements = store::statements(&mut conn, &package.name)
        .await?
        .into_iter()
        .filter(|row| row.version.as_ref() == Some(&version))
        .map(StatementLine::from)
        .collect();
    answer(&headers, is_public, &Statements { statements })
}

/// A statement's bundle, by digest. What is in the log is everybody's; what waits for it is its members'.
pub(crate) async fn statement(
    State(registry): State<Shared>,
    DigestPath(digest): DigestPath,
    actor: Actor,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let not_found = || Problem::not_found("statement-not-found", format!("the log has no statement {digest}"));
    let mut conn = registry.db.read().await?;
    let row = store::bundle(&mut conn, &digest.to_string()).await?.ok_or_else(not_found)?;
    let media_type = HeaderValue::from_static("application/vnd.dev.sigstore.bundle.v0.3+json");
    if row.log_index.is_some() {
        return Ok(caching::immutable(&headers, &digest, row.bundle, media_type));
    }
    let namespace: Label = row.namespace.parse()?;
    if !actor.may_read(&mut conn, &Target::Namespace(namespace)).await? {
        return Err(not_found());
    }
    let mut response = caching::changing_bytes(&headers, row.bundle, media_type);
    response.headers_mut().insert(http::header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    Ok(response)
}

pub(crate) async fn namespace_packages(
    State(registry): State<Shared>,
    NamespacePath(namespace): NamespacePath,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let after = parameter(raw.as_deref(), "after")?.map(|after| after.parse::<PackageName>()).transpose()?;
    let mut conn = registry.db.read().await?;
    let row = store::namespace(&mut conn, namespace.as_str()).await?.filter(|row| row.state == "active");
    let row = row.ok_or_else(|| {
        Problem::not_found("namespace-not-found", format!("there is no namespace `{namespace}` for everybody's eyes"))
    })?;
    let after = after.map(|name| name.to_string()).unwrap_or_default();
    let mut packages = store::listed(&mut conn, namespace.as_str(), &after, NAMESPACE_PAGE + 1).await?;
    let page = usize::try_from(NAMESPACE_PAGE).unwrap_or(usize::MAX);
    let more = packages.len() > page;
    packages.truncate(page);
    let next = packages.last().filter(|_| more).map(|row| row.name.clone());
    let packages = packages.into_iter().map(PackageLine::from).collect();
    let page = NamespacePackages {
        namespace: namespace.to_string(),
        control: NamespaceControl::of(&row),
        created_at: rfc3339(row.created_at),
        packages,
        next,
    };
    caching::changing(&headers, &page)
}

/// One parameter of a query, which has no other.
fn parameter(raw: Option<&str>, name: &str) -> Result<Option<String>, Problem> {
    let mut found = None;
    for (key, value) in url::form_urlencoded::parse(raw.unwrap_or_default().as_bytes()) {
        if key != name || found.replace(value.into_owned()).is_some() {
            return Err(Problem::bad_request(
                "parameter-unknown",
                format!("`{}` is no parameter of this, or stands twice", key.escape_debug()),
            )
            .hint(format!("it takes `{name}`, once")));
        }
    }
    Ok(found)
}

/// A host says that it has installed a release. Nobody is asked who he is: the number is for people, and is sorted by, no more.
pub(crate) async fn installed(
    State(registry): State<Shared>,
    ReleasePath(name, version): ReleasePath,
) -> Result<http::StatusCode, Problem> {
    let mut conn = registry.db.read().await?;
    see_release(&mut conn, &Actor::anonymous(), &name, &version).await?;
    registry.counts.install(&name);
    Ok(http::StatusCode::NO_CONTENT)
}
