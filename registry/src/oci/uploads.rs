//! Uploading blobs: at once, in one piece after a session was begun, in chunks, or by mounting what is there already.
//!
//! Bytes arrive in `<data>/uploads/<id>` and the row of the upload says how many of them count: what a crash leaves
//! beyond that is cut off by the next chunk. The row is written after the file is synced, so what a client was told is
//! there after a fall. Room in the namespace's quota is reserved in that row before bytes are taken for it, so that uploads side
//! by side never store more than the quota between them. The last step checks the digest, renames the file into the blob store, and in one transaction shows the
//! blob in the repository and ends the upload.

use axum::response::Response;
use futures_util::StreamExt as _;
use http::{HeaderValue, StatusCode, header};
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};

use super::{
    access::Need,
    answer::{self, UPLOAD_UUID},
    digest::{ContentDigest, Hasher},
    namespace::{Class, Namespace},
    path::{Repository, unknown_upload},
    routes::Call,
    store,
};
use crate::{
    Problem,
    account::{Action, Actor, Target},
    blob::{Held, blocking, broken},
    fault::{self, Point},
    limits::{BLOB_BYTES, BLOB_CHUNK_BYTES, UPLOAD_AHEAD_BYTES, UPLOADS_OPEN},
};

/// `POST /v2/<name>/blobs/uploads/`, with `mount`, with `digest` and the whole body, or with neither.
pub(crate) async fn begin(call: &mut Call) -> Result<Response, Problem> {
    let digest = match call.parameter("digest") {
        Some(text) => Some(text.parse::<ContentDigest>()?),
        None => None,
    };
    let now = call.registry.now();
    let mut tx = call.registry.db.begin().await?;
    let actor = call.caller.authorise(&call.registry, &mut tx, &call.repository, Need::Push).await?;
    let namespace = Namespace::of(&mut tx, &call.repository).await?;
    // A digest that is none, or that can't be mounted, is no failure: the client is offered an upload.
    if let Some(digest) = call.parameter("mount").and_then(|text| text.parse::<ContentDigest>().ok())
        && mount(call, &mut tx, &namespace, &digest).await?
    {
        tx.commit().await?;
        return Ok(answer::blob_created(&call.repository, &digest));
    }
    if store::open_uploads(&mut tx, &actor.name).await? >= UPLOADS_OPEN {
        return Err(Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "uploads-too-many",
            format!("{UPLOADS_OPEN} uploads are open already: finish or cancel some"),
        ));
    }
    let id = uuid::Builder::from_random_bytes(crate::keys::random()?).into_uuid().to_string();
    let repository = call.repository.as_str();
    store::begin_upload(&mut tx, &id, repository, call.repository.namespace(), &actor.name, now).await?;
    tx.commit().await?;
    match digest {
        Some(digest) => finish_with(call, &actor, &id, digest).await,
        None => Ok(progress(&call.repository, &id, 0, StatusCode::ACCEPTED)),
    }
}

/// Shows a blob here that the caller can read elsewhere. A no says nothing about what exists.
async fn mount(
    call: &Call,
    conn: &mut jackfield_db::Conn,
    namespace: &Namespace,
    digest: &ContentDigest,
) -> Result<bool, Problem> {
    let size = match call.parameter("from") {
        Some(from) => {
            let Ok(from) = from.parse::<Repository>() else { return Ok(false) };
            let Some(row) = store::blob(conn, from.as_str(), digest.as_str()).await? else { return Ok(false) };
            if !row.visible && !call.caller.sees_staged(&call.registry, conn, &from).await? {
                return Ok(false);
            }
            row.size
        }
        None => {
            let here = store::blob(conn, call.repository.as_str(), digest.as_str()).await?;
            match here {
                Some(row) => row.size,
                None => match store::public_blob_size(conn, digest.as_str()).await? {
                    Some(size) => size,
                    None => return Ok(false),
                },
            }
        }
    };
    if !store::touch_blob(conn, digest.as_str(), call.registry.now()).await? {
        return Ok(false);
    }
    link(call, conn, namespace, digest, size, None).await?;
    Ok(true)
}

