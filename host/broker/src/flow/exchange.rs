//! One request to a token endpoint, and what its answer means.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use jackfield_package::Refusal;
use serde_json::Value;
use url::form_urlencoded::byte_serialize;
use zeroize::Zeroizing;

use super::{
    Parameters, USER_AGENT,
    client::Client,
    form::Form,
    outcome::{Declined, shown},
};
use crate::{
    attach::as_base64,
    clock::Micros,
    limits::{CLOCK_SKEW_S, SECRET_BYTES_LEAST, TOKEN_LIFETIME_S},
    provider::{Answer, AuthMethod, Body, Provider},
    sender::{Reach, Sender},
    token::TokenSet,
};

/// A client that speaks with one provider.
pub(super) struct Exchange<'a> {
    pub(super) provider: &'a Provider,
    pub(super) client: Client<'a>,
    pub(super) sender: &'a dyn Sender,
    pub(super) now: Micros,
    auth: Option<AuthMethod>,
}

/// An answer, with what may not be repeated of it.
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) json: Value,
    /// Seconds that the clock here is ahead of the provider's, if that matters.
    skew_s: Option<i64>,
    secrets: Vec<Zeroizing<String>>,
}

impl<'a> Exchange<'a> {
    pub(super) fn new(provider: &'a Provider, client: Client<'a>, sender: &'a dyn Sender, now: Micros) -> Self {
        Self { provider, client, sender, now, auth: Some(provider.token.auth) }
    }

    /// The same without the client's own authentication: what is asked with speaks for itself.
    pub(super) fn unauthenticated(self) -> Self {
        Self { auth: None, ..self }
    }

    /// Asks the token endpoint.
    pub(super) async fn tokens(&self, form: Form, answer: &Answer) -> Result<TokenSet, Declined> {
        let token = &self.provider.token;
        let answered = self.ask(Method::POST, &token.url, token.body, &token.headers, self.auth, form).await?;
        answered.failure(self.provider, answer)?;
        answered.tokens(self.provider, answer)
    }

    /// Asks any endpoint that the client authenticates to.
    pub(super) async fn ask(
        &self,
        method: Method,
        url: &str,
        body: Body,
        more: &Parameters,
        auth: Option<AuthMethod>,
        mut form: Form,
    ) -> Result<Answered, Declined> {
        let mut headers = headers(more)?;
        if let Some(auth) = auth {
            self.client.authenticate(auth, &self.provider.token.url, self.now, &mut form, &mut headers)?;
        }
        let (media_type, body, secrets) = form.into_body(body);
        if let Some(media_type) = media_type {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        }
        self.send(method, url, headers, body, secrets).await
    }

    pub(super) async fn send(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
        secrets: Vec<Zeroizing<String>>,
    ) -> Result<Answered, Declined> {
        let mut request = http::Request::builder()
            .method(method)
            .uri(url)
            .body(body)
            .map_err(|_| Refusal::new("provider-invalid", format!("`{url}` can't be asked")))?;
        *request.headers_mut() = headers;
        request.extensions_mut().insert(Reach(self.provider.addresses.clone()));
        let response = self.sender.send(request).await.map_err(|error| Declined::unsent(self.provider, error))?;
        let (parts, body) = response.into_parts();
        let json = read(&parts.headers, &body);
        let skew_s = skew(&parts.headers, self.now);
        Ok(Answered { status: parts.status, headers: parts.headers, json, skew_s, secrets })
    }
}

/// What every request says, and what this entry adds.
pub(super) fn headers(more: &Parameters) -> Result<HeaderMap, Refusal> {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    for (name, value) in more {
        let pair = name.parse::<HeaderName>().ok().zip(HeaderValue::from_str(value).ok());
        let (name, value) = pair.ok_or_else(|| Refusal::new("provider-invalid", format!("`{name}` is no header")))?;
        headers.insert(name, value);
    }
    Ok(headers)
}

/// JSON, or the form that some providers still answer with; null for anything else.
fn read(headers: &HeaderMap, body: &[u8]) -> Value {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if media_type.starts_with("application/x-www-form-urlencoded") {
        let fields = url::form_urlencoded::parse(body);
        return Value::Object(fields.map(|(name, value)| (name.into_owned(), value.into_owned().into())).collect());
    }
    serde_json::from_slice(body).unwrap_or_default()
}

/// How far ahead the clock here is, by the answer's `Date`, if by more than a request's time explains.
fn skew(headers: &HeaderMap, now: Micros) -> Option<i64> {
    let date = httpdate::parse_http_date(headers.get(header::DATE)?.to_str().ok()?).ok()?;
    let here = UNIX_EPOCH + Duration::from_micros(u64::try_from(now).ok()?);
    let seconds = |ahead: SystemTime, of: SystemTime| i64::try_from(ahead.duration_since(of).ok()?.as_secs()).ok();
    let skew = seconds(here, date).or_else(|| seconds(date, here).map(|behind| -behind))?;
    (skew.abs() > CLOCK_SKEW_S).then_some(skew)
}

