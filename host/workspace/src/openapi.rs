//! One installation as an OpenAPI 3.1 document, so that whatever speaks HTTP can call it.

use axum::{Json, extract::State};
use http::HeaderMap;
use jackfield_host::Installation;
use jackfield_package::manifest::Operation;
use jackfield_server::uri::Path;
use serde_json::{Map, Value, json};

use crate::{
    Problem, Shared,
    answer::HostError,
    caller::Caller,
    limits::{DEADLINE_MS, IDEMPOTENCY_KEY_BYTES},
    role::Action,
    workspaces::package,
};

pub(crate) async fn document(
    State(workspaces): State<Shared>,
    caller: Caller,
    Path((_, namespace, name)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let package = package(&namespace, &name)?;
    caller.may_look(&workspaces, Action::Read, &package.to_string()).await?;
    caller.reaches(&package)?;
    let host = workspaces.host(&caller.workspace)?;
    let installation = host.installation(&package).map_err(HostError)?;
    let server = match workspaces.origin() {
        Some(origin) => origin.trim_end_matches('/').to_owned(),
        None => {
            let host = headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
            format!("http://{host}")
        }
    };
    Ok(Json(of(&installation, caller.workspace.as_str(), &server)))
}

fn of(installation: &Installation, workspace: &str, server: &str) -> Value {
    let Installation { name, version, manifest, grant, .. } = installation;
    let base = format!("/v1/workspaces/{workspace}/installations/{}/{}", name.namespace(), name.name());
    let granted = manifest.operations.iter().filter(|operation| grant.allows_operation(operation.name.as_str()));
    let paths: Map<String, Value> = granted
        .map(|operation| (format!("{base}/operations/{}/invoke", operation.name), json!({ "post": post(operation) })))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": { "title": manifest.title, "summary": manifest.summary, "version": version },
        "servers": [{ "url": server }],
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer", "description": "A token of the workspace, `jfw_…`" } },
            "schemas": schemas(),
        },
    })
}

fn post(operation: &Operation) -> Value {
    let problem = json!({
        "description": "Why there is no result, with the bill",
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
    json!({
        "operationId": operation.name,
        "summary": operation.title,
        "description": operation.description,
        "x-jackfield-effect": operation.effect,
        "x-jackfield-idempotent": operation.idempotent,
        "parameters": headers(),
        "requestBody": { "required": true, "content": { "application/json": { "schema": operation.input } } },
        "responses": {
            "200": {
                "description": "The result, and what it cost",
                "content": { "application/json": { "schema": success(&json!(operation.output)) } },
            },
            "4XX": problem,
            "5XX": problem,
        },
    })
}

/// Headers of a call.
pub(crate) fn headers() -> [Value; 3] {
    let header = |name: &str, schema: Value, says: &str| json!({ "name": name, "in": "header", "required": false, "schema": schema, "description": says });
    let key = json!({ "type": "string", "pattern": format!("^[!-~]{{1,{IDEMPOTENCY_KEY_BYTES}}}$") });
    let deadline = json!({ "type": "integer", "minimum": 1, "maximum": DEADLINE_MS });
    [
        header("Idempotency-Key", key, "Equal for all tries of one logical call: it is done once"),
        header("Jackfield-Deadline-Ms", deadline, "Milliseconds that the call may take"),
        header("traceparent", json!({ "type": "string" }), "W3C Trace Context: the trace that the call belongs to"),
    ]
}

/// What a call that went well answers.
pub(crate) fn success(result: &Value) -> Value {
    json!({
        "type": "object",
        "required": ["invocation", "result", "bill"],
        "properties": {
            "invocation": { "type": "string" },
            "result": result,
            "bill": { "$ref": "#/components/schemas/Bill" },
            "denials": { "type": "array", "items": { "type": "object" } },
            "log": { "type": "array", "items": { "type": "object" } },
            "files": { "type": "array", "items": { "type": "object" } },
        },
    })
}

fn schemas() -> Value {
    json!({ "Bill": bill(), "Problem": problem() })
}

/// Whole numbers by their names.
pub(crate) fn bill() -> Value {
    let numbers: Map<String, Value> = json!(jackfield_host::Bill::default())
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| (name.clone(), json!({ "type": "integer", "minimum": 0 })))
        .collect();
    json!({ "type": "object", "properties": numbers })
}

/// Why there is no result; what was refused before it began has no bill.
pub(crate) fn problem() -> Value {
    json!({
        "type": "object",
        "required": ["status", "code", "detail"],
        "properties": {
            "type": { "type": "string" }, "title": { "type": "string" }, "status": { "type": "integer" },
            "detail": { "type": "string" }, "code": { "type": "string" }, "hint": { "type": "string" },
            "failure": { "type": "object" }, "retryable": { "type": "boolean" }, "request_sent": { "type": "boolean" },
            "bill": { "$ref": "#/components/schemas/Bill" },
        },
    })
}
