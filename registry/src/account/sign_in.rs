//! Signing in at an OpenID provider (OpenID Connect Core 1.0, section 3.1; RFC 7636; RFC 9207).
//!
//! Who somebody is, the issuer's `sub` says and nothing else: an e-mail address decides at the most who may become a user. What
//! leaves for a provider is bound to this browser by a cookie, and to one answer by `state`, `nonce` and a verifier; an identity is added
//! to a user only by a request that bears the session and its header, and comes back to a browser that still has the session.

mod person;
mod provider;

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::{delete, get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use jackfield_package::Label;
use jackfield_server::{body::Body, ids::random, peer::PeerCaller, uri::Path};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    Action, Actor, Target,
    oidc::{Expected, may_be_asked},
    session,
    store::{self, AttemptRow},
    tokens,
    users::BY_ADDRESS,
};
use crate::{Problem, Shared, clock::SECOND, limits::SIGN_IN_ATTEMPT_S};

pub(crate) use self::provider::Providers;
use self::{person::Person, provider::Provider};

/// Binds an attempt to the browser that began it. Not sent along with requests that other sites make, but with the way back.
const COOKIE: &str = "jf_sign_in";
/// Where a browser goes that did not say where to.
const HOME: &str = "/account";
/// Bytes of such a path, and of what an issuer calls a person.
const TEXT_BYTES: usize = 512;

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/v1/sign-in", get(list))
        .route("/v1/sign-in/{provider}/begin", post(begin))
        .route("/v1/sign-in/{provider}/callback", get(callback))
        .route("/v1/me/identities", get(identities).post(link))
        .route("/v1/me/identities/{id}", delete(unlink))
}

