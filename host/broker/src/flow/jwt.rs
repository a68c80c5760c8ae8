//! Signed assertions (RFC 7523): a client's own, and those that stand for a person's consent.

use jackfield_package::Refusal;
use jsonwebtoken::{Algorithm as Jws, EncodingKey, Header, encode};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{
    Secret,
    clock::{Micros, SECOND},
    limits::ASSERTION_LIFETIME_S,
    provider::{Algorithm, JwtBearer},
    random,
};

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    sub: &'a str,
    aud: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    iat: i64,
    exp: i64,
    jti: String,
}

/// Whether a client's secret is a private key.
pub(super) fn is_key(secret: &Secret) -> bool {
    secret.expose().starts_with(b"-----BEGIN ")
}

/// RFC 7523 section 2.2.
pub(super) fn client_assertion(id: &str, audience: &str, key: &Secret, now: Micros) -> Result<Secret, Refusal> {
    sign(&Claims { iss: id, sub: id, aud: audience, scope: None, ..times(now)? }, key, None)
}

/// RFC 7523 section 2.1.
pub(super) fn bearer(
    entry: &JwtBearer,
    issuer: &str,
    scope: Option<&str>,
    key: Option<&Secret>,
    now: Micros,
) -> Result<Secret, Refusal> {
    let key = key.ok_or_else(|| malformed("is missing"))?;
    let claims = Claims { iss: issuer, sub: &entry.subject, aud: &entry.audience, scope, ..times(now)? };
    sign(&claims, key, Some(entry.algorithm))
}

/// From now, for as long as a request may take: providers give a clock that is ahead a minute or so.
fn times(now: Micros) -> Result<Claims<'static>, Refusal> {
    let iat = now / SECOND;
    let jti = random::token()?;
    Ok(Claims { iss: "", sub: "", aud: "", scope: None, iat, exp: iat + ASSERTION_LIFETIME_S, jti })
}

fn sign(claims: &Claims<'_>, key: &Secret, wanted: Option<Algorithm>) -> Result<Secret, Refusal> {
    let pem = key.expose();
    let rsa = EncodingKey::from_rsa_pem(pem).map(|key| (Algorithm::RS256, Jws::RS256, key));
    let ec = || EncodingKey::from_ec_pem(pem).map(|key| (Algorithm::ES256, Jws::ES256, key));
    // The library's own words stay here: they may quote the key.
    let (kind, algorithm, key) = rsa.or_else(|_| ec()).map_err(|_| malformed("is neither RSA nor P-256 in PEM"))?;
    if wanted.is_some_and(|wanted| wanted != kind) {
        return Err(malformed("is of another kind than this provider takes"));
    }
    let jwt = encode(&Header::new(algorithm), claims, &key).map_err(|_| malformed("does not sign"))?;
    crate::token::token(Zeroizing::new(jwt))
}

fn malformed(reason: &str) -> Refusal {
    Refusal::new("client-key-malformed", format!("the client's private key {reason}"))
        .hint("hand in an RSA or P-256 private key in PEM: --client-key FILE")
}
