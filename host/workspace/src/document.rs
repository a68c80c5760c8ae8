//! All of workspaces in the server's OpenAPI document: every route on one page, the shapes from the types that handlers take and
//! answer with. A test holds this page against [`router::table`](crate::router::table), in both directions.

use jackfield_server::openapi::{
    Part, Row,
    Who::{Caller, Person},
    refusal,
};
use serde_json::{Value, json};
use utoipa::{IntoParams as _, openapi::path::ParameterIn};

use crate::{
    audit, connection, installation, invocation, invoke, member, openapi, provider, role::Role, standing,
    supply::Standing, token,
};

/// Routes of the table that speak a protocol of their own, which OpenAPI has no words for: MCP is JSON-RPC.
pub const NOT_DESCRIBED: &[&str] = &["/{workspace}/mcp"];

const JSON: &str = "application/json";
const INVOKE: &str = "/v1/workspaces/{workspace}/installations/{namespace}/{name}/operations/{operation}/invoke";

#[rustfmt::skip]
const ROUTES: &[Row] = &[
    ("get", "/v1/workspaces", Person, "One's workspaces; an operator of the server sees all", "", "200 Memberships"),
    ("post", "/v1/workspaces", Person, "Make one, as an operator of the server", "NewWorkspace", "201 MadeWorkspace"),
    ("get", "/v1/workspaces/{workspace}", Caller, "The workspace, one's role and what it may, its members", "", "200 Workspace"),
    ("put", "/v1/workspaces/{workspace}/quota", Caller, "How many calls a minute it may make", "Quota", "204"),
    ("put", "/v1/workspaces/{workspace}/members/{user}", Caller, "Make somebody a member, or another kind of member", "Place", "204"),
    ("delete", "/v1/workspaces/{workspace}/members/{user}", Caller, "Remove a member", "", "204"),
    ("get", "/v1/workspaces/{workspace}/tokens", Caller, "Its tokens, never their secrets", "", "200 WorkspaceTokens"),
    ("post", "/v1/workspaces/{workspace}/tokens", Caller, "Make a token, which is shown once", "NewWorkspaceToken", "201 MadeWorkspaceToken"),
    ("delete", "/v1/workspaces/{workspace}/tokens/{id}", Caller, "Revoke a token", "", "204"),
    ("get", "/v1/workspaces/{workspace}/policy", Caller, "What is asked of a release before it is installed", "", "200 Policy"),
    ("put", "/v1/workspaces/{workspace}/policy", Caller, "Change that as a whole", "Policy", "200 Policy"),
    ("get", "/v1/workspaces/{workspace}/offer", Caller, "What would be installed, and what it may more than what is", "", "200 Offered"),
    ("post", "/v1/workspaces/{workspace}/standing", Caller, "Ask the registries whether anything was taken back", "", "200 Standings"),
    ("get", "/v1/workspaces/{workspace}/installations", Caller, "What is installed", "", "200 Installations"),
    ("post", "/v1/workspaces/{workspace}/installations", Caller, "Install or upgrade", "Install", "201 Installation"),
    ("get", "/v1/workspaces/{workspace}/installations/{namespace}/{name}", Caller, "An installation: grant, limits, manifest", "", "200 Installation"),
    ("delete", "/v1/workspaces/{workspace}/installations/{namespace}/{name}", Caller, "Uninstall it", "", "204"),
    ("put", "/v1/workspaces/{workspace}/installations/{namespace}/{name}/grant", Caller, "Change its grant; what is not named stays", "WantedGrant", "200 Installation"),
    ("post", "/v1/workspaces/{workspace}/installations/{namespace}/{name}/grant", Caller, "Grant one destination more", "Allow", "200 Installation"),
    ("put", "/v1/workspaces/{workspace}/installations/{namespace}/{name}/enabled", Caller, "The kill switch", "Switch", "200 Installation"),
    ("get", "/v1/workspaces/{workspace}/installations/{namespace}/{name}/receipt", Caller, "A signed receipt of its use, for a review", "", "200 application/json"),
    ("get", "/v1/workspaces/{workspace}/installations/{namespace}/{name}/openapi.json", Caller, "Its operations as an OpenAPI document", "", "200 application/json"),
    ("post", INVOKE, Caller, "Call an operation; the body is its input", JSON, "200 Answer"),
    ("get", "/v1/workspaces/{workspace}/invocations", Caller, "Calls and their bills, the newest first", "", "200 Invocations"),
    ("get", "/v1/workspaces/{workspace}/invocations/{id}", Caller, "One of them", "", "200 Invocation"),
    ("get", "/v1/workspaces/{workspace}/providers", Caller, "Providers whose accounts may be connected", "", "200 Providers"),
    ("get", "/v1/workspaces/{workspace}/connections", Caller, "Accounts that its connectors use", "", "200 Connections"),
    ("post", "/v1/workspaces/{workspace}/connections", Caller, "Open a link by which a person connects an account", "WantedConnection", "201 ConnectionLink"),
    ("get", "/v1/workspaces/{workspace}/connections/{id}", Caller, "One account, and what was done with it", "", "200 ConnectionPage"),
    ("delete", "/v1/workspaces/{workspace}/connections/{id}", Caller, "Delete it", "", "204"),
    ("post", "/v1/workspaces/{workspace}/connections/{id}/{change}", Caller, "Test, refresh, revoke, disable or enable it", "", "200 ConnectionChanged"),
    ("get", "/v1/workspaces/{workspace}/audit", Caller, "Who did what, and what was refused, the newest first", "", "200 AuditLines"),
    ("get", "/v1/workspaces/{workspace}/audit/export", Caller, "The same as JSON lines, the oldest first", "", "200 application/jsonl"),
    ("get", "/v1/workspaces/{workspace}/audit/verify", Caller, "Whether each line follows from the one before", "", "200 AuditVerdict"),
];

