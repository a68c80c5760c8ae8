//! What stands around every route: how often, how long, how much, and what a browser is told.

use std::{panic::AssertUnwindSafe, time::Duration};

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use futures_util::FutureExt as _;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::Limited;

use crate::{
    Problem, Shared,
    account::{
        authority::{PeerAddress, address_for_counting, unauthenticated, with_denials_recorded},
        rate::Rate,
        routes::too_many,
        tokens,
    },
    clock::SECOND,
    keys::uuid_v7,
    limits::{OCI_REQUESTS_FACTOR, REQUEST_BODY_BYTES, REQUEST_TIMEOUT_S, UPLOAD_TIMEOUT_S},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Answers are documents and bytes, never pages: nothing in them may run, be framed or be guessed to be something else.
const HEADERS: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; sandbox"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// What may be changed by nobody in particular: signing in, and what counts without a name. Everything else under `/v1/` asks for
/// a token before anything of it is read; what the token is good for, each route finds out.
const OPEN: [&str; 4] = ["/v1/login", "/v1/users", "/v1/token-exchange", "/installs"];

/// Around the whole router.
pub(crate) async fn around(State(registry): State<Shared>, mut request: Request, next: Next) -> Response {
    let id = uuid_v7(registry.now()).unwrap_or_default();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let signed_in = request.headers().contains_key(header::AUTHORIZATION);
    let is_upload = path.starts_with("/v2/") && method != Method::GET && method != Method::HEAD;
    if !is_upload {
        request = request.map(|body| Body::new(Limited::new(body, REQUEST_BODY_BYTES)));
    }
    let timeout = Duration::from_secs(if is_upload { UPLOAD_TIMEOUT_S } else { REQUEST_TIMEOUT_S });
    let changes = !matches!(method, Method::GET | Method::HEAD | Method::OPTIONS);
    let closed = changes && path.starts_with("/v1/") && !OPEN.iter().any(|open| path.ends_with(open));
    let may = often_enough(&registry, &request).and_then(|()| match closed && !signed_in {
        true => Err(unauthenticated("unauthenticated", "this asks for a token")
            .hint("make one with `jackfield login`, and send it as `Authorization: Bearer jf_…`")),
        false => Ok(()),
    });
    let mut response = match may {
        Err(problem) => problem.into_response(),
        Ok(()) => {
            let run = with_denials_recorded(&registry, next.run(request));
            match tokio::time::timeout(timeout, AssertUnwindSafe(run).catch_unwind()).await {
                Ok(Ok(response)) => response,
                Ok(Err(_panic)) => {
                    tracing::error!(%method, path, id, "a handler panicked");
                    Problem::internal(&std::io::Error::other("a handler panicked")).into_response()
                }
                Err(_) => {
                    Problem::unavailable("request-timeout", format!("this took longer than {} s", timeout.as_secs()))
                        .into_response()
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
    if signed_in {
        // What was answered to somebody is not for the next one who asks a cache.
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    if registry.config.public_url.as_deref().is_some_and(|url| url.starts_with("https://")) {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    response
}

/// Counted by address, whatever is presented, and by token, wherever it comes from. Only what came through a port is counted.
fn often_enough(registry: &Shared, request: &Request) -> Result<(), Problem> {
    let per_minute = registry.config.requests_per_minute;
    let is_question = matches!(request.uri().path(), "/healthz" | "/readyz");
    let Some(PeerAddress(address)) = request.extensions().get::<PeerAddress>().copied() else { return Ok(()) };
    if per_minute == 0 || is_question {
        return Ok(());
    }
    // One push of an image is a hundred requests, and its clients don't wait when they are told to.
    let of_oci = request.uri().path().starts_with("/v2/");
    let per_minute = if of_oci { per_minute.saturating_mul(OCI_REQUESTS_FACTOR) } else { per_minute };
    let rate = Rate { burst: per_minute, every: 60 * SECOND / i64::from(per_minute).min(60 * SECOND) };
    let by_token =
        request.headers().get(header::AUTHORIZATION).map(|value| hex::encode(tokens::hash(value.as_bytes())));
    let by_address = Some(address_for_counting(address));
    for caller in [by_address, by_token].into_iter().flatten() {
        let caller = if of_oci { format!("v2 {caller}") } else { caller };
        registry.door.requests.take(&caller, rate, registry.now()).map_err(|wait| {
            too_many("too-many-requests", &format!("more than {per_minute} requests a minute"), wait)
        })?;
    }
    Ok(())
}

/// No route.
pub(crate) async fn no_route(request: Request) -> Problem {
    let path: String = request.uri().path().chars().take(200).collect();
    Problem::not_found("route-not-found", format!("there is nothing at `{path}`"))
}

/// A route, and not so.
pub(crate) async fn no_method(request: Request) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        format!("`{}` is not for {}", request.uri().path().chars().take(200).collect::<String>(), request.method()),
    )
}

/// Whether the process runs.
pub(crate) async fn health() -> &'static str {
    "ok\n"
}

/// Whether it can do its work: rows and bytes answer.
pub(crate) async fn ready(State(registry): State<Shared>) -> Result<&'static str, Problem> {
    registry.check().await?;
    Ok("ready\n")
}
