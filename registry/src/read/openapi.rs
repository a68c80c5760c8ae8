//! The OpenAPI 3.1 document: every route on one page, the shapes from the types that handlers answer with.
//!
//! A test holds this page against the routers' sources, in both directions.

use std::sync::Arc;

use axum::{Router, routing::get};
use http::HeaderMap;
use jackfield_server::openapi::{
    Part, Row,
    Who::{Anybody, Person},
    refusal,
};
use serde_json::{Value, json};

use super::{caching, diff::Diff, packages, permissions::Permissions, search::routes::Found};
use crate::{review, status, trial::Tryable, validator::Trial};

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const JSON: &str = "application/json";
const TRY: &str = "/v1/packages/{namespace}/{name}/{version}/try";

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
    ("get", "/v1/packages/{namespace}/{name}/{version}/wit", Anybody, "What the component imports and exports, as a WIT text", "", "text/plain"),
    ("get", TRY, Anybody, "What a release may be tried with", "", "Tryable"),
    ("post", TRY, Anybody, "Make one call in a sandbox whose network is a cassette of the package", "Trial", "Tried"),
    ("get", "/v1/packages/{namespace}/{name}/{version}/checks", Anybody, "The checks that it went through", "", "Checks"),
    ("get", "/v1/packages/{namespace}/{name}/{version}/statements", Anybody, "Statements about it that are in the log", "", "Statements"),
    ("post", "/v1/packages/{namespace}/{name}/{version}/statements", Person, "Hand in the publish statement of a staged release", BUNDLE, JSON),
    ("get", "/v1/packages/{namespace}/{name}/{version}/progress", Anybody, "How far publishing is; before it is out, for its publisher: wait, since", "", JSON),
    ("post", "/v1/packages/{namespace}/{name}/{version}/appeal", Person, "Ask a person to look at a release that is held", JSON, JSON),
    ("post", "/v1/packages/{namespace}/{name}/{version}/withdrawal", Person, "Take back a release that is not out yet", JSON, JSON),
    ("get", "/v1/packages/{namespace}/{name}/{version}/evidence", Anybody, "All that speaks for a release, under one checkpoint", "", JSON),
    ("post", "/v1/packages/{namespace}/{name}/{version}/audits", Person, "Hand in an audit statement", JSON, JSON),
    ("post", "/v1/packages/{namespace}/{name}/{version}/installs", Anybody, "Say that a host has installed it", "", ""),
    ("get", "/v1/packages/{namespace}/{name}/{version}/status", Anybody, "What was said about a release", "", "Statuses"),
    ("post", "/v1/packages/{namespace}/{name}/{version}/status", Person, "Yank, quarantine, revoke or lift it", "NewStatus", "Taken"),
    ("post", "/v1/namespaces/{namespace}/keys/{keyid}/status", Person, "Revoke or lift a key", "NewStatus", "Taken"),
    ("put", "/v1/packages/{namespace}/{name}/deprecation", Person, "Deprecate a package, in words", "Deprecation", ""),
    ("delete", "/v1/packages/{namespace}/{name}/deprecation", Person, "Deprecate it no longer", "", ""),
    ("get", "/v1/packages/{namespace}/{name}/advisories", Anybody, "Known faults", "", "Advisories"),
    ("post", "/v1/packages/{namespace}/{name}/advisories", Person, "Publish an advisory", "NewAdvisory", "Advisory"),
    ("post", "/v1/packages/{namespace}/{name}/advisories/{id}/withdrawal", Person, "Withdraw an advisory that was a mistake", "", ""),
    ("get", "/v1/packages/{namespace}/{name}/reviews", Anybody, "Reviews: cursor", "", "Reviews"),
    ("post", "/v1/packages/{namespace}/{name}/reviews", Person, "Write a review, with a usage receipt", "NewReview", "ReviewView"),
    ("put", "/v1/packages/{namespace}/{name}/reviews/{id}/reply", Person, "Reply as its publisher", "Words", ""),
    ("post", "/v1/packages/{namespace}/{name}/reviews/{id}/flags", Person, "Object to a review", "Words", ""),
    ("post", "/v1/packages/{namespace}/{name}/reviews/{id}/removal", Person, "Remove a review, or withdraw one's own", "Words", ""),
    ("post", "/v1/packages/{namespace}/{name}/reviews/{id}/resolution", Person, "Leave a flagged review as it is", "Words", ""),
    ("get", "/v1/review-flags", Person, "Reviews that somebody objects to", "", "Flags"),
    ("get", "/v1/statements/{digest}", Anybody, "A statement's bundle", "", BUNDLE),
    ("get", "/v1/index/{namespace}/{name}", Anybody, "The signed index of a package", "", BUNDLE),
    ("get", "/log/checkpoint", Anybody, "The log's newest checkpoint, a signed note", "", "text/plain"),
    ("get", "/log/tile/{path}", Anybody, "A tile of the log (C2SP tlog-tiles)", "", "application/octet-stream"),
    ("get", "/v1/log/proof/{statement}", Anybody, "The proof that a statement is in the log", "", "text/plain"),
    ("get", "/v1/log/statements", Anybody, "Statements in the order of the log", "", JSON),
    ("get", "/v1/log/consistency", Anybody, "The proof that one tree grew from another: from, to", "", JSON),
    ("post", "/v1/users", Person, "Make a user", JSON, JSON),
    ("post", "/v1/login", Anybody, "Sign in with a password", JSON, JSON),
    ("post", "/v1/session", Anybody, "Sign a browser in, by a password or a code that is good once", JSON, JSON),
    ("delete", "/v1/session", Person, "Sign it out", "", ""),
    ("get", "/v1/me", Person, "Who asks", "", JSON),
    ("get", "/v1/sign-in", Anybody, "OpenID providers by which people sign in", "", JSON),
    ("post", "/v1/sign-in/{provider}/begin", Anybody, "The address at a provider, for this browser alone", JSON, JSON),
    ("get", "/v1/sign-in/{provider}/callback", Anybody, "A browser comes back from a provider, and is sent on", "", "303 "),
    ("get", "/v1/me/identities", Person, "One's accounts at providers", "", JSON),
    ("post", "/v1/me/identities", Person, "Add one: the address at the provider", JSON, JSON),
    ("delete", "/v1/me/identities/{id}", Person, "Remove one", "", ""),
    ("put", "/v1/me/password", Person, "Change one's password", JSON, ""),
    ("get", "/v1/tokens", Person, "One's tokens", "", JSON),
    ("post", "/v1/tokens", Person, "Make a token", JSON, JSON),
    ("delete", "/v1/tokens/{id}", Person, "Revoke a token", "", ""),
    ("post", "/v1/token-exchange", Anybody, "Trusted publishing: a CI identity for a short-lived token", JSON, JSON),
    ("get", "/v1/namespaces", Person, "One's namespaces", "", JSON),
    ("post", "/v1/namespaces", Person, "Make a namespace", JSON, JSON),
    ("get", "/v1/namespaces/{namespace}", Anybody, "A namespace", "", JSON),
    ("get", "/v1/namespaces/{namespace}/packages", Anybody, "Its packages: after", "", "NamespacePackages"),
    ("put", "/v1/namespaces/{namespace}/members/{user}", Person, "Make somebody a member", JSON, ""),
    ("delete", "/v1/namespaces/{namespace}/members/{user}", Person, "Remove a member", "", ""),
    ("post", "/v1/namespaces/{namespace}/control", Person, "Prove control of a name", JSON, JSON),
    ("get", "/v1/namespaces/{namespace}/keyset", Anybody, "Its keysets, oldest first", "", JSON),
    ("post", "/v1/namespaces/{namespace}/keyset", Person, "Change its keys", JSON, JSON),
    ("post", "/v1/namespaces/{namespace}/recovery", Person, "Announce new keys in the place of lost ones", JSON, JSON),
    ("delete", "/v1/namespaces/{namespace}/recovery", Person, "Stop a recovery", "", ""),
    ("post", "/v1/namespaces/{namespace}/recovery/complete", Person, "Complete a recovery whose time has come", JSON, JSON),
    ("get", "/v1/namespaces/{namespace}/publishers", Person, "Its trusted publishers", "", JSON),
    ("post", "/v1/namespaces/{namespace}/publishers", Person, "Trust a CI identity to publish", JSON, JSON),
    ("delete", "/v1/namespaces/{namespace}/publishers/{id}", Person, "Trust it no longer", "", ""),
    ("get", "/v1/namespaces/{namespace}/audit", Person, "Who did what in it", "", JSON),
    ("get", "/v1/moderation/namespaces", Person, "Namespaces that wait for a person", "", JSON),
    ("post", "/v1/moderation/namespaces/{namespace}", Person, "Decide on one", JSON, JSON),
    ("post", "/v1/moderation/users/{user}", Person, "Shut somebody out, or let him in again", JSON, ""),
    ("post", "/v1/moderation/users/{user}/sign-in", Person, "A code by which somebody signs in once", "", JSON),
    ("get", "/v1/moderation/releases", Person, "Releases that wait for a person", "", JSON),
    ("post", "/v1/moderation/releases/{id}", Person, "Decide on one", JSON, JSON),
    ("get", "/v2", Anybody, "The OCI distribution API 1.1", "", ""),
    ("get", "/v2/", Anybody, "Whether the caller is signed in to it", "", ""),
    ("get", "/v2/token", Anybody, "A token of the OCI API", "", JSON),
    ("post", "/v2/token", Anybody, "The same, as OAuth 2 asks for it", "application/x-www-form-urlencoded", JSON),
    ("get", "/v2/{path}", Anybody, "Manifests, blobs, tags, referrers and uploads, with every method of the specification", "", ""),
];

