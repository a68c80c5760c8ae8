//! Signing in at an OpenID provider (OpenID Connect Core 1.0, section 3.1; RFC 7636; RFC 9207).
//!
//! Who somebody is, the issuer's `sub` says and nothing else: an e-mail address decides at the most who may become a user. What
//! leaves for a provider is bound to this browser by a cookie, and to one answer by `state`, `nonce` and a verifier; an identity is added
//! to a user only by a request that bears the session and its header, so that nobody's is added by a link.

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::{delete, get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use jackfield_db::Conn;
use jackfield_package::Label;
use jackfield_server::{body::Body, ids::random, peer::PeerCaller, rate::Rate, uri::Path};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{
    Action, Actor, Target,
    oidc::{Claims, Discovery, Expected, may_be_asked},
    session,
    store::{self, AttemptRow, IdentityRow},
    tokens,
};
use crate::{
    Config, Problem, Shared,
    clock::{Micros, SECOND},
    config::SignInProvider,
    keys::uuid_v7,
    limits::{IDENTITIES, SIGN_IN_ATTEMPT_S, SIGN_IN_EVERY_S, SIGN_IN_PROVIDERS, SIGN_INS_AT_ONCE},
};

/// Binds an attempt to the browser that began it. Not sent along with requests that other sites make, but with the way back.
const COOKIE: &str = "jf_sign_in";
/// Attempts of one address, which may be that of a whole office.
const ATTEMPTS: Rate = Rate { burst: SIGN_INS_AT_ONCE * 3, every: SIGN_IN_EVERY_S as Micros * SECOND / 10 };
/// Where a browser goes that did not say where to.
const HOME: &str = "/account";
/// Bytes of such a path, and of what an issuer calls a person.
const TEXT_BYTES: usize = 512;
/// How many names are tried for a new user: the name, and then with a number.
const NAMES_TRIED: usize = 50;

/// Where people sign in besides by a password.
#[derive(Debug)]
pub(crate) struct Providers(Vec<Provider>);

struct Provider {
    config: SignInProvider,
    secret: Option<Zeroizing<String>>,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.config.fmt(f)
    }
}

impl Providers {
    /// # Errors
    /// `config-invalid`.
    pub(super) fn of(config: &Config) -> Result<Self, Problem> {
        let invalid = |id: &str, why: &str| {
            Problem::bad_request("config-invalid", format!("`sign_in`, `{id}`: {why}"))
                .hint("docs/reference/serve.md has every key")
        };
        let mut all: Vec<Provider> = Vec::new();
        for provider in &config.sign_in {
            let id = provider.id.as_str();
            if id.parse::<Label>().is_err() || all.iter().any(|other| other.config.id == id) {
                return Err(invalid(id, "`id` is no label, or another provider's"));
            }
            if provider.title.is_empty() || provider.client_id.is_empty() {
                return Err(invalid(id, "`title` or `client_id` is missing"));
            }
            if !url::Url::parse(&provider.issuer).is_ok_and(|url| may_be_asked(&url)) {
                return Err(invalid(id, "`issuer` is no https URL"));
            }
            let secret = match &provider.client_secret_file {
                None => None,
                Some(path) => {
                    let text = std::fs::read_to_string(path)
                        .map_err(|error| invalid(id, &format!("`{}`: {error}", path.display())))?;
                    Some(Zeroizing::new(Zeroizing::new(text).trim().to_owned()))
                }
            };
            all.push(Provider { config: provider.clone(), secret });
        }
        match all.len() > SIGN_IN_PROVIDERS {
            true => Err(invalid("", &format!("there are more than {SIGN_IN_PROVIDERS}"))),
            false => Ok(Self(all)),
        }
    }

    fn get(&self, id: &str) -> Result<&Provider, Problem> {
        let found = self.0.iter().find(|provider| provider.config.id == id);
        found.ok_or_else(|| Problem::not_found("sign-in-provider", "nobody signs in there"))
    }
}

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
    let providers = registry.door.providers.0.iter().map(|provider| &provider.config);
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
            .take(&caller, ATTEMPTS, now)
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
    let secure = if registry.config.is_https() { "; Secure" } else { "" };
    let text = format!("{COOKIE}={state}; Path=/v1/sign-in; HttpOnly; SameSite=Lax; Max-Age={age_s}{secure}");
    HeaderValue::try_from(text).map_err(|error| Problem::internal(&error))
}

