//! What a person decides about a held release, and what its author has to say.

use jackfield_db::Conn;
use serde::{Deserialize, Serialize};

use super::{
    State, Why, change, rules,
    store::{self, Release},
};
use crate::{
    Problem, Shared,
    account::{Action, Actor, Target},
    limits::DECISION_CHARS,
};

/// What it comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// The question is answered. The release is checked once more, and every other rule holds as before.
    Approve,
    /// It does not come out.
    Reject,
}

/// Decides. What was decided, why and by whom stands in the release's story.
///
/// # Errors
/// 403 for who is no operator, 404 `release-not-found`, 409 `release-not-held`, 400 `reason-missing`.
pub async fn decide(
    registry: &Shared,
    actor: &Actor,
    id: &str,
    decision: Decision,
    reason: &str,
) -> Result<Release, Problem> {
    let reason = bounded(reason)?;
    let now = registry.now();
    let mut tx = registry.db.begin().await?;
    actor.authorise(registry, &mut tx, Action::Moderate, &Target::Registry).await?;
    let release = by_id(&mut tx, id).await?;
    let to = match decision {
        Decision::Approve => State::Checking,
        Decision::Reject => State::Rejected,
    };
    let why = Why { actor: &actor.name, reason: Some(reason) };
    let held = release.state()? == State::Held;
    if !held || !change(&mut tx, id, State::Held, to, why, now).await? {
        let message = format!("{}@{} is {}, not held", release.package, release.version, release.state);
        return Err(Problem::conflict("release-not-held", message));
    }
    if decision == Decision::Approve {
        store::reset_attempts(&mut tx, id).await?;
        let asked = store::checks(&mut tx, id).await?;
        if asked.iter().any(|check| check.id == rules::NAME_CONFUSABLE.id && check.state == "fail") {
            store::approve_name(&mut tx, &release.package, &actor.name).await?;
        }
    }
    let release = by_id(&mut tx, id).await?;
    tx.commit().await?;
    Ok(release)
}

/// Writes down what the author has to say about a hold or a rejection.
///
/// # Errors
/// 409 `release-not-held`, 400 `reason-missing`.
pub async fn appeal(conn: &mut Conn, release: &Release, message: &str) -> Result<(), Problem> {
    if !matches!(release.state()?, State::Held | State::Rejected) {
        let message =
            format!("{}@{} is {}: nothing to appeal against", release.package, release.version, release.state);
        return Err(Problem::conflict("release-not-held", message));
    }
    store::set_appeal(conn, &release.id, bounded(message)?).await?;
    Ok(())
}

async fn by_id(conn: &mut Conn, id: &str) -> Result<Release, Problem> {
    let found = store::by_id(conn, id).await?;
    found.ok_or_else(|| Problem::not_found("release-not-found", "there is no release of that id"))
}

pub(super) fn bounded(reason: &str) -> Result<&str, Problem> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > DECISION_CHARS {
        let message = format!("a reason has 1 to {DECISION_CHARS} characters: others read it");
        return Err(Problem::bad_request("reason-missing", message));
    }
    Ok(reason)
}
