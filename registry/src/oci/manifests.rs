//! Manifests: kept byte for byte, under the digest of those bytes.

use std::collections::BTreeMap;

use axum::{body::Body, response::Response};
use futures_util::StreamExt as _;
use http::{HeaderValue, Method, StatusCode, header};
use jackfield_db::Conn;
use serde::Deserialize;

use super::{
    access::Need,
    answer::{self, CONTENT_DIGEST, OCI_SUBJECT, OCI_TAG},
    connector,
    digest::{Algorithm, ContentDigest},
    namespace::{Class, Namespace},
    path::{Reference, Tag},
    routes::Call,
    store::{self, NewManifest},
};
use crate::{
    Problem,
    fault::{self, Point},
    limits::{MANIFEST_BYTES, TAGS_PER_PUSH},
};

pub(crate) const IMAGE_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const IMAGE_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// What the registry reads of a manifest. Whatever else is in it stays as it is.
#[derive(Debug, Deserialize)]
pub(crate) struct Fields {
    #[serde(rename = "schemaVersion")]
    schema_version: Option<i64>,
    #[serde(rename = "mediaType")]
    pub(crate) media_type: Option<String>,
    #[serde(rename = "artifactType")]
    pub(crate) artifact_type: Option<String>,
    pub(crate) config: Option<Descriptor>,
    pub(crate) layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    pub(crate) subject: Option<Descriptor>,
    annotations: Option<BTreeMap<String, String>>,
}

/// A pointer to content (image-spec, descriptor.md).
#[derive(Debug, Deserialize)]
pub(crate) struct Descriptor {
    #[serde(rename = "mediaType")]
    pub(crate) media_type: Option<String>,
    pub(crate) digest: String,
    pub(crate) size: i64,
}

/// A manifest as it was pushed.
pub(crate) struct Pushed {
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: ContentDigest,
    pub(crate) media_type: String,
    pub(crate) fields: Fields,
}

/// `GET` and `HEAD /v2/<name>/manifests/<reference>`.
pub(crate) async fn read(call: &Call, reference: &Reference) -> Result<Response, Problem> {
    let repository = call.repository.as_str();
    let with_bytes = call.method != Method::HEAD;
    let mut conn = call.registry.db.read().await?;
    let found = match reference {
        Reference::Tag(tag) => store::tagged_manifest(&mut conn, repository, tag.as_str(), with_bytes).await?,
        Reference::Digest(digest) => store::manifest(&mut conn, repository, digest.as_str(), with_bytes).await?,
    };
    let Some(row) = found else { return Err(unknown(reference)) };
    if !row.visible && !call.caller.sees_staged(&call.registry, &mut conn, &call.repository).await? {
        return Err(unknown(reference));
    }
    let mut response = answer::empty(StatusCode::OK);
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(row.size));
    answer::set(&mut response, header::CONTENT_TYPE, &row.media_type);
    answer::set(&mut response, CONTENT_DIGEST, &row.digest);
    answer::set(&mut response, header::ETAG, format!("\"{}\"", row.digest));
    let cache = match reference {
        Reference::Digest(_) if row.visible => "public, max-age=31536000, immutable",
        _ => "no-cache",
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Some(bytes) = row.bytes.filter(|_| with_bytes) {
        *response.body_mut() = Body::from(bytes);
    }
    Ok(response)
}

