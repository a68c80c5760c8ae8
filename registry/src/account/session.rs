//! Browsers: a session is a token in a cookie that no script reads.
//!
//! It begins with a password, or with a code that an operator has handed out and that is good once. A request that changes
//! something and has nothing but the cookie must also bear the header `X-Jackfield-CSRF: 1`, which a page of another site can't
//! send without asking first, and nobody here says yes to such a question. What a token may, a session may; it stands in the
//! list of tokens and is revoked like one.

use axum::{Json, Router, extract::State, response::IntoResponse as _, response::Response, routing::post};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use jackfield_db::Conn;
use jackfield_package::{Label, Pattern};
use jackfield_server::{body::Body, ids::random, peer::PeerCaller, uri::Path};
use serde::Deserialize;
use serde_json::json;

use super::{Action, Actor, Target, password::Password, store, tokens, users};
use crate::{
    Problem, Shared,
    clock::{Micros, SECOND},
    limits::{SESSION_S, SIGN_IN_CODE_S},
};

/// Where browsers come by https: bound to this very host, and never sent without TLS.
const SECURE: &str = "__Host-jf_session";
/// On plain http, which is this machine's own loopback.
const PLAIN: &str = "jf_session";
/// What a changing request must bear beside the cookie.
const CSRF: HeaderName = HeaderName::from_static("x-jackfield-csrf");

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/v1/session", post(begin).delete(end))
        .route("/v1/moderation/users/{user}/sign-in", post(invite))
}

/// The token in a request's cookie, if there is one: by the name that fits, and once, since whoever sets cookies for a neighbouring host
/// may set one of another name, or a second.
pub fn of<'a>(registry: &Shared, headers: &'a HeaderMap) -> Option<&'a str> {
    cookie_of(headers, if registry.config.is_https() { SECURE } else { PLAIN })
}

/// The value of a cookie that is there once.
pub(super) fn cookie_of<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = cookies.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(name, _)| *name == wanted).map(|(_, value)| value);
    values.next().filter(|_| values.next().is_none())
}

/// Nobody is signed in as somebody else by a form of another site: such a form can't say that it is JSON.
///
/// # Errors
/// 403 `csrf`.
pub(crate) fn from_these_pages(headers: &HeaderMap) -> Result<(), Problem> {
    let is_json = headers.get(header::CONTENT_TYPE).is_some_and(|it| it.as_bytes().starts_with(b"application/json"));
    match is_json && !is_from_elsewhere(headers) {
        true => Ok(()),
        false => Err(Problem::forbidden(
            "csrf",
            "a browser asks for this from these pages, with `Content-Type: application/json`",
        )),
    }
}

/// Whether a browser says that another site's page sends this.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site" || site == "same-site")
}

/// Who has the cookie; nobody in particular if it is good no more, since a browser sends it on and on.
///
/// # Errors
/// 403 `csrf` for a change without the header.
pub(crate) async fn actor(
    registry: &Shared,
    method: &Method,
    headers: &HeaderMap,
    token: &str,
) -> Result<Actor, Problem> {
    let changes = !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    if changes && (is_from_elsewhere(headers) || headers.get(&CSRF).is_none_or(|value| value != "1")) {
        return Err(Problem::forbidden("csrf", "a change from a browser must bear the header `X-Jackfield-CSRF: 1`")
            .hint("programs send a token instead: `Authorization: Bearer jf_…`"));
    }
    match tokens::authenticate(registry, token).await {
        Err(problem) if problem.status == StatusCode::UNAUTHORIZED => Ok(Actor::anonymous()),
        authenticated => authenticated,
    }
}

/// A user and a password, or a code.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shown {
    user: Option<String>,
    password: Option<Password>,
    code: Option<String>,
}

async fn begin(
    State(registry): State<Shared>,
    PeerCaller(address): PeerCaller,
    headers: HeaderMap,
    Body(shown): Body<Shown>,
) -> Result<Response, Problem> {
    from_these_pages(&headers)?;
    let actor = match shown {
        Shown { user: Some(user), password: Some(password), code: None } => {
            users::sign_in(&registry, &user, password, &address).await?
        }
        Shown { user: None, password: None, code: Some(code) } => by_code(&registry, &code).await?,
        _ => return Err(Problem::bad_request("body-malformed", "expected `user` and `password`, or `code`")),
    };
    let mut tx = registry.db.begin().await?;
    let (cookie, expires_at) = open(&registry, &mut tx, &actor, "signed in").await?;
    tx.commit().await?;
    let body = json!({ "user": actor.user, "operator": actor.operator, "expires_at": expires_at });
    Ok((StatusCode::CREATED, [(header::SET_COOKIE, cookie)], Json(body)).into_response())
}

