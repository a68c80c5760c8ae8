//! How tokens are got, kept alive and given back: the grants of RFC 6749, 7523 and 8628, and revocation (RFC 7009), as each
//! provider's entry says that it speaks them.
//!
//! Every grant is some parameters and one [`exchange`]: the entry decides how the client authenticates, what the body is
//! written in, and where in the answer things stand. Where no entry can, a connector's [`crate::hook`] words the requests, and the
//! same exchange sends them. What comes back is bounded, and an error in it is an error whatever the
//! status. No error ever holds a secret, not even where the provider repeats one.

pub mod authorize;
mod client;
mod device;
mod exchange;
mod form;
mod hooked;
mod jwt;
mod outcome;
mod revoke;
mod userinfo;

pub(crate) use device::expired as device_expired;
pub use device::{DeviceCode, Polled};
pub use userinfo::Account;

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;
use jackfield_package::Refusal;

use self::{client::Client, exchange::Exchange, form::Form, hooked::Wanted};
use crate::{
    Secret,
    attach::Attached,
    clock::{Clock, Micros},
    hook::{Hooks, Purpose},
    provider::{Catalogue, Provider, RefreshKind, Signs},
    sender::Sender,
    token::{GrantKind, Held, Revocation, Terms, TokenError, TokenSet, TokenSource},
};

/// What providers see as `User-Agent`; some refuse a request without one.
pub(crate) const USER_AGENT: &str = concat!("jackfield/", env!("CARGO_PKG_VERSION"));

/// The flows of a catalogue, over a network, by a clock.
#[derive(Clone)]
pub struct Flows {
    catalogue: Arc<Catalogue>,
    sender: Arc<dyn Sender>,
    clock: Arc<dyn Clock>,
    hooks: Arc<OnceLock<Arc<dyn Hooks>>>,
}

impl Flows {
    /// Nothing is asked of anybody yet.
    pub fn new(catalogue: Arc<Catalogue>, sender: Arc<dyn Sender>, clock: Arc<dyn Clock>) -> Self {
        Self { catalogue, sender, clock, hooks: Arc::default() }
    }

    /// Somebody runs connectors' hooks from now on, for all clones of this: who does often stands on a broker that stands on these. The
    /// first one counts.
    pub fn serve_hooks(&self, hooks: Arc<dyn Hooks>) {
        self.hooks.get_or_init(|| hooks);
    }

    /// The catalogue.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The time, as it is told here.
    pub(crate) fn now(&self) -> Micros {
        self.clock.now()
    }

    /// How the APIs of the providers whose tokens are attached say that one has expired, where they do not say so by 401.
    pub fn signs(&self, attached: &Attached) -> Signs {
        self.signs_of(attached.providers())
    }

