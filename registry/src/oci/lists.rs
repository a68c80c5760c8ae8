//! Tags of a repository, and what refers to a manifest.

use axum::response::Response;
use http::header;
use serde_json::json;

use super::{
    answer::{self, OCI_FILTERS_APPLIED},
    digest::ContentDigest,
    manifests::IMAGE_INDEX,
    routes::Call,
    store,
};
use crate::{
    Problem,
    limits::{REFERRERS_BYTES, REFERRERS_PAGE, TAGS_PAGE},
};

/// `GET /v2/<name>/tags/list?n=…&last=…`, in the order of their bytes.
pub(crate) async fn tags(call: &Call) -> Result<Response, Problem> {
    let asked = match call.parameter("n") {
        Some(text) => Some(
            text.parse::<u32>()
                .map_err(|_| Problem::bad_request("page-invalid", "the parameter `n` is not a number of tags"))?,
        ),
        None => None,
    };
    let last = call.parameter("last").unwrap_or_default();
    let page = asked.map_or(TAGS_PAGE, |n| i64::from(n).min(TAGS_PAGE));
    let mut conn = call.registry.db.read().await?;
    let staged_too = call.caller.sees_staged(&call.registry, &mut conn, &call.repository).await?;
    let name = call.repository.as_str();
    // One more than is shown says whether there are more.
    let mut tags = store::tags(&mut conn, name, staged_too, &last, page + 1).await?;
    if tags.is_empty() && !store::is_repository(&mut conn, name, staged_too).await? {
        return Err(Problem::not_found("name-unknown", format!("there is no repository `{name}`")));
    }
    let more = tags.len() > usize::try_from(page).unwrap_or(usize::MAX);
    tags.truncate(usize::try_from(page).unwrap_or(usize::MAX));
    let mut response = answer::json(&json!({ "name": name, "tags": tags }), "application/json");
    if let (true, Some(last)) = (more, tags.last()) {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("n", &page.to_string())
            .append_pair("last", last)
            .finish();
        answer::set(&mut response, header::LINK, format!("</v2/{name}/tags/list?{query}>; rel=\"next\""));
    }
    Ok(response)
}

/// `GET /v2/<name>/referrers/<digest>?artifactType=…`: an index, empty if there is nothing. Never 404: that would say that
/// this registry does not have the API.
pub(crate) async fn referrers(call: &Call, subject: &ContentDigest) -> Result<Response, Problem> {
    // No media type has a space in it; clients that send `+json` as it is mean the plus.
    let artifact_type = call.parameter("artifactType").map(|text| text.replace(' ', "+"));
    let last = call.parameter("last").unwrap_or_default();
    let mut conn = call.registry.db.read().await?;
    let staged_too = call.caller.sees_staged(&call.registry, &mut conn, &call.repository).await?;
    let name = call.repository.as_str();
    let filter = artifact_type.as_deref();
    let rows =
        store::referrers(&mut conn, name, subject.as_str(), filter, staged_too, &last, REFERRERS_PAGE + 1).await?;
    drop(conn);
    let found = rows.len();
    let mut bytes = 0;
    let mut shown = Vec::new();
    let mut next = String::new();
    for row in rows.into_iter().take(usize::try_from(REFERRERS_PAGE).unwrap_or(usize::MAX)) {
        bytes += row.annotations.as_ref().map_or(0, String::len);
        if bytes > REFERRERS_BYTES && !shown.is_empty() {
            break;
        }
        let mut descriptor = json!({ "mediaType": row.media_type, "digest": row.digest, "size": row.size });
        if let Some(artifact_type) = row.artifact_type {
            descriptor["artifactType"] = artifact_type.into();
        }
        if let Some(annotations) = row.annotations.and_then(|text| serde_json::from_str(&text).ok()) {
            descriptor["annotations"] = annotations;
        }
        next = row.digest;
        shown.push(descriptor);
    }
    let more = shown.len() < found;
    let index = json!({ "schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": shown });
    let mut response = answer::json(&index, IMAGE_INDEX);
    if artifact_type.is_some() {
        answer::set(&mut response, OCI_FILTERS_APPLIED, "artifactType");
    }
    if more {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("last", &next);
        if let Some(artifact_type) = &artifact_type {
            query.append_pair("artifactType", artifact_type);
        }
        let query = query.finish();
        answer::set(&mut response, header::LINK, format!("</v2/{name}/referrers/{subject}?{query}>; rel=\"next\""));
    }
    Ok(response)
}
