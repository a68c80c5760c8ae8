//! A request, as it is put together.

use std::{borrow::Cow, fmt::Write as _, io::Read, time::Duration};

use serde::Serialize;

use crate::{Context, Error, Result, http::Response};

/// A request. What is wrong with it (a URL without a host, a body that can't be JSON) shows when it is sent.
pub struct Request<'a> {
    pub(super) method: Cow<'static, str>,
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Body<'a>,
    pub(super) timeout: Option<Duration>,
    fault: Option<Error>,
}

/// What a request carries.
pub enum Body<'a> {
    /// Nothing.
    Empty,
    /// Bytes at hand; their length is announced.
    Bytes(Cow<'a, [u8]>),
    /// Bytes as they come.
    Stream(Box<dyn Read + 'a>),
}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident => $method:literal;)+) => {$(
        $(#[$doc])*
        pub fn $name(url: impl Into<String>) -> Self {
            Self::new($method, url)
        }
    )+};
}

impl<'a> Request<'a> {
    methods! {
        /// A GET.
        get => "GET";
        /// A HEAD.
        head => "HEAD";
        /// A POST.
        post => "POST";
        /// A PUT.
        put => "PUT";
        /// A PATCH.
        patch => "PATCH";
        /// A DELETE.
        delete => "DELETE";
    }

    /// A request of any method, in upper case.
    pub fn new(method: impl Into<Cow<'static, str>>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: Body::Empty,
            timeout: None,
            fault: None,
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds a parameter to the query, percent-encoded.
    #[must_use]
    pub fn query(mut self, name: &str, value: impl ToString) -> Self {
        let fragment = self.url.find('#').map(|at| self.url.split_off(at)).unwrap_or_default();
        let joint = match self.url.split_once('?') {
            None => "?",
            Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
            Some(_) => "&",
        };
        let pair = format!("{joint}{}={}", percent_encode(name), percent_encode(&value.to_string()));
        self.url.push_str(&pair);
        self.url.push_str(&fragment);
        self
    }

    /// Adds a parameter to the query if there is a value.
    #[must_use]
    pub fn query_opt(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// Carries JSON, with its content type.
    #[must_use]
    pub fn json(mut self, value: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_vec(value) {
            Ok(bytes) => self.with_body("application/json", Body::Bytes(bytes.into())),
            Err(why) => {
                self.fault = Some(Error::internal(format!("request body: {why}")).with_code("body-not-json"));
                self
            }
        }
    }

    /// Carries a form, as browsers encode one.
    #[must_use]
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let encoded: Vec<String> =
            fields.iter().map(|(name, value)| format!("{}={}", percent_encode(name), percent_encode(value))).collect();
        self.with_body("application/x-www-form-urlencoded", Body::Bytes(encoded.join("&").into_bytes().into()))
    }

    /// Carries text.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Self {
        self.with_body("text/plain; charset=utf-8", Body::Bytes(text.into().into_bytes().into()))
    }

    /// Carries bytes. Say what they are with a `content-type` header.
    #[must_use]
    pub fn bytes(mut self, bytes: impl Into<Cow<'a, [u8]>>) -> Self {
        self.body = Body::Bytes(bytes.into());
        self
    }

    /// Carries what `reader` gives, as it comes: memory stays small however long it is. Announce the length with a
    /// `content-length` header where it is known.
    #[must_use]
    pub fn stream(mut self, reader: impl Read + 'a) -> Self {
        self.body = Body::Stream(Box::new(reader));
        self
    }

    /// Names the call, so that a service which knows `idempotency-key` does it once however often it is retried.
    #[must_use]
    pub fn idempotency_key(self, context: &Context) -> Self {
        self.header("idempotency-key", context.idempotency_key())
    }

    /// How long to wait for the connection, for the first byte of the answer, and between bytes: each for itself. The
    /// host's own limits hold in any case.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Where it goes.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends it and waits for the head of the answer. An answer of any status is an answer; see
    /// [`Response::error_for_status`].
    pub fn send(mut self) -> Result<Response> {
        match self.fault.take() {
            Some(fault) => Err(fault),
            None => super::send::send(self),
        }
    }

    fn with_body(mut self, content_type: &str, body: Body<'a>) -> Self {
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            self.headers.push(("content-type".to_owned(), content_type.to_owned()));
        }
        self.body = body;
        self
    }
}

/// Encodes a path segment or a query's part: all but the unreserved characters of RFC 3986.
pub fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_grows() {
        for (url, expect) in [
            ("https://a/b", "https://a/b?q=x%20y%26"),
            ("https://a/b?", "https://a/b?q=x%20y%26"),
            ("https://a/b?z=1", "https://a/b?z=1&q=x%20y%26"),
            ("https://a/b#top", "https://a/b?q=x%20y%26#top"),
        ] {
            assert_eq!(Request::get(url).query("q", "x y&").url(), expect);
        }
    }

    #[test]
    fn a_content_type_of_the_authors_stays() {
        let request = Request::post("https://a/").header("Content-Type", "application/vnd.x+json").json(&1);
        assert_eq!(request.headers, [("Content-Type".to_owned(), "application/vnd.x+json".to_owned())]);
    }

    #[test]
    fn a_body_that_is_not_json_shows_when_sent() {
        let bad = std::collections::BTreeMap::from([((1, 2), 3)]);
        assert_eq!(
            Request::post("https://a/").json(&bad).send().err().map(|e| e.code().to_owned()).as_deref(),
            Some("body-not-json")
        );
    }
}