/// Shows a blob in the call's repository, within the quota; what the upload that brings it has reserved is spent on it.
async fn link(
    call: &Call,
    conn: &mut jackfield_db::Conn,
    namespace: &Namespace,
    digest: &ContentDigest,
    size: i64,
    upload: Option<&str>,
) -> Result<(), Problem> {
    let visible = namespace.class == Class::Generic;
    let repository = call.repository.as_str();
    if store::link_blob(conn, repository, digest.as_str(), visible, call.registry.now()).await? {
        namespace.charge_in_place_of(upload, conn, &call.repository, size).await?;
    }
    Ok(())
}

/// `GET /v2/<name>/blobs/uploads/<id>`: how far it is.
pub(crate) async fn status(call: &Call, id: &str) -> Result<Response, Problem> {
    let (_, size) = find(call, id).await?;
    // Unless somebody is at work on it, who has its file in hand.
    if !has_its_bytes(call, id, size).await?
        && let Ok(_held) = hold(call, id)
    {
        find(call, id).await?;
        must_have_its_bytes(call, id, size).await?;
    }
    Ok(progress(&call.repository, id, size, StatusCode::NO_CONTENT))
}

/// `PATCH /v2/<name>/blobs/uploads/<id>`: one chunk, or a stream of unknown length.
pub(crate) async fn append(call: &mut Call, id: &str) -> Result<Response, Problem> {
    let _held = hold(call, id)?;
    let (_, size) = find(call, id).await?;
    let received = receive(call, id, size, None).await?;
    Ok(progress(&call.repository, id, received.size, StatusCode::ACCEPTED))
}

/// `PUT /v2/<name>/blobs/uploads/<id>?digest=…`: the last chunk or none, and what all of it must be.
pub(crate) async fn finish(call: &mut Call, id: &str) -> Result<Response, Problem> {
    let Some(digest) = call.parameter("digest") else {
        return Err(Problem::bad_request("digest-invalid", "the parameter `digest` is missing"));
    };
    let digest = digest.parse::<ContentDigest>()?;
    let (actor, _) = find(call, id).await?;
    finish_with(call, &actor, id, digest).await
}

/// `DELETE /v2/<name>/blobs/uploads/<id>`.
pub(crate) async fn cancel(call: &Call, id: &str) -> Result<Response, Problem> {
    let _held = hold(call, id)?;
    find(call, id).await?;
    discard(call, id).await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

async fn finish_with(call: &mut Call, actor: &Actor, id: &str, digest: ContentDigest) -> Result<Response, Problem> {
    let _held = hold(call, id)?;
    let mut conn = call.registry.db.read().await?;
    let found = store::upload(&mut conn, id, call.repository.as_str(), &actor.name).await?;
    drop(conn);
    let size = found.ok_or_else(unknown_upload)?;
    let received = receive(call, id, size, Some(&digest)).await?;
    let path = call.registry.blobs.upload_path(id);
    let computed = match received.digest {
        Some(computed) => computed,
        // It came in pieces: read once more, in one go.
        None => hash_file(path.clone(), digest.clone()).await?,
    };
    if computed != digest {
        discard(call, id).await?;
        return Err(Problem::bad_request(
            "digest-mismatch",
            format!("the {} bytes that arrived are {computed}, not {digest}", received.size),
        ));
    }
    let now = call.registry.now();
    // Before the file has its name the row says that somebody brings it, so that no sweep takes it away again.
    let mut tx = call.registry.db.begin().await?;
    store::bring_blob(&mut tx, digest.as_str(), received.size, now).await?;
    tx.commit().await?;
    fault::reach(Point::BlobReceived);
    call.registry.blobs.adopt(path, &digest.object()).await?;
    fault::reach(Point::BlobNamed);
    let mut tx = call.registry.db.begin().await?;
    let namespace = Namespace::of(&mut tx, &call.repository).await?;
    link(call, &mut tx, &namespace, &digest, received.size, Some(id)).await?;
    if !store::end_upload(&mut tx, id).await? {
        return Err(unknown_upload());
    }
    tx.commit().await?;
    fault::reach(Point::BlobLinked);
    Ok(answer::blob_created(&call.repository, &digest))
}

/// What a body brought.
struct Received {
    /// Bytes of the upload now.
    size: i64,
    /// The digest of all of them, if they came in this one body.
    digest: Option<ContentDigest>,
}

/// A crash after the file has its name as a blob, and before a row says so, leaves an upload without bytes: it is over, and the
/// client begins another. The call holds it.
async fn must_have_its_bytes(call: &Call, id: &str, size: i64) -> Result<(), Problem> {
    if has_its_bytes(call, id, size).await? {
        return Ok(());
    }
    discard(call, id).await?;
    Err(unknown_upload())
}

async fn has_its_bytes(call: &Call, id: &str, size: i64) -> Result<bool, Problem> {
    let there = match tokio::fs::metadata(call.registry.blobs.upload_path(id)).await {
        Ok(file) => file.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
        Err(error) => return Err(broken(error)),
    };
    Ok(there >= u64::try_from(size).unwrap_or_default())
}

/// Adds the body to the upload's file, syncs it, and notes how far it is. A body that breaks off leaves what came.
async fn receive(call: &mut Call, id: &str, size: i64, wanted: Option<&ContentDigest>) -> Result<Received, Problem> {
    let expected = chunk_length(call, id, size)?;
    let announced = call.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<i64>().ok());
    let mut room = Room { id, size, bytes: 0 };
    if let Some(announced) = announced.filter(|bytes| *bytes > 0) {
        room.make(call, announced, announced).await?;
    }
    let received = write(call, &mut room, expected, wanted).await;
    if received.is_err()
        && let Err(problem) = room.give_back(call).await
    {
        // It is given back with the upload's next chunk, or its end.
        tracing::warn!(%problem, "cannot give back what an upload had reserved");
    }
    received
}

