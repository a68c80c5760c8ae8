//! RFC 8628: a person consents on another device.

use http::Method;
use jackfield_package::Refusal;
use url::Url;

use super::{Flows, exchange, form::Form, not_offered_by, outcome::Declined};
use crate::{
    Secret,
    limits::{DEVICE_CODE_S, DEVICE_INTERVAL_S},
    provider::{Answer, Body},
    token::{Terms, TokenError, TokenSet},
};

/// What the person needs, and what is asked with until they are done.
pub struct DeviceCode {
    /// What is asked with.
    pub code: Secret,
    /// What the person types.
    pub user_code: String,
    /// Where.
    pub verification_uri: Url,
    /// The same with the code in it already.
    pub verification_uri_complete: Option<Url>,
    /// Seconds that it lasts.
    pub expires_in_s: u64,
    /// Seconds between two questions, at the least.
    pub interval_s: u64,
}

/// How far the person is.
pub enum Polled {
    /// Done.
    Tokens(Box<TokenSet>),
    /// Ask again after the interval.
    Pending,
    /// Ask again after the interval, which is [`DEVICE_INTERVAL_S`] longer from now on.
    SlowDown,
}

impl Flows {
    /// Section 3.1: asks for codes.
    ///
    /// # Errors
    /// [`TokenError`].
    pub async fn device_code(&self, terms: &Terms, client: Option<&Secret>) -> Result<DeviceCode, TokenError> {
        let provider = self.provider(terms)?;
        let Some(device) = &provider.device else {
            return Err(not_offered_by(&provider, "codes for another device").into());
        };
        let mut form = Form::default();
        form.scopes(&provider, &super::authorize::scopes(&provider, &terms.scopes));
        let exchange = self.exchange(&provider, terms, client);
        // The client names itself in the body also where it authenticates by a header.
        form.push("client_id", &terms.client_id);
        let auth = match provider.token.auth {
            crate::provider::AuthMethod::Basic if client.is_some() => Some(provider.token.auth),
            _ => None,
        };
        let answered = exchange.ask(Method::POST, &device.url, Body::Form, &device.headers, auth, form).await?;
        answered.failure(&provider, &Answer::default())?;
        let text = |names: &[&str]| names.iter().find_map(|name| exchange::text(&answered.json, name));
        let number = |name: &str| text(&[name]).and_then(|text| text.parse::<u64>().ok());
        let malformed = |reason: &str| TokenError::from(Declined::malformed(&provider, reason));
        let link = |text: String| {
            // It is shown as a link, so it must not be a script.
            Url::parse(&text)
                .ok()
                .filter(|url| url.scheme() == "https" || url.scheme() == "http" && crate::provider::is_loopback(url))
        };
        let code = text(&["/device_code"]).ok_or_else(|| malformed("there is no device code"))?;
        let user_code = text(&["/user_code"]).ok_or_else(|| malformed("there is no user code"))?;
        // Google's name for it is older than the RFC's.
        let place = text(&["/verification_uri", "/verification_url"]).and_then(link);
        Ok(DeviceCode {
            code: crate::token::token(zeroize::Zeroizing::new(code)).map_err(|refusal| malformed(&refusal.message))?,
            user_code: super::outcome::shown(&user_code),
            verification_uri: place.ok_or_else(|| malformed("there is no place to enter the code"))?,
            verification_uri_complete: text(&["/verification_uri_complete"]).and_then(link),
            expires_in_s: number("/expires_in").unwrap_or(DEVICE_CODE_S).min(DEVICE_CODE_S),
            interval_s: number("/interval").unwrap_or(DEVICE_INTERVAL_S).clamp(1, DEVICE_CODE_S),
        })
    }

    /// Section 3.4: asks whether the person is done. Call it no more often than the interval says.
    ///
    /// # Errors
    /// [`TokenError`]; `device-code-expired` if the person took too long, `provider-consent-refused` if they said no.
    pub async fn poll_device(
        &self,
        terms: &Terms,
        client: Option<&Secret>,
        code: &Secret,
    ) -> Result<Polled, TokenError> {
        let provider = self.provider(terms)?;
        let mut form = Form::grant("urn:ietf:params:oauth:grant-type:device_code");
        form.secret("device_code", code)?;
        let exchange = self.exchange(&provider, terms, client);
        match exchange.tokens(form, &provider.token.answer).await {
            Ok(tokens) => Ok(Polled::Tokens(Box::new(exchange.with_account(tokens).await))),
            Err(declined) => match declined.code.as_deref() {
                Some("authorization_pending") => Ok(Polled::Pending),
                Some("slow_down") => Ok(Polled::SlowDown),
                Some("expired_token") => Err(TokenError { permanent: true, sent: true, refusal: expired() }),
                _ => Err(declined.error),
            },
        }
    }
}

/// Nobody entered the code in time.
pub(crate) fn expired() -> Refusal {
    Refusal::new("device-code-expired", "nobody entered the code in time").hint("start again: a new code comes")
}