/// `PUT /v2/<name>/manifests/<reference>`, also with `?tag=` if the reference is a digest.
pub(crate) async fn write(call: &mut Call, reference: &Reference) -> Result<Response, Problem> {
    let pushed = receive(call, reference).await?;
    let tags = tags(call, reference)?;
    let mut tx = call.registry.db.begin().await?;
    call.caller.authorise(&call.registry, &mut tx, &call.repository, Need::Push).await?;
    let namespace = Namespace::of(&mut tx, &call.repository).await?;
    match namespace.class {
        Class::Generic => keep(call, &mut tx, &namespace, &pushed, &tags).await?,
        Class::Connector => {
            let actor = call.caller.actor(&call.registry, &mut tx).await?;
            connector::stage(call, &mut tx, &namespace, &actor, &pushed, &tags).await?;
        }
    }
    tx.commit().await?;
    fault::reach(Point::Staged);
    let mut response = answer::empty(StatusCode::CREATED);
    answer::set(&mut response, header::LOCATION, format!("/v2/{}/manifests/{}", call.repository, pushed.digest));
    answer::set(&mut response, CONTENT_DIGEST, pushed.digest.as_str());
    if let Some(subject) = &pushed.fields.subject {
        answer::set(&mut response, OCI_SUBJECT, &subject.digest);
    }
    if matches!(reference, Reference::Digest(_)) {
        for tag in &tags {
            answer::set(&mut response, OCI_TAG, tag.as_str());
        }
    }
    Ok(response)
}

/// Keeps a manifest of a generic namespace. Nothing that it points to has to be there.
async fn keep(
    call: &Call,
    conn: &mut Conn,
    namespace: &Namespace,
    pushed: &Pushed,
    tags: &[Tag],
) -> Result<(), Problem> {
    let now = call.registry.now();
    let repository = call.repository.as_str();
    let new = pushed.row(repository, true);
    if store::put_manifest(conn, &new, now).await? {
        namespace.charge(conn, &call.repository, i64::try_from(pushed.bytes.len()).unwrap_or(i64::MAX)).await?;
    }
    for tag in tags {
        store::put_tag(conn, repository, tag.as_str(), pushed.digest.as_str(), true, now).await?;
    }
    Ok(())
}

/// `DELETE /v2/<name>/manifests/<reference>`: a tag, or a manifest with all its tags.
pub(crate) async fn delete(call: &Call, reference: &Reference) -> Result<Response, Problem> {
    let repository = call.repository.as_str();
    let mut tx = call.registry.db.begin().await?;
    call.caller.authorise(&call.registry, &mut tx, &call.repository, Need::Delete).await?;
    let namespace = Namespace::of(&mut tx, &call.repository).await?;
    namespace.deletes(&call.repository)?;
    let was_there = match reference {
        Reference::Tag(tag) => store::delete_tag(&mut tx, repository, tag.as_str()).await?,
        Reference::Digest(digest) => match store::delete_manifest(&mut tx, repository, digest.as_str()).await? {
            Some(size) => {
                store::refund(&mut tx, call.repository.namespace(), size).await?;
                true
            }
            None => false,
        },
    };
    if !was_there {
        return Err(unknown(reference));
    }
    tx.commit().await?;
    Ok(answer::empty(StatusCode::ACCEPTED))
}

/// The tags a manifest is pushed under.
fn tags(call: &Call, reference: &Reference) -> Result<Vec<Tag>, Problem> {
    match reference {
        Reference::Tag(tag) => Ok(vec![tag.clone()]),
        Reference::Digest(_) => {
            let tags: Vec<String> = call.parameters("tag").collect();
            if tags.len() > TAGS_PER_PUSH {
                return Err(Problem::bad_request(
                    "tags-too-many",
                    format!("a manifest is pushed under at most {TAGS_PER_PUSH} tags at once, not {}", tags.len()),
                ));
            }
            tags.iter().map(|tag| tag.parse()).collect()
        }
    }
}

