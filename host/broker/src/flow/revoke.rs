//! RFC 7009, and what providers have instead of it.

use http::{StatusCode, header};

use super::{
    client::bearer,
    exchange::{Exchange, headers},
    form::Form,
};
use crate::{
    provider::{Answer, AuthMethod, RevokeAuth, Sends},
    token::{Held, Revocation, TokenError},
};

/// What providers say of a token that is gone already: what was wanted is so.
const GONE_ALREADY: [&str; 5] = ["invalid_token", "invalid_grant", "token_revoked", "invalid_auth", "account_inactive"];

impl Exchange<'_> {
    /// Has the provider forget the tokens.
    pub(super) async fn revoke(&self, held: &Held) -> Result<Revocation, TokenError> {
        let Some(revoke) = &self.provider.revoke else { return Ok(Revocation::NotOffered) };
        let named = match revoke.token {
            Sends::Access => held.access.as_ref().or(held.refresh.as_ref()),
            Sends::Refresh => held.refresh.as_ref().or(held.access.as_ref()),
        };
        let Some(token) = named else { return Ok(Revocation::Done) };
        let mut form = Form::default();
        form.secret(&revoke.parameter, token)?;
        let url = revoke.url.replace("{client_id}", &encoded(self.client.id));
        let (method, body) = (revoke.method.into(), revoke.body);
        let answered = match revoke.auth {
            RevokeAuth::Post => self.ask(method, &url, body, &revoke.headers, Some(AuthMethod::Post), form).await,
            RevokeAuth::Basic => self.ask(method, &url, body, &revoke.headers, Some(AuthMethod::Basic), form).await,
            RevokeAuth::None => self.ask(method, &url, body, &revoke.headers, None, form).await,
            RevokeAuth::Bearer => {
                let mut headers = headers(&revoke.headers)?;
                headers.insert(header::AUTHORIZATION, bearer(token)?);
                let (_, body, secrets) = form.into_body(body);
                self.send(method, &url, headers, body, secrets).await
            }
        }?;
        match answered.failure(self.provider, &Answer::default()) {
            Ok(()) => Ok(Revocation::Done),
            Err(declined) if answered.status == StatusCode::NOT_FOUND && declined.code.is_none() => {
                Ok(Revocation::Done)
            }
            Err(declined) if declined.code.as_deref().is_some_and(|code| GONE_ALREADY.contains(&code)) => {
                Ok(Revocation::Done)
            }
            Err(declined) => Err(declined.error),
        }
    }
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
