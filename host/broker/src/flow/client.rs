//! The client: who it says it is, and how it shows that.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderValue, header};
use jackfield_package::Refusal;
use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

use super::{form::Form, jwt};
use crate::{Secret, clock::Micros, provider::AuthMethod};

/// A client as its provider registered it. Its secret is a text, or a private key in PEM.
#[derive(Clone, Copy)]
pub(super) struct Client<'a> {
    pub(super) id: &'a str,
    pub(super) secret: Option<&'a Secret>,
}

impl<'a> Client<'a> {
    /// Puts on a request what shows who asks. A client that has a private key signs, and one that has no secret names itself.
    pub(super) fn authenticate(
        &self,
        method: AuthMethod,
        audience: &str,
        now: Micros,
        form: &mut Form,
        headers: &mut http::HeaderMap,
    ) -> Result<(), Refusal> {
        let Some(secret) = self.secret else {
            form.push("client_id", self.id);
            return Ok(());
        };
        match method {
            _ if jwt::is_key(secret) => {
                let assertion = jwt::client_assertion(self.id, audience, secret, now)?;
                form.push("client_id", self.id);
                form.push("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
                form.secret("client_assertion", &assertion)?;
            }
            AuthMethod::PrivateKeyJwt => {
                return Err(Refusal::new(
                    "client-key-malformed",
                    "this provider wants a private key, and the secret is none",
                )
                .hint("hand in the key's PEM: --client-key FILE"));
            }
            AuthMethod::Post => {
                form.push("client_id", self.id);
                form.secret("client_secret", secret)?;
            }
            AuthMethod::Basic => {
                form.note(secret.expose_str()?);
                headers.insert(header::AUTHORIZATION, basic(self.id, secret)?);
            }
            AuthMethod::None => form.push("client_id", self.id),
        }
        Ok(())
    }
}

/// RFC 6749 section 2.3.1: both form-encoded before RFC 7617.
fn basic(id: &str, secret: &Secret) -> Result<HeaderValue, Refusal> {
    let mut pair = Zeroizing::new(String::new());
    pair.extend(byte_serialize(id.as_bytes()));
    pair.push(':');
    pair.extend(byte_serialize(secret.expose()));
    let text = Zeroizing::new(format!("Basic {}", &*Zeroizing::new(STANDARD.encode(pair.as_bytes()))));
    sensitive(&text)
}

/// RFC 6750 section 2.1.
pub(super) fn bearer(token: &Secret) -> Result<HeaderValue, Refusal> {
    sensitive(&Zeroizing::new(format!("Bearer {}", token.expose_str()?)))
}

fn sensitive(text: &str) -> Result<HeaderValue, Refusal> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| Refusal::new("secret-malformed", "the secret can't stand in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}
