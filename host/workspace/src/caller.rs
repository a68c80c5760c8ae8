//! Who asks, and whether he may: one call decides and writes down.

use axum::extract::FromRequestParts;
use http::{header, request::Parts};
use jackfield_db::Tx;
use jackfield_package::{Label, PackageName, Pattern};
use jackfield_server::uri::Path;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::{
    Problem, Shared, audit,
    clock::{Micros, SECOND},
    identity::Person,
    limits::TOKEN_USED_EVERY_S,
    role::{Action, Role},
    store,
    token::PREFIX,
};

/// Somebody in a workspace: taken from a request, of whose path the workspace is a part. Whoever is no member is told that there is
/// no such workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The workspace.
    pub workspace: Label,
    /// `user:NAME` or `token:ID`: what bills and the audit log show.
    pub name: String,
    /// The user, if it is a person.
    pub user: Option<Label>,
    /// What it is here.
    pub role: Role,
    /// The installations that it reaches.
    pub reach: Pattern,
    /// Whether it is a person who runs this server.
    pub operator: bool,
}

impl Caller {
    /// The server itself, for what it does by a workspace's policy.
    pub(crate) fn system(workspace: Label) -> Self {
        Self {
            workspace,
            name: "system".to_owned(),
            user: None,
            role: Role::Admin,
            reach: Pattern::All,
            operator: false,
        }
    }

    /// Whether it may, and the transaction of what is then done, in which a line of the audit log says so already: nothing is done
    /// unrecorded. A refusal is written down by itself.
    ///
    /// # Errors
    /// 403 `role-insufficient`.
    pub(crate) async fn begin(
        &self,
        workspaces: &Shared,
        action: Action,
        target: &str,
        detail: Option<&str>,
    ) -> Result<Tx, Problem> {
        self.may_look(workspaces, action, target).await?;
        let mut tx = workspaces.db.begin().await?;
        audit::write(&mut tx, self, action, target, true, detail, workspaces.now()).await?;
        Ok(tx)
    }

    /// Whether it may look, or call: of that, no line is written for a yes.
    ///
    /// # Errors
    /// 403 `role-insufficient`.
    pub(crate) async fn may_look(&self, workspaces: &Shared, action: Action, target: &str) -> Result<(), Problem> {
        let may = self.may(action);
        if let Err(problem) = &may {
            Box::pin(audit::write_denial(workspaces, self, action, target, problem.code)).await;
        }
        may
    }

    /// Whether what it shows reaches that installation.
    ///
    /// # Errors
    /// 403 `token-reach`.
    pub(crate) fn reaches(&self, package: &PackageName) -> Result<(), Problem> {
        if self.reach.covers(package) {
            return Ok(());
        }
        Err(Problem::forbidden("token-reach", format!("the token reaches `{}` and not `{package}`", self.reach))
            .hint("an admin can make one that does"))
    }

    /// Whether it sees everybody's invocations.
    pub(crate) fn sees_bills(&self) -> bool {
        self.may(Action::Bills).is_ok()
    }

    fn may(&self, action: Action) -> Result<(), Problem> {
        // What concerns the whole workspace is for whoever reaches all of it.
        let is_of_all =
            matches!(action, Action::Bills | Action::Audit | Action::Members | Action::Tokens | Action::Policy);
        if is_of_all && self.reach != Pattern::All {
            let message = format!("the token reaches `{}`, and this concerns the whole workspace", self.reach);
            return Err(Problem::forbidden("token-reach", message).hint("an admin can make one that reaches all"));
        }
        if self.role.may(action) {
            return Ok(());
        }
        let message =
            format!("{} is {} of `{}`, and may not `{}`", self.name, a(self.role), self.workspace, action.word());
        Err(Problem::forbidden("role-insufficient", message).hint(format!("that takes {}", a(action.needs()))))
    }
}

fn a(role: Role) -> String {
    let article = if matches!(role, Role::Auditor | Role::Operator | Role::Admin) { "an" } else { "a" };
    format!("{article} {role}")
}

#[derive(Deserialize)]
struct InPath {
    workspace: String,
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, workspaces: &Shared) -> Result<Self, Problem> {
        let Path(InPath { workspace }) = Path::<InPath>::from_request_parts(parts, workspaces).await?;
        let workspace: Label = workspace.parse().map_err(|_| no_workspace(&workspace))?;
        if let Some(token) = own_token(parts) {
            let caller = by_token(workspaces, token).await?;
            // A token of another workspace learns nothing of this one.
            return if caller.workspace == workspace { Ok(caller) } else { Err(no_workspace(workspace.as_str())) };
        }
        Box::pin(by_person(parts, workspaces, workspace)).await
    }
}

