//! What one entry says. Unknown keys are refused, and what is left out means what RFC 6749 says.

use std::collections::BTreeMap;

use ipnet::IpNet;
use jackfield_package::{Label, Refusal};
use serde::{Deserialize, Serialize};
use url::Url;

use super::template;

/// Parameters of the authorization request that no entry sets.
const FLOWS_OWN: [&str; 8] = [
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "redirect_uri",
    "request",
    "request_uri",
    "response_type",
    "state",
];

/// One provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What manifests and commands call it.
    pub name: Label,
    /// Its name for a person.
    pub title: String,
    /// Where it says all this itself.
    pub docs: String,
    /// The day that page was last read, `YYYY-MM-DD`.
    pub read: String,
    /// The `iss` of its answers (RFC 9207): one that comes must be this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// What stands between braces in the URLs below.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, Variable>,
    /// Networks that it may lie in although they are not public, such as your own: only in files of an admin's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpNet>,
    /// Where a person is sent to consent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorize: Option<Authorize>,
    /// Where tokens come from.
    pub token: Token,
    /// What its refresh tokens do.
    pub refresh: Refresh,
    /// RFC 8628.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<Device>,
    /// RFC 6749 section 4.4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_credentials: Option<ClientCredentials>,
    /// RFC 7523 section 2.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwt_bearer: Option<JwtBearer>,
    /// Who an access token is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub userinfo: Option<Userinfo>,
    /// How it is told to forget a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoke: Option<Revoke>,
    /// How its API says that a token has expired, other than by 401.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expired: Vec<Expired>,
}

/// A part of the URLs that differs from customer to customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// What to ask a person for.
    pub title: String,
    /// What it must match, whole.
    pub pattern: String,
    /// What it is if nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

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

/// A sign of an expired token. Each part that is given must be so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expired {
    /// The HTTP status.
    pub status: u16,
    /// The body holds this text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// In the body's JSON, here …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// … stands one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
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

