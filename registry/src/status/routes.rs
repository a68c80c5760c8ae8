//! Routes of status.

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    routing::{get, post, put},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{advisories, store};
use crate::{
    Problem, Shared,
    account::{Action, Actor, Target},
    body::Body,
    limits::REASON_CHARS,
    read::{packages, path::PackagePath},
    review::text,
};

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/v1/packages/{ns}/{name}/deprecation", put(deprecate).delete(undeprecate))
        .route("/v1/packages/{ns}/{name}/advisories", get(advisories::list).post(advisories::publish))
        .route("/v1/packages/{ns}/{name}/advisories/{id}/withdrawal", post(advisories::withdraw))
}

/// Why a package is deprecated.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Deprecation {
    /// What to use instead.
    pub message: String,
}

async fn deprecate(
    State(registry): State<Shared>,
    PackagePath(name): PackagePath,
    actor: Actor,
    Body(deprecation): Body<Deprecation>,
) -> Result<StatusCode, Problem> {
    let message = text::plain("the message", &deprecation.message, REASON_CHARS)?;
    set(&registry, &actor, &name, Some(&message)).await
}

async fn undeprecate(
    State(registry): State<Shared>,
    PackagePath(name): PackagePath,
    actor: Actor,
) -> Result<StatusCode, Problem> {
    set(&registry, &actor, &name, None).await
}

async fn set(
    registry: &Shared,
    actor: &Actor,
    name: &jackfield_package::PackageName,
    message: Option<&str>,
) -> Result<StatusCode, Problem> {
    let mut tx = registry.db.begin().await?;
    actor.authorise(registry, &mut tx, Action::Status, &Target::Package(name.clone())).await?;
    if store::deprecate(&mut tx, &name.to_string(), message, registry.now()).await? == 0 {
        return Err(packages::package_not_found(name));
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
