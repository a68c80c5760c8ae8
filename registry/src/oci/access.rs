//! Who may read and write a repository. What is released is everybody's; the rest needs a token.

use axum::extract::FromRequestParts as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use jackfield_db::Conn;

use super::{
    path::Repository,
    store,
    token::{self, Claims, Holder, Scope},
};
use crate::{
    Problem, Shared,
    account::{Action, Actor, Target},
};

/// What a request wants of a repository, in the words of scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Pull,
    Push,
    Delete,
}

impl Need {
    /// What a client is told to ask for.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "pull,push",
            Self::Delete => "pull,push,delete",
        }
    }
}

/// Who asks. Holders of the short-lived tokens are looked up only when something depends on who they are: reading what
/// is public costs no query.
#[derive(Debug)]
pub(crate) enum Caller {
    Known(Actor),
    Token(Claims),
}

impl Caller {
    /// From the header `Authorization`.
    ///
    /// # Errors
    /// 401 for credentials that are none.
    pub(crate) async fn of(registry: &Shared, parts: &mut Parts) -> Result<Self, Problem> {
        if let Some(text) = bearer(&parts.headers).filter(|text| text.starts_with(token::PREFIX)) {
            return token::open(registry, text).map(Self::Token);
        }
        // What clients send that were given neither a user nor a password.
        if parts.headers.get(header::AUTHORIZATION).is_some_and(is_nobody) {
            return Ok(Self::Known(Actor::anonymous()));
        }
        Actor::from_request_parts(parts, registry).await.map(Self::Known)
    }

    /// Whether anything was presented.
    pub(crate) fn is_anonymous(&self) -> bool {
        match self {
            Self::Known(actor) => actor.name == Actor::anonymous().name,
            Self::Token(claims) => claims.holder.is_none(),
        }
    }

    /// Who it is, by the rows of now: a token that was revoked a moment ago is good for nothing.
    pub(crate) async fn actor(&self, registry: &Shared, conn: &mut Conn) -> Result<Actor, Problem> {
        let claims = match self {
            Self::Known(actor) => return Ok(actor.clone()),
            Self::Token(claims) => claims,
        };
        let (row, id) = match &claims.holder {
            None => return Ok(Actor::anonymous()),
            Some(Holder::Token(id)) => (store::token(conn, id, registry.now()).await?, Some(id.clone())),
            Some(Holder::User(name)) => (store::signed_in(conn, name).await?, None),
        };
        let Some(row) = row else {
            return Err(unauthenticated("token-expired", "the token that this one was made from is no longer good"));
        };
        let name = match (&row.user_name, &row.identity) {
            (Some(user), _) => format!("user:{user}"),
            (None, identity) => format!("identity:{}", identity.as_deref().unwrap_or_default()),
        };
        Ok(Actor {
            name,
            user: row.user_name.as_deref().map(str::parse).transpose()?,
            operator: row.operator.unwrap_or(false),
            token: id,
            pattern: row.pattern,
            actions: row.actions.split_whitespace().filter_map(|word| word.parse().ok()).collect(),
        })
    }

    fn holds(&self, repository: &Repository, need: Need) -> bool {
        match self {
            Self::Known(_) => true,
            Self::Token(claims) => claims.scopes.iter().any(|scope| scope.covers(repository, need)),
        }
    }

    /// Whether it sees what is staged there. A no looks like nothing being there.
    pub(crate) async fn sees_staged(
        &self,
        registry: &Shared,
        conn: &mut Conn,
        repository: &Repository,
    ) -> Result<bool, Problem> {
        if self.is_anonymous() || !self.holds(repository, Need::Pull) {
            return Ok(false);
        }
        let actor = self.actor(registry, conn).await?;
        actor.may_read(conn, &Target::Repository(repository.to_string())).await
    }

    /// Who writes, if it may: recorded in the transaction it is asked in.
    ///
    /// # Errors
    /// 401 if it is nobody or its token was asked for less, 403 if it may not.
    pub(crate) async fn authorise(
        &self,
        registry: &Shared,
        conn: &mut Conn,
        repository: &Repository,
        need: Need,
    ) -> Result<Actor, Problem> {
        let actor = self.writer(registry, conn, repository, need).await?;
        actor.authorise(registry, conn, Action::Publish, &Target::Repository(repository.to_string())).await?;
        Ok(actor)
    }

    /// Who writes, for the steps in the middle of what was authorised when it began.
    pub(crate) async fn writer(
        &self,
        registry: &Shared,
        conn: &mut Conn,
        repository: &Repository,
        need: Need,
    ) -> Result<Actor, Problem> {
        if self.is_anonymous() {
            return Err(unauthenticated("unauthenticated", format!("writing to `{repository}` asks for a token")));
        }
        if !self.holds(repository, need) {
            return Err(unauthenticated("token-scope", format!("the token was not made for this on `{repository}`")));
        }
        self.actor(registry, conn).await
    }
}

pub(crate) fn unauthenticated(code: &'static str, message: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, code, message)
}

/// What a client answers by fetching a token (distribution's token authentication): realm, service, and the scope it
/// should ask for.
pub(crate) fn challenge(
    registry: &Shared,
    headers: &HeaderMap,
    scope: Option<(&Repository, Need)>,
    code: &str,
) -> Option<HeaderValue> {
    let base = base_url(registry, headers);
    let mut text = format!("Bearer realm=\"{base}/v2/token\",service=\"{}\"", registry.config.origin);
    if let Some((repository, need)) = scope {
        text.push_str(&format!(",scope=\"{}\"", Scope::text(repository, need)));
    }
    match code {
        "token-scope" => text.push_str(",error=\"insufficient_scope\""),
        "unauthenticated" => {}
        _ => text.push_str(",error=\"invalid_token\""),
    }
    text.parse().ok()
}

/// How clients reach this registry: as configured, or as this one did.
pub(crate) fn base_url(registry: &Shared, headers: &HeaderMap) -> String {
    if let Some(url) = &registry.config.public_url {
        return url.trim_end_matches('/').to_owned();
    }
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .filter(|host| !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b)));
    format!("http://{}", host.unwrap_or(&registry.config.origin))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, text) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| text.trim())
}

fn is_nobody(value: &HeaderValue) -> bool {
    let Some((scheme, text)) = value.to_str().ok().and_then(|value| value.split_once(' ')) else { return false };
    scheme.eq_ignore_ascii_case("basic") && STANDARD.decode(text.trim()).is_ok_and(|bytes| bytes == b":")
}
