//! What follows from the statuses that are in the log: the state of a release.
//!
//! Statuses count in the order of the log. An owner lifts what owners said, the registry lifts all; of what then stands, the
//! strongest counts: revoked, quarantined, yanked. A quarantine that has ended does not stand. A release is revoked, too,
//! while fewer of its signers than the namespace's threshold have a key that was good at the signature's place in the log.
//! Hosts come to the same from the statements themselves; what is written here is for those who ask the registry.

use std::time::Duration;

use jackfield_db::Conn;
use jackfield_package::{Label, PackageName};
use tokio_util::sync::CancellationToken;

use super::store::{self, ReleaseRow, StatusRow};
use crate::{
    Problem, Shared,
    clock::Micros,
    index,
    limits::STATUSES_AT_ONCE,
    log, oci,
    oci::Repository,
    publish::signers,
    read::{self, search},
};

/// How often it is looked whether statements have come into the log, and quarantines to their end.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(crate) async fn worker(registry: Shared, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
        if let Err(problem) = due(&registry).await {
            tracing::warn!(%problem, "statuses could not be settled");
        }
    }
}

/// Makes true what statements that are in the log by now say, and ends quarantines whose day has come.
///
/// # Errors
/// Those of the database.
pub async fn due(registry: &Shared) -> Result<usize, Problem> {
    let now = registry.now();
    let mut tx = registry.db.begin().await?;
    let mut touched: Vec<ReleaseRow> = Vec::new();
    for status in store::waiting(&mut tx, STATUSES_AT_ONCE).await? {
        let Some(statement) = status.statement.as_deref().and_then(|digest| digest.parse().ok()) else { continue };
        // Ordered is not enough: it counts once a checkpoint that covers it is out.
        if log::published_index(&mut tx, &statement).await?.is_none() {
            continue;
        }
        store::settled(&mut tx, &status.id, now).await?;
        let releases = about(&mut tx, &status).await?;
        show_statement(&mut tx, &releases, &statement, now).await?;
        touched.extend(releases);
    }
    touched.extend(store::ended_quarantines(&mut tx, now, STATUSES_AT_ONCE).await?);
    touched.sort_by(|a, b| a.id.cmp(&b.id));
    touched.dedup_by(|a, b| a.id == b.id);
    let mut packages = Vec::new();
    for release in &touched {
        let name: PackageName = release.package.parse()?;
        settle(&mut tx, release, &name, now).await?;
        packages.push(name);
    }
    packages.sort();
    packages.dedup();
    for name in &packages {
        search::reindex(&mut tx, name).await?;
    }
    tx.commit().await?;
    if !touched.is_empty() {
        registry.shown.forget();
    }
    // A crash here is made good by the index's own worker, which compares times.
    for name in &packages {
        index::refresh(registry, name).await?;
    }
    Ok(touched.len())
}

async fn about(conn: &mut Conn, status: &StatusRow) -> Result<Vec<ReleaseRow>, Problem> {
    Ok(match (&status.package, &status.version, &status.key_id) {
        (Some(package), Some(version), _) => store::release(conn, package, version).await?.into_iter().collect(),
        (_, _, Some(key)) => store::signed_with(conn, &status.namespace, key).await?,
        _ => Vec::new(),
    })
}

/// As a referrer of the release, for tools of the OCI world.
async fn show_statement(
    conn: &mut Conn,
    releases: &[ReleaseRow],
    statement: &jackfield_package::Digest,
    now: Micros,
) -> Result<(), Problem> {
    let Some(row) = read::store::bundle(conn, &statement.to_string()).await? else { return Ok(()) };
    for release in releases {
        let (repository, subject) = (repository(release)?, release.oci_manifest.parse()?);
        known(oci::attach_statement(conn, &repository, &subject, &row.bundle, now).await)?;
    }
    Ok(())
}

