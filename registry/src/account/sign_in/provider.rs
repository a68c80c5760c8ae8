//! Providers as they are configured, and what they answer to a code.

use jackfield_package::Label;
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{broken, encoded, usable, word};
use crate::{
    Config, Problem, Shared,
    account::oidc::{Claims, Discovery, may_be_asked},
    config::SignInProvider,
    limits::SIGN_IN_PROVIDERS,
};

/// Where people sign in besides by a password.
#[derive(Debug)]
pub(crate) struct Providers(Vec<Provider>);

/// One of them.
pub(super) struct Provider {
    pub(super) config: SignInProvider,
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
    pub(in crate::account) fn of(config: &Config) -> Result<Self, Problem> {
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

    pub(super) fn all(&self) -> impl Iterator<Item = &SignInProvider> {
        self.0.iter().map(|provider| &provider.config)
    }

    pub(super) fn get(&self, id: &str) -> Result<&Provider, Problem> {
        let found = self.0.iter().find(|provider| provider.config.id == id);
        found.ok_or_else(|| Problem::not_found("sign-in-provider", "nobody signs in there"))
    }
}

/// What a code is exchanged for.
#[derive(Deserialize)]
pub(super) struct Tokens {
    pub(super) id_token: String,
    access_token: Option<String>,
}

impl Tokens {
    /// Many providers keep e-mail and name out of the identity token (OpenID Connect Core 1.0, section 5.4) and tell it apart. It counts
    /// if it is of the same person (section 5.3.2), and nothing that is signed is replaced by it.
    pub(super) async fn tell_more(
        &self,
        registry: &Shared,
        discovery: &Discovery,
        claims: &mut Claims,
    ) -> Result<(), Problem> {
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
    pub(super) async fn exchange(
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
