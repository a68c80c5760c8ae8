//! The rows of repositories, blobs, manifests, tags and uploads.

use jackfield_db::{Conn, Result, on};

use crate::clock::Micros;

/// What a push needs to know about a namespace.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct NamespaceRow {
    pub(crate) class: String,
    pub(crate) state: String,
    pub(crate) quota_bytes: i64,
}

pub(crate) async fn namespace(conn: &mut Conn, name: &str) -> Result<Option<NamespaceRow>> {
    on!(conn, c => sqlx::query_as("SELECT class, state, quota_bytes FROM namespaces WHERE name = $1")
        .bind(name).fetch_optional(c))
}

// ── Blobs ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// A blob as one repository shows it.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct BlobRow {
    pub(crate) size: i64,
    pub(crate) visible: bool,
}

pub(crate) async fn blob(conn: &mut Conn, repository: &str, digest: &str) -> Result<Option<BlobRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT b.size, r.visible FROM repository_blobs r JOIN blobs b ON b.digest = r.digest
         WHERE r.repository = $1 AND r.digest = $2")
        .bind(repository).bind(digest).fetch_optional(c))
}

/// The same, with what reading it asks for besides.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct BlobToRead {
    pub(crate) size: i64,
    pub(crate) visible: bool,
    pub(crate) bytes: Option<Vec<u8>>,
    /// Whether it is the component of a release of the package.
    pub(crate) is_component: bool,
}

