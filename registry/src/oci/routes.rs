//! Routes of the distribution API. A repository's name has any number of parts, so what is below `/v2/` is parsed here.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, BodyDataStream},
    extract::State,
    response::{IntoResponse as _, Response},
    routing::{any, get},
};
use futures_util::StreamExt as _;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use serde_json::json;

use super::{
    access::{self, Caller, Need},
    answer, blobs, lists, manifests,
    path::{self, Endpoint, Repository},
    token, uploads,
};
use crate::{Problem, Shared, account::authority::with_denials_recorded, limits::DRAIN_BYTES};

/// How long a client that was refused may go on sending before it is cut off.
const DRAIN_TIME: Duration = Duration::from_secs(10);

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/v2", any(ping))
        .route("/v2/", any(ping))
        .route("/v2/token", get(token::issue).post(token::issue))
        .route("/v2/{*path}", any(dispatch))
        .route("/.well-known/wasm-pkg/registry.json", get(wasm_pkg))
}

/// One request to a repository.
pub(crate) struct Call {
    pub(crate) registry: Shared,
    pub(crate) caller: Caller,
    pub(crate) repository: Repository,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) query: Vec<(String, String)>,
    /// Never locked: a lock is what makes it something that several tasks may look at.
    body: Mutex<BodyDataStream>,
}

impl Call {
    /// The first parameter of that name.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        self.parameters(name).next()
    }

    /// What is sent.
    pub(crate) fn body(&mut self) -> &mut BodyDataStream {
        self.body.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of that name.
    pub(crate) fn parameters<'a>(&'a self, name: &'a str) -> impl Iterator<Item = String> + 'a {
        self.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.clone())
    }
}

/// `GET /v2/`: 200 for whoever has any token, which is how clients find out where to get one.
async fn ping(State(registry): State<Shared>, request: Request<Body>) -> Response {
    let (mut parts, _) = request.into_parts();
    let answered = match Caller::of(&registry, &mut parts).await {
        _ if !matches!(parts.method, Method::GET | Method::HEAD) => Err(no_such_method("GET, HEAD")),
        Ok(Caller::Known(actor)) if actor == crate::account::Actor::anonymous() => {
            Err(access::unauthenticated("unauthenticated", "this asks for a token, which is given to anybody"))
        }
        Ok(_) => Ok(answer::json(&json!({}), "application/json")),
        Err(problem) => Err(problem),
    };
    match answered {
        Ok(response) => answer::versioned(response),
        Err(problem) => {
            let challenge = access::challenge(&registry, &parts.headers, None, problem.code);
            answer::failed(problem, challenge)
        }
    }
}

/// Everything that is about a repository.
async fn dispatch(State(registry): State<Shared>, request: Request<Body>) -> Response {
    let (mut parts, body) = request.into_parts();
    let mut body = body.into_data_stream();
    let rest = parts.uri.path().strip_prefix("/v2/").unwrap_or_default();
    let (repository, endpoint) = match path::parse(rest) {
        Ok(parsed) => parsed,
        Err(problem) => {
            drain(&mut body).await;
            return answer::failed(problem, None);
        }
    };
    let need = need(&parts.method, &endpoint);
    let caller = match Caller::of(&registry, &mut parts).await {
        Ok(caller) => caller,
        Err(problem) => {
            drain(&mut body).await;
            let challenge = access::challenge(&registry, &parts.headers, Some((&repository, need)), problem.code);
            return answer::failed(problem, challenge);
        }
    };
    let query = parts.uri.query().unwrap_or_default().as_bytes();
    let call = Call {
        query: url::form_urlencoded::parse(query).into_owned().collect(),
        registry: registry.clone(),
        caller,
        repository,
        method: parts.method,
        headers: parts.headers,
        body: Mutex::new(body),
    };
    let answering = answer(call, endpoint, need);
    if need == Need::Pull {
        return answering.await;
    }
    // What has begun to change something ends it, also if the client goes away in the middle.
    let ended = tokio::spawn(async move { with_denials_recorded(&registry, answering).await });
    ended.await.unwrap_or_else(|error| answer::failed(Problem::internal(&error), None))
}

