//! The same request asked again under the same key is answered from what is kept, and not done again.
//!
//! The key is claimed, durably, before anything is done (draft-ietf-httpapi-idempotency-key-header). While the first request runs,
//! another with its key is told to wait; when its process died on the way, what was done is not known, and the same request may claim
//! the key anew after a time longer than any call lasts.

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::Map;
use sha2::{Digest as _, Sha256};

use crate::{
    Problem, Shared,
    caller::Caller,
    clock::SECOND,
    limits::{ANSWER_BYTES, ANSWER_KEPT_S, CLAIM_S, IDEMPOTENCY_KEY_BYTES},
    store,
};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Which invocation an answer is of.
pub(crate) const INVOCATION: HeaderName = HeaderName::from_static("jackfield-invocation");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A request's key.
pub(crate) struct Key {
    workspace: String,
    text: String,
}

/// What there is under it.
pub(crate) enum Found {
    /// Nothing: it is this request's to do.
    Claimed,
    /// The answer.
    Answered(Response),
}

/// The key that a request names.
///
/// # Errors
/// 400 `idempotency-key-malformed`.
pub(crate) fn key_of(headers: &HeaderMap, caller: &Caller) -> Result<Option<Key>, Problem> {
    let mut values = headers.get_all(KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim().trim_matches('"');
    let is_fine =
        !text.is_empty() && text.len() <= IDEMPOTENCY_KEY_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_fine || values.next().is_some() {
        let message = format!("an idempotency key is 1 to {IDEMPOTENCY_KEY_BYTES} visible ASCII characters, once");
        return Err(Problem::bad_request("idempotency-key-malformed", message));
    }
    // One caller's keys are no other's.
    let text = hex::encode(Sha256::digest(format!("{}\n{text}", caller.name)));
    Ok(Some(Key { workspace: caller.workspace.to_string(), text }))
}

impl Key {
    /// What the connector is told, equal for all tries.
    pub(crate) fn for_connector(&self) -> &str {
        &self.text
    }

    /// # Errors
    /// 409 `idempotency-key-busy` while the first request runs, 422 `idempotency-key-reused` for another request.
    pub(crate) async fn claim(&self, workspaces: &Shared, request: [u8; 32]) -> Result<Found, Problem> {
        let now = workspaces.now();
        let mut tx = workspaces.db.begin().await?;
        let (long_ago, expires_at) = (now - CLAIM_S * SECOND, now + ANSWER_KEPT_S * SECOND);
        if store::claim(&mut tx, &self.workspace, &self.text, &request, now, long_ago, expires_at).await? > 0 {
            tx.commit().await?;
            return Ok(Found::Claimed);
        }
        let row = store::answer(&mut tx, &self.workspace, &self.text).await?;
        drop(tx);
        let busy = || {
            let message = "the request with this idempotency key is being done, or was when its process ended";
            Problem::conflict("idempotency-key-busy", message)
                .header(header::RETRY_AFTER, HeaderValue::from_static("1"))
                .hint("ask again with the same key for its answer")
        };
        let row = row.ok_or_else(busy)?;
        if row.request != request {
            let message = "this idempotency key was used for another request";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused", message)
                .hint("a new request takes a new key"));
        }
        let status = row.status.and_then(|status| StatusCode::from_u16(u16::try_from(status).ok()?).ok());
        let status = status.ok_or_else(busy)?;
        let mut response = (status, row.body.unwrap_or_default()).into_response();
        let kept: Map<String, serde_json::Value> =
            row.headers.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        for (name, value) in &kept {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.as_str().unwrap_or_default().parse()) {
                response.headers_mut().insert(name, value);
            }
        }
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        Ok(Found::Answered(response))
    }

    /// Keeps the answer. One that says that nothing was done, or that is too long to keep, frees the key instead.
    pub(crate) async fn keep(&self, workspaces: &Shared, response: Response, nothing_done: bool) -> Response {
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
        let kept = async {
            let mut tx = workspaces.db.begin().await?;
            if nothing_done || bytes.len() > ANSWER_BYTES {
                store::forget_answer(&mut tx, &self.workspace, &self.text).await?;
            } else {
                let headers: Map<String, serde_json::Value> = [header::CONTENT_TYPE, header::RETRY_AFTER, INVOCATION]
                    .iter()
                    .filter_map(|name| Some((name.to_string(), parts.headers.get(name)?.to_str().ok()?.into())))
                    .collect();
                let headers = serde_json::Value::Object(headers).to_string();
                let body = String::from_utf8_lossy(&bytes);
                let status = i64::from(parts.status.as_u16());
                store::keep_answer(&mut tx, &self.workspace, &self.text, status, &headers, &body).await?;
            }
            tx.commit().await?;
            Ok::<_, Problem>(())
        };
        if let Err(problem) = kept.await {
            // The key stays claimed: whoever asks again is told to wait, and nothing is done twice.
            tracing::error!(%problem, "an answer could not be kept under its idempotency key");
        }
        Response::from_parts(parts, Body::from(bytes))
    }
}
