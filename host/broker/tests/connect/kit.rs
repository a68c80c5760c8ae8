//! A provider that answers as it is told, and remembers what it was asked.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use jackfield_broker::{
    Secret,
    clock::HeldClock,
    flow::Flows,
    provider::{Catalogue, discovery::Issuer},
    sender::{SendError, SendFailure, Sender},
    token::{GrantKind, Terms, TokenSet},
};

/// 2026-11-21, noon.
pub(crate) const NOON: i64 = 1_795_262_400_000_000;

/// What the fake answers next; its last answer for ever.
#[derive(Clone)]
pub(crate) enum Next {
    Json(u16, &'static str),
    Headers(u16, &'static str, &'static [(&'static str, &'static str)]),
    Fails(SendFailure, bool),
}

#[derive(Default)]
pub(crate) struct Fake {
    next: Mutex<VecDeque<Next>>,
    asked: Mutex<Vec<Request<Bytes>>>,
}

impl Fake {
    pub(crate) fn answering(next: impl IntoIterator<Item = Next>) -> Arc<Self> {
        Arc::new(Self { next: Mutex::new(next.into_iter().collect()), asked: Mutex::default() })
    }

    /// Every request so far, as text: the method and URL, headers in order, the body.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(written).collect()
    }
}

fn written(request: &Request<Bytes>) -> String {
    let mut text = format!("{} {}\n", request.method(), request.uri());
    let mut headers: Vec<_> = request.headers().iter().filter(|(name, _)| *name != "user-agent").collect();
    headers.sort_by_key(|(name, _)| name.as_str());
    for (name, value) in headers {
        text += &format!("{name}: {}\n", value.to_str().unwrap());
    }
    let body = std::str::from_utf8(request.body()).unwrap();
    if body.is_empty() { text } else { format!("{text}\n{}\n", body.replace('&', "\n&")) }
}

#[async_trait]
impl Sender for Fake {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, SendError> {
        assert!(request.headers().contains_key("user-agent"), "some providers refuse a request without one");
        self.asked.lock().unwrap().push(request);
        let mut next = self.next.lock().unwrap();
        let answer = if next.len() > 1 { next.pop_front() } else { next.front().cloned() };
        match answer.expect("the fake was told what to answer") {
            Next::Json(status, body) => answered(status, body, &[("content-type", "application/json")]),
            Next::Headers(status, body, headers) => answered(status, body, headers),
            Next::Fails(kind, sent) => {
                Err(SendError { sent, kind, reason: "example.com can't be reached".into(), hint: None })
            }
        }
    }
}

fn answered(status: u16, body: &'static str, headers: &[(&str, &str)]) -> Result<Response<Bytes>, SendError> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    Ok(response.body(Bytes::from_static(body.as_bytes())).unwrap())
}

pub(crate) fn flows(sender: Arc<dyn Sender>) -> Flows {
    Flows::new(Arc::new(Catalogue::built_in().unwrap()), sender, Arc::new(HeldClock::at(NOON)))
}

pub(crate) fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec()).map_err(|refusal| refusal.to_string()).unwrap()
}

pub(crate) fn terms(provider: &str, grant: GrantKind) -> Terms {
    let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let parameters = match provider {
        "shopify" => vec![set("shop", "acme")],
        "zendesk" => vec![set("subdomain", "acme")],
        "zoom" => vec![set("account_id", "abc-123")],
        "salesforce" => vec![set("domain", "acme.my.salesforce.com"), set("subject", "ann@acme.example")],
        _ => vec![],
    };
    Terms {
        provider: Some(provider.to_owned()),
        grant,
        client_id: "client".to_owned(),
        scopes: vec!["read".to_owned(), "write:all".to_owned()],
        parameters: parameters.into_iter().collect(),
        hook: None,
    }
}

/// A token set has no Debug, for good reasons.
pub(crate) trait Unwrapped<T> {
    fn ok_or_panic(self) -> T;
    fn refusal(self) -> jackfield_broker::token::TokenError;
}

impl<T> Unwrapped<T> for Result<T, jackfield_broker::token::TokenError> {
    fn ok_or_panic(self) -> T {
        self.unwrap_or_else(|error| panic!("{error}, {:?}", error.refusal.hint))
    }

    fn refusal(self) -> jackfield_broker::token::TokenError {
        self.err().expect("a refusal")
    }
}

pub(crate) fn scopes_of(tokens: &TokenSet) -> Vec<&str> {
    tokens.scopes.iter().flatten().map(String::as_str).collect()
}

pub(crate) fn at(url: &str) -> Issuer<'_> {
    Issuer { url, addresses: &[] }
}