async fn answer(mut call: Call, endpoint: Endpoint, need: Need) -> Response {
    match handle(&mut call, endpoint).await {
        Ok(response) => answer::versioned(response),
        Err(problem) => {
            if need != Need::Pull {
                drain(call.body()).await;
            }
            let scope = Some((&call.repository, need));
            let challenge = access::challenge(&call.registry, &call.headers, scope, problem.code);
            answer::failed(problem, challenge)
        }
    }
}

async fn handle(call: &mut Call, endpoint: Endpoint) -> Result<Response, Problem> {
    match (call.method.clone(), &endpoint) {
        (Method::POST, Endpoint::Uploads) => uploads::begin(call).await,
        (_, Endpoint::Uploads) => Err(no_such_method("POST")),
        (Method::GET | Method::HEAD, Endpoint::Upload(id)) => uploads::status(call, id).await,
        (Method::PATCH, Endpoint::Upload(id)) => uploads::append(call, id).await,
        (Method::PUT, Endpoint::Upload(id)) => uploads::finish(call, id).await,
        (Method::DELETE, Endpoint::Upload(id)) => uploads::cancel(call, id).await,
        (_, Endpoint::Upload(_)) => Err(no_such_method("GET, HEAD, PATCH, PUT, DELETE")),
        (Method::GET | Method::HEAD, Endpoint::Blob(digest)) => blobs::read(call, digest).await,
        (Method::DELETE, Endpoint::Blob(digest)) => blobs::delete(call, digest).await,
        (_, Endpoint::Blob(_)) => Err(no_such_method("GET, HEAD, DELETE")),
        (Method::GET | Method::HEAD, Endpoint::Manifest(reference)) => manifests::read(call, reference).await,
        (Method::PUT, Endpoint::Manifest(reference)) => manifests::write(call, reference).await,
        (Method::DELETE, Endpoint::Manifest(reference)) => manifests::delete(call, reference).await,
        (_, Endpoint::Manifest(_)) => Err(no_such_method("GET, HEAD, PUT, DELETE")),
        (Method::GET | Method::HEAD, Endpoint::Tags) => lists::tags(call).await,
        (Method::GET | Method::HEAD, Endpoint::Referrers(subject)) => lists::referrers(call, subject).await,
        (_, Endpoint::Tags | Endpoint::Referrers(_)) => Err(no_such_method("GET, HEAD")),
    }
}

/// What a token must be good for. How far an upload is, is for whoever writes.
fn need(method: &Method, endpoint: &Endpoint) -> Need {
    match (method, endpoint) {
        (_, Endpoint::Upload(_) | Endpoint::Uploads) => Need::Push,
        (&Method::GET | &Method::HEAD, _) => Need::Pull,
        (&Method::DELETE, _) => Need::Delete,
        _ => Need::Push,
    }
}

/// Reads on for a while after a no: a client that is still sending would not hear it.
async fn drain(body: &mut BodyDataStream) {
    let mut left = DRAIN_BYTES;
    let reading = async {
        while let Some(Ok(part)) = body.next().await {
            left = left.saturating_sub(part.len());
            if left == 0 {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(DRAIN_TIME, reading).await;
}

fn no_such_method(allow: &'static str) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-unsupported", format!("this can be asked for with {allow}"))
        .header(header::ALLOW, HeaderValue::from_static(allow))
}

/// How `wkg` finds the packages of this registry. What is at the top besides the protocol has to be an object.
async fn wasm_pkg(State(registry): State<Shared>, headers: HeaderMap) -> Response {
    let base = access::base_url(&registry, &headers);
    let host = base.split_once("://").map_or(base.as_str(), |(_, host)| host);
    let body = json!({
        "preferredProtocol": "oci",
        "oci": { "registry": host, "namespacePrefix": "" },
        "jackfield": { "origin": registry.config.origin, "url": base },
    });
    let mut response = axum::Json(body).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}