pub(crate) async fn blob_to_read(
    conn: &mut Conn,
    repository: &str,
    digest: &str,
    package: Option<&str>,
) -> Result<Option<BlobToRead>> {
    on!(conn, c => sqlx::query_as(
        "SELECT b.size, r.visible, b.bytes,
                EXISTS (SELECT 1 FROM releases WHERE component = b.digest AND package = $3) AS is_component
         FROM repository_blobs r JOIN blobs b ON b.digest = r.digest WHERE r.repository = $1 AND r.digest = $2")
        .bind(repository).bind(digest).bind(package).fetch_optional(c))
}

/// Somebody brings these bytes to the blob store: they are not swept for a day.
pub(crate) async fn bring_blob(conn: &mut Conn, digest: &str, size: i64, now: Micros) -> Result<()> {
    on!(conn, c => sqlx::query(
        "INSERT INTO blobs (digest, size, seen_at) VALUES ($1, $2, $3)
         ON CONFLICT (digest) DO UPDATE SET seen_at = excluded.seen_at")
        .bind(digest).bind(size).bind(now).execute(c), rows)
    .map(drop)
}

/// The same for bytes that stand in the row.
pub(crate) async fn bring_inline_blob(
    conn: &mut Conn,
    digest: &str,
    size: i64,
    bytes: &[u8],
    now: Micros,
) -> Result<()> {
    on!(conn, c => sqlx::query(
        "INSERT INTO blobs (digest, size, bytes, seen_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (digest) DO UPDATE SET seen_at = excluded.seen_at")
        .bind(digest).bind(size).bind(bytes).bind(now).execute(c), rows)
    .map(drop)
}

/// Shows a blob to everybody.
pub(crate) async fn show_blob(conn: &mut Conn, repository: &str, digest: &str) -> Result<()> {
    on!(conn, c => sqlx::query("UPDATE repository_blobs SET visible = TRUE WHERE repository = $1 AND digest = $2")
        .bind(repository).bind(digest).execute(c), rows)
    .map(drop)
}

/// Says whether the bytes are there, and keeps them from being swept.
pub(crate) async fn touch_blob(conn: &mut Conn, digest: &str, now: Micros) -> Result<bool> {
    on!(conn, c => sqlx::query("UPDATE blobs SET seen_at = $2 WHERE digest = $1").bind(digest).bind(now).execute(c), rows)
        .map(|met| met == 1)
}

/// Shows a blob in a repository; no if it is there already.
pub(crate) async fn link_blob(
    conn: &mut Conn,
    repository: &str,
    digest: &str,
    visible: bool,
    now: Micros,
) -> Result<bool> {
    on!(conn, c => sqlx::query(
        "INSERT INTO repository_blobs (repository, digest, visible, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (repository, digest) DO NOTHING")
        .bind(repository).bind(digest).bind(visible).bind(now).execute(c), rows)
    .map(|met| met == 1)
}

pub(crate) async fn unlink_blob(conn: &mut Conn, repository: &str, digest: &str) -> Result<bool> {
    on!(conn, c => sqlx::query("DELETE FROM repository_blobs WHERE repository = $1 AND digest = $2")
        .bind(repository).bind(digest).execute(c), rows)
    .map(|met| met == 1)
}

/// How large a blob is that everybody may see somewhere.
pub(crate) async fn public_blob_size(conn: &mut Conn, digest: &str) -> Result<Option<i64>> {
    let found: Option<(i64,)> = on!(conn, c => sqlx::query_as(
        "SELECT b.size FROM blobs b WHERE b.digest = $1
           AND EXISTS (SELECT 1 FROM repository_blobs r WHERE r.digest = b.digest AND r.visible)")
        .bind(digest).fetch_optional(c))?;
    Ok(found.map(|(size,)| size))
}

/// Bytes that no repository shows and that nobody brought since.
pub(crate) async fn unused_blobs(conn: &mut Conn, before: Micros, limit: i64) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = on!(conn, c => sqlx::query_as(
        "SELECT digest FROM blobs b WHERE seen_at < $1
           AND NOT EXISTS (SELECT 1 FROM repository_blobs r WHERE r.digest = b.digest) LIMIT $2")
        .bind(before).bind(limit).fetch_all(c))?;
    Ok(rows.into_iter().map(|(digest,)| digest).collect())
}

/// Forgets such bytes, unless somebody has brought or linked them meanwhile: the first statement takes the row's lock, so
/// that the second sees every link there is.
pub(crate) async fn forget_blob(conn: &mut Conn, digest: &str, before: Micros) -> Result<bool> {
    let held = on!(conn, c => sqlx::query("UPDATE blobs SET size = size WHERE digest = $1 AND seen_at < $2")
        .bind(digest).bind(before).execute(c), rows)?;
    if held == 0 {
        return Ok(false);
    }
    on!(conn, c => sqlx::query(
        "DELETE FROM blobs WHERE digest = $1 AND seen_at < $2
           AND NOT EXISTS (SELECT 1 FROM repository_blobs r WHERE r.digest = $1)")
        .bind(digest).bind(before).execute(c), rows)
    .map(|met| met == 1)
}

// ── What a namespace stores ──────────────────────────────────────────────────────────────────────────────────────────

/// What a namespace stores and what its open uploads have reserved, besides one upload. It stays so until the transaction ends:
/// whoever would take more of the same room waits here.
pub(crate) async fn hold_usage(conn: &mut Conn, namespace: &str, besides: Option<&str>) -> Result<i64> {
    let stored: i64 = on!(conn, c => sqlx::query_scalar(
        "INSERT INTO namespace_usage (namespace, bytes) VALUES ($1, 0)
         ON CONFLICT (namespace) DO UPDATE SET bytes = namespace_usage.bytes RETURNING bytes")
        .bind(namespace).fetch_one(c))?;
    // A statement of its own, so that it sees what was committed while the one before waited.
    let reserved: i64 = on!(conn, c => sqlx::query_scalar(
        "SELECT CAST(COALESCE(SUM(reserved), 0) AS BIGINT) FROM uploads WHERE namespace = $1 AND id <> $2")
        .bind(namespace).bind(besides.unwrap_or_default()).fetch_one(c))?;
    Ok(stored.saturating_add(reserved))
}

/// Adds to what a namespace stores. Whoever holds [`hold_usage`] knows that there is room.
pub(crate) async fn charge(conn: &mut Conn, namespace: &str, bytes: i64) -> Result<()> {
    on!(conn, c => sqlx::query("UPDATE namespace_usage SET bytes = bytes + $2 WHERE namespace = $1")
        .bind(namespace).bind(bytes).execute(c), rows)
    .map(drop)
}

pub(crate) async fn refund(conn: &mut Conn, namespace: &str, bytes: i64) -> Result<()> {
    on!(conn, c => sqlx::query("UPDATE namespace_usage SET bytes = bytes - $2 WHERE namespace = $1")
        .bind(namespace).bind(bytes).execute(c), rows)
    .map(drop)
}

// ── Uploads ──────────────────────────────────────────────────────────────────────────────────────────────────────────

pub(crate) async fn begin_upload(
    conn: &mut Conn,
    id: &str,
    repository: &str,
    namespace: &str,
    actor: &str,
    now: Micros,
) -> Result<()> {
    on!(conn, c => sqlx::query(
        "INSERT INTO uploads (id, repository, namespace, actor, size, reserved, created_at, updated_at)
         VALUES ($1, $2, $3, $4, 0, 0, $5, $5)")
        .bind(id).bind(repository).bind(namespace).bind(actor).bind(now).execute(c), rows)
    .map(drop)
}

/// How many bytes an upload has; none unless it is this repository's and this actor's.
pub(crate) async fn upload(conn: &mut Conn, id: &str, repository: &str, actor: &str) -> Result<Option<i64>> {
    let row: Option<(i64,)> = on!(conn, c => sqlx::query_as(
        "SELECT size FROM uploads WHERE id = $1 AND repository = $2 AND actor = $3")
        .bind(id).bind(repository).bind(actor).fetch_optional(c))?;
    Ok(row.map(|(size,)| size))
}

pub(crate) async fn open_uploads(conn: &mut Conn, actor: &str) -> Result<i64> {
    let (count,): (i64,) = on!(conn, c => sqlx::query_as("SELECT COUNT(*) FROM uploads WHERE actor = $1")
        .bind(actor).fetch_one(c))?;
    Ok(count)
}

/// Says up to what size an upload may grow; no if it has changed or gone meanwhile.
pub(crate) async fn reserve_upload(conn: &mut Conn, id: &str, size: i64, reserved: i64) -> Result<bool> {
    on!(conn, c => sqlx::query("UPDATE uploads SET reserved = $3 WHERE id = $1 AND size = $2")
        .bind(id).bind(size).bind(reserved).execute(c), rows)
    .map(|met| met == 1)
}

/// Notes that an upload has grown, and gives back what it reserved beyond; no if it has changed or gone meanwhile.
pub(crate) async fn grow_upload(conn: &mut Conn, id: &str, from: i64, to: i64, now: Micros) -> Result<bool> {
    on!(conn, c => sqlx::query("UPDATE uploads SET size = $3, reserved = $3, updated_at = $4 WHERE id = $1 AND size = $2")
        .bind(id).bind(from).bind(to).bind(now).execute(c), rows)
    .map(|met| met == 1)
}

pub(crate) async fn end_upload(conn: &mut Conn, id: &str) -> Result<bool> {
    on!(conn, c => sqlx::query("DELETE FROM uploads WHERE id = $1").bind(id).execute(c), rows).map(|met| met == 1)
}

pub(crate) async fn end_idle_upload(conn: &mut Conn, id: &str, before: Micros) -> Result<bool> {
    on!(conn, c => sqlx::query("DELETE FROM uploads WHERE id = $1 AND updated_at < $2")
        .bind(id).bind(before).execute(c), rows)
    .map(|met| met == 1)
}

pub(crate) async fn idle_uploads(conn: &mut Conn, before: Micros, limit: i64) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = on!(conn, c => sqlx::query_as(
        "SELECT id FROM uploads WHERE updated_at < $1 ORDER BY updated_at LIMIT $2")
        .bind(before).bind(limit).fetch_all(c))?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

// ── Manifests ────────────────────────────────────────────────────────────────────────────────────────────────────────

/// A manifest, with its bytes if they were asked for.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct ManifestRow {
    pub(crate) digest: String,
    pub(crate) media_type: String,
    pub(crate) size: i64,
    pub(crate) visible: bool,
    pub(crate) bytes: Option<Vec<u8>>,
}

/// A manifest to keep.
#[derive(Debug)]
pub(crate) struct NewManifest<'a> {
    pub(crate) repository: &'a str,
    pub(crate) digest: &'a str,
    pub(crate) media_type: &'a str,
    pub(crate) bytes: &'a [u8],
    pub(crate) subject: Option<&'a str>,
    pub(crate) artifact_type: Option<&'a str>,
    pub(crate) annotations: Option<String>,
    pub(crate) visible: bool,
}

pub(crate) async fn manifest(
    conn: &mut Conn,
    repository: &str,
    digest: &str,
    with_bytes: bool,
) -> Result<Option<ManifestRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT digest, media_type, size, visible, CASE WHEN $3 THEN bytes ELSE NULL END AS bytes
         FROM manifests WHERE repository = $1 AND digest = $2")
        .bind(repository).bind(digest).bind(with_bytes).fetch_optional(c))
}

/// What a tag names. It is visible if both are.
pub(crate) async fn tagged_manifest(
    conn: &mut Conn,
    repository: &str,
    tag: &str,
    with_bytes: bool,
) -> Result<Option<ManifestRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT m.digest, m.media_type, m.size, (m.visible AND t.visible) AS visible,
                CASE WHEN $3 THEN m.bytes ELSE NULL END AS bytes
         FROM tags t JOIN manifests m ON m.repository = t.repository AND m.digest = t.digest
         WHERE t.repository = $1 AND t.tag = $2")
        .bind(repository).bind(tag).bind(with_bytes).fetch_optional(c))
}

