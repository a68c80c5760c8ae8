//! The first step: bytes are there.

use jackfield_db::Conn;
use jackfield_package::{Digest, PackageName};
use semver::Version;
use uuid::Uuid;

use super::{State, Why, store};
use crate::{Problem, Shared, account::Actor, limits::STAGED_PER_PACKAGE};

/// What has been pushed under a version tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Staged {
    /// Digest of the one layer: the component.
    pub component: Digest,
    /// Its size in bytes.
    pub size: i64,
    /// Digest of the OCI manifest.
    pub oci_manifest: Digest,
}

/// Notes a release whose bytes are stored. The caller has authorised `actor` to publish this package, and calls this in the
/// transaction that writes the tag. The same bytes again are fine, whatever state they are in; other bytes replace those that
/// nobody has signed for, so that a stolen token can't occupy a version.
///
/// # Errors
/// 409 `version-exists` if the version has other bytes, 409 `version-logged` if the log has it with other bytes, 409 `staged-too-many`, 400 `version-malformed`.
pub async fn stage(
    registry: &Shared,
    conn: &mut Conn,
    actor: &Actor,
    package: &PackageName,
    version: &Version,
    staged: Staged,
) -> Result<(), Problem> {
    if !version.build.is_empty() {
        let message = format!("`{version}` carries build metadata: two releases could be called the same");
        return Err(Problem::bad_request("version-malformed", message));
    }
    let now = registry.now();
    store::ensure_package(conn, package, now).await?;
    if let Some(release) = store::find(conn, package, version).await? {
        if release.oci_manifest == staged.oci_manifest.to_string() {
            return Ok(());
        }
        let state = release.state()?;
        let reason = format!("other bytes were pushed: {}", staged.component);
        let why = Why { actor: &actor.name, reason: Some(&reason) };
        let replaced = state == State::Staged
            && super::change(conn, &release.id, State::Staged, State::Rejected, why, now).await?;
        if !replaced {
            let message = format!("{package}@{version} is {state}, with other bytes: {}", release.component);
            return Err(Problem::conflict("version-exists", message)
                .hint("a version is its bytes, for ever: publish another version"));
        }
    }
    // A withdrawn or rejected version is free, unless the log speaks of it: two releases of one name there are what everybody who
    // watches the log takes for fraud.
    if let Some(logged) = store::logged_attempt(conn, package, version).await?
        && logged != staged.component.to_string()
    {
        let message = format!("a statement on {package}@{version} is in the log, for {logged}");
        return Err(Problem::conflict("version-logged", message).hint("publish another version"));
    }
    if store::count_staged(conn, package).await? >= STAGED_PER_PACKAGE {
        let message = format!("{STAGED_PER_PACKAGE} versions of {package} are staged already");
        return Err(Problem::conflict("staged-too-many", message).hint("publish some of them first"));
    }
    let id = Uuid::now_v7().to_string();
    let inserted = store::insert(conn, &id, package, version, staged, &actor.name, now).await;
    match inserted {
        Ok(()) => {}
        // Another push of the same version was a moment faster.
        Err(error) if error.is_unique() => {
            let message = format!("{package}@{version} is being staged by somebody else at this moment");
            return Err(Problem::conflict("version-exists", message));
        }
        Err(error) => return Err(error.into()),
    }
    store::add_event(conn, &id, State::Staged, Why { actor: &actor.name, reason: None }, now).await?;
    Ok(())
}