async fn by_person(parts: &mut Parts, workspaces: &Shared, workspace: Label) -> Result<Caller, Problem> {
    let Person { user, operator } = person(parts, workspaces).await?;
    let mut conn = workspaces.db.read().await?;
    let role = store::role(&mut conn, workspace.as_str(), user.as_str()).await?;
    let role = match role.and_then(|word| word.parse().ok()) {
        // Whoever runs the server can't be shut out of what it serves.
        _ if operator && store::workspace(&mut conn, workspace.as_str()).await?.is_some() => Role::Admin,
        Some(role) => role,
        None => return Err(no_workspace(workspace.as_str())),
    };
    Ok(Caller { workspace, name: format!("user:{user}"), user: Some(user), role, reach: Pattern::All, operator })
}

/// A program whose token says which workspace is meant.
pub(crate) struct ByToken(pub(crate) Caller);

impl FromRequestParts<Shared> for ByToken {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, workspaces: &Shared) -> Result<Self, Problem> {
        match own_token(parts) {
            Some(token) => by_token(workspaces, token).await.map(Self),
            None => Err(Problem::unauthenticated("unauthenticated", "this asks for a token of a workspace")
                .hint("as `Authorization: Bearer jfw_…`; people name their workspace: /v1/workspaces/NAME/mcp")),
        }
    }
}

/// The person who asks, where no workspace is meant yet.
///
/// # Errors
/// 401 `unauthenticated`.
pub(crate) async fn person(parts: &mut Parts, workspaces: &Shared) -> Result<Person, Problem> {
    let person = workspaces.identity.person(parts).await?;
    person.ok_or_else(|| {
        Problem::unauthenticated("unauthenticated", "this asks for somebody who is signed in, or for a token")
            .hint("people: `jackfield login`; programs: a token of the workspace, as `Authorization: Bearer jfw_…`")
    })
}

/// 404, for what there is not and for what the caller may not know of.
pub(crate) fn no_workspace(name: &str) -> Problem {
    let name: String = name.chars().take(64).collect();
    Problem::not_found("workspace-not-found", format!("there is no workspace `{name}` that you belong to"))
}

/// A token of a workspace in the header `Authorization`, which alone is looked at: programs have no cookies.
fn own_token(parts: &Parts) -> Option<&str> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && token.starts_with(PREFIX)).then_some(token)
}

async fn by_token(workspaces: &Shared, token: &str) -> Result<Caller, Problem> {
    let hash: [u8; 32] = Sha256::digest(token).into();
    let now = workspaces.now();
    match workspaces.tokens.get_or_turn(&hash, now).await {
        Ok(caller) => Ok(caller),
        Err(_turn) => Box::pin(by_token_row(workspaces, hash, now)).await,
    }
}

/// Of a token that was not seen a moment ago.
async fn by_token_row(workspaces: &Shared, hash: [u8; 32], now: Micros) -> Result<Caller, Problem> {
    let no = |code, message: &str| Err(Problem::unauthenticated(code, message));
    let row = store::token_by_hash(&mut workspaces.db.read().await?, &hash).await?;
    let Some(row) = row else { return no("token-unknown", "the token is not one of this server's") };
    if row.revoked_at.is_some() {
        return no("token-revoked", "the token has been revoked");
    }
    if row.expires_at <= now {
        return no("token-expired", "the token has expired");
    }
    let caller = Caller {
        workspace: row.workspace.parse()?,
        name: format!("token:{}", row.id),
        user: None,
        role: row.role.parse().map_err(|()| Problem::internal(&std::io::Error::other("a token of no known role")))?,
        reach: row.packages.parse()?,
        operator: false,
    };
    let since = now - TOKEN_USED_EVERY_S * SECOND;
    if row.last_used_at.is_none_or(|last| last < since) {
        let mut tx = workspaces.db.begin().await?;
        store::token_used(&mut tx, &row.id, now).await?;
        tx.commit().await?;
    }
    workspaces.tokens.put(hash, caller.clone(), row.expires_at, now);
    Ok(caller)
}
