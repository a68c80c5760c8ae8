//! An exchange that a connector's hook words: the hook says what to send, and everything is sent, kept and judged here.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, header};
use jackfield_package::Refusal;
use serde_json::json;
use url::{Url, form_urlencoded};
use zeroize::Zeroizing;

use super::{
    exchange::{Answered, Exchange, headers, text},
    outcome::{Declined, shown},
};
use crate::{
    Secret,
    clock::SECOND,
    hook::{self, Body, HookError, HookOf, Hooks, Purpose, Request, Step, TOKEN_ENDPOINT, Tokens, Words, refused},
    limits::{HOOK_PARTS, HOOK_REQUESTS, TOKEN_LIFETIME_S},
    token::{Terms, TokenError, TokenSet, token},
};

/// Headers that are the transport's, or said by the body that a hook gives.
const NOT_A_HOOKS: [HeaderName; 9] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::EXPECT,
    header::HOST,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// What is wanted, and with what.
pub(super) struct Wanted<'a> {
    pub(super) purpose: Purpose,
    pub(super) redirect_uri: Option<&'a str>,
    /// By the names that the contract has for them.
    pub(super) secrets: Vec<(&'static str, &'a Secret)>,
}

impl Exchange<'_> {
    /// Goes from step to step until there are tokens.
    pub(super) async fn by_hook(
        &self,
        hooks: &dyn Hooks,
        hook: &HookOf,
        terms: &Terms,
        mut wanted: Wanted<'_>,
    ) -> Result<TokenSet, TokenError> {
        wanted.secrets.extend(self.client.secret.map(|secret| ("client_secret", secret)));
        let mut words = Words::of(&wanted.secrets)?;
        let reads = hooks.reads(hook).await.map_err(|refusal| passing(refusal, false))?;
        let mut exchange = hook::Exchange {
            purpose: wanted.purpose,
            terms: json!({
                "client_id": terms.client_id,
                "redirect_uri": wanted.redirect_uri,
                "scopes": terms.scopes,
                "parameters": terms.parameters,
            }),
            secrets: words.names(),
            now_ms: u64::try_from(self.now / (SECOND / 1_000)).unwrap_or(0),
            answers: Vec::new(),
        };
        loop {
            let sent = !exchange.answers.is_empty();
            let step = hooks.next(hook, &exchange).await.map_err(|error| match error {
                HookError::Said(said) => {
                    let words = format!("{}: {}", words.blot(&said.code), words.blot(&said.message));
                    Declined::said(self.provider, said.meaning, &shown(&words), sent)
                }
                HookError::Failed(refusal) => passing(refusal, sent),
            })?;
            match step {
                Step::Done(tokens) => {
                    return self.earned(tokens, &mut words).map_err(|refusal| passing(refusal, sent));
                }
                Step::Send(_) if exchange.answers.len() == HOOK_REQUESTS => {
                    let refusal = refused(format!("asks for more than {HOOK_REQUESTS} requests"));
                    return Err(passing(refusal, sent));
                }
                Step::Send(request) => {
                    let answer = self.send_worded(request, &reads, &mut words).await.map_err(|mut error| {
                        error.sent |= sent;
                        error
                    })?;
                    exchange.answers.push(answer);
                }
            }
        }
    }

    async fn send_worded(
        &self,
        request: Request,
        reads: &[String],
        words: &mut Words,
    ) -> Result<hook::Answer, TokenError> {
        let before = |refusal| passing(refusal, false);
        let (method, uri, headers, body) = self.worded(&request, words).map_err(before)?;
        // Its own error names no address: what stands in the query may be a secret.
        let answered = self.send(method, uri.as_str(), headers, body, words.secrets()).await?;
        let after = |refusal| passing(refusal, true);
        let mut kept = Vec::new();
        for (name, place) in &request.keep {
            let Some(found) = found(&answered, place).map_err(after)? else { continue };
            // It may become a token, and must be able to.
            token(found.clone()).map_err(|refusal| Declined::malformed(self.provider, &refusal.message))?;
            words.keep(name, found).map_err(after)?;
            kept.push(name.clone());
        }
        if kept.len() < request.keep.len() {
            // Nothing to go on with, and an error by the provider's own rules.
            answered.failure(self.provider, &self.provider.token.answer)?;
        }
        let read = reads.iter().filter_map(|pointer| {
            let shown = words.show(answered.json.pointer(pointer)?)?;
            Some((pointer.clone(), shown))
        });
        Ok(hook::Answer { status: answered.status.as_u16(), read: read.collect(), kept })
    }

    /// The request, with every placeholder filled in.
    fn worded(
        &self,
        request: &Request,
        words: &mut Words,
    ) -> Result<(Method, String, http::HeaderMap, Bytes), Refusal> {
        let endpoints = &self.provider.token;
        let url = match request.endpoint.as_str() {
            TOKEN_ENDPOINT => &endpoints.url,
            name => endpoints.steps.get(name).ok_or_else(|| {
                refused(format!("asks the endpoint `{}`, which the provider's entry does not have", shown(name)))
            })?,
        };
        let method = match request.method.as_str() {
            "GET" => Method::GET,
            "POST" => Method::POST,
            "PUT" => Method::PUT,
            other => return Err(refused(format!("asks by `{}`", shown(other)))),
        };
        let lists = [request.query.len(), request.headers.len(), request.derive.len(), request.keep.len()];
        if lists.into_iter().any(|length| length > HOOK_PARTS) {
            return Err(refused(format!("gives a list of more than {HOOK_PARTS}")));
        }
        words.derive(&request.derive)?;

        let mut url = Url::parse(url).map_err(|_| Refusal::new("provider-invalid", format!("`{url}` is no URL")))?;
        if !request.query.is_empty() {
            let mut query = url.query_pairs_mut();
            for (name, value) in &request.query {
                query.append_pair(name, &words.fill(value)?);
            }
        }
        if url.as_str().parse::<http::Uri>().is_err() {
            return Err(refused("makes an address that is too long"));
        }
        let mut headers = headers(&endpoints.headers)?;
        for (name, value) in &request.headers {
            let pair = name.parse::<HeaderName>().ok().zip(HeaderValue::from_str(&words.fill(value)?).ok());
            let Some((name, mut value)) = pair.filter(|(name, _)| !NOT_A_HOOKS.contains(name)) else {
                return Err(refused(format!("sets the header `{}`", shown(name))));
            };
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let (media_type, body) = match &request.body {
            None => return Ok((method, url.to_string(), headers, Bytes::new())),
            Some(Body::Json(json)) => ("application/json", words.fill_json(json)?),
            Some(Body::Form(fields)) if fields.len() > HOOK_PARTS => {
                return Err(refused(format!("gives a list of more than {HOOK_PARTS}")));
            }
            Some(Body::Form(fields)) => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                for (name, value) in fields {
                    form.append_pair(name, &words.fill(value)?);
                }
                ("application/x-www-form-urlencoded", Zeroizing::new(form.finish()))
            }
        };
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        Ok((method, url.to_string(), headers, Bytes::from_owner(body)))
    }

    /// What the hook says that this exchange has brought.
    fn earned(&self, tokens: Tokens, words: &mut Words) -> Result<TokenSet, Refusal> {
        if tokens.derive.len() > HOOK_PARTS || tokens.scopes.as_ref().is_some_and(|list| list.len() > HOOK_PARTS) {
            return Err(refused(format!("gives a list of more than {HOOK_PARTS}")));
        }
        words.derive(&tokens.derive)?;
        let access = token(words.fill_token(&tokens.access)?)?;
        let refresh = tokens.refresh.map(|refresh| token(words.fill_token(&refresh)?)).transpose()?;
        let of_entry = self.provider.refresh.lifetime_s.filter(|_| refresh.is_some());
        let at_most = |seconds: u64| seconds.min(TOKEN_LIFETIME_S);
        let told = |text: &String| shown(&words.blot(text));
        Ok(TokenSet {
            access,
            refresh,
            expires_in_s: tokens.expires_in_s.map(at_most),
            refresh_expires_in_s: tokens.refresh_expires_in_s.map(at_most).or(of_entry),
            scopes: tokens.scopes.map(|scopes| scopes.iter().map(told).collect()),
            account: tokens.account.as_ref().map(told).filter(|account| !account.is_empty()),
        })
    }
}

/// What stands at a place of an answer.
fn found(answered: &Answered, place: &str) -> Result<Option<Zeroizing<String>>, Refusal> {
    match place.strip_prefix("header:") {
        Some(name) => {
            let value = name.parse::<HeaderName>().ok().and_then(|name| answered.headers.get(name));
            Ok(value.and_then(|value| value.to_str().ok()).map(|value| Zeroizing::new(value.to_owned())))
        }
        None if place.starts_with('/') => Ok(text(&answered.json, place).map(Zeroizing::new)),
        None => Err(refused(format!("keeps what stands at `{}`", shown(place)))),
    }
}

/// The connector is at fault, or is not there: another release of it, and not another consent, may mend that.
fn passing(refusal: Refusal, sent: bool) -> TokenError {
    TokenError { permanent: false, sent, refusal }
}