/// What a document says of itself, whatever stands beside the registry in it.
pub const DESCRIPTION: &str = "Connectors are published, checked, logged and found here.";

/// The registry alone.
pub fn openapi() -> Value {
    part().document("Jackfield registry", DESCRIPTION)
}

/// The registry's part of a server's document.
pub fn part() -> Part {
    let answered = Part::of(ROUTES).named("OciErrors", oci_errors());
    let of_oci = ROUTES.iter().filter(|(_, path, ..)| *path == "/v2" || path.starts_with("/v2/"));
    let refused_so = |part: Part, (method, path, ..): &Row| part.response(method, path, "default", oci_refusal());
    of_oci
        .fold(answered, refused_so)
        .named("Tried", tried())
        .named("TryProblem", try_problem())
        .response("post", TRY, "default", refusal("TryProblem"))
        .schema::<Found>()
        .schema::<packages::PackagePage>()
        .schema::<packages::ReleasePage>()
        .schema::<packages::Checks>()
        .schema::<packages::Statements>()
        .schema::<packages::NamespacePackages>()
        .schema::<Permissions>()
        .schema::<Tryable>()
        .schema::<Trial>()
        .schema::<Diff>()
        .schema::<status::routes::Statuses>()
        .schema::<status::routes::Deprecation>()
        .schema::<status::accept::NewStatus>()
        .schema::<status::accept::Taken>()
        .schema::<status::advisories::Advisories>()
        .schema::<status::advisories::NewAdvisory>()
        .schema::<review::routes::Reviews>()
        .schema::<review::routes::NewReview>()
        .schema::<review::routes::Words>()
        .schema::<review::routes::Flags>()
}