/// A session of somebody who has shown who he is: its cookie, and when it ends.
pub(super) async fn open(
    registry: &Shared,
    tx: &mut Conn,
    actor: &Actor,
    how: &str,
) -> Result<(HeaderValue, Micros), Problem> {
    let expires_at = registry.now() + SESSION_S * SECOND;
    actor.authorise_noting(registry, tx, Action::Account, &Target::Registry, Some(how)).await?;
    let user = actor.user.as_ref().map(ToString::to_string);
    let actions = actor.actions.clone();
    let issued = tokens::add(registry, tx, user, None, "a browser", &Pattern::All, actions, expires_at).await?;
    Ok((cookie(registry, &issued.token, SESSION_S)?, expires_at))
}

async fn end(State(registry): State<Shared>, actor: Actor) -> Result<Response, Problem> {
    if let Some(id) = &actor.token {
        tokens::revoke(&registry, &actor, id).await?;
    }
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie(&registry, "", 0)?)]).into_response())
}

fn cookie(registry: &Shared, token: &str, age_s: i64) -> Result<HeaderValue, Problem> {
    set_cookie(registry, if registry.config.is_https() { SECURE } else { PLAIN }, token, "/", age_s)
}

/// Sets a cookie that no script reads and other sites' requests do not carry; for no time, it is gone.
pub(super) fn set_cookie(
    registry: &Shared,
    name: &str,
    value: &str,
    path: &str,
    age_s: i64,
) -> Result<HeaderValue, Problem> {
    let secure = if registry.config.is_https() { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path={path}; HttpOnly; SameSite=Lax; Max-Age={age_s}{secure}");
    HeaderValue::try_from(text).map_err(|error| Problem::internal(&error))
}

/// By an operator: a code for somebody who has no password yet, or has forgotten it.
async fn invite(State(registry): State<Shared>, actor: Actor, Path(user): Path<String>) -> Result<Response, Problem> {
    let user: Label = user.parse()?;
    let mut tx = registry.db.begin().await?;
    let detail = format!("a sign-in code for {user}");
    actor.authorise_noting(&registry, &mut tx, Action::Moderate, &Target::Registry, Some(&detail)).await?;
    tx.commit().await?;
    let code = code_for(&registry, &user).await?;
    Ok((StatusCode::CREATED, Json(json!({ "code": code, "expires_in_s": SIGN_IN_CODE_S }))).into_response())
}

/// A code that signs that user in, once and soon. Whoever is handed it is the user.
///
/// # Errors
/// 404 `user-not-found`.
pub async fn code_for(registry: &Shared, user: &Label) -> Result<String, Problem> {
    let now = registry.now();
    let code = URL_SAFE_NO_PAD.encode(random::<32>()?);
    let mut tx = registry.db.begin().await?;
    if store::user(&mut tx, user.as_str()).await?.is_none_or(|row| row.disabled_at.is_some()) {
        return Err(Problem::not_found("user-not-found", format!("there is no user `{user}`")));
    }
    let expires_at = now + SIGN_IN_CODE_S * SECOND;
    store::add_code(&mut tx, &tokens::hash(&code), user.as_str(), expires_at).await?;
    tx.commit().await?;
    Ok(code)
}

async fn by_code(registry: &Shared, code: &str) -> Result<Actor, Problem> {
    let mut tx = registry.db.begin().await?;
    let user = store::take_code(&mut tx, &tokens::hash(code), registry.now()).await?;
    let row = match &user {
        Some(name) => store::user(&mut tx, name).await?.filter(|row| row.disabled_at.is_none()),
        None => None,
    };
    let row = row.ok_or_else(|| {
        Problem::unauthenticated("sign-in-code", "the link is good no more: each signs in once, and soon")
            .hint("sign in with a password, or ask an operator for another link; while nobody has a password, each start prints one")
    })?;
    tx.commit().await?;
    Ok(Actor::of_user(row.name.parse()?, row.operator))
}
