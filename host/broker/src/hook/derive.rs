//! What is worked out for a hook: hashes and signatures over texts with secrets in them, and texts written another way.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use hmac::{Hmac, KeyInit, Mac};
use jackfield_package::Refusal;
use jsonwebtoken::{Algorithm, EncodingKey};
use sha2::{Digest as _, Sha256, Sha512};
use zeroize::Zeroizing;

use super::{
    Derived, refused,
    words::{Filled, Origin, Words},
};

/// The value, and where it may go: behind a key, a secret can't be found out by who has the outcome, and the outcome is what such
/// providers take for a token. A plain hash of a short secret can be guessed, so it goes where the secret may.
pub(super) fn work_out(derived: &Derived, words: &Words) -> Result<(Zeroizing<String>, Origin), Refusal> {
    let Filled { text: over, origin } = words.filled(&derived.over)?;
    let key = || match &derived.key {
        Some(key) => match words.filled(key)? {
            Filled { origin: Origin::Plain, .. } => Err(refused("signs with a key that is no secret")),
            // Who is given what was earned could try out which secret it is that was signed with it.
            Filled { text, origin: Origin::Earned } => Ok((text, origin.max(Origin::Earned))),
            Filled { text, origin: Origin::Held } => Ok((text, Origin::Earned)),
        },
        None => Err(refused(format!("names no key for `{}`", derived.name.escape_debug()))),
    };
    let keyed = |by: Keyed| {
        let (key, origin) = key()?;
        Ok::<_, Refusal>((by(&key, &over)?, origin))
    };
    let (bytes, origin) = match derived.function.as_str() {
        "text" => (Zeroizing::new(over.as_bytes().to_vec()), origin),
        "sha256" => (Zeroizing::new(Sha256::digest(over.as_bytes()).to_vec()), origin),
        "sha512" => (Zeroizing::new(Sha512::digest(over.as_bytes()).to_vec()), origin),
        "hmac-sha256" => keyed(mac::<Hmac<Sha256>>)?,
        "hmac-sha512" => keyed(mac::<Hmac<Sha512>>)?,
        "rs256" => keyed(|key, over| signature(Algorithm::RS256, key, over))?,
        "es256" => keyed(|key, over| signature(Algorithm::ES256, key, over))?,
        other => return Err(refused(format!("works something out by `{}`", other.escape_debug()))),
    };
    let text = match derived.encoding.as_str() {
        "hex" => hex::encode(&*bytes),
        "base64" => STANDARD.encode(&*bytes),
        "base64url" => URL_SAFE_NO_PAD.encode(&*bytes),
        "plain" if derived.function == "text" => over.to_string(),
        other => return Err(refused(format!("writes something as `{}`", other.escape_debug()))),
    };
    Ok((Zeroizing::new(text), origin))
}

/// By a key, over a text.
type Keyed = fn(&str, &str) -> Result<Zeroizing<Vec<u8>>, Refusal>;

fn mac<M: Mac + KeyInit>(key: &str, over: &str) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let mut mac = <M as KeyInit>::new_from_slice(key.as_bytes()).map_err(|_| refused("signs with no key"))?;
    mac.update(over.as_bytes());
    Ok(Zeroizing::new(mac.finalize().into_bytes().to_vec()))
}

/// RFC 7518 sections 3.3 and 3.4.
fn signature(algorithm: Algorithm, pem: &str, over: &str) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let malformed = || {
        Refusal::new(
            "client-key-malformed",
            "the client's private key is none, or not of the kind that the hook signs with",
        )
        .hint("hand in an RSA or P-256 private key in PEM: --client-key FILE")
    };
    let key = match algorithm {
        Algorithm::ES256 => EncodingKey::from_ec_pem(pem.as_bytes()),
        _ => EncodingKey::from_rsa_pem(pem.as_bytes()),
    };
    // The library's own words stay here: they may quote the key.
    let key = key.map_err(|_| malformed())?;
    let signed = jsonwebtoken::crypto::sign(over.as_bytes(), &key, algorithm).map_err(|_| malformed())?;
    Ok(Zeroizing::new(URL_SAFE_NO_PAD.decode(signed).map_err(|_| malformed())?))
}
