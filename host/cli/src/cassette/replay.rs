//! The transport of tests: it answers requests from a record, in order, and has no way to any network.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use jackfield_host::egress::{Body, HttpError, Outgoing, SendError, Sending, Transport};

use super::{Answer, Break, Content, Exchange, Request as Expected};
use crate::difference;

/// What plays the tapes, one after the other. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Player(Arc<Mutex<Tape>>);

/// One cassette's exchanges, and what went wrong with them.
#[derive(Default)]
struct Tape {
    exchanges: Vec<Exchange>,
    /// How many were asked for.
    played: usize,
    strayed: Vec<String>,
}

/// What went otherwise than recorded, for a person.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Ejected {
    /// What was asked and has no answer.
    pub(crate) strayed: Vec<String>,
    /// What was not asked for at all.
    pub(crate) unsent: Vec<String>,
}

impl Player {
    /// Puts in the next cassette's exchanges.
    pub(crate) fn insert(&self, exchanges: Vec<Exchange>) {
        *self.tape() = Tape { exchanges, ..Tape::default() };
    }

    /// Takes the cassette out, and says what went otherwise.
    pub(crate) fn eject(&self) -> Ejected {
        let Tape { exchanges, played, strayed } = std::mem::take(&mut *self.tape());
        let unsent = exchanges.iter().enumerate().skip(played);
        let unsent = unsent.map(|(at, exchange)| format!("request {} was never sent: {}", at + 1, exchange.request));
        Ejected { strayed, unsent: unsent.collect() }
    }

    fn tape(&self) -> MutexGuard<'_, Tape> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn play(&self, request: Request<Body>) -> Result<Response<Body>, SendError> {
        let (parts, body) = request.into_parts();
        let found = Found {
            method: parts.method.to_string(),
            url: parts.uri,
            headers: parts.headers,
            // The host has capped it.
            body: body.collect().await?.to_bytes().to_vec(),
        };
        let mut tape = self.tape();
        let at = tape.played;
        tape.played += 1;
        let Some(exchange) = tape.exchanges.get(at) else {
            let recorded = tape.exchanges.len();
            let problem = match recorded {
                0 => format!("no request is recorded, and it sent {found}"),
                _ => format!("{recorded} are recorded, and request {} was {found}", at + 1),
            };
            tape.strayed.push(problem);
            return Err(no_answer());
        };
        if let Some(problem) = unlike(&exchange.request, &found) {
            let problem = format!("request {} is not as recorded\n{problem}", at + 1);
            tape.strayed.push(problem);
            return Err(no_answer());
        }
        match exchange.answer.clone() {
            Answer::Response { status, headers, body } => {
                let mut response = Response::new(Full::new(body.into()).map_err(|never| match never {}).boxed_unsync());
                *response.status_mut() = status;
                *response.headers_mut() = headers;
                Ok(response)
            }
            Answer::Breaks(how) => Err(SendError::Failed(match how {
                Break::ConnectionRefused => HttpError::ConnectionRefused,
                Break::ConnectionTimeout => HttpError::ConnectionTimeout,
                Break::DnsError => HttpError::DnsError { rcode: None, info_code: None },
                Break::TlsError => HttpError::TlsCertificateError,
            })),
        }
    }
}

impl Transport for Player {
    fn send(&self, outgoing: Outgoing) -> Sending<'_> {
        Box::pin(self.play(outgoing.request))
    }
}

/// What the connector is told; the author is told more.
fn no_answer() -> SendError {
    SendError::Failed(HttpError::InternalError(Some("the cassette has no answer to this request".to_owned())))
}

/// A request as it came.
struct Found {
    method: String,
    url: Uri,
    headers: http::HeaderMap,
    body: Vec<u8>,
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.url)
    }
}

