//! Tokens: 32 random bytes that say who asks, for which packages, and what for. Shown once; the registry keeps their SHA-256.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jackfield_db::Conn;
use jackfield_package::{Label, Pattern};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    Action, Actor, Target,
    store::{self, TokenRow},
};
use crate::{
    Problem, Shared,
    clock::{Micros, SECOND},
    keys::{random, uuid_v7},
    limits::{LABEL_TEXT_BYTES, TOKEN_LIFETIME_DEFAULT_S, TOKEN_LIFETIME_S, TOKEN_USED_EVERY_S, TOKENS_PER_USER},
};

/// What every token begins with, so that a scanner finds one in a place where it should not be.
pub const PREFIX: &str = "jf_";
/// What an OCI client is given that signs in as nobody: it says no more than no header does.
pub const ANONYMOUS: &str = "jf_anonymous";

/// What a new token shall be.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wanted {
    /// What it is for, in lists.
    pub label: String,
    /// For which packages; none: all that its maker may.
    pub pattern: Option<String>,
    /// For what; none: all that its maker may.
    pub actions: Option<Vec<Action>>,
    /// Seconds until it expires.
    pub expires_in_s: Option<i64>,
}

/// A token, this once.
#[derive(Debug, Serialize)]
pub struct Issued {
    /// Its name in lists.
    pub id: String,
    /// The secret.
    pub token: String,
    /// For which packages.
    pub pattern: String,
    /// For what.
    pub actions: Vec<Action>,
    /// Until when.
    pub expires_at: Micros,
}

/// A token in a list.
#[derive(Debug, Serialize)]
pub struct Listed {
    /// Its name.
    pub id: String,
    /// What it is for.
    pub label: String,
    /// For which packages.
    pub pattern: String,
    /// For what.
    pub actions: Vec<Action>,
    /// Since when.
    pub created_at: Micros,
    /// Until when.
    pub expires_at: Micros,
    /// Last noted use: to the hour.
    pub last_used_at: Option<Micros>,
    /// Whether the request came with this one.
    pub current: bool,
}

/// Who presents this. `jf_anonymous` is nobody; anything unknown, expired or revoked is 401, and which of them it is, is
/// told to whoever holds it: he can't have guessed it.
///
/// # Errors
/// 401 `token-unknown`, `token-expired`, `token-revoked`, `user-disabled`.
pub async fn authenticate(registry: &Shared, presented: &str) -> Result<Actor, Problem> {
    if presented == ANONYMOUS {
        return Ok(Actor::anonymous());
    }
    let hash = hash(presented);
    let now = registry.now();
    let mut conn = registry.db.read().await?;
    let row = match presented.starts_with(PREFIX) {
        true => store::token_by_hash(&mut conn, &hash).await?,
        false => None,
    };
    let no = |code, message: &str| Err(Problem::unauthenticated(code, message));
    let Some(row) = row else { return no("token-unknown", "the token is not one of this registry's") };
    if row.revoked_at.is_some() {
        return no("token-revoked", "the token has been revoked");
    }
    if row.expires_at <= now {
        return no("token-expired", "the token has expired");
    }
    let user = match &row.user_name {
        Some(name) => store::user(&mut conn, name).await?,
        None => None,
    };
    drop(conn);
    if user.as_ref().is_some_and(|user| user.disabled_at.is_some()) {
        return no("user-disabled", "the token's user is disabled");
    }
    let since = now - TOKEN_USED_EVERY_S * SECOND;
    if row.last_used_at.is_none_or(|last| last < since) {
        note_use(registry, &row.id, now, since).await;
    }
    Ok(Actor {
        name: match (&row.user_name, &row.identity) {
            (Some(user), _) => format!("user:{user}"),
            (None, identity) => format!("identity:{}", identity.as_deref().unwrap_or_default()),
        },
        user: row.user_name.as_deref().map(str::parse).transpose()?,
        operator: user.is_some_and(|user| user.operator),
        token: Some(row.id),
        pattern: row.pattern,
        actions: row.actions.split_whitespace().filter_map(|word| word.parse().ok()).collect(),
    })
}

/// What can't be noted now is noted another time: reading goes on.
async fn note_use(registry: &Shared, id: &str, now: Micros, since: Micros) {
    let noted = async {
        let mut tx = registry.db.begin().await?;
        store::token_used(&mut tx, id, now, since).await?;
        tx.commit().await
    };
    if let Err(error) = noted.await {
        tracing::warn!(error = &error as &dyn std::error::Error, "a token's use was not noted");
    }
}

