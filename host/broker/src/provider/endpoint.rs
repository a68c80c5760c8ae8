//! A provider's endpoints: where each is, and how it wants to be asked and answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// RFC 6749 section 4.1.1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authorize {
    /// The endpoint.
    pub url: String,
    /// Whether a challenge is sent. Off only with a reason.
    pub pkce: Pkce,
    /// The parameter that scopes stand in; empty: it takes none.
    #[serde(default = "scope_parameter")]
    pub scope_parameter: String,
    /// What stands between scopes.
    #[serde(default = "space")]
    pub scope_separator: String,
    /// Scopes that are always asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// More parameters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// Whether a redirect to this very machine is let in.
    pub loopback: Loopback,
    /// Whether the answer must name the issuer (RFC 9207).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub issuer_required: bool,
    /// Parameters that the answer must bring, with these values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub echo: BTreeMap<String, String>,
}

/// RFC 7636.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pkce {
    /// SHA-256.
    S256,
    /// Not understood there, because of this.
    #[serde(rename = "off")]
    Off(String),
}

/// Whether `http://127.0.0.1` may be redirected to (RFC 8252 section 7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loopback {
    /// Whatever the port.
    AnyPort,
    /// The port that is registered, and no other.
    RegisteredPort,
    /// Not at all: a public https address is needed.
    Refused,
}

/// The token endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// The endpoint.
    pub url: String,
    /// How the client shows that it is the client. One that has a private key signs, whatever stands here.
    pub auth: AuthMethod,
    /// What the request is written in.
    #[serde(default)]
    pub body: Body,
    /// More headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// More parameters of the request that brings a code.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub code_parameters: BTreeMap<String, String>,
    /// Other endpoints that a connector's hook may ask, by the name that it calls them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub steps: BTreeMap<String, String>,
    /// Where things stand in what comes back.
    #[serde(default)]
    pub answer: Answer,
}

/// How a client authenticates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthMethod {
    /// `client_id` and `client_secret` in the body.
    Post,
    /// RFC 6749 section 2.3.1: form-encoded, then RFC 7617.
    Basic,
    /// `client_id` alone.
    None,
    /// RFC 7523 section 2.2.
    PrivateKeyJwt,
}

/// What a request's body is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    /// `application/x-www-form-urlencoded`.
    #[default]
    Form,
    /// `application/json`.
    Json,
    /// There is none.
    None,
}

/// Where things stand in a token answer: JSON pointers (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Answer {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
    /// Seconds that the access token lasts.
    pub expires_in: String,
    /// Seconds that the refresh token lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_expires_in: Option<String>,
    /// The scopes: a text, or a list.
    pub scopes: String,
    /// What stands between scopes, besides white space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope_separator: Option<String>,
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The account's name for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_name: Option<String>,
    /// The error's code.
    pub error: String,
    /// The error's words.
    pub error_description: String,
}

impl Default for Answer {
    fn default() -> Self {
        Self {
            access: "/access_token".into(),
            refresh: "/refresh_token".into(),
            expires_in: "/expires_in".into(),
            refresh_expires_in: None,
            scopes: "/scope".into(),
            scope_separator: None,
            account: None,
            account_name: None,
            error: "/error".into(),
            error_description: "/error_description".into(),
        }
    }
}

/// What a refresh token does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// Whether it changes.
    pub kind: RefreshKind,
    /// Errors that mean it is gone for good, besides `invalid_grant`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<String>,
    /// Seconds that it lasts, where the answer does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime_s: Option<u64>,
    /// More parameters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// Where things stand in a refresh's answer, if elsewhere than in a code's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
}

/// Whether a refresh token changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefreshKind {
    /// Each use brings a new one, and the old one is spent.
    Rotating,
    /// It stays.
    Stable,
    /// There is none.
    None,
}

/// RFC 8628.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// The device authorization endpoint.
    pub url: String,
    /// More headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
}

/// A client that speaks for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientCredentials {
    /// What the provider calls this grant, if not `client_credentials`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_type: Option<String>,
    /// More parameters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
}

/// A signed assertion instead of a person's consent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JwtBearer {
    /// The assertion's `aud`.
    pub audience: String,
    /// JWS algorithm: `RS256` or `ES256`.
    pub algorithm: Algorithm,
    /// The assertion's `sub`; empty: it has none, or the issuer's where the provider asks for one.
    #[serde(default)]
    pub subject: String,
    /// Whether scopes are a claim of the assertion, not a parameter.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub scope_claim: bool,
}

/// RFC 7518, as much as providers take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the RFC's names")]
pub enum Algorithm {
    RS256,
    ES256,
}

/// Who an access token is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Userinfo {
    /// GET, if nothing is said.
    #[serde(default)]
    pub method: Method,
    /// The endpoint.
    pub url: String,
    /// The request's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<String>,
    /// JSON pointer to what never changes.
    pub id: String,
    /// JSON pointer to what a person knows it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// How a provider is told to forget a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoke {
    /// POST, if nothing is said.
    #[serde(default = "post")]
    pub method: Method,
    /// The endpoint; `{client_id}` stands for it.
    pub url: String,
    /// Who asks.
    pub auth: RevokeAuth,
    /// What the request is written in.
    #[serde(default)]
    pub body: Body,
    /// Which token is named; with it the others of its grant go.
    pub token: Sends,
    /// In which parameter.
    #[serde(default = "token_parameter")]
    pub parameter: String,
    /// More headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
}

/// Who asks for a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RevokeAuth {
    /// The client, in the body.
    Post,
    /// The client, in a header.
    Basic,
    /// Whoever has the token.
    None,
    /// The access token, in a header.
    Bearer,
}

/// Which token a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sends {
    /// The access token.
    Access,
    /// The refresh token, or the access token where there is none.
    Refresh,
}

/// A request's method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "HTTP's words")]
pub enum Method {
    #[default]
    Get,
    Post,
    Delete,
}

fn scope_parameter() -> String {
    "scope".into()
}

fn space() -> String {
    " ".into()
}

fn token_parameter() -> String {
    "token".into()
}

fn post() -> Method {
    Method::Post
}
