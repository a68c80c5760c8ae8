//! Whose an access token is.

use std::fmt;

use bytes::Bytes;
use http::{HeaderValue, header};
use serde_json::Value;

use super::{
    client::bearer,
    exchange::{Exchange, headers, text},
    outcome::shown,
};
use crate::{
    provider::{Method, Userinfo},
    token::TokenSet,
};

/// An account, as its provider tells accounts apart and as a person knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// What never changes.
    pub id: String,
    /// What a person knows it by.
    pub name: Option<String>,
}

impl Account {
    pub(super) fn at(json: &Value, id: Option<&str>, name: Option<&str>) -> Option<Self> {
        let id = shown(&text(json, id?)?);
        let name = name.and_then(|name| text(json, name)).map(|name| shown(&name));
        Some(Self { id, name })
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) if *name != self.id => write!(f, "{name} ({})", self.id),
            _ => f.write_str(&self.id),
        }
    }
}

impl Exchange<'_> {
    /// The tokens with their account, where the provider says whose they are. That it does not is no failure: the scopes may
    /// not reach so far, and the tokens work without.
    pub(super) async fn with_account(&self, mut tokens: TokenSet) -> TokenSet {
        if tokens.account.is_none()
            && let Some(userinfo) = &self.provider.userinfo
        {
            tokens.account = self.account(userinfo, &tokens).await.map(|account| account.to_string());
        }
        tokens
    }

    async fn account(&self, userinfo: &Userinfo, tokens: &TokenSet) -> Option<Account> {
        let mut headers = headers(&Default::default()).ok()?;
        headers.insert(header::AUTHORIZATION, bearer(&tokens.access).ok()?);
        let body = userinfo.json.clone().map(Bytes::from).unwrap_or_default();
        if !body.is_empty() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let answered = self.send(userinfo.method.into(), &userinfo.url, headers, body, Vec::new()).await.ok()?;
        if !answered.status.is_success() {
            tracing::debug!(provider = %self.provider.name, status = %answered.status, "the account is not told");
            return None;
        }
        Account::at(&answered.json, Some(&userinfo.id), userinfo.name.as_deref())
    }
}

impl From<Method> for http::Method {
    fn from(method: Method) -> Self {
        match method {
            Method::Get => Self::GET,
            Method::Post => Self::POST,
            Method::Delete => Self::DELETE,
        }
    }
}
