//! An entry written from a provider's own metadata: OpenID Connect Discovery 1.0, or RFC 8414.

use bytes::Bytes;
use ipnet::IpNet;
use jackfield_package::{Label, Refusal};
use serde::Deserialize;
use url::Url;

use super::{
    Answer, AuthMethod, Authorize, Body, ClientCredentials, Device, Entry, Loopback, Method, Pkce, Refresh,
    RefreshKind, Revoke, RevokeAuth, Sends, Token, Userinfo, is_loopback,
};
use crate::sender::{Reach, Sender};

/// The part of the metadata that is read.
#[derive(Debug, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    device_authorization_endpoint: Option<String>,
    userinfo_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
    #[serde(default)]
    grant_types_supported: Vec<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(default)]
    code_challenge_methods_supported: Vec<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// Whose metadata is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Issuer<'a> {
    /// As it names itself.
    pub url: &'a str,
    /// Networks that it may lie in although they are not public.
    pub addresses: &'a [IpNet],
}

/// Asks an issuer for its metadata and makes an entry of it.
///
/// # Errors
/// `provider-issuer-invalid` (no https URL), `provider-undiscovered` (nothing readable stands at either place),
/// `provider-issuer-mismatch` (it says that it is another), `provider-invalid`.
pub async fn discover(name: Label, at: Issuer<'_>, day: &str, sender: &dyn Sender) -> Result<Entry, Refusal> {
    let issuer = at.url;
    let url = Url::parse(issuer)
        .ok()
        .filter(|url| url.scheme() == "https" || url.scheme() == "http" && is_loopback(url))
        .filter(|url| url.query().is_none() && url.fragment().is_none() && url.username().is_empty())
        .ok_or_else(|| {
            Refusal::new("provider-issuer-invalid", format!("`{issuer}` is no issuer: an https URL without a query"))
        })?;
    let mut why = String::new();
    for place in places(&url) {
        match fetch(&place, at.addresses, sender).await {
            Ok(metadata) => return entry(name, at, day, &place, metadata),
            Err(reason) => why = reason,
        }
    }
    Err(Refusal::new("provider-undiscovered", format!("`{issuer}` has no metadata that can be read: {why}"))
        .hint("write its endpoints in a file, and add that: jackfield provider add FILE"))
}

/// OpenID Connect Discovery appends; RFC 8414 inserts.
fn places(issuer: &Url) -> [Url; 2] {
    let path = issuer.path().trim_end_matches('/').to_owned();
    let at = |path: String| {
        let mut url = issuer.clone();
        url.set_path(&path);
        url
    };
    [
        at(format!("{path}/.well-known/openid-configuration")),
        at(format!("/.well-known/oauth-authorization-server{path}")),
    ]
}

async fn fetch(place: &Url, addresses: &[IpNet], sender: &dyn Sender) -> Result<Metadata, String> {
    let request = http::Request::get(place.as_str())
        .header(http::header::ACCEPT, "application/json")
        .header(http::header::USER_AGENT, crate::flow::USER_AGENT)
        .extension(Reach(addresses.to_vec()))
        .body(Bytes::new())
        .map_err(|error| error.to_string())?;
    let response = sender.send(request).await.map_err(|error| error.reason)?;
    if response.status() != http::StatusCode::OK {
        return Err(format!("{place} answers {}", response.status()));
    }
    serde_json::from_slice(response.body()).map_err(|error| format!("{place}: {error}"))
}

fn entry(name: Label, at: Issuer<'_>, day: &str, place: &Url, found: Metadata) -> Result<Entry, Refusal> {
    let issuer = at.url;
    if found.issuer != issuer {
        // RFC 8414 section 3.3: another's metadata must not be used.
        let message = format!("what stands at `{place}` is of the issuer `{}`, not of `{issuer}`", found.issuer);
        return Err(
            Refusal::new("provider-issuer-mismatch", message).hint("give the issuer exactly as it names itself")
        );
    }
    let offers = |grant: &str| found.grant_types_supported.iter().any(|offered| offered == grant);
    let auth = auth_of(&found.token_endpoint_auth_methods_supported);
    let authorize = found.authorization_endpoint.map(|url| Authorize {
        url,
        pkce: match found.code_challenge_methods_supported.iter().any(|method| method == "S256") {
            true => Pkce::S256,
            false => Pkce::Off("its metadata does not list S256".into()),
        },
        scope_parameter: "scope".into(),
        scope_separator: " ".into(),
        scopes: Vec::new(),
        parameters: Default::default(),
        loopback: Loopback::RegisteredPort,
        issuer_required: found.authorization_response_iss_parameter_supported,
        echo: Default::default(),
    });
    let entry = Entry {
        name,
        title: Url::parse(issuer).ok().and_then(|url| url.host_str().map(String::from)).unwrap_or_default(),
        docs: place.to_string(),
        read: day.to_owned(),
        issuer: Some(found.issuer),
        variables: Default::default(),
        addresses: at.addresses.to_vec(),
        authorize,
        token: Token {
            url: found.token_endpoint.unwrap_or_default(),
            auth,
            body: Body::Form,
            headers: Default::default(),
            code_parameters: Default::default(),
            steps: Default::default(),
            answer: Answer::default(),
        },
        // A new refresh token is taken wherever one comes, so this is the careful guess.
        refresh: Refresh {
            kind: RefreshKind::Rotating,
            gone: Vec::new(),
            lifetime_s: None,
            parameters: Default::default(),
            answer: None,
        },
        device: found.device_authorization_endpoint.map(|url| Device { url, headers: Default::default() }),
        client_credentials: offers("client_credentials").then(ClientCredentials::default),
        jwt_bearer: None,
        userinfo: found.userinfo_endpoint.map(|url| Userinfo {
            method: Method::Get,
            url,
            json: None,
            id: "/sub".into(),
            name: Some("/email".into()),
        }),
        revoke: found.revocation_endpoint.map(|url| Revoke {
            method: Method::Post,
            url,
            auth: if auth == AuthMethod::Basic { RevokeAuth::Basic } else { RevokeAuth::Post },
            body: Body::Form,
            token: Sends::Refresh,
            parameter: "token".into(),
            headers: Default::default(),
        }),
        expired: Vec::new(),
    };
    entry.check()?;
    Ok(entry)
}

/// What metadata leaves out means `client_secret_basic` (RFC 8414 section 2).
fn auth_of(methods: &[String]) -> AuthMethod {
    let has = |method: &str| methods.iter().any(|offered| offered == method);
    match () {
        () if methods.is_empty() || has("client_secret_basic") => AuthMethod::Basic,
        () if has("client_secret_post") => AuthMethod::Post,
        () if has("private_key_jwt") => AuthMethod::PrivateKeyJwt,
        () => AuthMethod::None,
    }
}