/// What is otherwise than expected, for a person; nothing if all that the cassette states is as it says.
fn unlike(expected: &Expected, found: &Found) -> Option<String> {
    let mut problems = Vec::new();
    let (expected_line, found_line) = (expected.to_string(), found.to_string());
    if expected_line != found_line {
        problems.push(format!("- {expected_line}\n+ {found_line}"));
    }
    for (name, value) in &expected.headers {
        let found: Vec<_> =
            found.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        let found = found.join(", ");
        if found != *value {
            problems.push(format!("- {name}: {value}\n+ {name}: {found}"));
        }
    }
    if let Some(body) = &expected.body
        && let Some(difference) = body.unlike(&found.body)
    {
        problems.push(format!("the body:\n{difference}"));
    }
    (!problems.is_empty()).then(|| problems.join("\n"))
}

impl Content {
    /// How these bytes are otherwise, for a person.
    pub(crate) fn unlike(&self, found: &[u8]) -> Option<String> {
        match self {
            // JSON is compared as what it means: the order of keys and the white space are the writer's.
            Self::Json(expected) => match serde_json::from_slice::<serde_json::Value>(found) {
                Ok(found) if found == *expected => None,
                Ok(found) => Some(difference::of_values(expected, &found)),
                Err(_) => Some(difference::of_texts(&format!("{expected:#}"), &String::from_utf8_lossy(found))),
            },
            Self::Bytes(expected) if expected == found => None,
            Self::Bytes(expected) => match (std::str::from_utf8(expected), std::str::from_utf8(found)) {
                (Ok(expected), Ok(found)) if expected.lines().ne(found.lines()) => {
                    Some(difference::of_texts(expected, found))
                }
                _ => Some(format!("expected {} bytes, found {} other bytes", expected.len(), found.len())),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method, StatusCode};
    use serde_json::json;

    use super::*;

    fn recorded(url: &str, body: Option<Content>) -> Exchange {
        let request = Expected {
            method: Method::POST,
            url: url.parse().unwrap(),
            headers: vec![(http::header::ACCEPT, "text/plain".to_owned())],
            body,
        };
        let answer =
            Answer::Response { status: StatusCode::CREATED, headers: HeaderMap::new(), body: b"answered".to_vec() };
        Exchange { request, answer }
    }

    fn sent(url: &str, accept: &str, body: &'static str) -> Request<Body> {
        let body = Full::new(body.into()).map_err(|never| match never {}).boxed_unsync();
        Request::post(url).header("accept", accept).body(body).unwrap()
    }

    #[tokio::test]
    async fn what_is_as_recorded_is_answered() {
        let player = Player::default();
        player.insert(vec![recorded("https://a.example/x", Some(Content::Json(json!({"a": 1, "b": 2}))))]);
        let request = sent("https://a.example/x", "text/plain", "{ \"b\": 2, \"a\": 1 }");
        let response = player.play(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::CREATED);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "answered");
        assert_eq!(player.eject(), Ejected::default());
    }

    #[tokio::test]
    async fn what_is_otherwise_is_shown_beside_what_was_recorded() {
        let text = || Some(Content::Bytes(b"one\ntwo\n".to_vec()));
        for (exchanges, request, expected) in [
            (
                vec![recorded("https://a.example/x", None)],
                sent("https://a.example/y", "text/html", ""),
                "request 1 is not as recorded\n\
                 - POST https://a.example/x\n+ POST https://a.example/y\n- accept: text/plain\n+ accept: text/html",
            ),
            (
                vec![recorded("https://a.example/x", text())],
                sent("https://a.example/x", "text/plain", "one\n2\n"),
                "request 1 is not as recorded\nthe body:\n  one\n- two\n+ 2",
            ),
            (
                vec![],
                sent("https://a.example/x", "text/plain", ""),
                "no request is recorded, and it sent POST https://a.example/x",
            ),
        ] {
            let player = Player::default();
            player.insert(exchanges);
            assert!(player.play(request).await.is_err());
            assert_eq!(player.eject().strayed, [expected]);
        }
    }

    #[test]
    fn what_was_never_sent_is_named() {
        let player = Player::default();
        player.insert(vec![recorded("https://a.example/x", None)]);
        assert_eq!(player.eject().unsent, ["request 1 was never sent: POST https://a.example/x"]);
        assert_eq!(player.eject(), Ejected::default());
    }
}