/// Its clients read no problem details.
fn oci_refusal() -> Value {
    let schema = json!({ "$ref": "#/components/schemas/OciErrors" });
    json!({ "description": "A refusal, as OCI distribution has it", "content": { JSON: { "schema": schema } } })
}

fn oci_errors() -> Value {
    let error = json!({
        "type": "object",
        "required": ["code", "message"],
        "properties": { "code": { "type": "string" }, "message": { "type": "string" }, "detail": { "type": "object" } },
    });
    json!({ "type": "object", "required": ["errors"], "properties": { "errors": { "type": "array", "items": error } } })
}

/// What comes of a try that goes well: the answer of a call in a workspace, without an invocation that anybody keeps.
fn tried() -> Value {
    let mut properties = ran();
    properties["result"] = json!({});
    properties["files"] = json!({ "type": "array", "items": { "type": "object" } });
    json!({ "type": "object", "required": ["result", "bill"], "properties": properties })
}

/// And of one that does not, or is not even begun: then it has no bill.
fn try_problem() -> Value {
    let mut properties = ran();
    properties["failure"] = json!({ "type": "object" });
    properties["retryable"] = json!({ "type": "boolean" });
    properties["request_sent"] = json!({ "const": false });
    json!({ "allOf": [
        { "$ref": "#/components/schemas/ProblemBody" },
        { "type": "object", "properties": properties },
    ] })
}

/// What is told of every call that ran.
fn ran() -> Value {
    let objects = json!({ "type": "array", "items": { "type": "object" } });
    json!({
        "bill": { "type": "object" },
        "denials": objects,
        "log": objects,
        "off_cassette": {
            "type": "array",
            "items": { "type": "string" },
            "description": "Requests that the cassette has no answer to, each beside what is recorded in its place",
        },
    })
}

/// The route that serves a document.
pub fn routes(document: Value) -> Router {
    let document = Arc::new(document);
    let answer = move |headers: HeaderMap| async move { caching::changing(&headers, &*document) };
    Router::new().route("/openapi.json", get(answer))
}