impl Entry {
    /// Reads a file's text.
    ///
    /// # Errors
    /// `provider-invalid` with the place.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let entry: Self = toml::from_str(text).map_err(|error| invalid("a provider's file", error.to_string()))?;
        entry.check_variables()?;
        entry.check()?;
        Ok(entry)
    }

    /// The file's text.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }

    /// Whether an answer of the provider's API says that the token has expired.
    pub fn says_expired(&self, status: u16, body: &[u8]) -> bool {
        status == 401 || self.expired.iter().any(|sign| sign.matches(status, body))
    }

    /// Calls `change` on every text that may hold a template.
    pub(super) fn each_template(&mut self, change: &mut dyn FnMut(&mut String)) {
        self.issuer.as_mut().map(&mut *change);
        if let Some(authorize) = &mut self.authorize {
            change(&mut authorize.url);
            authorize.echo.values_mut().for_each(&mut *change);
        }
        change(&mut self.token.url);
        if let Some(device) = &mut self.device {
            change(&mut device.url);
        }
        if let Some(client) = &mut self.client_credentials {
            client.parameters.values_mut().for_each(&mut *change);
        }
        if let Some(bearer) = &mut self.jwt_bearer {
            change(&mut bearer.audience);
            change(&mut bearer.subject);
        }
        if let Some(userinfo) = &mut self.userinfo {
            change(&mut userinfo.url);
        }
        if let Some(revoke) = &mut self.revoke {
            change(&mut revoke.url);
        }
    }

    fn check_variables(&self) -> Result<(), Refusal> {
        for (name, variable) in &self.variables {
            let pattern = template::anchored(&variable.pattern)
                .map_err(|error| self.invalid(format!("the pattern of `{name}`: {error}")))?;
            if let Some(default) = &variable.default
                && !pattern.is_match(default)
            {
                return Err(self.invalid(format!("the default of `{name}` does not match its pattern")));
            }
        }
        let mut unknown = None;
        self.clone().each_template(&mut |text| {
            unknown = unknown.take().or_else(|| {
                template::names(text)
                    .find(|name| *name != "client_id" && !self.variables.contains_key(*name))
                    .map(String::from)
            });
        });
        match unknown {
            Some(name) => Err(self.invalid(format!("`{{{name}}}` is used and not among its variables"))),
            None => Ok(()),
        }
    }

    /// What holds with and without templates filled in.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let day = self.read.len() == 10
            && self.read.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        if !day {
            return Err(self.invalid("`read` is not a day such as 2026-01-31".into()));
        }
        self.check_urls()?;
        self.check_pointers()?;
        let Some(authorize) = &self.authorize else { return Ok(()) };
        if authorize.pkce == Pkce::Off(String::new()) {
            return Err(self.invalid("PKCE is off without a reason".into()));
        }
        match authorize.parameters.keys().find(|name| FLOWS_OWN.contains(&name.as_str())) {
            Some(name) => Err(self.invalid(format!("the parameter `{name}` is the flow's own"))),
            None => Ok(()),
        }
    }

    fn check_urls(&self) -> Result<(), Refusal> {
        let urls = [
            Some(&self.docs),
            self.issuer.as_ref(),
            self.authorize.as_ref().map(|authorize| &authorize.url),
            Some(&self.token.url),
            self.device.as_ref().map(|device| &device.url),
            self.userinfo.as_ref().map(|userinfo| &userinfo.url),
            self.revoke.as_ref().map(|revoke| &revoke.url),
        ];
        for text in urls.into_iter().flatten() {
            // A template stands where a word of a host or path stands.
            let plain = text.replace(['{', '}'], "").replace('_', "-");
            let url = Url::parse(&plain).map_err(|error| self.invalid(format!("`{text}` is no URL: {error}")))?;
            if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(&url)) {
                return Err(self.invalid(format!("`{text}` is not https")));
            }
            if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
                return Err(self.invalid(format!("`{text}` has a user or a fragment in it")));
            }
        }
        Ok(())
    }

    fn check_pointers(&self) -> Result<(), Refusal> {
        let answer = |answer: &Answer| {
            let Answer { access, refresh, expires_in, scopes, error, error_description, .. } = answer.clone();
            let always = [access, refresh, expires_in, scopes, error, error_description];
            let some = [&answer.refresh_expires_in, &answer.account, &answer.account_name];
            always.into_iter().chain(some.into_iter().flatten().cloned()).collect::<Vec<_>>()
        };
        let mut pointers = answer(&self.token.answer);
        pointers.extend(self.refresh.answer.iter().flat_map(answer));
        pointers.extend(self.userinfo.iter().flat_map(|user| [Some(user.id.clone()), user.name.clone()]).flatten());
        pointers.extend(self.expired.iter().filter_map(|sign| sign.pointer.clone()));
        match pointers.iter().find(|pointer| !pointer.starts_with('/')) {
            Some(pointer) => Err(self.invalid(format!("`{pointer}` is no JSON pointer: it begins with /"))),
            None => Ok(()),
        }
    }

    fn invalid(&self, reason: String) -> Refusal {
        invalid(&format!("the provider `{}`", self.name), reason)
    }
}

impl Expired {
    fn matches(&self, status: u16, body: &[u8]) -> bool {
        let contains = || {
            self.contains
                .as_ref()
                .is_none_or(|text| body.windows(text.len().max(1)).any(|part| part == text.as_bytes()))
        };
        let stands = || {
            let Some(pointer) = &self.pointer else { return true };
            let json = serde_json::from_slice::<serde_json::Value>(body).unwrap_or_default();
            let found = json.pointer(pointer).and_then(|value| value.as_str());
            found.is_some_and(|found| self.values.iter().any(|value| value == found))
        };
        self.status == status && contains() && stands()
    }
}

/// This very machine, by address or by its one reserved name.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn invalid(what: &str, reason: String) -> Refusal {
    Refusal::new("provider-invalid", format!("{what}: {reason}"))
}