/// The buttons of a page.
async fn list(State(registry): State<Shared>) -> Json<Value> {
    let providers = registry.door.providers.all();
    let shown: Vec<_> = providers.map(|it| json!({ "id": it.id, "title": it.title, "issuer": it.issuer })).collect();
    Json(json!({ "providers": shown }))
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Begin {
    /// The path to go to afterwards.
    next: Option<String>,
}

/// Somebody wants to sign in: the URL that his browser goes to, and the cookie that it comes back with.
async fn begin(
    State(registry): State<Shared>,
    PeerCaller(address): PeerCaller,
    Path(provider): Path<String>,
    headers: HeaderMap,
    Body(asked): Body<Begin>,
) -> Result<Response, Problem> {
    session::from_these_pages(&headers)?;
    let provider = registry.door.providers.get(&provider)?;
    let leave = Leave { next: path(asked.next), user: None, address };
    leave.to(&registry, provider, &headers).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Link {
    provider: String,
}

/// Somebody who is signed in wants to sign in there from now on, too.
async fn link(
    State(registry): State<Shared>,
    actor: Actor,
    PeerCaller(address): PeerCaller,
    headers: HeaderMap,
    Body(asked): Body<Link>,
) -> Result<Response, Problem> {
    let user = own(&actor)?;
    let mut tx = registry.db.begin().await?;
    let detail = format!("links an identity at {}", asked.provider.chars().take(64).collect::<String>());
    actor.authorise_noting(&registry, &mut tx, Action::Account, &Target::Registry, Some(&detail)).await?;
    tx.commit().await?;
    let provider = registry.door.providers.get(&asked.provider)?;
    let leave = Leave { next: HOME.to_owned(), user: Some(user.to_string()), address };
    leave.to(&registry, provider, &headers).await
}

async fn identities(State(registry): State<Shared>, actor: Actor) -> Result<Json<Value>, Problem> {
    let rows = store::identities_of(&mut registry.db.read().await?, own(&actor)?.as_str()).await?;
    Ok(Json(json!({ "identities": rows })))
}

/// The last way in is not taken away.
async fn unlink(State(registry): State<Shared>, actor: Actor, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    let user = own(&actor)?;
    let mut tx = registry.db.begin().await?;
    let detail = "removes an identity";
    actor.authorise_noting(&registry, &mut tx, Action::Account, &Target::Registry, Some(detail)).await?;
    if store::remove_identity(&mut tx, user.as_str(), &id).await? == 0 {
        return Err(Problem::not_found("identity-not-found", "that is no identity of yours"));
    }
    let has_password = store::user(&mut tx, user.as_str()).await?.is_some_and(|row| row.password.is_some());
    if !has_password && store::identities_of(&mut tx, user.as_str()).await?.is_empty() {
        return Err(Problem::conflict("identity-last", "you would have no way to sign in any more")
            .hint("set a password first"));
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn own(actor: &Actor) -> Result<&Label, Problem> {
    if actor.is_anonymous() {
        return Err(crate::router::token_needed());
    }
    actor.user.as_ref().ok_or_else(|| Problem::forbidden("forbidden", "only a user signs in"))
}

/// A path of this site, whatever was asked for.
fn path(next: Option<String>) -> String {
    let is_path = |text: &String| {
        text.starts_with('/')
            && !text.contains("//")
            && !text.contains("/.")
            && !text.contains('\\')
            && text.len() <= TEXT_BYTES
    };
    next.filter(is_path).filter(|text| text.parse::<Uri>().is_ok()).unwrap_or_else(|| HOME.to_owned())
}

/// Where what comes back goes to.
fn redirect_uri(registry: &Shared, provider: &Provider, headers: &HeaderMap) -> Result<String, Problem> {
    let base = match &registry.config.public_url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => {
            let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
            format!("http://{}", host.ok_or_else(|| Problem::bad_request("host-missing", "the request names no host"))?)
        }
    };
    Ok(format!("{base}/v1/sign-in/{}/callback", provider.config.id))
}

/// A browser that is about to leave for a provider.
struct Leave {
    next: String,
    user: Option<String>,
    address: String,
}

impl Leave {
    async fn to(self, registry: &Shared, provider: &Provider, headers: &HeaderMap) -> Result<Response, Problem> {
        let now = registry.now();
        let caller = format!("sign-in {}", self.address);
        registry
            .door
            .sign_ins
            .take(&caller, BY_ADDRESS, now)
            .map_err(|wait| Problem::too_many("login-limited", "too many sign-ins from here", wait))?;
        let discovery = registry.door.issuers.discovery(&provider.config.issuer, now).await?;
        let endpoint = usable(discovery.authorization_endpoint.as_deref())?;
        let fresh = || Ok::<_, Problem>(URL_SAFE_NO_PAD.encode(random::<32>()?));
        let (state, nonce, verifier) = (fresh()?, fresh()?, fresh()?);
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
        let scopes: Vec<&str> =
            std::iter::once("openid").chain(provider.config.scopes.iter().map(String::as_str)).collect();
        let mut url = endpoint;
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &provider.config.client_id)
            .append_pair("redirect_uri", &redirect_uri(registry, provider, headers)?)
            .append_pair("scope", &scopes.join(" "))
            .append_pair("state", &state)
            .append_pair("nonce", &nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        let row = AttemptRow {
            provider: provider.config.id.clone(),
            nonce,
            verifier,
            next: self.next,
            user_name: self.user,
            expires_at: now + SIGN_IN_ATTEMPT_S * SECOND,
        };
        let mut tx = registry.db.begin().await?;
        store::add_attempt(&mut tx, &tokens::hash(&state), &row).await?;
        tx.commit().await?;
        let cookie = cookie(registry, &state, SIGN_IN_ATTEMPT_S)?;
        Ok(([(header::SET_COOKIE, cookie)], Json(json!({ "url": url.as_str() }))).into_response())
    }
}

fn cookie(registry: &Shared, state: &str, age_s: i64) -> Result<HeaderValue, Problem> {
    session::set_cookie(registry, COOKIE, state, "/v1/sign-in", age_s)
}

/// A browser comes back. Whatever went wrong, it gets a page and no document: the reason stands behind the `#` as a code that the page
/// knows, and in the log.
async fn callback(
    State(registry): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let provider = registry.door.providers.get(&id)?;
    let (to, session) = match come_back(&registry, provider, &headers, &uri).await {
        // The page notes that somebody is signed in, and goes on.
        Ok((next, Some(session))) => (format!("/sign-in?next={}#done", encoded(&next)), Some(session)),
        Ok((next, None)) => (next, None),
        Err(problem) => {
            tracing::info!(provider = id, code = problem.code, why = problem.message, "nobody was signed in");
            (format!("/sign-in#trouble={}", problem.code), None)
        }
    };
    let mut answer = (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response();
    answer.headers_mut().append(header::SET_COOKIE, cookie(&registry, "", 0)?);
    if let Some(session) = session {
        answer.headers_mut().append(header::SET_COOKIE, session);
    }
    Ok(answer)
}

/// What came by the redirect, each name once.
#[derive(Debug, Default)]
struct Came {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

impl Came {
    fn of(uri: &Uri) -> Option<Self> {
        let mut came = Self::default();
        for (name, value) in url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
            let place = match &*name {
                "code" => &mut came.code,
                "state" => &mut came.state,
                "iss" => &mut came.iss,
                "error" => &mut came.error,
                _ => continue,
            };
            if place.replace(value.into_owned()).is_some() {
                return None;
            }
        }
        Some(came)
    }
}

fn stale() -> Problem {
    Problem::unauthenticated("sign-in-stale", "this answer belongs to no sign-in that this browser has begun")
}

fn usable(endpoint: Option<&str>) -> Result<url::Url, Problem> {
    let url = endpoint.and_then(|endpoint| url::Url::parse(endpoint).ok()).filter(may_be_asked);
    url.ok_or_else(|| Problem::unavailable("issuer-unavailable", "the provider offers no sign-in by codes"))
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// An error's word of RFC 6749, whatever was sent as one.
fn word(error: &str) -> String {
    error.chars().filter(|it| it.is_ascii_graphic()).take(64).collect()
}

fn broken(why: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_GATEWAY, "sign-in-failed", why)
}

async fn come_back(
    registry: &Shared,
    provider: &Provider,
    headers: &HeaderMap,
    uri: &Uri,
) -> Result<(String, Option<HeaderValue>), Problem> {
    let now = registry.now();
    let came = Came::of(uri).ok_or_else(stale)?;
    let state = came.state.as_deref().ok_or_else(stale)?;
    // First of all whose browser this is: another's answer is not even looked at.
    if session::cookie_of(headers, COOKIE) != Some(state) {
        return Err(stale());
    }
    let mut tx = registry.db.begin().await?;
    let attempt = store::take_attempt(&mut tx, &tokens::hash(state), now).await?;
    tx.commit().await?;
    let attempt = attempt.filter(|attempt| attempt.provider == provider.config.id).ok_or_else(stale)?;
    if let Some(user) = &attempt.user_name {
        // Who adds an account is still who began: whoever has lost the session, or the token behind it, adds nothing.
        let token = session::of(registry, headers).ok_or_else(stale)?;
        let actor = session::actor(registry, &Method::GET, headers, token).await?;
        if actor.user.as_ref().map(Label::as_str) != Some(user) {
            return Err(stale());
        }
    }
    let discovery = registry.door.issuers.discovery(&provider.config.issuer, now).await?;
    match &came.iss {
        Some(iss) if *iss != provider.config.issuer => return Err(broken("the answer is another provider's")),
        None if discovery.authorization_response_iss_parameter_supported => {
            return Err(broken("the answer does not say whose it is"));
        }
        _ => {}
    }
    if let Some(error) = &came.error {
        return Err(Problem::forbidden("sign-in-refused", format!("the provider says no: {}", word(error))));
    }
    let code = came.code.as_deref().ok_or_else(stale)?;
    let redirect_uri = redirect_uri(registry, provider, headers)?;
    let tokens = provider.exchange(registry, &discovery, code, &attempt.verifier, &redirect_uri).await?;
    let issuers = [provider.config.issuer.clone()];
    let expected = Expected { issuers: &issuers, audience: &provider.config.client_id };
    let mut claims = registry.door.issuers.verify(&expected, &tokens.id_token, now).await?;
    if claims.get("nonce").and_then(Value::as_str) != Some(&attempt.nonce) {
        return Err(broken("the identity token is of another sign-in"));
    }
    tokens.tell_more(registry, &discovery, &mut claims).await?;
    let person = Person::of(&provider.config, &claims)?;
    let mut tx = registry.db.begin().await?;
    let entered = person.enter(registry, &mut tx, provider, attempt.user_name.as_deref()).await?;
    let session = match entered {
        // Whoever has linked an identity is signed in already.
        None => None,
        Some(actor) => {
            let how = format!("signed in at {}", provider.config.id);
            Some(session::open(registry, &mut tx, &actor, &how).await?.0)
        }
    };
    tx.commit().await?;
    Ok((attempt.next, session))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_goes_to_a_path_of_this_site() {
        for bad in [
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "javascript:x",
            "",
            "/ \r\nx",
            "/..//evil.example",
            "/./x",
        ] {
            assert_eq!(path(Some(bad.to_owned())), HOME, "{bad}");
        }
        assert_eq!(path(Some("/packages/acme/crm?tab=reviews".to_owned())), "/packages/acme/crm?tab=reviews");
    }
}