/// Keeps a manifest; no if it is there already.
pub(crate) async fn put_manifest(conn: &mut Conn, new: &NewManifest<'_>, now: Micros) -> Result<bool> {
    let size = i64::try_from(new.bytes.len()).unwrap_or(i64::MAX);
    on!(conn, c => sqlx::query(
        "INSERT INTO manifests
           (repository, digest, media_type, size, bytes, subject, artifact_type, annotations, visible, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (repository, digest) DO NOTHING")
        .bind(new.repository).bind(new.digest).bind(new.media_type).bind(size).bind(new.bytes).bind(new.subject)
        .bind(new.artifact_type).bind(new.annotations.as_deref()).bind(new.visible).bind(now).execute(c), rows)
    .map(|met| met == 1)
}

pub(crate) async fn add_manifest_blob(conn: &mut Conn, repository: &str, manifest: &str, digest: &str) -> Result<()> {
    on!(conn, c => sqlx::query(
        "INSERT INTO manifest_blobs (repository, manifest, digest) VALUES ($1, $2, $3)
         ON CONFLICT (repository, manifest, digest) DO NOTHING")
        .bind(repository).bind(manifest).bind(digest).execute(c), rows)
    .map(drop)
}

/// Removes a manifest and every tag that names it; its size, if it was there.
pub(crate) async fn delete_manifest(conn: &mut Conn, repository: &str, digest: &str) -> Result<Option<i64>> {
    on!(conn, c => sqlx::query("DELETE FROM tags WHERE repository = $1 AND digest = $2")
        .bind(repository).bind(digest).execute(c), rows)?;
    let row: Option<(i64,)> = on!(conn, c => sqlx::query_as(
        "DELETE FROM manifests WHERE repository = $1 AND digest = $2 RETURNING size")
        .bind(repository).bind(digest).fetch_optional(c))?;
    Ok(row.map(|(size,)| size))
}

/// Whether a repository has anything to show.
pub(crate) async fn is_repository(conn: &mut Conn, repository: &str, staged_too: bool) -> Result<bool> {
    let found: Option<(i64,)> = on!(conn, c => sqlx::query_as(
        "SELECT CAST(1 AS BIGINT) FROM manifests WHERE repository = $1 AND (visible OR $2) LIMIT 1")
        .bind(repository).bind(staged_too).fetch_optional(c))?;
    Ok(found.is_some())
}

// ── Tags ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// What a tag names, and who sees it.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct TagRow {
    pub(crate) digest: String,
    pub(crate) visible: bool,
}

pub(crate) async fn tag(conn: &mut Conn, repository: &str, tag: &str) -> Result<Option<TagRow>> {
    on!(conn, c => sqlx::query_as("SELECT digest, visible FROM tags WHERE repository = $1 AND tag = $2")
        .bind(repository).bind(tag).fetch_optional(c))
}

pub(crate) async fn put_tag(
    conn: &mut Conn,
    repository: &str,
    tag: &str,
    digest: &str,
    visible: bool,
    now: Micros,
) -> Result<()> {
    on!(conn, c => sqlx::query(
        "INSERT INTO tags (repository, tag, digest, visible, listed, updated_at) VALUES ($1, $2, $3, $4, TRUE, $5)
         ON CONFLICT (repository, tag) DO UPDATE
         SET digest = excluded.digest, visible = excluded.visible, listed = TRUE, updated_at = excluded.updated_at")
        .bind(repository).bind(tag).bind(digest).bind(visible).bind(now).execute(c), rows)
    .map(drop)
}

pub(crate) async fn delete_tag(conn: &mut Conn, repository: &str, tag: &str) -> Result<bool> {
    on!(conn, c => sqlx::query("DELETE FROM tags WHERE repository = $1 AND tag = $2")
        .bind(repository).bind(tag).execute(c), rows)
    .map(|met| met == 1)
}

/// Listed tags after one, in the order of their bytes.
pub(crate) async fn tags(
    conn: &mut Conn,
    repository: &str,
    staged_too: bool,
    last: &str,
    limit: i64,
) -> Result<Vec<String>> {
    let rows: Vec<(String,)> = on!(conn, c => sqlx::query_as(
        "SELECT tag FROM tags WHERE repository = $1 AND listed AND (visible OR $2) AND tag > $3 ORDER BY tag LIMIT $4")
        .bind(repository).bind(staged_too).bind(last).bind(limit).fetch_all(c))?;
    Ok(rows.into_iter().map(|(tag,)| tag).collect())
}

pub(crate) async fn set_listed(conn: &mut Conn, repository: &str, tag: &str, listed: bool) -> Result<bool> {
    on!(conn, c => sqlx::query("UPDATE tags SET listed = $3 WHERE repository = $1 AND tag = $2")
        .bind(repository).bind(tag).bind(listed).execute(c), rows)
    .map(|met| met == 1)
}

// ── Referrers ────────────────────────────────────────────────────────────────────────────────────────────────────────

/// One entry of the referrers API.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct ReferrerRow {
    pub(crate) digest: String,
    pub(crate) media_type: String,
    pub(crate) size: i64,
    pub(crate) artifact_type: Option<String>,
    pub(crate) annotations: Option<String>,
}

/// Referrers after one, in the order of their digests.
pub(crate) async fn referrers(
    conn: &mut Conn,
    repository: &str,
    subject: &str,
    artifact_type: Option<&str>,
    staged_too: bool,
    last: &str,
    limit: i64,
) -> Result<Vec<ReferrerRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT digest, media_type, size, artifact_type, annotations FROM manifests
         WHERE repository = $1 AND subject = $2 AND ($3 IS NULL OR artifact_type = $3) AND (visible OR $4) AND digest > $5
         ORDER BY digest LIMIT $6")
        .bind(repository).bind(subject).bind(artifact_type).bind(staged_too).bind(last).bind(limit).fetch_all(c))
}

