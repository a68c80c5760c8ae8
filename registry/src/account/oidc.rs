//! Identity tokens of OpenID Connect issuers (OpenID Connect Core 1.0, Discovery 1.0): whose they are.
//!
//! Issuers are named in the configuration, and nothing is ever fetched from another. Signatures are RS256 or ES256 by a key
//! that the issuer publishes under the token's `kid`; whatever else the token's header says has no effect.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::OnceCell;

use crate::{
    Problem,
    clock::{Micros, SECOND},
    limits::{ID_TOKEN_AGE_S, ID_TOKEN_BYTES, ISSUER_ASKED_EVERY_S, ISSUER_BYTES, ISSUER_KEYS, ISSUER_KEYS_AGE_S},
};

/// Seconds that clocks may differ.
const LEEWAY_S: i64 = 60;
/// How long an issuer may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What issuers have published, for a while. As many entries as issuers are configured.
#[derive(Debug)]
pub(crate) struct Issuers {
    client: OnceCell<reqwest::Client>,
    known: Mutex<HashMap<String, Known>>,
}

#[derive(Clone, Debug)]
struct Known {
    discovery: Arc<Discovery>,
    keys: Arc<Vec<Jwk>>,
    asked_at: Micros,
}

/// What an issuer says of itself (OpenID Connect Discovery 1.0, section 3), as far as anybody here asks.
#[derive(Debug, Deserialize)]
pub(crate) struct Discovery {
    issuer: String,
    jwks_uri: String,
    /// Where people sign in.
    pub(crate) authorization_endpoint: Option<String>,
    /// Where codes become tokens.
    pub(crate) token_endpoint: Option<String>,
    /// What else is said of somebody, for an access token.
    pub(crate) userinfo_endpoint: Option<String>,
    /// How clients show their secret there; none: `client_secret_basic`.
    pub(crate) token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// RFC 9207: whether each answer says whose it is.
    #[serde(default)]
    pub(crate) authorization_response_iss_parameter_supported: bool,
}

/// What an identity token must be.
pub(crate) struct Expected<'e> {
    /// By one of these.
    pub(crate) issuers: &'e [String],
    /// For exactly this one.
    pub(crate) audience: &'e str,
}

/// What a verified token says.
pub(crate) type Claims = Map<String, Value>;

impl Issuers {
    pub(crate) fn new() -> Self {
        Self { client: OnceCell::new(), known: Mutex::new(HashMap::new()) }
    }

    /// The claims of a token whose signature, issuer, audience and times are right.
    ///
    /// # Errors
    /// 401 `id-token-malformed`, `id-token-algorithm`, `issuer-unknown`, `id-token-key`, `id-token-signature`,
    /// `id-token-audience`, `id-token-expired`; 503 `issuer-unavailable`.
    pub(crate) async fn verify(&self, expected: &Expected<'_>, token: &str, now: Micros) -> Result<Claims, Problem> {
        let malformed = || Problem::unauthenticated("id-token-malformed", "the identity token is not a JSON Web Token");
        if token.len() > ID_TOKEN_BYTES {
            return Err(malformed());
        }
        let header = match decode_header(token) {
            Ok(header) => header,
            // The library reads no header that names an algorithm it does not know, `none` among them.
            Err(_) => return Err(malformed()),
        };
        if !matches!(header.alg, Algorithm::RS256 | Algorithm::ES256) {
            return Err(Problem::unauthenticated(
                "id-token-algorithm",
                "the identity token is signed with neither RS256 nor ES256",
            ));
        }
        let issuer = unverified_issuer(token).ok_or_else(malformed)?;
        if !expected.issuers.contains(&issuer) {
            return Err(Problem::unauthenticated(
                "issuer-unknown",
                "the identity token is of no issuer that this registry knows",
            ));
        }
        let kid = header.kid.as_deref().unwrap_or_default();
        let key = self.key(&issuer, kid, now).await?.filter(|key| fits(key, header.alg)).ok_or_else(|| {
            Problem::unauthenticated(
                "id-token-key",
                "the identity token is signed with a key that its issuer does not publish",
            )
        })?;
        let key = DecodingKey::from_jwk(&key)
            .map_err(|_| Problem::unauthenticated("id-token-key", "the issuer's key can't be used"))?;
        let mut validation = Validation::new(header.alg);
        // The registry's own clock and rules judge the claims, below.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let claims = decode::<Claims>(token, &key, &validation)
            .map_err(|_| Problem::unauthenticated("id-token-signature", "the identity token's signature is not right"))?
            .claims;
        check(&claims, &issuer, expected.audience, now / SECOND)?;
        Ok(claims)
    }

