//! The Model Context Protocol: an agent's tools are the operations of what is installed and may be called.
//!
//! Two transports, one [`Agent`]: streamable HTTP for a workspace, which stands here, and stdio for the home of whoever runs
//! `jackfield mcp`. What an agent has is invoking: a call goes the way of every other (`invoke.rs`), and no tool installs or grants.
//!
//! Clients of protocol 2026-07-28 come without a session; older ones get one, by which they cancel calls and hear that the tools have
//! changed. A session belongs to the caller who opened it, and each of its requests shows its token anew.

mod agent;
mod result;
mod sessions;
pub mod tool;

use std::time::Duration;

use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use futures_util::StreamExt as _;
use http::{HeaderMap, HeaderName, Method, header, request::Parts};
use jackfield_host::Host;
use jackfield_package::PackageName;
use rmcp::{
    model::Extensions,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use self::agent::{Agent, Behind};
use self::sessions::Sessions;
pub use crate::invoke::{Asked, Called};
use crate::{
    Problem, Shared,
    caller::{ByToken, Caller},
    invoke::{authorise, in_time, perform, trace_id},
    limits::{INVOKE_BODY_BYTES, MCP_IDLE_S, MCP_STREAM_S},
    role::Action,
};

/// Where a token of a workspace is enough of an address.
pub(crate) const SHORT: &str = "/mcp";

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// The door of all workspaces.
pub(crate) struct Door {
    service: StreamableHttpService<Agent<InWorkspace>, LocalSessionManager>,
    sessions: Sessions,
    /// Ends streams that would never end by themselves.
    hang_up: CancellationToken,
}

impl Door {
    pub(crate) fn new() -> Self {
        let hang_up = CancellationToken::new();
        let sessions = Sessions::new(Duration::from_secs(MCP_IDLE_S));
        // Hosts and origins are looked at here: what this server is reached by, it is told by its configuration.
        let config = StreamableHttpServerConfig::default()
            .disable_allowed_hosts()
            .with_max_request_body_bytes(INVOKE_BODY_BYTES);
        let ends = hang_up.clone();
        let agent = move || Ok(Agent::new(InWorkspace(ends.clone())));
        Self { service: StreamableHttpService::new(agent, sessions.manager(), config), sessions, hang_up }
    }

    /// Ends the streams by which agents listen; calls that run go on.
    pub(crate) fn hang_up(&self) {
        self.hang_up.cancel();
    }
}

/// `…/{workspace}/mcp`.
pub(crate) async fn speak(
    State(workspaces): State<Shared>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    from_here(workspaces.origin(), request.headers())?;
    caller.may_look(&workspaces, Action::Invoke, "mcp").await?;
    let door = &workspaces.mcp;
    let (mut parts, body) = request.into_parts();
    let session = parts.headers.get(&SESSION).map(|id| id.to_str().unwrap_or_default().to_owned());
    if let Some(id) = &session
        && !door.sessions.is_of(id, &caller)
    {
        return Err(Problem::not_found("session-not-found", "there is no such session of this caller's")
            .hint("begin anew with `initialize`"));
    }
    // Who asks is known, and by what he showed it is nothing for whoever comes next.
    parts.headers.remove(header::AUTHORIZATION);
    parts.headers.remove(header::COOKIE);
    let asking = Asking { workspaces: workspaces.clone(), caller: caller.clone() };
    parts.extensions.insert(asking);
    let is_stream = parts.method == Method::GET;
    let body = in_time(jackfield_server::body::read(Request::new(body), INVOKE_BODY_BYTES)).await?;
    let response = door.service.handle(Request::from_parts(parts, http_body_util::Full::new(body))).await;
    if session.is_none()
        && let Some(id) = response.headers().get(&SESSION).and_then(|id| id.to_str().ok())
    {
        door.sessions.opened(id, &caller).await?;
    }
    let response = response.map(Body::new);
    if !is_stream {
        return Ok(response);
    }
    let ends = listened_long_enough(door.hang_up.clone());
    Ok(response.map(|body| Body::from_stream(body.into_data_stream().take_until(Box::pin(ends)))))
}

/// `/mcp`: which workspace, the token says.
pub(crate) async fn speak_by_token(
    State(workspaces): State<Shared>,
    ByToken(caller): ByToken,
    request: Request,
) -> Result<Response, Problem> {
    speak(State(workspaces), caller, request).await
}

/// Until the server stops, or whoever listens is to show his token again.
async fn listened_long_enough(hang_up: CancellationToken) {
    let _ = tokio::time::timeout(Duration::from_secs(MCP_STREAM_S), hang_up.cancelled()).await;
}

/// A page of somewhere else, in somebody's browser, speaks to no agent's door, whatever name it has made point here. What is no browser
/// names no origin.
fn from_here(own: Option<&str>, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().ok().and_then(|text| url::Url::parse(text).ok());
    let is_fine = origin.is_some_and(|origin| match own.and_then(|own| url::Url::parse(own).ok()) {
        Some(own) => own.origin() == origin.origin(),
        None => is_loopback(&origin),
    });
    match is_fine {
        true => Ok(()),
        false => Err(Problem::forbidden("origin-foreign", "a page of another origin may not speak to this server")
            .hint("an operator sets `public_url` to what this server is reached by")),
    }
}

fn is_loopback(origin: &url::Url) -> bool {
    match origin.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Who asks, beside each request.
#[derive(Clone)]
struct Asking {
    workspaces: Shared,
    caller: Caller,
}

/// What is behind an agent's tools: the workspace of whoever asks.
struct InWorkspace(CancellationToken);

/// Who asks, and within which trace.
struct Who {
    asking: Asking,
    trace: Option<String>,
}

impl Behind for InWorkspace {
    type Who = Who;

    fn who(&self, extensions: &Extensions, traceparent: Option<&str>) -> Result<Who, Problem> {
        let parts = extensions.get::<Parts>();
        let asking = parts.and_then(|parts| parts.extensions.get::<Asking>()).cloned();
        let asking = asking.ok_or_else(|| Problem::internal(&std::io::Error::other("nobody asks")))?;
        let header = parts.and_then(|parts| parts.headers.get("traceparent")?.to_str().ok());
        Ok(Who { asking, trace: traceparent.or(header).and_then(trace_id) })
    }

    fn host(&self, who: &Who) -> Result<Host, Problem> {
        who.asking.workspaces.host(&who.asking.caller.workspace)
    }

    fn reaches(&self, who: &Who, package: &PackageName) -> bool {
        who.asking.caller.reach.covers(package)
    }

    fn changes(&self, who: &Who) -> watch::Receiver<()> {
        who.asking.workspaces.tools_of(&who.asking.caller.workspace).subscribe()
    }

    async fn ends(&self) {
        listened_long_enough(self.0.clone()).await;
    }

    async fn call(&self, who: &Who, package: &PackageName, mut asked: Asked) -> Result<Called, Problem> {
        let Asking { workspaces, caller } = &who.asking;
        authorise(workspaces, caller, package, &asked.operation).await?;
        asked.trace.clone_from(&who.trace);
        perform(workspaces, caller, package, asked, None).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]
    use super::*;

    #[test]
    fn only_pages_of_this_server_speak_to_it() {
        let own = Some("https://jackfield.example");
        let rows = [
            (own, "https://jackfield.example", true),
            (own, "https://jackfield.example:8443", false),
            (own, "http://jackfield.example", false),
            (own, "http://localhost:8787", false),
            (own, "null", false),
            (None, "http://localhost:8787", true),
            (None, "http://127.0.0.1:8787", true),
            (None, "http://[::1]:8787", true),
            (None, "http://localhost.evil.example:8787", false),
            (None, "http://evil.example:8787", false),
            (None, "null", false),
        ];
        for (own, origin, wanted) in rows {
            let headers = HeaderMap::from_iter([(header::ORIGIN, origin.parse().unwrap())]);
            assert_eq!(from_here(own, &headers).is_ok(), wanted, "{origin} at {own:?}");
        }
        assert!(from_here(own, &HeaderMap::new()).is_ok(), "an agent names none");
    }
}