fn usable(endpoint: Option<&str>) -> Result<url::Url, Problem> {
    let url = endpoint.and_then(|endpoint| url::Url::parse(endpoint).ok()).filter(may_be_asked);
    url.ok_or_else(|| Problem::unavailable("issuer-unavailable", "the provider offers no sign-in by codes"))
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

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
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

/// An error's word of RFC 6749, whatever was sent as one.
fn word(error: &str) -> String {
    error.chars().filter(|it| it.is_ascii_graphic()).take(64).collect()
}

fn stale() -> Problem {
    Problem::unauthenticated("sign-in-stale", "this answer belongs to no sign-in that this browser has begun")
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

/// What a code is exchanged for.
#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    access_token: Option<String>,
}

impl Tokens {
    /// Many providers keep e-mail and name out of the identity token (OpenID Connect Core 1.0, section 5.4) and tell it apart. It counts
    /// if it is of the same person (section 5.3.2), and nothing that is signed is replaced by it.
    async fn tell_more(&self, registry: &Shared, discovery: &Discovery, claims: &mut Claims) -> Result<(), Problem> {
        let (Some(endpoint), Some(token)) = (&discovery.userinfo_endpoint, &self.access_token) else { return Ok(()) };
        if claims.contains_key("email") {
            return Ok(());
        }
        let told = registry.door.issuers.get_as(endpoint, token).await.map_err(broken)?;
        let told: Claims = serde_json::from_slice(&told).map_err(|_| broken("what the provider tells is no JSON"))?;
        if told.get("sub") != claims.get("sub") {
            return Err(broken("what the provider tells is of somebody else"));
        }
        for (claim, value) in told {
            claims.entry(claim).or_insert(value);
        }
        Ok(())
    }
}

impl Provider {
    /// RFC 6749, section 4.1.3; the secret as the provider wants it, in the header if it does not say.
    async fn exchange(
        &self,
        registry: &Shared,
        discovery: &Discovery,
        code: &str,
        verifier: &str,
        redirect_uri: &str,
    ) -> Result<Tokens, Problem> {
        let endpoint = usable(discovery.token_endpoint.as_deref())?;
        let client_id = self.config.client_id.as_str();
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier),
        ];
        let by_post = discovery
            .token_endpoint_auth_methods_supported
            .as_ref()
            .is_some_and(|methods| !methods.iter().any(|method| method == "client_secret_basic"));
        // RFC 6749, section 2.3.1: both are encoded as in a form before they become a header.
        let basic = match &self.secret {
            Some(secret) if !by_post => Some((encoded(client_id), Zeroizing::new(encoded(secret)))),
            secret => {
                form.push(("client_id", client_id));
                if let Some(secret) = secret {
                    form.push(("client_secret", secret));
                }
                None
            }
        };
        let basic = basic.as_ref().map(|(user, secret)| (user.as_str(), secret.as_str()));
        let (status, body) = registry.door.issuers.post(endpoint.as_str(), &form, basic).await.map_err(broken)?;
        if !status.is_success() {
            // Its error's word alone: what else it says may repeat what it was sent.
            let error = serde_json::from_slice::<Claims>(&body).unwrap_or_default();
            let error = error.get("error").and_then(Value::as_str).map(word).unwrap_or_default();
            return Err(broken(format!("the provider takes no code: {status} {error}")));
        }
        serde_json::from_slice(&body).map_err(|_| broken("the provider's answer has no identity token"))
    }
}

/// Who it is, in the issuer's words.
struct Person {
    issuer: String,
    subject: String,
    /// For people's eyes.
    label: String,
    /// What a new user would be called.
    wished: String,
    /// Whether such a person becomes a user by signing in.
    is_welcome: bool,
}

impl Person {
    fn of(config: &SignInProvider, claims: &Claims) -> Result<Self, Problem> {
        let text = |claim: &str| claims.get(claim).and_then(Value::as_str).filter(|text| text.len() <= TEXT_BYTES);
        let subject = text("sub").filter(|subject| !subject.is_empty() && !subject.chars().any(char::is_control));
        let subject = subject.ok_or_else(|| broken("the identity token says of nobody who it is"))?;
        let verified = claims.get("email_verified") == Some(&Value::Bool(true));
        let email = text("email").filter(|_| verified);
        let domain = email.and_then(|email| email.split_once('@')).map(|(_, domain)| domain.to_ascii_lowercase());
        let of_domain = domain.is_some_and(|domain| config.domains.iter().any(|it| it.eq_ignore_ascii_case(&domain)));
        let local = email.and_then(|email| email.split('@').next());
        let label = email.or(text("preferred_username")).or(text("name")).unwrap_or(subject);
        Ok(Self {
            issuer: config.issuer.clone(),
            subject: subject.to_owned(),
            label: label.chars().filter(|it| !it.is_control()).collect(),
            wished: text("preferred_username").or(local).unwrap_or_default().to_owned(),
            is_welcome: config.new_users || of_domain,
        })
    }

