//! Evidence: all that this registry has to show for one release, under one checkpoint. Whoever asks believes none of it; see
//! docs/spec/admission.md for what he does with it.

mod store;

use axum::{
    Json, Router,
    extract::{Request, State},
    response::Response,
    routing::{get, post},
};
use http::{HeaderMap, HeaderValue, StatusCode};
use jackfield_package::{
    Digest, PackageName, Refusal,
    admission::{Evidence, Logged},
    key::PublicKey,
    limits::BUNDLE_BYTES,
    statement::{AuditStatement, Bundle, KeysetStatement, quorum},
};
use jackfield_server::body;
use semver::Version;
use serde_json::{Value, json};

use crate::{
    Problem, Shared,
    account::{Action, Actor, Target},
    limits::{EVIDENCE_AUDITS, EVIDENCE_STATEMENTS},
    log::{self, NewStatement, StatementKind},
    read::{caching, path::ReleasePath},
};

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/v1/packages/{namespace}/{name}/{version}/evidence", get(show))
        .route("/v1/packages/{namespace}/{name}/{version}/audits", post(audit))
}

/// The evidence of a release, once all of it is in the log.
async fn show(
    State(registry): State<Shared>,
    ReleasePath(name, version): ReleasePath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let evidence = of(&registry, &name, &version).await?;
    Ok(caching::changing_bytes(&headers, evidence.to_bytes(), HeaderValue::from_static("application/json")))
}

/// Puts it together.
///
/// # Errors
/// 404 `release-not-found`; those of the database, the log and the blob store.
pub async fn of(registry: &Shared, name: &PackageName, version: &Version) -> Result<Evidence, Problem> {
    let mut conn = registry.db.read().await?;
    let package = name.to_string();
    let component = component(&mut conn, name, version).await?;
    let namespace = name.namespace().as_str();
    let rows = store::statements(&mut conn, namespace, &package, &component.to_string(), EVIDENCE_STATEMENTS).await?;
    drop(conn);
    let indexes: Vec<u64> = rows.iter().filter_map(|row| u64::try_from(row.log_index).ok()).collect();
    let (shown, proofs) = log::proofs(registry, &indexes).await?;
    let mut evidence = Evidence {
        checkpoint: shown.note,
        publish: Vec::new(),
        keysets: Vec::new(),
        checks: Vec::new(),
        audits: Vec::new(),
        statuses: Vec::new(),
    };
    for ((row, index), proof) in rows.into_iter().zip(indexes).zip(proofs) {
        let bundle = Bundle::parse(&row.bundle).map_err(damaged)?;
        let kind = row.kind.as_str();
        let logged = Logged { bundle, index, proof };
        match kind {
            "publish" => evidence.publish.push(logged),
            "keyset" => put_keyset(&mut evidence, logged)?,
            "checks" => evidence.checks.push(logged),
            "audit" => evidence.audits.push(logged),
            "status" => evidence.statuses.push(logged),
            _ => {}
        }
    }
    Ok(evidence)
}

/// With the other signatures of its version.
fn put_keyset(evidence: &mut Evidence, logged: Logged) -> Result<(), Problem> {
    // What is stored was held against the keys before it when it came in.
    let keyset =
        KeysetStatement::from_verified_payload(logged.bundle.envelope().unverified_payload()).map_err(damaged)?;
    let place = usize::try_from(keyset.version.saturating_sub(1)).unwrap_or(usize::MAX);
    if place > evidence.keysets.len() {
        return Err(damaged(Refusal::new("keyset-version", "a keyset is missing before this one")));
    }
    if place == evidence.keysets.len() {
        evidence.keysets.push(Vec::new());
    }
    evidence.keysets[place].push(logged);
    Ok(())
}

/// What the registry has written itself can't be read: an operator's matter.
fn damaged(refusal: Refusal) -> Problem {
    Problem::internal(&refusal)
}

async fn component(conn: &mut jackfield_db::Conn, name: &PackageName, version: &Version) -> Result<Digest, Problem> {
    let found = store::component(conn, &name.to_string(), &version.to_string()).await?;
    let found = found
        .ok_or_else(|| Problem::not_found("release-not-found", format!("there is no release {version} of `{name}`")))?;
    found.parse().map_err(damaged)
}

/// A reviewer's verdict, by whoever has an account; whether it counts is for those who know the reviewer's key.
async fn audit(
    State(registry): State<Shared>,
    actor: Actor,
    ReleasePath(name, version): ReleasePath,
    headers: HeaderMap,
    request: Request,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let key = auditor(&headers)?;
    let body = body::read(request, BUNDLE_BYTES).await?;
    let bundle = Bundle::parse(&body)?;
    let audit = AuditStatement::from_verified_payload(quorum::verified(&bundle, &key)?)?;
    let mut tx = registry.db.begin().await?;
    actor.authorise(&registry, &mut tx, Action::Review, &Target::Package(name.clone())).await?;
    let component = component(&mut tx, &name, &version).await?;
    if audit.name != name || audit.version != version || audit.component != component {
        return Err(Problem::bad_request("audit-mismatch", format!("the audit is not about {name} {version}")));
    }
    if store::audits(&mut tx, &component.to_string()).await? >= EVIDENCE_AUDITS {
        return Err(Problem::conflict(
            "audit-too-many",
            format!("{name} {version} has {EVIDENCE_AUDITS} audits, more than which no evidence shows"),
        ));
    }
    let statement = NewStatement {
        bundle,
        kind: StatementKind::Audit,
        key,
        namespace: name.namespace().to_string(),
        package: Some(name),
        version: Some(version.to_string()),
        component: Some(component),
    };
    let digest = log::submit(&mut tx, statement, registry.now()).await?;
    tx.commit().await?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "statement": digest }))))
}

/// The reviewer's public key travels beside the bundle, which only has its name.
fn auditor(headers: &HeaderMap) -> Result<PublicKey, Problem> {
    let text = headers.get("jackfield-public-key").and_then(|value| value.to_str().ok());
    let bytes = text.and_then(|text| hex::decode(text).ok());
    let bytes = bytes.ok_or_else(|| {
        Problem::bad_request("auditor-key-missing", "the header `Jackfield-Public-Key` has no public key")
            .hint("the reviewer's public key, 64 hex digits")
    })?;
    Ok(PublicKey::from_bytes(&bytes)?)
}
