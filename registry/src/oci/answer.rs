//! Answers in the form of the distribution-spec.

use axum::{body::Body, response::Response};
use http::{HeaderName, HeaderValue, StatusCode, header};

use super::{digest::ContentDigest, path::Repository};
use crate::Problem;

pub(crate) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
pub(crate) const UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");
pub(crate) const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
pub(crate) const OCI_TAG: HeaderName = HeaderName::from_static("oci-tag");
pub(crate) const OCI_FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");
const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// An empty answer.
pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    // 204 has no length (RFC 9110, 8.6).
    if status != StatusCode::NO_CONTENT {
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    response
}

/// JSON, under a media type of its own.
pub(crate) fn json(value: &serde_json::Value, media_type: &'static str) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// A header whose value is made of what has been parsed; left out if it can't be one after all.
pub(crate) fn set(response: &mut Response, name: HeaderName, value: impl AsRef<str>) {
    if let Ok(value) = HeaderValue::from_str(value.as_ref()) {
        response.headers_mut().append(name, value);
    }
}

/// 201 for a blob.
pub(crate) fn blob_created(repository: &Repository, digest: &ContentDigest) -> Response {
    let mut response = empty(StatusCode::CREATED);
    set(&mut response, header::LOCATION, format!("/v2/{repository}/blobs/{digest}"));
    set(&mut response, CONTENT_DIGEST, digest.as_str());
    response
}

/// What is said below `/v2/`, whatever is said.
pub(crate) fn versioned(mut response: Response) -> Response {
    response.headers_mut().insert(API_VERSION, HeaderValue::from_static("registry/2.0"));
    response
}

/// A no: `{"errors": [{"code", "message", "detail"}]}`, where the detail holds our own code and the hint.
pub(crate) fn failed(problem: Problem, challenge: Option<HeaderValue>) -> Response {
    let detail = match &problem.hint {
        Some(hint) => serde_json::json!({ "code": problem.code, "hint": hint }),
        None => serde_json::json!({ "code": problem.code }),
    };
    let error = serde_json::json!({ "code": code(&problem), "message": problem.message, "detail": detail });
    let mut response = json(&serde_json::json!({ "errors": [error] }), "application/json");
    *response.status_mut() = problem.status;
    response.headers_mut().extend(problem.headers);
    if problem.status == StatusCode::UNAUTHORIZED
        && let Some(challenge) = challenge
    {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    versioned(response)
}

/// The code of the distribution-spec that says it best.
fn code(problem: &Problem) -> &'static str {
    match problem.code {
        "blob-unknown" => "BLOB_UNKNOWN",
        "blob-upload-invalid" | "blob-upload-busy" | "upload-range" => "BLOB_UPLOAD_INVALID",
        "blob-upload-unknown" => "BLOB_UPLOAD_UNKNOWN",
        "digest-invalid" | "digest-mismatch" => "DIGEST_INVALID",
        "manifest-blob-unknown" => "MANIFEST_BLOB_UNKNOWN",
        "manifest-invalid" | "manifest-not-a-connector" | "tag-invalid" | "tag-not-a-version" => "MANIFEST_INVALID",
        "manifest-unknown" => "MANIFEST_UNKNOWN",
        "name-invalid" => "NAME_INVALID",
        "name-unknown" => "NAME_UNKNOWN",
        "size-invalid" | "blob-too-large" | "manifest-too-large" => "SIZE_INVALID",
        "range-invalid" => "RANGE_INVALID",
        _ => match problem.status {
            StatusCode::UNAUTHORIZED => "UNAUTHORIZED",
            StatusCode::FORBIDDEN | StatusCode::CONFLICT => "DENIED",
            StatusCode::TOO_MANY_REQUESTS => "TOOMANYREQUESTS",
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => "UNSUPPORTED",
            _ => "UNKNOWN",
        },
    }
}
