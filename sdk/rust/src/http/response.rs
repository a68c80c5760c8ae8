//! An answer, whose body is read as it comes.

use std::{
    io::{self, BufRead, Read},
    time::SystemTime,
};

use serde::de::DeserializeOwned;

use crate::{Error, Result, http::status, operation::read_json};

/// How much of an error's body is read to explain it.
const ERROR_BODY_BYTES: u64 = 8 * 1024;

/// An answer: status and headers at hand, the body still to be read. It reads as [`io::Read`] and [`io::BufRead`].
pub struct Response {
    status: u16,
    headers: Headers,
    body: Box<dyn BufRead>,
    /// `GET https://…`, without the query, for messages.
    subject: String,
}

impl Response {
    /// An answer made by hand, to test with.
    pub fn new(status: u16, headers: Headers, body: impl BufRead + 'static) -> Self {
        Self { status, headers, body: Box::new(body), subject: "request".to_owned() }
    }

    pub(super) fn with_subject(mut self, subject: String) -> Self {
        self.subject = subject;
        self
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// All headers.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// What it answers: method and URL without the query, for messages.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The service's time (`Date`), or else this machine's: what `Retry-After` and the like count from.
    pub fn now(&self) -> SystemTime {
        self.header("date").and_then(|date| httpdate::parse_http_date(date).ok()).unwrap_or_else(SystemTime::now)
    }

    /// The answer itself if its status is below 400; else an error whose kind follows the status, with `Retry-After`
    /// and with the start of the body in its details.
    pub fn error_for_status(self) -> Result<Self> {
        if self.status < 400 { Ok(self) } else { Err(self.into_error()) }
    }

    /// The error that this answer is, whatever its status.
    pub fn into_error(mut self) -> Error {
        let mut body = Vec::new();
        // The status is the message; a body that breaks off only explains less.
        let _ = (&mut self.body).take(ERROR_BODY_BYTES).read_to_end(&mut body);
        let now = self.now();
        status::error(self.status, &self.headers, &body, &self.subject, now)
    }

    /// The whole body.
    pub fn bytes(mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.body.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The whole body as text. It must be UTF-8.
    pub fn text(self) -> Result<String> {
        let subject = self.subject.clone();
        String::from_utf8(self.bytes()?).map_err(|_| {
            Error::upstream(format!("{subject}: the answer is not UTF-8"))
                .with_code("answer-not-text")
                .with_request_sent(true)
        })
    }

    /// The body read as JSON into a type.
    pub fn json<T: DeserializeOwned>(self) -> Result<T> {
        let subject = self.subject.clone();
        let text = self.text()?;
        read_json(&text).map_err(|why| {
            Error::upstream(format!("{subject}: unexpected answer: {why}"))
                .with_code("answer-unexpected")
                .with_request_sent(true)
        })
    }
}

impl Read for Response {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.body.read(buffer)
    }
}

impl BufRead for Response {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.body.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.body.consume(amount);
    }
}

/// The headers of an answer, names in lower case, in the order they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// The first value of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Every header.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<N: AsRef<str>, V: Into<String>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(headers: I) -> Self {
        Self(headers.into_iter().map(|(name, value)| (name.as_ref().to_ascii_lowercase(), value.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn answer(status: u16, headers: &[(&str, &str)], body: &'static str) -> Response {
        Response::new(status, headers.iter().copied().collect(), body.as_bytes())
    }

    #[test]
    fn json_says_where_it_is_wrong() {
        let error = answer(200, &[], r#"{"a":{"b":"x"}}"#)
            .json::<std::collections::BTreeMap<String, std::collections::BTreeMap<String, u8>>>()
            .unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Upstream, "answer-unexpected"));
        assert!(error.message().contains("`a.b`"), "{error}");
        assert!(error.request_sent());
    }

    #[test]
    fn a_good_status_passes_and_a_bad_one_is_an_error() {
        assert_eq!(answer(304, &[], "").error_for_status().map(|r| r.status()), Ok(304));
        let error = answer(404, &[], r#"{"message":"No such issue"}"#).error_for_status().err().unwrap();
        assert_eq!((error.kind(), error.code()), (ErrorKind::NotFound, "http-404"));
        assert_eq!(error.message(), "request: 404: No such issue");
    }
}
