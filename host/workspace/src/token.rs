//! Tokens of a workspace: what its programs show.

use axum::{Json, extract::State};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::StatusCode;
use jackfield_package::Pattern;
use jackfield_server::{
    body::Body,
    ids::{random, uuid_v7},
    uri::Path,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::{
    Problem, Shared,
    caller::Caller,
    clock::SECOND,
    limits::{LABEL_BYTES, TOKEN_LIFETIME_DEFAULT_S, TOKEN_LIFETIME_S, TOKENS},
    role::{Action, Role},
    store::{self, TokenRow},
};

/// What every token of a workspace begins with, so that a scanner finds one where it should not be.
pub(crate) const PREFIX: &str = "jfw_";

/// What a new token shall be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWorkspaceToken)]
pub(crate) struct Wanted {
    /// What it is for: a line.
    #[schema(min_length = 1, max_length = 200)]
    label: String,
    /// `member` unless said otherwise: it calls, and nothing else.
    #[serde(default = "member")]
    role: Role,
    /// `*`, `acme:*` or `acme:crm`.
    #[serde(default = "everything")]
    packages: String,
    #[schema(minimum = 1, maximum = 31_622_400)]
    expires_in_s: Option<i64>,
}

/// A new token, and the only time that it is shown.
#[derive(Serialize, ToSchema)]
#[schema(as = MadeWorkspaceToken)]
pub(crate) struct Made {
    token: String,
    #[serde(flatten)]
    row: TokenRow,
}

#[derive(Serialize, ToSchema)]
#[schema(as = WorkspaceTokens)]
pub(crate) struct Tokens {
    tokens: Vec<TokenRow>,
}

fn member() -> Role {
    Role::Member
}

fn everything() -> String {
    "*".to_owned()
}

pub(crate) async fn create(
    State(workspaces): State<Shared>,
    caller: Caller,
    Body(wanted): Body<Wanted>,
) -> Result<(StatusCode, Json<Made>), Problem> {
    let reach: Pattern = wanted.packages.parse().map_err(|_| {
        Problem::bad_request("packages-malformed", format!("`{}` names no packages", wanted.packages.escape_debug()))
            .hint("expected `*`, `acme:*` or `acme:crm`")
    })?;
    if wanted.label.is_empty() || wanted.label.len() > LABEL_BYTES || wanted.label.chars().any(char::is_control) {
        return Err(Problem::bad_request(
            "label-malformed",
            format!("a label is one line of 1 to {LABEL_BYTES} bytes"),
        ));
    }
    let lifetime = wanted.expires_in_s.unwrap_or(TOKEN_LIFETIME_DEFAULT_S);
    if !(1..=TOKEN_LIFETIME_S).contains(&lifetime) {
        let message = format!("a token lives from 1 to {TOKEN_LIFETIME_S} seconds, not {lifetime}");
        return Err(Problem::bad_request("token-lifetime", message));
    }
    let now = workspaces.now();
    let token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random::<32>()?));
    let row = TokenRow {
        id: uuid_v7(now)?,
        workspace: caller.workspace.to_string(),
        label: wanted.label,
        role: wanted.role.word().to_owned(),
        packages: reach.to_string(),
        created_by: caller.name.clone(),
        created_at: now,
        expires_at: now + lifetime * SECOND,
        revoked_at: None,
        last_used_at: None,
    };
    let detail = format!("{} for {}: {}", row.role, row.packages, row.label);
    let mut tx = caller.begin(&workspaces, Action::Tokens, &format!("token:{}", row.id), Some(&detail)).await?;
    if store::live_token_count(&mut tx, &row.workspace, now).await? >= TOKENS {
        return Err(Problem::conflict("too-many-tokens", format!("there are {TOKENS} tokens already"))
            .hint("revoke those that nothing uses"));
    }
    let hash: [u8; 32] = Sha256::digest(&token).into();
    store::add_token(&mut tx, &row, &hash).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(Made { token, row })))
}

pub(crate) async fn list(State(workspaces): State<Shared>, caller: Caller) -> Result<Json<Tokens>, Problem> {
    caller.may_look(&workspaces, Action::Audit, "tokens").await?;
    let tokens = store::tokens(&mut workspaces.db.read().await?, caller.workspace.as_str()).await?;
    Ok(Json(Tokens { tokens }))
}

pub(crate) async fn revoke(
    State(workspaces): State<Shared>,
    caller: Caller,
    Path((_, id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let mut tx = caller.begin(&workspaces, Action::Tokens, &format!("token:{id}"), Some("revoked")).await?;
    if store::revoke_token(&mut tx, caller.workspace.as_str(), &id, workspaces.now()).await? == 0 {
        return Err(Problem::not_found("token-not-found", "there is no such token in this workspace"));
    }
    tx.commit().await?;
    workspaces.tokens.forget();
    Ok(StatusCode::NO_CONTENT)
}