async fn settle(conn: &mut Conn, release: &ReleaseRow, name: &PackageName, now: Micros) -> Result<(), Problem> {
    let keys = store::of_keys(conn, name.namespace().as_str()).await?;
    let statuses = store::of_release(conn, &release.package, &release.version).await?;
    let standing = standing(&statuses, &keys);
    let strongest = standing
        .into_iter()
        .filter(|status| status.expires_at.is_none_or(|end| end > now))
        .max_by_key(|status| (strength(&status.action), status.log_index));
    let void = signers_gone(conn, release, name.namespace(), &keys).await?;
    let (state, reason, actor) = match strongest {
        _ if void => ("revoked", Some("the key that signed it is revoked"), "system"),
        Some(status) => {
            let state = match status.action.as_str() {
                "yank" => "yanked",
                "quarantine" => "quarantined",
                _ => "revoked",
            };
            (state, Some(status.reason.as_str()), status.actor.as_str())
        }
        None => ("released", None, "system"),
    };
    if state == release.state || !store::set_state(conn, release, state, reason, actor, now).await? {
        return Ok(());
    }
    let (repository, tag) = (repository(release)?, release.version.as_str());
    match state {
        "released" => known(oci::reveal(conn, &repository, tag).await),
        "yanked" => {
            known(oci::reveal(conn, &repository, tag).await)?;
            known(oci::unlist(conn, &repository, tag).await)
        }
        _ => known(oci::hide(conn, &repository, tag).await),
    }
}

/// What counts of what was said about one subject, all of which is in the log.
fn standing<'a>(statuses: &'a [StatusRow], keys: &[StatusRow]) -> Vec<&'a StatusRow> {
    let mut standing: Vec<&StatusRow> = Vec::new();
    for status in statuses.iter().filter(|status| status.settled_at.is_some()) {
        match (status.action.as_str(), status.authority.as_str()) {
            ("lift", "registry") => standing.clear(),
            // Who signs with a revoked key lifts nothing.
            ("lift", _) if was_revoked(keys, status) => {}
            ("lift", _) => standing.retain(|before| before.authority == "registry"),
            _ => standing.push(status),
        }
    }
    standing
}

/// Whether anybody has ever revoked the key that signed this, for its place in the log.
fn was_revoked(keys: &[StatusRow], status: &StatusRow) -> bool {
    keys.iter().any(|revoked| {
        revoked.settled_at.is_some()
            && revoked.action == "revoke"
            && revoked.key_id == status.signed_by
            && revoked.since_index.unwrap_or(0) <= status.log_index.unwrap_or(i64::MAX)
    })
}

fn strength(action: &str) -> u8 {
    match action {
        "yank" => 1,
        "quarantine" => 2,
        _ => 3,
    }
}

async fn signers_gone(
    conn: &mut Conn,
    release: &ReleaseRow,
    namespace: &Label,
    keys: &[StatusRow],
) -> Result<bool, Problem> {
    let signers = store::signers(conn, release).await?;
    let bad = |key: &str, at: i64| {
        let of_key: Vec<StatusRow> = keys.iter().filter(|row| row.key_id.as_deref() == Some(key)).cloned().collect();
        standing(&of_key, keys).iter().any(|row| row.action == "revoke" && row.since_index.unwrap_or(0) <= at)
    };
    let mut good: Vec<&str> = Vec::new();
    let (mut gone, mut last) = (false, 0);
    for signer in &signers {
        if bad(&signer.key_id, signer.log_index) {
            gone = true;
        } else {
            good.push(&signer.key_id);
            last = last.max(signer.log_index);
        }
    }
    good.sort_unstable();
    good.dedup();
    // As many as were asked for when the last of them signed: later keysets change nothing about it.
    let threshold = signers::threshold_at(conn, namespace, last).await?;
    Ok(gone && (good.len() as u64) < threshold)
}

fn repository(release: &ReleaseRow) -> Result<Repository, Problem> {
    release
        .package
        .replacen(':', "/", 1)
        .parse()
        .map_err(|_| Problem::internal(&std::io::Error::other("a package's name is no repository's")))
}

/// That something is not in the OCI view does not keep a release from being taken back.
fn known(shown: Result<(), Problem>) -> Result<(), Problem> {
    match shown {
        Err(problem) if problem.code == "manifest-unknown" => {
            tracing::warn!(%problem, "a release is not in the OCI view");
            Ok(())
        }
        other => other,
    }
}