    /// From what is remembered; asked again if it is old, or if the key is not in it and the last time is a while ago.
    async fn key(&self, issuer: &str, kid: &str, now: Micros) -> Result<Option<Jwk>, Problem> {
        let known = self.remembered(issuer);
        let find = |keys: &[Jwk]| keys.iter().find(|key| key.common.key_id.as_deref() == Some(kid)).cloned();
        if let Some(known) = &known {
            let age = (now - known.asked_at) / SECOND;
            let found = find(&known.keys);
            if (found.is_some() && age < ISSUER_KEYS_AGE_S) || age < ISSUER_ASKED_EVERY_S {
                return Ok(found);
            }
        }
        Ok(find(&self.ask(issuer, now).await?.keys))
    }

    /// What an issuer says of itself, asked again if that is old.
    ///
    /// # Errors
    /// 503 `issuer-unavailable`.
    pub(crate) async fn discovery(&self, issuer: &str, now: Micros) -> Result<Arc<Discovery>, Problem> {
        match self.remembered(issuer).filter(|known| (now - known.asked_at) / SECOND < ISSUER_KEYS_AGE_S) {
            Some(known) => Ok(known.discovery),
            None => Ok(self.ask(issuer, now).await?.discovery),
        }
    }

    fn remembered(&self, issuer: &str) -> Option<Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(issuer).cloned()
    }

    async fn ask(&self, issuer: &str, now: Micros) -> Result<Known, Problem> {
        let (discovery, keys) = self.fetch(issuer).await.map_err(|error| {
            tracing::warn!(issuer, error, "an issuer's keys could not be fetched");
            Problem::unavailable("issuer-unavailable", format!("the keys of `{issuer}` can't be fetched now"))
        })?;
        let known = Known { discovery: Arc::new(discovery), keys: Arc::new(keys), asked_at: now };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(issuer.to_owned(), known.clone());
        Ok(known)
    }

    async fn fetch(&self, issuer: &str) -> Result<(Discovery, Vec<Jwk>), String> {
        let base = issuer.trim_end_matches('/');
        let discovery = self.get(&format!("{base}/.well-known/openid-configuration")).await?;
        let discovery: Discovery = serde_json::from_slice(&discovery).map_err(|error| error.to_string())?;
        if discovery.issuer != issuer {
            return Err(format!("it says that it is `{}`", discovery.issuer));
        }
        let keys: Keys =
            serde_json::from_slice(&self.get(&discovery.jwks_uri).await?).map_err(|error| error.to_string())?;
        if keys.keys.len() > ISSUER_KEYS {
            return Err(format!("it has more than {ISSUER_KEYS} keys"));
        }
        // Keys of kinds that nobody here knows are none of ours.
        let keys = keys.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok()).collect();
        Ok((discovery, keys))
    }

    async fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        successful(self.send(url, reqwest::Client::get).await?)
    }

    /// What it says to the bearer of a token.
    pub(crate) async fn get_as(&self, url: &str, token: &str) -> Result<Vec<u8>, String> {
        successful(self.send(url, |client, url| client.get(url).bearer_auth(token)).await?)
    }

    /// Sends a form, with the client's secret in the header if it is shown there.
    pub(crate) async fn post(
        &self,
        url: &str,
        form: &[(&str, &str)],
        basic: Option<(&str, &str)>,
    ) -> Result<(http::StatusCode, Vec<u8>), String> {
        self.send(url, |client, url| {
            let request = client.post(url).form(form).header(http::header::ACCEPT, "application/json");
            match basic {
                Some((user, password)) => request.basic_auth(user, Some(password)),
                None => request,
            }
        })
        .await
    }

    /// One request to an issuer, and its answer.
    async fn send(
        &self,
        url: &str,
        request: impl FnOnce(&reqwest::Client, url::Url) -> reqwest::RequestBuilder,
    ) -> Result<(http::StatusCode, Vec<u8>), String> {
        let url = url::Url::parse(url).map_err(|error| error.to_string())?;
        if !may_be_asked(&url) {
            return Err(format!("`{url}` is not https"));
        }
        let client = self.client.get_or_try_init(|| async { client() }).await?;
        let mut response = request(client, url).send().await.map_err(|error| error.to_string())?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| error.to_string())? {
            if body.len() + chunk.len() > ISSUER_BYTES {
                return Err(format!("it answers with more than {ISSUER_BYTES} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, body))
    }
}

fn successful((status, body): (http::StatusCode, Vec<u8>)) -> Result<Vec<u8>, String> {
    match status.is_success() {
        true => Ok(body),
        false => Err(format!("it answers {status}")),
    }
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<Value>,
}

/// https, or this machine.
pub(crate) fn may_be_asked(url: &url::Url) -> bool {
    let loopback = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        _ => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && loopback)
}

fn client() -> Result<reqwest::Client, String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .timeout(TIMEOUT)
        // Whoever is asked answers: a redirect could point anywhere.
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| error.to_string())
}

