//! Every route on one page. Each group's handlers stand in the module of its noun.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::get,
};
use http::{Method, header};
use jackfield_server::guard::{Allowance, Guard, guarded};

use crate::{
    Problem, Shared,
    account::{self, authority::with_denials_recorded, session},
    evidence, index,
    limits::{OCI_REQUESTS_FACTOR, TRY_TIMEOUT_S, UPLOAD_TIMEOUT_S},
    log, oci, publish,
    read::{self, openapi},
    review, status, trial,
};

/// The registry's routes, guarded: all that a registry on a port of its own answers.
pub fn router(registry: Shared) -> Router {
    let guard = Guard {
        clock: registry.clock.clone(),
        requests_per_minute: registry.config.requests_per_minute,
        is_https: registry.config.is_https(),
        allow: allowance,
        refuse,
        adopt: None,
        requests: Default::default(),
    };
    guarded(routes(registry).merge(openapi::routes(openapi::openapi())), Arc::new(guard))
}

/// The registry's routes alone, for a server that has others beside them and a document of all.
pub fn routes(registry: Shared) -> Router {
    Router::new()
        .merge(account::routes::routes())
        .merge(session::routes())
        .merge(account::sign_in::routes())
        .merge(publish::routes::routes())
        .merge(read::routes::routes())
        .merge(index::routes())
        .merge(evidence::routes())
        .merge(log::routes::routes())
        .merge(status::routes::routes())
        .merge(review::routes::routes())
        .merge(trial::routes())
        .merge(oci::routes::routes())
        .route_layer(middleware::from_fn_with_state(registry.clone(), around))
        .with_state(registry.clone())
        .merge(health(registry))
}

/// Whether this process lives, and can do its work: for a server that serves something else by the registry's accounts.
pub fn health(registry: Shared) -> Router {
    Router::new().route("/healthz", get(lives)).route("/readyz", get(is_ready)).with_state(registry)
}

/// What a request to the registry may take: one push of an image is a hundred requests, and its clients don't wait when they are
/// told to; nobody is kept from asking whether it lives.
pub fn allowance(method: &Method, path: &str) -> Allowance {
    let plain = Allowance::default();
    match path {
        "/healthz" | "/readyz" => Allowance { times_as_often: 0, ..plain },
        path if path.starts_with("/v1/packages/") && path.ends_with("/try") => {
            Allowance { timeout: Duration::from_secs(TRY_TIMEOUT_S), ..plain }
        }
        path if !path.starts_with("/v2/") => plain,
        _ if matches!(*method, Method::GET | Method::HEAD) => {
            Allowance { times_as_often: OCI_REQUESTS_FACTOR, ..plain }
        }
        _ => Allowance {
            body_bytes: None,
            timeout: Duration::from_secs(UPLOAD_TIMEOUT_S),
            times_as_often: OCI_REQUESTS_FACTOR,
        },
    }
}

/// A no, in the form that clients of that path read.
pub fn refuse(path: &str, problem: Problem) -> Response {
    match path == "/v2" || path.starts_with("/v2/") {
        true => oci::failed(problem, None),
        false => problem.into_response(),
    }
}

/// What may be asked for by nobody in particular: signing in, what counts without a name, and what changes nothing. Everything else under `/v1/` asks for
/// a token before anything of it is read; what the token is good for, each route finds out.
const OPEN: [&str; 7] = ["/v1/login", "/v1/session", "/v1/users", "/v1/token-exchange", "/installs", "/begin", "/try"];

/// Around each route of the registry.
async fn around(State(registry): State<Shared>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let is_known =
        request.headers().contains_key(header::AUTHORIZATION) || session::of(&registry, request.headers()).is_some();
    if changes && path.starts_with("/v1/") && !is_known && !OPEN.iter().any(|open| path.ends_with(open)) {
        return token_needed().into_response();
    }
    with_denials_recorded(&registry, next.run(request)).await
}

/// 401 for whoever shows nothing.
pub(crate) fn token_needed() -> Problem {
    Problem::unauthenticated("unauthenticated", "this asks for a token")
        .hint("make one with `jackfield login`, and send it as `Authorization: Bearer jf_…`")
}

/// Whether the process runs.
async fn lives() -> &'static str {
    "ok\n"
}

/// Whether it can do its work: rows and bytes answer.
async fn is_ready(State(registry): State<Shared>) -> Result<&'static str, Problem> {
    registry.check().await?;
    Ok("ready\n")
}