async fn write(
    call: &mut Call,
    room: &mut Room<'_>,
    expected: Option<i64>,
    wanted: Option<&ContentDigest>,
) -> Result<Received, Problem> {
    let (id, size) = (room.id, room.size);
    must_have_its_bytes(call, id, size).await?;
    let path = call.registry.blobs.upload_path(id);
    let mut file =
        tokio::fs::OpenOptions::new().create(true).write(true).truncate(false).open(&path).await.map_err(broken)?;
    file.set_max_buf_size(BLOB_CHUNK_BYTES);
    let start = u64::try_from(size).unwrap_or_default();
    // What a crash or a broken chunk left beyond what counts.
    file.set_len(start).await.map_err(broken)?;
    file.seek(std::io::SeekFrom::Start(start)).await.map_err(broken)?;
    let mut hasher = wanted.filter(|_| size == 0).map(|digest| Hasher::new(digest.algorithm()));
    let mut arrived: i64 = 0;
    let mut broke_off = None;
    while let Some(part) = call.body().next().await {
        let part = match part {
            Ok(part) => part,
            Err(error) => {
                broke_off = Some(error);
                break;
            }
        };
        arrived = arrived.saturating_add(i64::try_from(part.len()).unwrap_or(i64::MAX));
        if arrived > room.bytes {
            // As much again as there is: a large stream asks seldom, and a small one takes little from others.
            let ahead = arrived.clamp(UPLOAD_AHEAD_BYTES.0, UPLOAD_AHEAD_BYTES.1);
            if let Err(problem) = room.make(call, arrived, arrived.saturating_add(ahead)).await {
                discard(call, id).await?;
                return Err(problem);
            }
        }
        if let Some(hasher) = &mut hasher {
            hasher.update(&part);
        }
        file.write_all(&part).await.map_err(broken)?;
    }
    if broke_off.is_none() && expected.is_some_and(|expected| expected != arrived) {
        return Err(Problem::bad_request("size-invalid", "the body is not as long as its Content-Range says"));
    }
    file.flush().await.map_err(broken)?;
    file.sync_data().await.map_err(broken)?;
    let now = size + arrived;
    let mut tx = call.registry.db.begin().await?;
    if !store::grow_upload(&mut tx, id, size, now, call.registry.now()).await? {
        return Err(unknown_upload());
    }
    tx.commit().await?;
    if let Some(error) = broke_off {
        tracing::debug!(%error, "an upload broke off");
        return Err(Problem::bad_request(
            "blob-upload-invalid",
            "the body broke off; ask how far the upload is and go on",
        ));
    }
    Ok(Received { size: now, digest: hasher.map(Hasher::finish) })
}