/// Workspaces' part of a server's document.
pub fn part() -> Part {
    let part = Part::of(ROUTES)
        .schema::<Role>()
        .schema::<member::Memberships>()
        .schema::<member::New>()
        .schema::<member::Made>()
        .schema::<member::Workspace>()
        .schema::<member::Quota>()
        .schema::<member::Place>()
        .schema::<token::Tokens>()
        .schema::<token::Wanted>()
        .schema::<token::Made>()
        .schema::<installation::Offered>()
        .schema::<Standing>()
        .schema::<standing::Said>()
        .schema::<installation::Installations>()
        .schema::<installation::Whole>()
        .schema::<installation::Install>()
        .schema::<installation::WantedGrant>()
        .schema::<installation::Allow>()
        .schema::<installation::Switch>()
        .schema::<invocation::Invocations>()
        .schema::<provider::Providers>()
        .schema::<connection::Wanted>()
        .schema::<connection::ConnectionLink>()
        .schema::<audit::Lines>()
        .schema::<audit::Verdict>()
        .named("Policy", json!({ "type": "object", "description": "With the keys of docs/spec/policy.md" }))
        .named("Bill", openapi::bill())
        .named("CallProblem", openapi::problem())
        .named("Answer", json!({ "anyOf": [openapi::success(&json!({})), dry_run()] }))
        .named("Connection", connection())
        .named("Connections", holding("connections", &json!({ "type": "array", "items": reference("Connection") })))
        .named("ConnectionPage", json!({
            "type": "object",
            "required": ["connection", "audit"],
            "properties": { "connection": reference("Connection"), "audit": { "type": "array", "items": { "type": "object" } } },
        }))
        .named("ConnectionChanged", json!({ "anyOf": [
            holding("connection", &reference("Connection")),
            holding("works", &json!({ "type": "boolean" })),
        ] }))
        .query::<installation::Wanted>("/v1/workspaces/{workspace}/offer")
        .query::<invocation::Search>("/v1/workspaces/{workspace}/invocations")
        .query::<audit::Search>("/v1/workspaces/{workspace}/audit")
        .query::<audit::Export>("/v1/workspaces/{workspace}/audit/export")
        .request("post", INVOKE, input())
        .response("post", INVOKE, "default", refusal("CallProblem"));
    let headers = openapi::headers().into_iter();
    headers
        .chain(invoke::Options::into_params(|| Some(ParameterIn::Query)).into_iter().map(|it| json!(it)))
        .fold(part, |part, parameter| part.parameter("post", INVOKE, parameter))
}

/// What a call takes: the input alone, or beside the files that it names; nothing is `{}`.
fn input() -> Value {
    let form = json!({ "type": "object", "required": ["input"], "properties": { "input": {} } });
    json!({ "required": false, "content": { JSON: {}, "multipart/form-data": { "schema": form } } })
}

/// What `?dry_run=true` answers.
fn dry_run() -> Value {
    json!({
        "type": "object",
        "required": ["dry_run", "connector", "version", "operation"],
        "properties": {
            "dry_run": { "const": true },
            "connector": { "type": "string" },
            "version": { "type": "string" },
            "operation": { "type": "string" },
            "effect": { "type": "string" },
            "idempotent": { "type": "boolean" },
        },
    })
}

/// As the broker shows one.
fn connection() -> Value {
    let (text, time) = (json!({ "type": "string" }), json!({ "type": ["integer", "null"] }));
    json!({
        "type": "object",
        "required": ["id", "connector", "auth", "label", "state", "terms", "created_at"],
        "properties": {
            "id": text,
            "connector": text,
            "auth": text,
            "label": text,
            "state": { "enum": ["pending", "active", "refreshing", "degraded", "needs-reauth", "disabled", "revoked", "deleted"] },
            "reason": { "type": ["string", "null"] },
            "account": { "type": ["string", "null"] },
            "scopes": { "type": ["array", "null"], "items": text },
            "terms": { "type": "object" },
            "created_at": { "type": "integer" },
            "expires_at": time,
            "last_used_at": time,
        },
    })
}

fn holding(name: &str, schema: &Value) -> Value {
    json!({ "type": "object", "required": [name], "properties": { name: schema } })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}