/// Makes a token for the actor's user that may do no more than the actor. Call after `authorise`.
///
/// # Errors
/// 403 `token-wider`, 400 `token-lifetime`, `text-too-long`, `pattern-malformed`, 409 `too-many-tokens`.
pub(crate) async fn issue(
    registry: &Shared,
    conn: &mut Conn,
    actor: &Actor,
    wanted: Wanted,
) -> Result<Issued, Problem> {
    let now = registry.now();
    let Some(user) = &actor.user else {
        return Err(Problem::forbidden("forbidden", "only a user has tokens"));
    };
    let own: Pattern = actor.pattern.parse()?;
    let pattern = match &wanted.pattern {
        Some(text) => text.parse::<Pattern>().map_err(|_| {
            Problem::bad_request("pattern-malformed", "the pattern is none: expected `*`, `acme:*` or `acme:crm`")
        })?,
        None => own.clone(),
    };
    let actions = wanted.actions.unwrap_or_else(|| actor.actions.clone());
    if !own.includes(&pattern) || actions.iter().any(|action| !actor.actions.contains(action)) {
        return Err(Problem::forbidden("token-wider", "a token can't be given more than its maker has"));
    }
    let lifetime = wanted.expires_in_s.unwrap_or(TOKEN_LIFETIME_DEFAULT_S);
    if !(1..=TOKEN_LIFETIME_S).contains(&lifetime) {
        return Err(Problem::bad_request(
            "token-lifetime",
            format!("a token lives from 1 to {TOKEN_LIFETIME_S} seconds, not {lifetime}"),
        ));
    }
    if wanted.label.len() > LABEL_TEXT_BYTES {
        return Err(Problem::bad_request(
            "text-too-long",
            format!("the label is longer than {LABEL_TEXT_BYTES} bytes"),
        ));
    }
    if store::live_token_count(conn, user.as_str(), now).await? >= TOKENS_PER_USER {
        return Err(Problem::conflict("too-many-tokens", format!("there are {TOKENS_PER_USER} tokens already"))
            .hint("revoke those that nobody uses"));
    }
    let expires_at = now + lifetime * SECOND;
    add(registry, conn, Some(user.to_string()), None, &wanted.label, &pattern, actions, expires_at).await
}

/// Writes the row. Whoever calls has checked everything.
#[allow(clippy::too_many_arguments, reason = "each is a column")]
pub(crate) async fn add(
    registry: &Shared,
    conn: &mut Conn,
    user_name: Option<String>,
    identity: Option<String>,
    label: &str,
    pattern: &Pattern,
    actions: Vec<Action>,
    expires_at: Micros,
) -> Result<Issued, Problem> {
    let now = registry.now();
    let token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random::<32>()?));
    let row = TokenRow {
        id: uuid_v7(now)?,
        user_name,
        identity,
        label: label.to_owned(),
        pattern: pattern.to_string(),
        actions: actions.iter().map(|action| action.word()).collect::<Vec<_>>().join(" "),
        created_at: now,
        expires_at,
        revoked_at: None,
        last_used_at: None,
    };
    store::add_token(conn, &row, &hash(&token)).await?;
    Ok(Issued { id: row.id, token, pattern: row.pattern, actions, expires_at })
}

/// Those of a user, and which of them asks.
pub(crate) async fn list(conn: &mut Conn, user: &Label, actor: &Actor) -> Result<Vec<Listed>, Problem> {
    let rows = store::tokens_of(conn, user.as_str()).await?;
    let listed = rows.into_iter().map(|row| Listed {
        current: actor.token.as_ref() == Some(&row.id),
        id: row.id,
        label: row.label,
        pattern: row.pattern,
        actions: row.actions.split_whitespace().filter_map(|word| word.parse().ok()).collect(),
        created_at: row.created_at,
        expires_at: row.expires_at,
        last_used_at: row.last_used_at,
    });
    Ok(listed.collect())
}

/// Ends one: the one that asks, one of the caller's own, or anybody's for an operator.
pub(crate) async fn revoke(registry: &Shared, actor: &Actor, id: &str) -> Result<(), Problem> {
    let mut tx = registry.db.begin().await?;
    let row = store::token_by_id(&mut tx, id).await?;
    let of_actor = row.as_ref().is_some_and(|row| row.user_name.as_deref() == actor.user.as_ref().map(Label::as_str));
    if actor.token.as_deref() == Some(id) {
        actor.record(registry, &mut tx, Action::Account, &Target::Registry, Some("its own token")).await?;
    } else {
        // The same question for what is another's and for what is not there.
        let action = if of_actor || !actor.operator { Action::Account } else { Action::Moderate };
        actor.authorise(registry, &mut tx, action, &Target::Registry).await?;
    }
    if row.is_none() || !(of_actor || actor.operator || actor.token.as_deref() == Some(id)) {
        return Err(Problem::not_found("token-not-found", "there is no such token among yours"));
    }
    store::revoke_token(&mut tx, id, registry.now()).await?;
    tx.commit().await?;
    Ok(())
}

pub(crate) fn hash(token: impl AsRef<[u8]>) -> [u8; 32] {
    Sha256::digest(token).into()
}
