//! The redirect to a provider, and what comes back by it (RFC 6749 section 4.1, RFC 7636, RFC 9207).

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jackfield_package::Refusal;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::{not_offered_by, outcome::shown};
use crate::{
    Secret,
    limits::CALLBACK_BYTES,
    provider::{Authorize, Pkce, Provider},
};

/// What a person is asked to consent to.
pub struct Consent<'a> {
    /// The client, as the provider knows it.
    pub client_id: &'a str,
    /// Where the provider sends the person back to; exactly as it is registered there.
    pub redirect_uri: &'a str,
    /// What the connector asks for.
    pub scopes: &'a [String],
    /// What comes back unchanged.
    pub state: &'a str,
    /// RFC 7636: of 43 to 128 characters.
    pub verifier: &'a Secret,
}

/// The URL that the person's browser is sent to.
///
/// # Errors
/// `flow-not-offered` by a provider that has no such endpoint.
pub fn url(provider: &Provider, consent: &Consent<'_>) -> Result<Url, Refusal> {
    let authorize = endpoint(provider)?;
    let mut url = Url::parse(&authorize.url)
        .map_err(|error| Refusal::new("provider-invalid", format!("`{}`: {error}", authorize.url)))?;
    {
        let mut query = url.query_pairs_mut();
        query.append_pair("response_type", "code");
        query.append_pair("client_id", consent.client_id);
        query.append_pair("redirect_uri", consent.redirect_uri);
        let scopes = scopes(provider, consent.scopes);
        if !authorize.scope_parameter.is_empty() && !scopes.is_empty() {
            query.append_pair(&authorize.scope_parameter, &scopes.join(&authorize.scope_separator));
        }
        query.append_pair("state", consent.state);
        if authorize.pkce == Pkce::S256 {
            let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(consent.verifier.expose()));
            query.append_pair("code_challenge", &challenge);
            query.append_pair("code_challenge_method", "S256");
        }
        query.extend_pairs(&authorize.parameters);
    }
    Ok(url)
}

/// The scopes asked for, with those that the provider must always be asked for, each once.
pub(super) fn scopes(provider: &Provider, asked: &[String]) -> Vec<String> {
    let always = provider.authorize.iter().flat_map(|authorize| &authorize.scopes);
    let mut scopes: Vec<String> = Vec::new();
    for scope in asked.iter().chain(always) {
        if !scopes.contains(scope) {
            scopes.push(scope.clone());
        }
    }
    scopes
}

fn endpoint(provider: &Provider) -> Result<&Authorize, Refusal> {
    provider.authorize.as_ref().ok_or_else(|| not_offered_by(provider, "a page where a person consents"))
}

/// What a provider's redirect brought. Nothing of it is believed yet.
#[derive(Clone, Debug, Default)]
pub struct Callback {
    parameters: BTreeMap<String, String>,
}

/// What [`Callback::judge`] finds.
pub enum Answer {
    /// Exchange it.
    Code(Secret),
    /// The person, or the provider, said no: its code and words, cleaned.
    Refused {
        /// RFC 6749 section 4.1.2.1.
        error: String,
        /// For a person.
        words: String,
    },
}

impl Callback {
    /// Reads a query.
    ///
    /// # Errors
    /// `callback-malformed` if it is too long, or says something twice (RFC 6749 section 3.1).
    pub fn parse(query: &str) -> Result<Self, Refusal> {
        let malformed = |reason: &str| Refusal::new("callback-malformed", format!("the provider's answer {reason}"));
        if query.len() > CALLBACK_BYTES {
            return Err(malformed("is too long"));
        }
        let mut parameters = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            if parameters.insert(name.into_owned(), value.into_owned()).is_some() {
                return Err(malformed("says something twice"));
            }
        }
        Ok(Self { parameters })
    }

    /// The state, by which the attempt is found that this answers.
    pub fn state(&self) -> &str {
        self.get("state").unwrap_or_default()
    }

    /// Whether it is the answer of this provider (RFC 9207 section 2.4), and which.
    ///
    /// # Errors
    /// `issuer-mismatch`, `issuer-missing`, `callback-altered`, `callback-malformed`.
    pub fn judge(&self, provider: &Provider) -> Result<Answer, Refusal> {
        let authorize = endpoint(provider)?;
        match (self.get("iss"), &provider.issuer) {
            (Some(iss), Some(issuer)) if iss != issuer => {
                let message = format!("the answer is of `{}`, and was asked of `{issuer}`", shown(iss));
                return Err(Refusal::new("issuer-mismatch", message));
            }
            (None, Some(issuer)) if authorize.issuer_required => {
                return Err(Refusal::new(
                    "issuer-missing",
                    format!("the answer does not say that it is of `{issuer}`"),
                ));
            }
            _ => {}
        }
        for (name, value) in &authorize.echo {
            if self.get(name) != Some(value) {
                let message = format!("the answer's `{name}` is not `{value}`, which was asked for");
                return Err(Refusal::new("callback-altered", message));
            }
        }
        if let Some(error) = self.get("error") {
            let words = self.get("error_description").unwrap_or_default();
            return Ok(Answer::Refused { error: shown(error), words: shown(words) });
        }
        let code = self.get("code").unwrap_or_default().to_owned();
        let code = crate::token::token(zeroize::Zeroizing::new(code))
            .map_err(|_| Refusal::new("callback-malformed", "the provider's answer has no code in it"))?;
        Ok(Answer::Code(code))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }
}