/// Whose keys to look in. Decides nothing else.
fn unverified_issuer(token: &str) -> Option<String> {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    #[derive(Deserialize)]
    struct Issuer {
        iss: String,
    }
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Issuer>(&payload).ok().map(|claims| claims.iss)
}

/// A key for signatures, of the kind that the algorithm takes, and no small one.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let for_signatures = key.common.public_key_use.as_ref().is_none_or(|r#use| *r#use == PublicKeyUse::Signature);
    let named = key.common.key_algorithm;
    for_signatures
        && match (&key.algorithm, algorithm) {
            (AlgorithmParameters::RSA(rsa), Algorithm::RS256) => {
                let bytes = URL_SAFE_NO_PAD.decode(&rsa.n).map_or(0, |modulus| modulus.len());
                (256..=1024).contains(&bytes) && named.is_none_or(|named| named == KeyAlgorithm::RS256)
            }
            (AlgorithmParameters::EllipticCurve(curve), Algorithm::ES256) => {
                curve.curve == EllipticCurve::P256 && named.is_none_or(|named| named == KeyAlgorithm::ES256)
            }
            _ => false,
        }
}

fn check(claims: &Claims, issuer: &str, origin: &str, now_s: i64) -> Result<(), Problem> {
    if claims.get("iss").and_then(Value::as_str) != Some(issuer) {
        return Err(Problem::unauthenticated("id-token-malformed", "the identity token has no issuer"));
    }
    let for_us = match claims.get("aud") {
        Some(Value::String(audience)) => audience == origin,
        // One meant for several could be used by any of them here.
        Some(Value::Array(audiences)) => matches!(audiences.as_slice(), [Value::String(only)] if only == origin),
        _ => false,
    };
    if !for_us {
        return Err(Problem::unauthenticated("id-token-audience", format!("the identity token is not for `{origin}`"))
            .hint(format!("ask its issuer for one with the audience `{origin}`")));
    }
    let time = |claim: &str| claims.get(claim).and_then(Value::as_f64).map(|seconds| seconds as i64);
    let in_time = time("exp").is_some_and(|exp| now_s < exp.saturating_add(LEEWAY_S))
        && time("nbf").is_none_or(|nbf| nbf <= now_s.saturating_add(LEEWAY_S))
        && time("iat").is_some_and(|iat| {
            iat <= now_s.saturating_add(LEEWAY_S) && now_s.saturating_sub(iat) <= ID_TOKEN_AGE_S + LEEWAY_S
        });
    if !in_time {
        return Err(Problem::unauthenticated("id-token-expired", "the identity token is not good at this time"));
    }
    Ok(())
}