impl Answered {
    /// The error that the answer is, if it is one: by its status, or by what it says whatever its status.
    pub(super) fn failure(&self, provider: &Provider, answer: &Answer) -> Result<(), Declined> {
        let code = text(&self.json, &answer.error);
        // Some wrap it: {"error": {"code": …, "message": …}}.
        let code = code.or_else(|| text(&self.json, &format!("{}/code", answer.error)));
        let is_flagged = self.json.pointer(&answer.error).is_some_and(|error| !error.is_null() && error != false);
        if self.status.is_success() && code.is_none() && !is_flagged {
            return Ok(());
        }
        let words = text(&self.json, &answer.error_description)
            .or_else(|| text(&self.json, &format!("{}/message", answer.error)))
            .or_else(|| text(&self.json, "/message"));
        let (code, words) = (code.map(|code| self.clean(&code)), words.map(|words| self.clean(&words)));
        Err(Declined::answered(provider, self.status, code, words, self.skew_s))
    }

    fn tokens(&self, provider: &Provider, answer: &Answer) -> Result<TokenSet, Declined> {
        let malformed = |reason: &str| Declined::malformed(provider, reason);
        let token = |pointer: &str| match self.json.pointer(pointer) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => crate::token::token(Zeroizing::new(text.clone()))
                .map(Some)
                .map_err(|refusal| malformed(&refusal.message)),
            Some(_) => Err(malformed("the token is no text")),
        };
        if self.json.is_null() {
            return Err(malformed("the answer is not JSON"));
        }
        let access =
            token(&answer.access)?.ok_or_else(|| malformed(&format!("there is no token at `{}`", answer.access)))?;
        let lifetime = |pointer: &str| seconds(self.json.pointer(pointer)?);
        let refresh = token(&answer.refresh)?;
        let of_entry = provider.refresh.lifetime_s.filter(|_| refresh.is_some());
        Ok(TokenSet {
            access,
            expires_in_s: lifetime(&answer.expires_in),
            refresh_expires_in_s: answer.refresh_expires_in.as_deref().and_then(lifetime).or(of_entry),
            refresh,
            scopes: self.json.pointer(&answer.scopes).and_then(|value| scopes(value, provider, answer)),
            account: super::userinfo::Account::at(
                &self.json,
                answer.account.as_deref(),
                answer.account_name.as_deref(),
            )
            .map(|account| account.to_string()),
        })
    }

    /// A provider's words for a person's eyes: bounded, on one line, without the secrets of the request.
    fn clean(&self, words: &str) -> String {
        let spelled = self.secrets.iter().filter(|secret| !secret.is_empty()).flat_map(|secret| spellings(secret));
        let blotted = spelled.fold(words.to_owned(), |words, secret| words.replace(secret.as_str(), "*"));
        shown(&blotted)
    }
}

/// A secret as a request may be repeated: as it is, as it stood in a form, and base64 of either, as in a header.
fn spellings(secret: &str) -> Vec<Zeroizing<String>> {
    let in_a_form = Zeroizing::new(byte_serialize(secret.as_bytes()).collect::<String>());
    let plain = [Zeroizing::new(secret.to_owned()), in_a_form];
    let in_base64 = plain.iter().flat_map(|plain| as_base64(plain.as_bytes()));
    let in_base64: Vec<_> = in_base64
        .filter(|core| core.len() >= SECRET_BYTES_LEAST)
        .map(|core| Zeroizing::new(String::from_utf8_lossy(&core).into_owned()))
        .collect();
    plain.into_iter().chain(in_base64).collect()
}

/// Text or number.
pub(super) fn text(json: &Value, pointer: &str) -> Option<String> {
    match json.pointer(pointer)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A number, or a text of one; what lasts longer than anything should is cut.
fn seconds(value: &Value) -> Option<u64> {
    let seconds =
        value.as_u64().or_else(|| value.as_f64().filter(|seconds| *seconds >= 0.0).map(|seconds| seconds as u64));
    let seconds = seconds.or_else(|| value.as_str()?.trim().parse().ok())?;
    Some(seconds.min(TOKEN_LIFETIME_S))
}

fn scopes(value: &Value, provider: &Provider, answer: &Answer) -> Option<Vec<String>> {
    let asked = provider.authorize.as_ref().map(|authorize| authorize.scope_separator.as_str());
    let separators = [answer.scope_separator.as_deref(), asked];
    let is_separator =
        |c: char| c.is_whitespace() || separators.iter().flatten().any(|separator| separator.contains(c));
    match value {
        // Says nothing: apps of GitHub have permissions instead of scopes, and their tokens come with an empty text.
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.split(is_separator).filter(|scope| !scope.is_empty()).map(shown).collect()),
        Value::Array(list) => Some(list.iter().filter_map(Value::as_str).map(shown).collect()),
        _ => None,
    }
}