async fn receive(call: &mut Call, reference: &Reference) -> Result<Pushed, Problem> {
    // Whoever may not write has nothing read for him beyond what is drained.
    if call.caller.is_anonymous() {
        let message = format!("writing to `{}` asks for a token", call.repository);
        return Err(super::access::unauthenticated("unauthenticated", message));
    }
    let too_large = || {
        let message = format!("a manifest has at most {MANIFEST_BYTES} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "manifest-too-large", message)
    };
    let mut bytes = Vec::new();
    while let Some(part) = call.body().next().await {
        let part = part.map_err(|_| Problem::bad_request("body-unreadable", "the body broke off"))?;
        if bytes.len() + part.len() > MANIFEST_BYTES {
            return Err(too_large());
        }
        bytes.extend_from_slice(&part);
    }
    let digest = match reference {
        Reference::Digest(digest) => {
            let computed = ContentDigest::of(digest.algorithm(), &bytes);
            if computed != *digest {
                return Err(Problem::bad_request(
                    "digest-mismatch",
                    format!("the manifest that arrived is {computed}, not {digest}"),
                ));
            }
            computed
        }
        Reference::Tag(_) => ContentDigest::of(Algorithm::Sha256, &bytes),
    };
    let fields: Fields = serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()))?;
    let announced = match call.headers.get(header::CONTENT_TYPE) {
        Some(value) => {
            let text = value.to_str().map_err(|_| invalid("its Content-Type is not text"))?;
            Some(text.split(';').next().unwrap_or_default().trim().to_owned())
        }
        None => None,
    };
    let media_type = match (announced, &fields.media_type) {
        (Some(announced), Some(own)) if announced != *own => {
            return Err(invalid(format!("its mediaType is `{own}`, and it was sent as `{announced}`")));
        }
        (_, Some(own)) => own.clone(),
        (Some(announced), None) => announced,
        (None, None) => IMAGE_MANIFEST.to_owned(),
    };
    fields.check(&media_type)?;
    Ok(Pushed { bytes, digest, media_type, fields })
}

impl Fields {
    /// What image-spec says of a manifest of that type.
    fn check(&self, media_type: &str) -> Result<(), Problem> {
        if media_type.is_empty() || media_type.len() > 255 || HeaderValue::from_str(media_type).is_err() {
            return Err(invalid("its media type is none"));
        }
        let known = [IMAGE_MANIFEST, IMAGE_INDEX, DOCKER_MANIFEST, DOCKER_LIST].contains(&media_type);
        if known && self.schema_version != Some(2) {
            return Err(invalid("its schemaVersion is not 2"));
        }
        let image = [IMAGE_MANIFEST, DOCKER_MANIFEST].contains(&media_type);
        if image && (self.config.is_none() || self.layers.is_none()) {
            return Err(invalid("an image manifest has `config` and `layers`"));
        }
        if known && !image && self.manifests.is_none() {
            return Err(invalid("an index has `manifests`"));
        }
        let all = self.config.iter().chain(self.layers.iter().flatten()).chain(self.manifests.iter().flatten());
        for descriptor in all.chain(&self.subject) {
            descriptor.digest.parse::<ContentDigest>().map_err(|problem| invalid(problem.message))?;
            if descriptor.size < 0 {
                return Err(invalid(format!("the size of {} is negative", descriptor.digest)));
            }
        }
        Ok(())
    }
}

impl Pushed {
    /// The row to keep. Type and annotations are those that the referrers API shows.
    pub(crate) fn row<'a>(&'a self, repository: &'a str, visible: bool) -> NewManifest<'a> {
        let fields = &self.fields;
        let config_type = fields.config.as_ref().and_then(|config| config.media_type.as_deref());
        let artifact_type = fields.artifact_type.as_deref().filter(|text| !text.is_empty()).or(config_type);
        let annotations = fields.subject.as_ref().and(fields.annotations.as_ref());
        NewManifest {
            repository,
            digest: self.digest.as_str(),
            media_type: &self.media_type,
            bytes: &self.bytes,
            subject: fields.subject.as_ref().map(|subject| subject.digest.as_str()),
            artifact_type,
            annotations: annotations.and_then(|annotations| serde_json::to_string(annotations).ok()),
            visible,
        }
    }
}

pub(crate) fn invalid(why: impl std::fmt::Display) -> Problem {
    Problem::bad_request("manifest-invalid", format!("the manifest can't be taken: {why}"))
}

/// The answer for what is not there, and for what the caller may not see.
fn unknown(reference: &Reference) -> Problem {
    let name = match reference {
        Reference::Tag(tag) => tag.as_str(),
        Reference::Digest(digest) => digest.as_str(),
    };
    Problem::not_found("manifest-unknown", format!("the repository has no manifest `{name}`"))
}
