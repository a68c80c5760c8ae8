//! What a workspace asks of a release before it is installed: the policy of its home.

use axum::{Json, extract::State};
use jackfield_server::body::Body;
use serde_json::Value;

use crate::{Problem, Shared, caller::Caller, role::Action};

pub(crate) async fn show(State(workspaces): State<Shared>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.may_look(&workspaces, Action::Read, "policy").await?;
    workspaces.supply.policy(&workspaces.home(&caller.workspace)).await.map(Json)
}

/// Whose registries are believed is the server's own business: it is the server that asks them.
pub(crate) async fn set(
    State(workspaces): State<Shared>,
    caller: Caller,
    Body(policy): Body<Value>,
) -> Result<Json<Value>, Problem> {
    let home = workspaces.home(&caller.workspace);
    let detail = policy.to_string();
    let tx = caller.begin(&workspaces, Action::Policy, "policy", Some(&detail)).await?;
    workspaces.supply.set_policy(&home, policy, caller.operator).await?;
    tx.commit().await?;
    workspaces.supply.policy(&home).await.map(Json)
}
