//! One blob to a registry, in pieces (distribution-spec, "Pushing a blob in chunks").
//!
//! An upload that breaks is taken up where the registry has it, by this command or by the next one: where it goes on stands in
//! `<home>/uploads`, in a file named by what goes where.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use jackfield_package::Digest;
use reqwest::{
    Method, StatusCode,
    header::{CONTENT_RANGE, CONTENT_TYPE, HeaderMap, LOCATION, RANGE},
};

use crate::{
    context::{Context, read_bounded},
    error::{Done, Failed, Kind},
    page::bytes,
    remote::{Outgoing, Remote},
    store::{private_folder, write_aside},
};

/// Bytes of one piece: what is sent again at the most when the connection breaks.
const PIECE_BYTES: usize = 4 << 20;
/// How often in a row an upload that breaks is taken up again.
const RESUMES: u32 = 6;
/// Milliseconds before the first time; each time it waits twice as long, so that a registry can start anew meanwhile.
const RESUME_WAIT_MS: u64 = 300;
/// Bytes of where an upload goes on: a path.
const LOCATION_BYTES: u64 = 4 << 10;
/// How long a registry remembers an upload after its last piece.
const KEPT: Duration = Duration::from_secs(86_400);

/// Uploads it below `repository`, a path such as `/v2/acme/crm/blobs`, unless it is there.
pub(crate) async fn blob(remote: &Remote, repository: &str, digest: Digest, content: &[u8], context: &Context) -> Done {
    let upload = Upload { remote, repository, digest, content, note: Note::of(remote, repository, digest, context) };
    let mut at = match upload.note.read() {
        Some(location) => upload.take_up(&location).await?,
        None => None,
    };
    if let Some(at) = &at {
        let (sent, all) = (bytes(at.sent as u64), bytes(content.len() as u64));
        context.ui.note(&format!("Going on with the upload where it was: {sent} of {all}."));
    }
    let mut resumes = 0;
    loop {
        let before = at.as_ref().map(|at| at.sent);
        let broke = match upload.send(&mut at).await {
            Ok(()) => break,
            Err(failed) if is_interruption(&failed) => failed,
            Err(failed) => return Err(failed),
        };
        resumes = if at.as_ref().map(|at| at.sent) > before { 1 } else { resumes + 1 };
        if resumes > RESUMES {
            return Err(broke.hint("nothing is lost: the same command goes on where it was"));
        }
        tokio::time::sleep(Duration::from_millis(RESUME_WAIT_MS << resumes)).await;
        if let Some(broken) = at.take() {
            at = match upload.take_up(&broken.location).await {
                Err(failed) if is_interruption(&failed) => Some(broken),
                taken_up => taken_up?,
            };
        }
    }
    upload.note.forget();
    Ok(())
}

/// Whether the same may work a moment later: the connection broke, the registry is away, another request of ours is not over there,
/// or it has another number of bytes than we think.
fn is_interruption(failed: &Failed) -> bool {
    failed.is_fault() || failed.code() == "blob-upload-invalid"
}

struct Upload<'a> {
    remote: &'a Remote,
    repository: &'a str,
    digest: Digest,
    content: &'a [u8],
    note: Note,
}

/// An upload that has begun.
struct At {
    /// Where its next request goes, as a path of the registry.
    location: String,
    /// Bytes that the registry has.
    sent: usize,
}