/// What the header `Content-Range` says: `<first>-<last>`, going on where the upload is.
fn chunk_length(call: &Call, id: &str, size: i64) -> Result<Option<i64>, Problem> {
    let Some(value) = call.headers.get(header::CONTENT_RANGE) else { return Ok(None) };
    let number =
        |text: &str| -> Option<i64> { text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten() };
    let range = value.to_str().ok().and_then(|text| text.split_once('-'));
    let range = range.and_then(|(first, last)| Some((number(first)?, number(last)?)));
    match range {
        Some((first, last)) if first == size && last >= first && last < i64::MAX => Ok(Some(last - first + 1)),
        _ => {
            let mut problem = Problem::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "upload-range",
                format!("the next chunk begins at byte {size}: expected `Content-Range: {size}-<last>`"),
            );
            problem.headers = progress(&call.repository, id, size, StatusCode::RANGE_NOT_SATISFIABLE).headers().clone();
            problem.headers.remove(header::CONTENT_LENGTH);
            Err(problem)
        }
    }
}

/// What one body may add to an upload.
struct Room<'a> {
    id: &'a str,
    /// How far the upload was before.
    size: i64,
    /// How much more it may become.
    bytes: i64,
}

impl Room<'_> {
    /// Room for `least` bytes of the body, and if the quota has it for `most`.
    async fn make(&mut self, call: &Call, least: i64, most: i64) -> Result<(), Problem> {
        let by_size = i64::try_from(BLOB_BYTES).unwrap_or(i64::MAX) - self.size;
        if least > by_size {
            let message = format!("a blob has at most {BLOB_BYTES} bytes");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "blob-too-large", message));
        }
        let mut tx = call.registry.db.begin().await?;
        let namespace = Namespace::of(&mut tx, &call.repository).await?;
        let wanted = (least, most.min(by_size));
        self.bytes = namespace.reserve(&mut tx, &call.repository, (self.id, self.size), wanted).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Of a body that was not taken. If it was, or the upload is gone, there is nothing to give back.
    async fn give_back(&self, call: &Call) -> Result<(), Problem> {
        let mut tx = call.registry.db.begin().await?;
        store::reserve_upload(&mut tx, self.id, self.size, self.size).await?;
        Ok(tx.commit().await?)
    }
}

/// Who writes to the upload, and how far it is. One that is somebody else's, or another repository's, is unknown.
async fn find(call: &Call, id: &str) -> Result<(Actor, i64), Problem> {
    let mut conn = call.registry.db.read().await?;
    let actor = call.caller.writer(&call.registry, &mut conn, &call.repository, Need::Push).await?;
    let size = store::upload(&mut conn, id, call.repository.as_str(), &actor.name).await?.ok_or_else(unknown_upload)?;
    // Since it began, the member may have been removed; and it may be another token of his, for something else.
    actor.may_go_on(&mut conn, Action::Publish, &Target::Repository(call.repository.to_string())).await?;
    Ok((actor, size))
}

fn hold(call: &Call, id: &str) -> Result<Held, Problem> {
    call.registry
        .blobs
        .hold(id)
        .ok_or_else(|| Problem::conflict("blob-upload-busy", "another request is writing to this upload"))
}

async fn discard(call: &Call, id: &str) -> Result<(), Problem> {
    let mut tx = call.registry.db.begin().await?;
    store::end_upload(&mut tx, id).await?;
    tx.commit().await?;
    forget_file(call.registry.blobs.upload_path(id)).await
}

pub(crate) async fn forget_file(path: std::path::PathBuf) -> Result<(), Problem> {
    match tokio::fs::remove_file(path).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(broken(error)),
        _ => Ok(()),
    }
}

async fn hash_file(path: std::path::PathBuf, like: ContentDigest) -> Result<ContentDigest, Problem> {
    blocking(move || {
        use std::io::Read as _;
        let mut file = std::fs::File::open(path)?;
        let mut hasher = Hasher::new(like.algorithm());
        let mut buffer = vec![0; BLOB_CHUNK_BYTES];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(hasher.finish()),
                count => hasher.update(&buffer[..count]),
            }
        }
    })
    .await
    .map_err(broken)
}

/// Where an upload goes on, and how far it is. `0-0` also stands for nothing yet: the header can't say it.
fn progress(repository: &Repository, id: &str, size: i64, status: StatusCode) -> Response {
    let mut response = answer::empty(status);
    answer::set(&mut response, header::LOCATION, format!("/v2/{repository}/blobs/uploads/{id}"));
    answer::set(&mut response, header::RANGE, format!("0-{}", (size - 1).max(0)));
    answer::set(&mut response, UPLOAD_UUID, id);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
