//! Who people are in workspaces: the users of the registry beside them.

use async_trait::async_trait;
use axum::extract::FromRequestParts as _;
use http::request::Parts;
use jackfield_package::Label;
use jackfield_registry::account::{Action, Actor, Target, users};
use jackfield_workspace::{
    Problem,
    identity::{Identity, Person},
};

/// The registry's accounts.
#[derive(Debug)]
pub(super) struct Accounts(pub(super) jackfield_registry::Shared);

#[async_trait]
impl Identity for Accounts {
    async fn person(&self, parts: &mut Parts) -> Result<Option<Person>, Problem> {
        let actor = Actor::from_request_parts(parts, &self.0).await?;
        if actor.is_anonymous() {
            return Ok(None);
        }
        // A token that was made to publish one package says nothing in a workspace.
        actor.within_scope(Action::Workspace, &Target::Registry)?;
        let user = actor.user.ok_or_else(|| {
            Problem::forbidden("forbidden", format!("{} is not a user, and belongs to no workspace", actor.name))
        })?;
        Ok(Some(Person { user, operator: actor.operator }))
    }

    async fn exists(&self, user: &Label) -> Result<bool, Problem> {
        users::exists(&self.0, user).await
    }
}
