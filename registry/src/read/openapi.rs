//! The OpenAPI 3.1 document: every route on one page, the shapes from the types that handlers answer with.
//!
//! A test holds this page against the routers' sources, in both directions.

use axum::{http::HeaderMap, response::Response};
use jackfield_server::problem::ProblemBody;
use serde_json::{Map, Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use super::{caching, diff::Diff, packages, permissions::Permissions, search::routes::Found};
use crate::{Problem, review, status};

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Anybody,
    /// Whoever has a token that is good for it.
    Token,
}
use Who::{Anybody, Token};

/// One operation: method, path, who, what it does, the body it takes and the one it answers with, by name of a schema or by
/// media type; an empty text: none.
type Row = (&'static str, &'static str, Who, &'static str, &'static str, &'static str);

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const JSON: &str = "application/json";

#[rustfmt::skip]
const ROUTES: &[Row] = &[
    ("get", "/openapi.json", Anybody, "This document", "", JSON),
    ("get", "/healthz", Anybody, "Whether the process lives", "", ""),
    ("get", "/readyz", Anybody, "Whether the database and the blob store answer", "", ""),
    ("get", "/.well-known/jackfield.json", Anybody, "The registry's name, address and keys", "", JSON),
    ("get", "/.well-known/wasm-pkg/registry.json", Anybody, "Where `wkg` finds packages", "", JSON),
    ("get", "/v1/packages", Anybody, "Search: q, category, operation, effect, host, publisher, import, auth, sort, cursor, limit", "", "Found"),
    ("get", "/v1/packages/{namespace}/{name}", Anybody, "A package's page", "", "PackagePage"),
    ("get", "/v1/packages/{namespace}/{name}/diff", Anybody, "What changes between two releases: from, to", "", "Diff"),
    ("get", "/v1/packages/{namespace}/{name}/{version}", Anybody, "A release's page", "", "ReleasePage"),
    ("get", "/v1/packages/{namespace}/{name}/{version}/manifest", Anybody, "The manifest, as it stands in the component", "", JSON),
    ("get", "/v1/packages/{namespace}/{name}/{version}/permissions", Anybody, "What it may do, in plain words", "", "Permissions"),
    ("get", "/v1/packages/{namespace}/{name}/{version}/readme", Anybody, "The README, as plain text", "", "text/plain"),
    ("get", "/v1/packages/{namespace}/{name}/{version}/checks", Anybody, "The checks that it went through", "", "Checks"),
    ("get", "/v1/packages/{namespace}/{name}/{version}/statements", Anybody, "Statements about it that are in the log", "", "Statements"),
    ("post", "/v1/packages/{namespace}/{name}/{version}/statements", Token, "Hand in the publish statement of a staged release", BUNDLE, JSON),
    ("get", "/v1/packages/{namespace}/{name}/{version}/progress", Token, "How far publishing is", "", JSON),
    ("post", "/v1/packages/{namespace}/{name}/{version}/appeal", Token, "Ask a person to look at a release that is held", JSON, JSON),
    ("post", "/v1/packages/{namespace}/{name}/{version}/withdrawal", Token, "Take back a release that is not out yet", JSON, JSON),
    ("get", "/v1/packages/{namespace}/{name}/{version}/evidence", Anybody, "All that speaks for a release, under one checkpoint", "", JSON),
    ("post", "/v1/packages/{namespace}/{name}/{version}/audits", Token, "Hand in an audit statement", JSON, JSON),
    ("post", "/v1/packages/{namespace}/{name}/{version}/installs", Anybody, "Say that a host has installed it", "", ""),
    ("get", "/v1/packages/{namespace}/{name}/{version}/status", Anybody, "What was said about a release", "", "Statuses"),
    ("post", "/v1/packages/{namespace}/{name}/{version}/status", Token, "Yank, quarantine, revoke or lift it", "NewStatus", "Taken"),
    ("post", "/v1/namespaces/{namespace}/keys/{keyid}/status", Token, "Revoke or lift a key", "NewStatus", "Taken"),
    ("put", "/v1/packages/{namespace}/{name}/deprecation", Token, "Deprecate a package, in words", "Deprecation", ""),
    ("delete", "/v1/packages/{namespace}/{name}/deprecation", Token, "Deprecate it no longer", "", ""),
    ("get", "/v1/packages/{namespace}/{name}/advisories", Anybody, "Known faults", "", "Advisories"),
    ("post", "/v1/packages/{namespace}/{name}/advisories", Token, "Publish an advisory", "NewAdvisory", "Advisory"),
    ("post", "/v1/packages/{namespace}/{name}/advisories/{id}/withdrawal", Token, "Withdraw an advisory that was a mistake", "", ""),
    ("get", "/v1/packages/{namespace}/{name}/reviews", Anybody, "Reviews: cursor", "", "Reviews"),
    ("post", "/v1/packages/{namespace}/{name}/reviews", Token, "Write a review, with a usage receipt", "NewReview", "ReviewView"),
    ("put", "/v1/packages/{namespace}/{name}/reviews/{id}/reply", Token, "Reply as its publisher", "Words", ""),
    ("post", "/v1/packages/{namespace}/{name}/reviews/{id}/flags", Token, "Object to a review", "Words", ""),
    ("post", "/v1/packages/{namespace}/{name}/reviews/{id}/removal", Token, "Remove a review, or withdraw one's own", "Words", ""),
    ("post", "/v1/packages/{namespace}/{name}/reviews/{id}/resolution", Token, "Leave a flagged review as it is", "Words", ""),
    ("get", "/v1/review-flags", Token, "Reviews that somebody objects to", "", "Flags"),
    ("get", "/v1/statements/{digest}", Anybody, "A statement's bundle", "", BUNDLE),
    ("get", "/v1/index/{namespace}/{name}", Anybody, "The signed index of a package", "", BUNDLE),
    ("get", "/log/checkpoint", Anybody, "The log's newest checkpoint, a signed note", "", "text/plain"),
    ("get", "/log/tile/{path}", Anybody, "A tile of the log (C2SP tlog-tiles)", "", "application/octet-stream"),
    ("get", "/v1/log/proof/{statement}", Anybody, "The proof that a statement is in the log", "", "text/plain"),
    ("get", "/v1/log/statements", Anybody, "Statements in the order of the log", "", JSON),
    ("get", "/v1/log/consistency", Anybody, "The proof that one tree grew from another: from, to", "", JSON),
    ("post", "/v1/users", Token, "Make a user", JSON, JSON),
    ("post", "/v1/login", Anybody, "Sign in with a password", JSON, JSON),
    ("post", "/v1/session", Anybody, "Sign a browser in, by a password or a code that is good once", JSON, JSON),
    ("delete", "/v1/session", Token, "Sign it out", "", ""),
    ("get", "/v1/me", Token, "Who asks", "", JSON),
    ("put", "/v1/me/password", Token, "Change one's password", JSON, ""),
    ("get", "/v1/tokens", Token, "One's tokens", "", JSON),
    ("post", "/v1/tokens", Token, "Make a token", JSON, JSON),
    ("delete", "/v1/tokens/{id}", Token, "Revoke a token", "", ""),
    ("post", "/v1/token-exchange", Anybody, "Trusted publishing: a CI identity for a short-lived token", JSON, JSON),
    ("get", "/v1/namespaces", Token, "One's namespaces", "", JSON),
    ("post", "/v1/namespaces", Token, "Make a namespace", JSON, JSON),
    ("get", "/v1/namespaces/{namespace}", Anybody, "A namespace", "", JSON),
    ("get", "/v1/namespaces/{namespace}/packages", Anybody, "Its packages: after", "", "NamespacePackages"),
    ("put", "/v1/namespaces/{namespace}/members/{user}", Token, "Make somebody a member", JSON, ""),
    ("delete", "/v1/namespaces/{namespace}/members/{user}", Token, "Remove a member", "", ""),
    ("post", "/v1/namespaces/{namespace}/control", Token, "Prove control of a name", JSON, JSON),
    ("get", "/v1/namespaces/{namespace}/keyset", Anybody, "Its keysets, oldest first", "", JSON),
    ("post", "/v1/namespaces/{namespace}/keyset", Token, "Change its keys", JSON, JSON),
    ("post", "/v1/namespaces/{namespace}/recovery", Token, "Announce new keys in the place of lost ones", JSON, JSON),
    ("delete", "/v1/namespaces/{namespace}/recovery", Token, "Stop a recovery", "", ""),
    ("post", "/v1/namespaces/{namespace}/recovery/complete", Token, "Complete a recovery whose time has come", JSON, JSON),
    ("get", "/v1/namespaces/{namespace}/publishers", Token, "Its trusted publishers", "", JSON),
    ("post", "/v1/namespaces/{namespace}/publishers", Token, "Trust a CI identity to publish", JSON, JSON),
    ("delete", "/v1/namespaces/{namespace}/publishers/{id}", Token, "Trust it no longer", "", ""),
    ("get", "/v1/namespaces/{namespace}/audit", Token, "Who did what in it", "", JSON),
    ("get", "/v1/moderation/namespaces", Token, "Namespaces that wait for a person", "", JSON),
    ("post", "/v1/moderation/namespaces/{namespace}", Token, "Decide on one", JSON, JSON),
    ("post", "/v1/moderation/users/{user}", Token, "Shut somebody out, or let him in again", JSON, ""),
    ("post", "/v1/moderation/users/{user}/sign-in", Token, "A code by which somebody signs in once", "", JSON),
    ("get", "/v1/moderation/releases", Token, "Releases that wait for a person", "", JSON),
    ("post", "/v1/moderation/releases/{id}", Token, "Decide on one", JSON, JSON),
    ("get", "/v2", Anybody, "The OCI distribution API 1.1", "", ""),
    ("get", "/v2/", Anybody, "Whether the caller is signed in to it", "", ""),
    ("get", "/v2/token", Anybody, "A token of the OCI API", "", JSON),
    ("post", "/v2/token", Anybody, "The same, as OAuth 2 asks for it", "application/x-www-form-urlencoded", JSON),
    ("get", "/v2/{path}", Anybody, "Manifests, blobs, tags, referrers and uploads, with every method of the specification", "", ""),
];

pub(crate) async fn document(headers: HeaderMap) -> Result<Response, Problem> {
    caching::changing(&headers, &openapi())
}

/// The document.
pub fn openapi() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for row in ROUTES {
        let (method, path, ..) = row;
        if let Some(operations) = paths.entry(*path).or_insert_with(|| json!({})).as_object_mut() {
            operations.insert((*method).to_owned(), operation(row));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Jackfield registry",
            "version": "1",
            "description": "Connectors are published, checked, logged and found here.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    })
}

fn operation((_, path, who, summary, request, answer): &Row) -> Value {
    let mut done = json!({ "description": "Done" });
    if let Some(content) = content(answer) {
        done["content"] = content;
    }
    let refused = json!({
        "description": "A refusal (RFC 9457)",
        "content": { "application/problem+json": { "schema": reference("ProblemBody") } },
    });
    let mut operation = json!({ "summary": summary, "responses": { "2XX": done, "default": refused } });
    let parameters: Vec<_> = path
        .split(['{', '}'])
        .skip(1)
        .step_by(2)
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    if !parameters.is_empty() {
        operation["parameters"] = json!(parameters);
    }
    if *who == Token {
        operation["security"] = json!([{ "token": [] }]);
    }
    if let Some(content) = content(request) {
        operation["requestBody"] = json!({ "required": true, "content": content });
    }
    operation
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn content(body: &str) -> Option<Value> {
    match body {
        "" => None,
        media_type if media_type.contains('/') => Some(json!({ media_type: {} })),
        name => Some(json!({ "application/json": { "schema": reference(name) } })),
    }
}

fn schemas() -> Map<String, Value> {
    let mut found: Vec<(String, RefOr<Schema>)> = Vec::new();
    add::<ProblemBody>(&mut found);
    add::<Found>(&mut found);
    add::<packages::PackagePage>(&mut found);
    add::<packages::ReleasePage>(&mut found);
    add::<packages::Checks>(&mut found);
    add::<packages::Statements>(&mut found);
    add::<packages::NamespacePackages>(&mut found);
    add::<Permissions>(&mut found);
    add::<Diff>(&mut found);
    add::<status::routes::Statuses>(&mut found);
    add::<status::routes::Deprecation>(&mut found);
    add::<status::accept::NewStatus>(&mut found);
    add::<status::accept::Taken>(&mut found);
    add::<status::advisories::Advisories>(&mut found);
    add::<status::advisories::NewAdvisory>(&mut found);
    add::<review::routes::Reviews>(&mut found);
    add::<review::routes::NewReview>(&mut found);
    add::<review::routes::Words>(&mut found);
    add::<review::routes::Flags>(&mut found);
    found.into_iter().map(|(name, schema)| (name, serde_json::to_value(schema).unwrap_or_default())).collect()
}

fn add<T: ToSchema + PartialSchema>(found: &mut Vec<(String, RefOr<Schema>)>) {
    found.push((T::name().into_owned(), T::schema()));
    T::schemas(found);
}