impl Upload<'_> {
    /// All that is missing; `at` says how far it came, also when it fails.
    async fn send(&self, at: &mut Option<At>) -> Done {
        if self.is_there().await? {
            return Ok(());
        }
        let at = match at {
            Some(at) => at,
            None => at.insert(self.begin().await?),
        };
        while at.sent < self.content.len() {
            let end = self.content.len().min(at.sent + PIECE_BYTES);
            let piece = Outgoing { body: self.content[at.sent..end].to_vec(), ..Outgoing::default() }
                .header(CONTENT_TYPE, "application/octet-stream")
                .header(CONTENT_RANGE, &format!("{}-{}", at.sent, end - 1));
            let answer = self.remote.send(Method::PATCH, &at.location, piece).await?;
            *at = At { location: next(self.remote, &answer.headers)?, sent: end };
            self.note.keep(&at.location)?;
        }
        let mark = if at.location.contains('?') { '&' } else { '?' };
        let last = Outgoing::default().header(CONTENT_TYPE, "application/octet-stream");
        let path = format!("{}{mark}digest={}", at.location, self.digest);
        let done = self.remote.send(Method::PUT, &path, last).await?;
        if done.status == StatusCode::CREATED {
            return Ok(());
        }
        let message = format!("{} did not take {}: {}", self.remote.base(), self.digest, done.status);
        Err(Failed::new(Kind::Refused, "upload-failed", message))
    }

    async fn is_there(&self) -> Result<bool, Failed> {
        match self.remote.send(Method::HEAD, &format!("{}/{}", self.repository, self.digest), Outgoing::default()).await
        {
            Ok(_) => Ok(true),
            Err(failed) if failed.is_not_found() => Ok(false),
            Err(failed) => Err(failed),
        }
    }

    async fn begin(&self) -> Result<At, Failed> {
        let begun =
            self.remote.send(Method::POST, &format!("{}/uploads/", self.repository), Outgoing::default()).await?;
        let location = next(self.remote, &begun.headers)?;
        self.note.keep(&location)?;
        Ok(At { location, sent: 0 })
    }

    /// How far it is. None: the registry does not know it any more, or has nothing of it that is worth asking for.
    async fn take_up(&self, location: &str) -> Result<Option<At>, Failed> {
        match self.remote.send(Method::GET, location, Outgoing::default()).await {
            Ok(answer) => {
                let location = next(self.remote, &answer.headers)?;
                let sent = received(&answer.headers).filter(|sent| *sent <= self.content.len());
                if sent.is_none() {
                    // Nobody will go on with it. If that fails the registry forgets it by itself.
                    let _ = self.remote.delete(&location).await;
                }
                Ok(sent.map(|sent| At { location, sent }))
            }
            Err(failed) if failed.is_not_found() => Ok(None),
            Err(failed) => Err(failed),
        }
    }
}

/// How many bytes of an upload are there, by `Range: 0-N`. `0-0` says one byte or none: the header can't tell them apart.
fn received(headers: &HeaderMap) -> Option<usize> {
    let range = headers.get(RANGE).and_then(|range| range.to_str().ok())?;
    let (_, last) = range.trim_start_matches("bytes=").split_once('-')?;
    last.parse::<usize>().ok().filter(|last| *last > 0)?.checked_add(1)
}

/// Where an upload goes on, as a path of this registry: it is followed nowhere else.
fn next(remote: &Remote, headers: &HeaderMap) -> Result<String, Failed> {
    let location = headers.get(LOCATION).and_then(|location| location.to_str().ok()).unwrap_or_default();
    let path = location.strip_prefix(remote.base()).unwrap_or(location);
    if path.starts_with('/') && !path.starts_with("//") {
        return Ok(path.to_owned());
    }
    // A registry behind a proxy may name itself otherwise; the path is what counts.
    let after_host = location.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| rest[at..].to_owned()));
    after_host.ok_or_else(|| {
        Failed::new(Kind::Refused, "upload-failed", format!("{} does not say where the upload goes on", remote.base()))
    })
}

/// Where an upload goes on, for the next command. Nothing depends on it: without it the upload begins anew.
struct Note(PathBuf);

impl Note {
    fn of(remote: &Remote, repository: &str, digest: Digest, context: &Context) -> Self {
        let folder = context.home().join("uploads");
        sweep(&folder);
        let what = Digest::of(format!("{}\n{repository}\n{digest}", remote.base()).as_bytes());
        Self(folder.join(what.to_string().replace(':', "-")))
    }

    fn read(&self) -> Option<String> {
        let location = String::from_utf8(read_bounded(&self.0, "the upload", LOCATION_BYTES).ok()?).ok()?;
        // As `next` gives it.
        (location.starts_with('/') && !location.starts_with("//")).then_some(location)
    }

    fn keep(&self, location: &str) -> Done {
        private_folder(self.0.parent().unwrap_or(Path::new(".")))?;
        write_aside(&self.0, location.as_bytes(), 0o600)?.replace()
    }

    fn forget(&self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Takes away notes of uploads that no registry remembers.
fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let written = entry.metadata().and_then(|metadata| metadata.modified());
        if written.is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age > KEPT)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