    /// The same of these providers; of one that nobody knows there is none.
    pub fn signs_of<'a>(&self, providers: impl Iterator<Item = &'a str>) -> Signs {
        let entries = providers.filter_map(|provider| self.catalogue.find(provider).ok());
        Signs::new(entries.flat_map(|entry| entry.expired.clone()))
    }

    /// The provider that a connection's terms name, with its templates filled in.
    ///
    /// # Errors
    /// `provider-unknown`, and those of [`crate::provider::Entry::resolve`].
    pub fn provider(&self, terms: &Terms) -> Result<Provider, Refusal> {
        let name = terms
            .provider
            .as_deref()
            .ok_or_else(|| not_offered("this connection", "new tokens: it has no provider"))?;
        self.catalogue.find(name)?.resolve(&terms.parameters)
    }

    /// RFC 6749 section 4.1.3: tokens for a code.
    ///
    /// # Errors
    /// [`TokenError`], permanent for a code that the provider does not take.
    pub async fn exchange_code(
        &self,
        terms: &Terms,
        client: Option<&Secret>,
        code: &CodeGrant<'_>,
    ) -> Result<TokenSet, TokenError> {
        let provider = self.provider(terms)?;
        let exchange = self.exchange(&provider, terms, client);
        if terms.hook.is_some() {
            let verifier = code.verifier.map(|verifier| ("code_verifier", verifier));
            let secrets = [Some(("code", code.code)), verifier].into_iter().flatten().collect();
            let wanted = Wanted { purpose: Purpose::Code, redirect_uri: Some(code.redirect_uri), secrets };
            let tokens = self.by_hook(&exchange, terms, wanted).await?;
            return Ok(exchange.with_account(tokens).await);
        }
        let mut form = Form::grant("authorization_code");
        form.secret("code", code.code)?;
        form.push("redirect_uri", code.redirect_uri);
        if let Some(verifier) = code.verifier {
            form.secret("code_verifier", verifier)?;
        }
        form.extend(&provider.token.code_parameters);
        let tokens = exchange.tokens(form, &provider.token.answer).await?;
        Ok(exchange.with_account(tokens).await)
    }

    /// RFC 6749 section 4.4: tokens for the client itself.
    ///
    /// # Errors
    /// [`TokenError`].
    pub async fn client_credentials(&self, terms: &Terms, client: Option<&Secret>) -> Result<TokenSet, TokenError> {
        let provider = self.provider(terms)?;
        let Some(grant) = &provider.client_credentials else {
            return Err(not_offered_by(&provider, "tokens to a client by itself").into());
        };
        let exchange = self.exchange(&provider, terms, client);
        if terms.hook.is_some() {
            let wanted = Wanted { purpose: Purpose::Client, redirect_uri: None, secrets: Vec::new() };
            return self.by_hook(&exchange, terms, wanted).await;
        }
        let mut form = Form::grant(grant.grant_type.as_deref().unwrap_or("client_credentials"));
        form.scopes(&provider, &terms.scopes);
        form.extend(&grant.parameters);
        Ok(exchange.tokens(form, &provider.token.answer).await?)
    }

    /// RFC 7523 section 2.1: tokens for a signed assertion. `client` is a private key in PEM.
    ///
    /// # Errors
    /// [`TokenError`]; `client-key-malformed` if the key is none.
    pub async fn jwt_bearer(&self, terms: &Terms, client: Option<&Secret>) -> Result<TokenSet, TokenError> {
        let provider = self.provider(terms)?;
        let Some(bearer) = &provider.jwt_bearer else {
            return Err(not_offered_by(&provider, "tokens for a signed assertion").into());
        };
        let mut form = Form::grant("urn:ietf:params:oauth:grant-type:jwt-bearer");
        let scopes = terms.scopes.join(" ");
        let scope_claim = bearer.scope_claim.then_some(scopes.as_str());
        let assertion = jwt::bearer(bearer, &terms.client_id, scope_claim, client, self.clock.now())?;
        form.secret("assertion", &assertion)?;
        if !bearer.scope_claim {
            form.scopes(&provider, &terms.scopes);
        }
        Ok(self.exchange(&provider, terms, None).unauthenticated().tokens(form, &provider.token.answer).await?)
    }

    /// RFC 6749 section 6.
    ///
    /// # Errors
    /// [`TokenError`], permanent if the refresh token is gone for good.
    pub async fn refresh(
        &self,
        terms: &Terms,
        refresh: &Secret,
        client: Option<&Secret>,
    ) -> Result<TokenSet, TokenError> {
        self.refresh_beside(terms, refresh, client, None).await
    }

    /// The same, and whatever the provider says does not repeat the token that there is, either.
    async fn refresh_beside(
        &self,
        terms: &Terms,
        refresh: &Secret,
        client: Option<&Secret>,
        access: Option<&Secret>,
    ) -> Result<TokenSet, TokenError> {
        let provider = self.provider(terms)?;
        if provider.refresh.kind == RefreshKind::None {
            return Err(not_offered_by(&provider, "new tokens without a person's consent").into());
        }
        let exchange = self.exchange(&provider, terms, client);
        if terms.hook.is_some() {
            let secrets = vec![("refresh_token", refresh)];
            let wanted = Wanted { purpose: Purpose::Refresh, redirect_uri: None, secrets };
            return self.by_hook(&exchange, terms, wanted).await;
        }
        let mut form = Form::grant("refresh_token");
        form.secret("refresh_token", refresh)?;
        if let Some(access) = access {
            form.note(access.expose_str()?);
        }
        form.extend(&provider.refresh.parameters);
        let answer = provider.refresh.answer.as_ref().unwrap_or(&provider.token.answer);
        Ok(exchange.tokens(form, answer).await?)
    }

    async fn by_hook(
        &self,
        exchange: &Exchange<'_>,
        terms: &Terms,
        wanted: Wanted<'_>,
    ) -> Result<TokenSet, TokenError> {
        match (self.hooks.get(), &terms.hook) {
            (Some(hooks), Some(hook)) => exchange.by_hook(&**hooks, hook, terms, wanted).await,
            _ => {
                let message = "nobody here runs the hook that words the requests for its tokens";
                Err(TokenError { permanent: false, sent: false, refusal: Refusal::new("hook-missing", message) })
            }
        }
    }

    fn exchange<'a>(&'a self, provider: &'a Provider, terms: &'a Terms, secret: Option<&'a Secret>) -> Exchange<'a> {
        let client = Client { id: &terms.client_id, secret };
        Exchange::new(provider, client, &*self.sender, self.clock.now())
    }
}

/// What a provider's redirect brought, and what was kept for it.
pub struct CodeGrant<'a> {
    /// The code.
    pub code: &'a Secret,
    /// The very redirect that was asked for.
    pub redirect_uri: &'a str,
    /// RFC 7636; none where the provider does not understand it.
    pub verifier: Option<&'a Secret>,
}

#[async_trait]
impl TokenSource for Flows {
    async fn renew(&self, terms: &Terms, held: &Held) -> Result<TokenSet, TokenError> {
        let client = held.client.as_ref();
        match (terms.grant, &held.refresh) {
            (GrantKind::ClientCredentials, _) => self.client_credentials(terms, client).await,
            (GrantKind::JwtBearer, _) => self.jwt_bearer(terms, client).await,
            (GrantKind::AuthorizationCode | GrantKind::DeviceCode, Some(refresh)) => {
                self.refresh_beside(terms, refresh, client, held.access.as_ref()).await
            }
            (GrantKind::AuthorizationCode | GrantKind::DeviceCode, None) => {
                Err(Refusal::new("refresh-token-missing", "the provider gave no refresh token with this connection")
                    .hint("connect it again; some providers give one only if asked for a scope such as offline_access")
                    .into())
            }
            (GrantKind::HandedIn, _) => Err(not_offered("a token that was handed in", "another one by itself").into()),
        }
    }

    async fn revoke(&self, terms: &Terms, held: &Held) -> Result<Revocation, TokenError> {
        let provider = self.provider(terms)?;
        self.exchange(&provider, terms, held.client.as_ref()).revoke(held).await
    }
}

/// Before anything was sent, and for good.
impl From<Refusal> for TokenError {
    fn from(refusal: Refusal) -> Self {
        Self { permanent: true, sent: false, refusal }
    }
}

fn not_offered_by(provider: &Provider, what: &str) -> Refusal {
    not_offered(provider.name.as_str(), what)
        .hint(format!("see what it offers: jackfield provider show {}", provider.name))
}

fn not_offered(who: &str, what: &str) -> Refusal {
    Refusal::new("flow-not-offered", format!("`{who}` does not offer {what}"))
}

/// Parameters by name, as entries have them.
type Parameters = BTreeMap<String, String>;
