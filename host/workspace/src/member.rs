//! Workspaces themselves, and who belongs to them.

use axum::{Json, extract::State};
use http::{StatusCode, request::Parts};
use jackfield_package::Label;
use jackfield_server::{body::Body, uri::Path};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Problem, Shared,
    caller::{self, Caller},
    clock::Micros,
    identity::Person,
    limits::{LABEL_BYTES, MEMBERS},
    role::{Action, Role},
    store::{self, MemberRow, MembershipRow},
};

#[derive(Serialize, ToSchema)]
pub(crate) struct Memberships {
    workspaces: Vec<MembershipRow>,
}

/// Those that the caller belongs to; an operator sees all.
pub(crate) async fn workspaces(State(all): State<Shared>, mut parts: Parts) -> Result<Json<Memberships>, Problem> {
    let Person { user, operator } = caller::person(&mut parts, &all).await?;
    let workspaces = store::workspaces_of(&mut all.db.read().await?, user.as_str(), operator).await?;
    Ok(Json(Memberships { workspaces }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWorkspace)]
pub(crate) struct New {
    #[schema(value_type = String, pattern = "^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length = 64)]
    name: Label,
    title: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = MadeWorkspace)]
pub(crate) struct Made {
    #[schema(value_type = String)]
    name: Label,
    title: String,
}

/// Made by whoever runs this server; he is its first admin.
pub(crate) struct Asking(Person);

impl axum::extract::FromRequestParts<Shared> for Asking {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, workspaces: &Shared) -> Result<Self, Problem> {
        caller::person(parts, workspaces).await.map(Self)
    }
}

pub(crate) async fn create(
    State(workspaces): State<Shared>,
    Asking(person): Asking,
    Body(new): Body<New>,
) -> Result<(StatusCode, Json<Made>), Problem> {
    if !person.operator {
        let message = format!("user:{} is not an operator of this server, and makes no workspaces", person.user);
        return Err(Problem::forbidden("forbidden", message));
    }
    let title = new.title.unwrap_or_else(|| new.name.to_string());
    if title.is_empty() || title.len() > LABEL_BYTES {
        return Err(Problem::bad_request("label-malformed", format!("a title has 1 to {LABEL_BYTES} bytes")));
    }
    workspaces.create(&new.name, &title, &person.user).await?;
    Ok((StatusCode::CREATED, Json(Made { name: new.name, title })))
}

/// A workspace, as one of its members sees it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Workspace {
    name: String,
    title: String,
    calls_a_minute: i64,
    #[schema(value_type = i64)]
    created_at: Micros,
    /// The caller's.
    role: Role,
    /// What that may.
    actions: Vec<&'static str>,
    members: Vec<MemberRow>,
}

pub(crate) async fn show(State(workspaces): State<Shared>, caller: Caller) -> Result<Json<Workspace>, Problem> {
    let mut conn = workspaces.db.read().await?;
    let name = caller.workspace.as_str();
    let row = store::workspace(&mut conn, name).await?.ok_or_else(|| caller::no_workspace(name))?;
    let members = store::members(&mut conn, name).await?;
    let actions = Action::ALL.iter().filter(|action| caller.role.may(**action)).map(|it| it.word()).collect();
    let store::WorkspaceRow { name, title, calls_a_minute, created_at } = row;
    Ok(Json(Workspace { name, title, calls_a_minute, created_at, role: caller.role, actions, members }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Quota {
    #[schema(minimum = 1, maximum = 60_000_000)]
    calls_a_minute: i64,
}

pub(crate) async fn set_quota(
    State(workspaces): State<Shared>,
    caller: Caller,
    Body(Quota { calls_a_minute }): Body<Quota>,
) -> Result<StatusCode, Problem> {
    if !(1..=60_000_000).contains(&calls_a_minute) {
        return Err(Problem::bad_request("quota-malformed", "a quota is 1 to 60000000 calls a minute"));
    }
    let detail = format!("{calls_a_minute} calls a minute");
    let mut tx = caller.begin(&workspaces, Action::Policy, "quota", Some(&detail)).await?;
    store::set_quota(&mut tx, caller.workspace.as_str(), calls_a_minute).await?;
    tx.commit().await?;
    workspaces.quotas.forget();
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    role: Role,
}

pub(crate) async fn put(
    State(workspaces): State<Shared>,
    caller: Caller,
    Path((_, user)): Path<(String, String)>,
    Body(Place { role }): Body<Place>,
) -> Result<StatusCode, Problem> {
    let user: Label = user.parse()?;
    let workspace = caller.workspace.as_str();
    if !workspaces.identity.exists(&user).await? {
        return Err(Problem::not_found("user-not-found", format!("there is no user `{user}`")));
    }
    let mut tx = caller.begin(&workspaces, Action::Members, &format!("user:{user}"), Some(role.word())).await?;
    if store::members(&mut tx, workspace).await?.len() as i64 >= MEMBERS
        && store::role(&mut tx, workspace, user.as_str()).await?.is_none()
    {
        return Err(Problem::conflict("too-many-members", format!("there are {MEMBERS} members already")));
    }
    store::put_member(&mut tx, workspace, user.as_str(), role.word(), workspaces.now()).await?;
    keeps_an_admin(&mut tx, workspace).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn remove(
    State(workspaces): State<Shared>,
    caller: Caller,
    Path((_, user)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let workspace = caller.workspace.as_str();
    let mut tx = caller.begin(&workspaces, Action::Members, &format!("user:{user}"), Some("removed")).await?;
    if store::remove_member(&mut tx, workspace, &user).await? == 0 {
        return Err(Problem::not_found("member-not-found", format!("`{user}` is no member of `{workspace}`")));
    }
    keeps_an_admin(&mut tx, workspace).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn keeps_an_admin(tx: &mut jackfield_db::Conn, workspace: &str) -> Result<(), Problem> {
    let members = store::members(tx, workspace).await?;
    if members.iter().any(|member| member.role == Role::Admin.word()) {
        return Ok(());
    }
    Err(Problem::conflict("last-admin", "a workspace keeps one admin: make somebody else one first"))
}
