//! The log over HTTP: C2SP tlog-tiles under `/log/`, proofs under `/v1/log/`.

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jackfield_package::{
    Digest,
    log::{SigstoreEntry, tile::Tile},
    statement::BUNDLE_MEDIA_TYPE,
};
use jackfield_server::uri::{Path, Query};
use serde::{Deserialize, Serialize};

use super::{read, store};
use crate::{Problem, Shared, limits::LOG_STATEMENTS_PAGE};

/// A tile never changes.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// A checkpoint does: ask again each time, and be told if it is still the same.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/log/checkpoint", get(checkpoint))
        .route("/log/tile/{*path}", get(tile))
        .route("/v1/log/proof/{statement}", get(proof))
        .route("/v1/log/consistency", get(consistency))
        .route("/v1/log/statements", get(statements))
}

fn text(body: String) -> Response {
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, REVALIDATE)], body).into_response()
}

async fn checkpoint(State(registry): State<Shared>, headers: HeaderMap) -> Result<Response, Problem> {
    let newest = read::checkpoint(&registry).await?.ok_or_else(|| {
        Problem::not_found("log-empty", "the log has no checkpoint yet").hint("try again in a second")
    })?;
    let body = newest.note.to_string();
    let etag = HeaderValue::from_str(&format!("\"{}\"", Digest::of(body.as_bytes()).hex()))
        .map_err(|error| Problem::internal(&error))?;
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let same = known.flat_map(|value| value.split(',')).any(|tag| {
        let tag = tag.trim();
        tag == "*" || tag.strip_prefix("W/").unwrap_or(tag).as_bytes() == etag.as_bytes()
    });
    let mut response = if same { StatusCode::NOT_MODIFIED.into_response() } else { text(body) };
    response.headers_mut().insert(header::CACHE_CONTROL, REVALIDATE);
    response.headers_mut().insert(header::ETAG, etag);
    Ok(response)
}

async fn tile(State(registry): State<Shared>, Path(path): Path<String>) -> Result<Response, Problem> {
    let tile = Tile::parse(&path)?;
    let unknown = || Problem::not_found("log-tile-unknown", format!("the log has no {tile}"));
    // What is written before its checkpoint is published is nobody's business yet.
    let end = tile.end().ok_or_else(unknown)?;
    if !read::covers(&registry, end).await? {
        return Err(unknown());
    }
    let bytes = registry.blobs.get_immutable(&read::blob_name(tile)).await?.ok_or_else(unknown)?;
    let kind = HeaderValue::from_static("application/octet-stream");
    Ok(([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, IMMUTABLE)], bytes).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProofQuery {
    /// `tlog-proof`, which is the default, or `sigstore`: the statement's bundle with the proof inside.
    #[serde(default)]
    form: ProofForm,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ProofForm {
    #[default]
    TlogProof,
    Sigstore,
}

async fn proof(
    State(registry): State<Shared>,
    Path(statement): Path<String>,
    Query(ProofQuery { form }): Query<ProofQuery>,
) -> Result<Response, Problem> {
    let digest: Digest = statement.parse()?;
    let mut conn = registry.db.read().await?;
    let index = read::published_index(&mut conn, &digest).await?.ok_or_else(|| {
        Problem::not_found("log-entry-unknown", format!("no published checkpoint covers a statement {digest}"))
    })?;
    drop(conn);
    let proof = read::proof(&registry, index).await?;
    match form {
        ProofForm::TlogProof => Ok(text(proof.to_string())),
        ProofForm::Sigstore => {
            let row = i64::try_from(index).map_err(|error| Problem::internal(&error))?;
            let rows = store::logged(&mut registry.db.read().await?, row, 1).await?;
            let row = rows.into_iter().next().ok_or_else(|| Problem::internal(&std::fmt::Error))?;
            let bundle = jackfield_package::statement::Bundle::parse(&row.bundle).map_err(read::damaged)?;
            let entry = SigstoreEntry::new(&read::verifier(&registry)?, row.entry, proof);
            let bytes = bundle.with_log_entry(&entry).map_err(read::damaged)?.to_bytes();
            let kind = HeaderValue::from_static(BUNDLE_MEDIA_TYPE);
            Ok(([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, REVALIDATE)], bytes).into_response())
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sizes {
    from: u64,
    to: u64,
}

/// A consistency proof (RFC 6962, 2.1.2).
#[derive(Debug, Serialize, Deserialize)]
pub struct ConsistencyProof {
    /// The older size.
    pub from: u64,
    /// The newer size.
    pub to: u64,
    /// In base64.
    pub hashes: Vec<String>,
}

async fn consistency(
    State(registry): State<Shared>,
    Query(Sizes { from, to }): Query<Sizes>,
) -> Result<Response, Problem> {
    let hashes = read::consistency(&registry, from, to).await?;
    let hashes = hashes.iter().map(ToString::to_string).collect();
    // Two sizes have one proof, for ever.
    Ok(([(header::CACHE_CONTROL, IMMUTABLE)], Json(ConsistencyProof { from, to, hashes })).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct From {
    from: u64,
}

/// Statements of the log in its order, as bundles without proofs: what its entries are made of.
#[derive(Debug, Serialize)]
struct Statements {
    from: u64,
    statements: Vec<Box<serde_json::value::RawValue>>,
}

async fn statements(State(registry): State<Shared>, Query(From { from }): Query<From>) -> Result<Response, Problem> {
    let mut conn = registry.db.read().await?;
    let size = read::newest_size(&mut conn).await?;
    let left = size.saturating_sub(from).min(LOG_STATEMENTS_PAGE);
    let (Ok(start), Ok(limit)) = (i64::try_from(from), i64::try_from(left)) else {
        return Err(Problem::bad_request("log-range", format!("{from} lies beyond the log, whose size is {size}")));
    };
    let statements = store::logged(&mut conn, start, limit)
        .await?
        .into_iter()
        .map(|row| serde_json::from_slice(&row.bundle).map_err(|error| Problem::internal(&error)))
        .collect::<Result<_, _>>()?;
    Ok(([(header::CACHE_CONTROL, REVALIDATE)], Json(Statements { from, statements })).into_response())
}
