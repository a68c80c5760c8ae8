//! What stands around every route: how often, how long, how much, and what a browser is told.

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{MatchedPath, Request, State},
    middleware::{self, Next},
    response::Response,
};
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body::Body as _;
use http_body_util::Limited;
use sha2::{Digest as _, Sha256};
use tracing::{Instrument as _, Span, field::Empty};

use crate::{
    Problem,
    clock::{Clock, SECOND},
    gauge::Counted,
    ids::uuid_v7,
    limits::{REQUEST_BODY_BYTES, REQUEST_TIMEOUT_S},
    peer::{PeerAddress, caller_of},
    rate::{Limiter, Rate, Requester, Who},
    unread::Unread,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Answers are documents and bytes: nothing in them may run, be framed or be guessed to be something else. A service that serves
/// pages says otherwise for them.
const HEADERS: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; sandbox"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// What one request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Bytes of its body; none: its route counts them itself.
    pub body_bytes: Option<usize>,
    /// Until its answer begins.
    pub timeout: Duration,
    /// How many times as often as others such requests may come, counted apart from those; 0: they are not counted.
    pub times_as_often: u32,
}

impl Default for Allowance {
    fn default() -> Self {
        Self {
            body_bytes: Some(REQUEST_BODY_BYTES),
            timeout: Duration::from_secs(REQUEST_TIMEOUT_S),
            times_as_often: 1,
        }
    }
}

/// How a service says what a request to it may take, by method and path.
pub type Allow = fn(&Method, &str) -> Allowance;

/// How a service says no to a request for that path: [`Problem`] as it is, unless its clients read another form.
pub type Refuse = fn(&str, Problem) -> Response;

/// How the span of a request becomes part of the trace that its headers tell of.
pub type Adopt = fn(&Span, &HeaderMap);

/// What the guard knows.
#[derive(Debug)]
pub struct Guard {
    /// What tells the time.
    pub clock: Arc<dyn Clock>,
    /// Requests a minute from one address, and as many with one token; 0: without a limit.
    pub requests_per_minute: u32,
    /// Whether browsers reach this by https only.
    pub is_https: bool,
    /// What each request may take.
    pub allow: Allow,
    /// In which form it is told no.
    pub refuse: Refuse,
    /// Whose trace a request belongs to; none: its span begins one.
    pub adopt: Option<Adopt>,
    /// Who has asked how often.
    pub requests: Limiter<Requester>,
}

/// The router with a guard around it, and a clear no for what it has not.
pub fn guarded(router: Router, guard: Arc<Guard>) -> Router {
    let refuse = guard.refuse;
    router
        .fallback(move |request: Request| async move { refuse(request.uri().path(), no_route(&request)) })
        .method_not_allowed_fallback(move |request: Request| async move {
            refuse(request.uri().path(), no_method(&request))
        })
        .layer(middleware::from_fn_with_state(guard, around))
}

/// One request, in a span of its own (named as OpenTelemetry's semantic conventions for HTTP want it) and counted.
async fn around(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let id = uuid_v7(guard.clock.now()).unwrap_or_default();
    let method = counted_method(request.method());
    // The route, never the path: some paths hold what opens a door.
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!(
        "request",
        otel.name = format_args!("{method} {route}"),
        otel.kind = "server",
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
        id
    );
    if let Some(adopt) = guard.adopt {
        adopt(&span, request.headers());
    }
    let started = Instant::now();
    let running = Counted::begin("jackfield_http_requests_in_flight");
    let response = answer(guard, id, request, next).instrument(span.clone()).await;
    drop(running);
    let status = response.status().as_u16();
    span.record("http.response.status_code", status);
    let labels = [("method", method.to_owned()), ("route", route), ("status", format!("{}xx", status / 100))];
    metrics::histogram!("jackfield_http_request_seconds", &labels).record(started.elapsed());
    response
}

/// Its word; any that HTTP does not know is one, or strangers would make series without end.
fn counted_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "_OTHER",
    }
}

async fn answer(guard: Arc<Guard>, id: String, mut request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let is_known = [header::AUTHORIZATION, header::COOKIE].iter().any(|name| request.headers().contains_key(name));
    let allowance = (guard.allow)(&method, &path);
    let mut unread = Unread::default();
    request = request.map(|body| {
        let body = match allowance.body_bytes.filter(|_| !body.is_end_stream()) {
            Some(most) => Body::new(Limited::new(body, most)),
            None => body,
        };
        let watched;
        (unread, watched) = Unread::watch(body);
        watched
    });
    let mut response = match guard.often_enough(&request, allowance.times_as_often) {
        Err(problem) => (guard.refuse)(&path, problem),
        Ok(()) => {
            match tokio::time::timeout(allowance.timeout, AssertUnwindSafe(next.run(request)).catch_unwind()).await {
                Ok(Ok(response)) => response,
                Ok(Err(_panic)) => {
                    tracing::error!(%method, path, id, "a handler panicked");
                    (guard.refuse)(&path, Problem::internal(&std::io::Error::other("a handler panicked")))
                }
                Err(_) => {
                    let message = format!("this took longer than {} s", allowance.timeout.as_secs());
                    (guard.refuse)(&path, Problem::unavailable("request-timeout", message))
                }
            }
        }
    };
    let status = response.status();
    tracing::debug!(%method, path, status = status.as_u16(), id, "answered");
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if is_known {
        // What was answered to somebody is not for the next one who asks a cache.
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    if unread.is_some() {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    if guard.is_https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    response
}

impl Guard {
    /// Counted by address, whatever is presented, and by token, wherever it comes from. Only what came through a port is counted.
    fn often_enough(&self, request: &Request, times: u32) -> Result<(), Problem> {
        let per_minute = self.requests_per_minute.saturating_mul(times);
        let Some(PeerAddress(address)) = request.extensions().get::<PeerAddress>().copied() else { return Ok(()) };
        if per_minute == 0 {
            return Ok(());
        }
        let rate = Rate { burst: per_minute, every: 60 * SECOND / i64::from(per_minute).min(60 * SECOND) };
        let presented = request.headers().get(header::AUTHORIZATION);
        let by_token = presented.map(|value| Who::Token(Sha256::digest(value.as_bytes()).into()));
        let by_address = Some(Who::Address(caller_of(address)));
        for who in [by_address, by_token].into_iter().flatten() {
            let requester = Requester { who, times_as_often: times };
            self.requests.take(&requester, rate, self.clock.now()).map_err(|wait| {
                Problem::too_many("too-many-requests", &format!("more than {per_minute} requests a minute"), wait)
            })?;
        }
        Ok(())
    }
}

fn no_route(request: &Request) -> Problem {
    let path: String = request.uri().path().chars().take(200).collect();
    Problem::not_found("route-not-found", format!("there is nothing at `{path}`"))
}

fn no_method(request: &Request) -> Problem {
    let path: String = request.uri().path().chars().take(200).collect();
    let message = format!("`{path}` is not for {}", request.method());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", message)
}