// ── Showing and hiding a release ─────────────────────────────────────────────────────────────────────────────────────

/// Shows or hides a manifest, what refers to it, and the blobs of these that no other visible manifest shows.
pub(crate) async fn set_visible(
    conn: &mut Conn,
    repository: &str,
    tag: &str,
    digest: &str,
    visible: bool,
) -> Result<()> {
    on!(conn, c => sqlx::query("UPDATE tags SET visible = $3 WHERE repository = $1 AND tag = $2")
        .bind(repository).bind(tag).bind(visible).execute(c), rows)?;
    on!(conn, c => sqlx::query(
        "UPDATE manifests SET visible = $3 WHERE repository = $1 AND (digest = $2 OR subject = $2)")
        .bind(repository).bind(digest).bind(visible).execute(c), rows)?;
    on!(conn, c => sqlx::query(
        "UPDATE repository_blobs SET visible = EXISTS (
             SELECT 1 FROM manifest_blobs mb JOIN manifests m ON m.repository = mb.repository AND m.digest = mb.manifest
             WHERE mb.repository = $1 AND mb.digest = repository_blobs.digest AND m.visible)
         WHERE repository = $1 AND digest IN (
             SELECT mb.digest FROM manifest_blobs mb JOIN manifests m ON m.repository = mb.repository AND m.digest = mb.manifest
             WHERE mb.repository = $1 AND (m.digest = $2 OR m.subject = $2))")
        .bind(repository).bind(digest).execute(c), rows)
    .map(drop)
}

/// The token behind a short-lived one: who it is, if it is still good.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct TokenRow {
    pub(crate) user_name: Option<String>,
    pub(crate) identity: Option<String>,
    pub(crate) operator: Option<bool>,
    pub(crate) pattern: String,
    pub(crate) actions: String,
}

pub(crate) async fn token(conn: &mut Conn, id: &str, now: Micros) -> Result<Option<TokenRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT t.user_name, t.identity, u.operator, t.pattern, t.actions
         FROM tokens t LEFT JOIN users u ON u.name = t.user_name
         WHERE t.id = $1 AND t.revoked_at IS NULL AND t.expires_at > $2 AND u.disabled_at IS NULL")
        .bind(id).bind(now).fetch_optional(c))
}

/// The same for a user who signed in with a password: what pushing and pulling need.
pub(crate) async fn signed_in(conn: &mut Conn, user: &str) -> Result<Option<TokenRow>> {
    on!(conn, c => sqlx::query_as(
        "SELECT name AS user_name, CAST(NULL AS TEXT) AS identity, operator, '*' AS pattern, 'read publish' AS actions
         FROM users WHERE name = $1 AND disabled_at IS NULL")
        .bind(user).fetch_optional(c))
}
