//! Its author takes a release back before anybody has seen it.

use jackfield_db::Conn;
use jackfield_package::PackageName;
use semver::Version;

use super::{
    State, Why, change, decision, statements,
    store::{self, Release},
};
use crate::{Problem, Shared, account::Actor};

/// Withdraws a release that is staged, being checked or held: it becomes rejected, with the reason and the name of who did it in its
/// story. The caller has authorised `actor` to publish this package. What has passed is on its way into the log, and comes out.
///
/// # Errors
/// 404 `release-not-found`, 409 `release-not-withdrawable`, 400 `reason-missing`.
pub async fn withdraw(
    registry: &Shared,
    conn: &mut Conn,
    actor: &Actor,
    package: &PackageName,
    version: &Version,
    reason: &str,
) -> Result<Release, Problem> {
    let reason = format!("withdrawn: {}", decision::bounded(reason)?);
    let now = registry.now();
    store::lock_package(conn, &package.to_string(), now).await?;
    let release = store::find(conn, package, version).await?.ok_or_else(|| statements::unknown(package, version))?;
    let from = release.state()?;
    let why = Why { actor: &actor.name, reason: Some(&reason) };
    let may = matches!(from, State::Staged | State::Checking | State::Held);
    // A worker that examines it at this moment finds its lease gone, and writes nothing.
    if !may || !change(conn, &release.id, from, State::Rejected, why, now).await? {
        let hint = match from.is_public() {
            true => "what is out is taken back by a statement: jackfield yank",
            false => "it has passed and comes out within seconds; then: jackfield yank",
        };
        let message = format!("{package}@{version} is {from}: it can't be withdrawn any more");
        return Err(Problem::conflict("release-not-withdrawable", message).hint(hint));
    }
    store::by_id(conn, &release.id).await?.ok_or_else(|| statements::unknown(package, version))
}