    /// The user to sign in: known, or new; none: the identity was added to one who is signed in.
    async fn enter(
        self,
        registry: &Shared,
        tx: &mut Conn,
        provider: &Provider,
        link_to: Option<&str>,
    ) -> Result<Option<Actor>, Problem> {
        let now = registry.now();
        let known = store::identity(tx, &self.issuer, &self.subject).await?;
        if let Some(user) = link_to {
            return match known {
                Some(row) if row.user_name == user => Ok(None),
                Some(_) => Err(Problem::conflict("identity-taken", "somebody else signs in with that identity")),
                None if store::identities_of(tx, user).await?.len() >= IDENTITIES => Err(Problem::conflict(
                    "too-many-identities",
                    format!("a user has {IDENTITIES} identities at the most"),
                )),
                None => self.add(tx, user, now).await.map(|()| None),
            };
        }
        let user = match known {
            Some(row) => {
                store::identity_used(tx, &row.id, &self.label, now).await?;
                row.user_name
            }
            None if self.is_welcome => self.become_user(registry, tx, provider).await?,
            None => {
                return Err(Problem::forbidden("sign-in-unknown", format!("nobody here is {}", self.label)));
            }
        };
        let row = store::user(tx, &user).await?.filter(|row| row.disabled_at.is_none());
        let row = row.ok_or_else(|| Problem::forbidden("sign-in-unknown", format!("{user} is shut out")))?;
        Ok(Some(Actor::of_user(row.name.parse()?, row.operator)))
    }

    async fn add(&self, tx: &mut Conn, user: &str, now: Micros) -> Result<(), Problem> {
        let row = IdentityRow {
            id: uuid_v7(now)?,
            issuer: self.issuer.clone(),
            subject: self.subject.clone(),
            user_name: user.to_owned(),
            label: self.label.clone(),
            created_at: now,
            used_at: now,
        };
        match store::add_identity(tx, &row).await? {
            0 => Err(Problem::conflict("identity-taken", "somebody else signs in with that identity")),
            _ => Ok(()),
        }
    }

    /// A user without a password, called as the issuer calls the person if nobody is called so.
    async fn become_user(&self, registry: &Shared, tx: &mut Conn, provider: &Provider) -> Result<String, Problem> {
        let now = registry.now();
        let wished = label_of(&self.wished);
        for number in 1..=NAMES_TRIED {
            let name = if number == 1 { wished.clone() } else { format!("{wished}-{number}") };
            if store::add_user(tx, &name, None, false, now).await? > 0 {
                self.add(tx, &name, now).await?;
                let detail = format!("user {name} by {}", provider.config.id);
                Actor::system().record(registry, tx, Action::Account, &Target::Registry, Some(&detail)).await?;
                return Ok(name);
            }
        }
        Err(Problem::conflict("user-exists", format!("there are many users called `{wished}` already")))
    }
}

/// Of any text a label: lower-case letters and digits, with single hyphens between.
fn label_of(text: &str) -> String {
    const CHARS: usize = 32;
    let words = text.split(|it: char| !it.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let joined = words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-");
    let mut label: String =
        joined.trim_start_matches(|it: char| !it.is_ascii_lowercase()).chars().take(CHARS).collect();
    label.truncate(label.trim_end_matches('-').len());
    if label.parse::<Label>().is_ok() { label } else { "user".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_labels() {
        let cases = [
            ("Ada.Lovelace", "ada-lovelace"),
            ("ada@example.com", "ada-example-com"),
            ("--42 ada--", "ada"),
            ("Ünïcode", "n-code"),
            ("", "user"),
            ("1234", "user"),
            ("a_very_long_name_that_goes_on_and_on", "a-very-long-name-that-goes-on-an"),
        ];
        for (text, label) in cases {
            assert_eq!(label_of(text), label);
        }
    }

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
