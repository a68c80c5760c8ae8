//! What the release machine says about what a repository shows.

use jackfield_db::Conn;
use jackfield_package::{
    Digest,
    oci::{EMPTY_CONFIG, STATEMENT_MEDIA_TYPE, statement_manifest},
};

use super::{
    digest::{Algorithm, ContentDigest},
    manifests::IMAGE_MANIFEST,
    path::Repository,
    store::{self, NewManifest},
};
use crate::{Problem, clock::Micros};

/// Everybody sees a release from now on: its tag, manifest, blobs and statements. Also brings back what was hidden or
/// unlisted.
///
/// # Errors
/// 404 `manifest-unknown` if nothing was pushed under that tag.
pub async fn reveal(conn: &mut Conn, repository: &Repository, tag: &str) -> Result<(), Problem> {
    show(conn, repository, tag, true).await?;
    store::set_listed(conn, repository.as_str(), tag, true).await?;
    Ok(())
}

/// Members alone see a release from now on: it is quarantined or revoked.
///
/// # Errors
/// 404 `manifest-unknown` if nothing was pushed under that tag.
pub async fn hide(conn: &mut Conn, repository: &Repository, tag: &str) -> Result<(), Problem> {
    show(conn, repository, tag, false).await
}

/// A release is not listed any more: it is yanked. Whoever has it in a lock file gets it still.
///
/// # Errors
/// 404 `manifest-unknown` if nothing was pushed under that tag.
pub async fn unlist(conn: &mut Conn, repository: &Repository, tag: &str) -> Result<(), Problem> {
    match store::set_listed(conn, repository.as_str(), tag, false).await? {
        true => Ok(()),
        false => Err(unknown(repository, tag)),
    }
}

/// Shows a statement as a referrer of what it is about, visible to whoever sees that. The same again is fine.
///
/// # Errors
/// 404 `manifest-unknown` if the subject is not there.
pub async fn attach_statement(
    conn: &mut Conn,
    repository: &Repository,
    subject: &Digest,
    bundle: &[u8],
    now: Micros,
) -> Result<(), Problem> {
    let name = repository.as_str();
    let Some(about) = store::manifest(conn, name, &subject.to_string(), false).await? else {
        return Err(unknown(repository, &subject.to_string()));
    };
    let manifest = statement_manifest(subject, about.size, bundle);
    let digest = ContentDigest::of(Algorithm::Sha256, &manifest);
    let subject = subject.to_string();
    let new = NewManifest {
        repository: name,
        digest: digest.as_str(),
        media_type: IMAGE_MANIFEST,
        bytes: &manifest,
        subject: Some(&subject),
        artifact_type: Some(STATEMENT_MEDIA_TYPE),
        annotations: None,
        visible: about.visible,
    };
    store::put_manifest(conn, &new, now).await?;
    for bytes in [EMPTY_CONFIG, bundle] {
        let blob = ContentDigest::of(Algorithm::Sha256, bytes);
        let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        store::bring_inline_blob(conn, blob.as_str(), size, bytes, now).await?;
        store::add_manifest_blob(conn, name, digest.as_str(), blob.as_str()).await?;
        store::link_blob(conn, name, blob.as_str(), about.visible, now).await?;
        if about.visible {
            store::show_blob(conn, name, blob.as_str()).await?;
        }
    }
    Ok(())
}

async fn show(conn: &mut Conn, repository: &Repository, tag: &str, visible: bool) -> Result<(), Problem> {
    let name = repository.as_str();
    let row = store::tag(conn, name, tag).await?.ok_or_else(|| unknown(repository, tag))?;
    store::set_visible(conn, name, tag, &row.digest, visible).await?;
    Ok(())
}

fn unknown(repository: &Repository, reference: &str) -> Problem {
    Problem::not_found("manifest-unknown", format!("`{repository}` has no manifest `{reference}`"))
}
