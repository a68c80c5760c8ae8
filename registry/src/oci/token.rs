//! Short-lived tokens of `/v2/token`: who asked, for which repositories, until when, under a MAC of this registry. They
//! say less than the token they were made from, and end with it.

use axum::{
    body::Bytes,
    extract::State,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderValue, Request, header};
use jackfield_server::limits::JSON_BODY_BYTES;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::{
    access::{self, Caller, Need, unauthenticated},
    answer,
    path::Repository,
};
use crate::{
    Problem, Shared,
    clock::{Micros, SECOND},
    limits::{OCI_TOKEN_S, OCI_TOKEN_SCOPES},
};

/// What every one begins with.
pub(crate) const PREFIX: &str = "jfo_";

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claims {
    /// Who; none: anybody.
    pub(crate) holder: Option<Holder>,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) expires_at: Micros,
}

/// Who a token was given to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Holder {
    /// Whoever holds the token of that id.
    Token(String),
    /// A user who gave his password.
    User(String),
}

/// What may be done to one repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scope {
    repository: String,
    pull: bool,
    push: bool,
    delete: bool,
}

impl Scope {
    /// `repository:acme/crm:pull,push`; none for what this registry has no such thing as.
    fn parse(text: &str) -> Option<Self> {
        let (repository, actions) = text.strip_prefix("repository:")?.rsplit_once(':')?;
        let repository: Repository = repository.parse().ok()?;
        let has = |word| actions.split(',').any(|action| action == word || action == "*");
        Some(Self {
            repository: repository.to_string(),
            pull: has("pull"),
            push: has("push"),
            // Clients that were told to ask for `push` also delete with it.
            delete: has("delete") || has("push"),
        })
    }

    pub(crate) fn text(repository: &Repository, need: Need) -> String {
        format!("repository:{repository}:{}", need.words())
    }

    pub(crate) fn covers(&self, repository: &Repository, need: Need) -> bool {
        self.repository == repository.as_str()
            && match need {
                Need::Pull => self.pull,
                Need::Push => self.push,
                Need::Delete => self.delete,
            }
    }
}

/// Reads a token.
///
/// # Errors
/// 401 if it was not made here, or has expired.
pub(crate) fn open(registry: &Shared, text: &str) -> Result<Claims, Problem> {
    let unknown = || unauthenticated("token-unknown", "the token is not one of this registry's");
    let (claims, tag) = text.strip_prefix(PREFIX).and_then(|rest| rest.split_once('.')).ok_or_else(unknown)?;
    let tag = URL_SAFE_NO_PAD.decode(tag).map_err(|_| unknown())?;
    mac(registry, claims)?.verify_slice(&tag).map_err(|_| unknown())?;
    let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| unknown())?;
    let claims: Claims = serde_json::from_slice(&claims).map_err(|_| unknown())?;
    if claims.expires_at <= registry.now() {
        return Err(unauthenticated("token-expired", "the token has expired"));
    }
    Ok(claims)
}

fn seal(registry: &Shared, claims: &Claims) -> Result<String, Problem> {
    let claims = URL_SAFE_NO_PAD.encode(serde_json::to_vec(claims).map_err(|error| Problem::internal(&error))?);
    let tag = URL_SAFE_NO_PAD.encode(mac(registry, &claims)?.finalize().into_bytes());
    Ok(format!("{PREFIX}{claims}.{tag}"))
}

fn mac(registry: &Shared, claims: &str) -> Result<Hmac<Sha256>, Problem> {
    let mut mac =
        Hmac::new_from_slice(registry.keys.oci_tokens.as_slice()).map_err(|error| Problem::internal(&error))?;
    mac.update(claims.as_bytes());
    Ok(mac)
}

/// `GET /v2/token?service=…&scope=…` with Basic credentials or none, and the same as a form (OAuth2: `grant_type` of
/// `password` or `refresh_token`, where the refresh token is one of ours).
pub(crate) async fn issue(State(registry): State<Shared>, request: Request<axum::body::Body>) -> Response {
    let (mut parts, body) = request.into_parts();
    let form = match axum::body::to_bytes(body, JSON_BODY_BYTES).await {
        Ok(form) => form,
        Err(_) => return answer::failed(Problem::bad_request("body-unreadable", "the body could not be read"), None),
    };
    match issued(&registry, &mut parts, &form).await {
        Ok(response) => response,
        Err(problem) => {
            let challenge = access::challenge(&registry, &parts.headers, None, problem.code);
            answer::failed(problem, challenge)
        }
    }
}

async fn issued(registry: &Shared, parts: &mut http::request::Parts, form: &Bytes) -> Result<Response, Problem> {
    let fields: Vec<(String, String)> = match parts.method {
        http::Method::POST => url::form_urlencoded::parse(form).into_owned().collect(),
        _ => url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect(),
    };
    let field = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    if parts.method == http::Method::POST {
        let credentials = match field("grant_type") {
            Some("password") => basic(field("username").unwrap_or_default(), field("password").unwrap_or_default()),
            Some("refresh_token") => format!("Bearer {}", field("refresh_token").unwrap_or_default()),
            _ => {
                return Err(Problem::bad_request(
                    "grant-type-unknown",
                    "expected the grant_type `password` or `refresh_token`",
                ));
            }
        };
        let value = HeaderValue::from_str(&credentials)
            .map_err(|_| Problem::bad_request("authorization-malformed", "the credentials are not text"))?;
        parts.headers.insert(header::AUTHORIZATION, value);
    }
    let holder = match Caller::of(registry, parts).await? {
        Caller::Token(claims) => claims.holder,
        Caller::Known(actor) => match (actor.token, actor.user) {
            (Some(id), _) => Some(Holder::Token(id)),
            (None, Some(user)) => Some(Holder::User(user.to_string())),
            (None, None) => None,
        },
    };
    let scopes: Vec<Scope> = fields
        .iter()
        .filter(|(key, _)| key == "scope")
        .flat_map(|(_, value)| value.split(' '))
        .filter_map(Scope::parse)
        .take(OCI_TOKEN_SCOPES)
        // Nobody in particular reads.
        .map(|scope| if holder.is_none() { Scope { push: false, delete: false, ..scope } } else { scope })
        .collect();
    let claims = Claims { holder, scopes, expires_at: registry.now() + OCI_TOKEN_S * SECOND };
    let token = seal(registry, &claims)?;
    let body = serde_json::json!({
        "token": token,
        "access_token": token,
        "expires_in": OCI_TOKEN_S,
    });
    let mut response = axum::Json(body).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn basic(user: &str, secret: &str) -> String {
    use base64::engine::general_purpose::STANDARD;
    format!("Basic {}", STANDARD.encode(format!("{user}:{secret}")))
}
