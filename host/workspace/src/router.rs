//! Every route on one page. Each group's handlers stand in the module of its noun.

use std::time::Duration;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{MethodRouter, delete, get, post, put},
};
use http::Method;
use jackfield_server::guard::Allowance;

use crate::{
    Shared, audit, connection, installation, invocation, invoke,
    limits::{INSTALL_TIMEOUT_S, INVOKE_TIMEOUT_S},
    mcp, member, openapi, policy, provider, standing, token,
};

/// Where all of it is.
pub const PREFIX: &str = "/v1/workspaces";

/// One path, with the methods that it answers to.
pub struct Route {
    /// As axum writes it, below [`PREFIX`].
    pub path: &'static str,
    /// What it answers to.
    pub methods: &'static [&'static str],
    handler: MethodRouter<Shared>,
}

/// All of them. Whatever stands here is asked by a test as a stranger, as a member of another workspace and as an auditor.
pub fn table() -> Vec<Route> {
    let route = |path, methods, handler| Route { path, methods, handler };
    vec![
        route("", &["GET", "POST"], get(member::workspaces).post(member::create)),
        route("/{workspace}", &["GET"], get(member::show)),
        route("/{workspace}/quota", &["PUT"], put(member::set_quota)),
        route("/{workspace}/members/{user}", &["PUT", "DELETE"], put(member::put).delete(member::remove)),
        route("/{workspace}/tokens", &["GET", "POST"], get(token::list).post(token::create)),
        route("/{workspace}/tokens/{id}", &["DELETE"], delete(token::revoke)),
        route("/{workspace}/policy", &["GET", "PUT"], get(policy::show).put(policy::set)),
        route("/{workspace}/offer", &["GET"], get(installation::offer)),
        route("/{workspace}/standing", &["POST"], post(standing::look)),
        route("/{workspace}/installations", &["GET", "POST"], get(installation::list).post(installation::install)),
        route(
            "/{workspace}/installations/{namespace}/{name}",
            &["GET", "DELETE"],
            get(installation::show).delete(installation::uninstall),
        ),
        route(
            "/{workspace}/installations/{namespace}/{name}/grant",
            &["PUT", "POST"],
            put(installation::grant).post(installation::allow),
        ),
        route("/{workspace}/installations/{namespace}/{name}/enabled", &["PUT"], put(installation::switch)),
        route("/{workspace}/installations/{namespace}/{name}/receipt", &["GET"], get(installation::receipt)),
        route("/{workspace}/installations/{namespace}/{name}/openapi.json", &["GET"], get(openapi::document)),
        route(
            "/{workspace}/installations/{namespace}/{name}/operations/{operation}/invoke",
            &["POST"],
            // The body is bounded as it is read: an input or a form.
            post(invoke::invoke).layer(DefaultBodyLimit::disable()),
        ),
        // The body is bounded as it is read here, too.
        route(
            "/{workspace}/mcp",
            &["GET", "POST", "DELETE"],
            get(mcp::speak).post(mcp::speak).delete(mcp::speak).layer(DefaultBodyLimit::disable()),
        ),
        route("/{workspace}/invocations", &["GET"], get(invocation::list)),
        route("/{workspace}/invocations/{id}", &["GET"], get(invocation::show)),
        route("/{workspace}/providers", &["GET"], get(provider::list)),
        route("/{workspace}/connections", &["GET", "POST"], get(connection::list).post(connection::connect)),
        route("/{workspace}/connections/{id}", &["GET", "DELETE"], get(connection::show).delete(connection::delete)),
        route("/{workspace}/connections/{id}/{change}", &["POST"], post(connection::change)),
        route("/{workspace}/audit", &["GET"], get(audit::list)),
        route("/{workspace}/audit/export", &["GET"], get(audit::export)),
        route("/{workspace}/audit/verify", &["GET"], get(audit::verify)),
    ]
}

/// The routes, for a server that stands a guard around them.
pub fn routes(workspaces: Shared) -> Router {
    let router = table()
        .into_iter()
        .fold(Router::new(), |router, route| router.route(&format!("{PREFIX}{}", route.path), route.handler));
    let by_token = get(mcp::speak_by_token).post(mcp::speak_by_token).delete(mcp::speak_by_token);
    router.route(mcp::SHORT, by_token.layer(DefaultBodyLimit::disable())).with_state(workspaces)
}

/// Whether a request is to workspaces.
pub fn is_ours(path: &str) -> bool {
    path.starts_with(PREFIX) || path == mcp::SHORT
}

/// `/mcp`, or that of a workspace: there may be a package or a user of that name.
fn is_of_agents(path: &str) -> bool {
    let workspace = path.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(mcp::SHORT));
    path == mcp::SHORT || workspace.is_some_and(|workspace| workspace.rfind('/') == Some(0))
}

/// What a request to workspaces may take.
pub fn allowance(method: &Method, path: &str) -> Allowance {
    let plain = Allowance::default();
    let is_post = *method == Method::POST;
    if is_post && path.ends_with("/invoke") {
        // Calls have a quota of their own, each workspace's.
        return Allowance { body_bytes: None, timeout: Duration::from_secs(INVOKE_TIMEOUT_S), times_as_often: 0 };
    }
    if is_of_agents(path) {
        // Calls come this way beside messages that are none, so these are counted like any request.
        return Allowance { body_bytes: None, timeout: Duration::from_secs(INVOKE_TIMEOUT_S), ..plain };
    }
    if (is_post && (path.ends_with("/installations") || path.ends_with("/standing"))) || path.ends_with("/offer") {
        return Allowance { timeout: Duration::from_secs(INSTALL_TIMEOUT_S), ..plain };
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_have_time_for_a_call_and_others_of_their_name_have_not() {
        let timeout = |path: &str| allowance(&Method::POST, path).timeout.as_secs();
        for path in ["/mcp", "/v1/workspaces/main/mcp"] {
            assert_eq!(timeout(path), INVOKE_TIMEOUT_S, "{path}");
        }
        for path in [
            "/v1/workspaces/main/members/mcp",
            "/v1/workspaces/main/installations/acme/mcp",
            "/v1/workspaces/mcp/tokens",
            "/v1/workspaces/mcp",
        ] {
            assert_eq!(timeout(path), Allowance::default().timeout.as_secs(), "{path}");
        }
    }
}
