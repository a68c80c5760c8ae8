//! Files that pass through a call: handed in by the caller, created by the connector. Both are streams, so that a gigabyte
//! passes through a connector of 64 MiB.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::{Bytes, BytesMut};
use serde::Serialize;
use tempfile::TempDir;
use tokio::task::{JoinHandle, spawn_blocking};
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

use crate::{
    failure::LimitExceeded,
    limits::{FILE_CHUNK_BYTES, FILE_NAME_BYTES, Limit, Limits},
};

/// Where the bytes of a file that is handed in come from. Can be read again, so a connector may open it more than once.
#[derive(Clone, Debug)]
pub enum FileSource {
    /// A file on disk, opened when the connector asks for it.
    Path(PathBuf),
    /// Bytes in memory.
    Bytes(Bytes),
}

/// A file that the connector created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OutputFile {
    /// What the result's JSON calls it: `{"$file": "<id>"}`.
    pub id: String,
    /// The connector's name for it: a plain file name.
    pub name: String,
    /// Its media type, as the connector says.
    pub media_type: String,
    /// Where its bytes are; gone with the outcome unless the caller named a directory.
    pub path: PathBuf,
    /// How many bytes.
    pub bytes: u64,
}

/// The files of one call.
pub(crate) struct Files {
    inputs: HashMap<String, FileSource>,
    created: Vec<Created>,
    /// Where the caller wants them, if anywhere.
    directory: Option<PathBuf>,
    staging: Option<TempDir>,
    shared: Arc<Shared>,
    max_files: u64,
}

/// What streams count, while the guest holds them.
pub(crate) struct Shared {
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    /// Files open for reading: each holds a descriptor of this process and a chunk of memory.
    open: AtomicU64,
    max_bytes_out: u64,
    limit: Mutex<Option<LimitExceeded>>,
}

impl Shared {
    /// The limit that was reached, if one was.
    pub(crate) fn limit(&self) -> Option<LimitExceeded> {
        *self.limit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn exceed(&self, limit: Limit, allowed: u64, used: u64) {
        self.limit.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(LimitExceeded { limit, allowed, used });
    }
}

struct Created {
    id: String,
    name: String,
    media_type: String,
    path: PathBuf,
    /// The stream's last word: what it could not write in time, or why it could not.
    written: Arc<Mutex<Written>>,
}

/// Why a file can't be opened or created; `jackfield:connector/files.file-error`, or the host's own trouble.
#[derive(Debug)]
pub(crate) enum FileError {
    NotFound,
    TooMany,
    InvalidName,
    Io(String),
}

impl Files {
    pub(crate) fn new(inputs: HashMap<String, FileSource>, directory: Option<PathBuf>, limits: &Limits) -> Self {
        Self {
            inputs,
            created: Vec::new(),
            directory,
            staging: None,
            shared: Arc::new(Shared {
                bytes_in: AtomicU64::new(0),
                bytes_out: AtomicU64::new(0),
                open: AtomicU64::new(0),
                max_bytes_out: limits.get(Limit::FileBytes),
                limit: Mutex::new(None),
            }),
            max_files: limits.get(Limit::Files),
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Opens away from the caller's thread: a named pipe lets nobody in before its writer is there.
    pub(crate) async fn open(&self, id: &str) -> Result<Reader, FileError> {
        let source = self.inputs.get(id).ok_or(FileError::NotFound)?;
        let open = Open::one_more(&self.shared, self.max_files).ok_or(FileError::TooMany)?;
        let from = match source {
            FileSource::Bytes(bytes) => From::Bytes(bytes.clone()),
            FileSource::Path(path) => {
                let at = path.clone();
                let opened = spawn_blocking(move || File::open(at)).await.unwrap_or_else(|lost| Err(lost.into()));
                let file = opened.map_err(|error| FileError::Io(format!("`{}`: {error}", path.display())))?;
                From::File(Some((file, open.clone())))
            }
        };
        Ok(Reader { from, chunk: Bytes::new(), reading: None, ended: None, open })
    }

    pub(crate) fn create(&mut self, name: &str, media_type: &str) -> Result<(String, Writer), FileError> {
        if !is_plain_file_name(name) || !is_media_type(media_type) {
            return Err(FileError::InvalidName);
        }
        if self.created.len() as u64 >= self.max_files {
            self.shared.exceed(Limit::Files, self.max_files, self.max_files + 1);
            return Err(FileError::TooMany);
        }
        if self.created.iter().any(|created| created.name == name) {
            return Err(FileError::InvalidName);
        }
        let staging = match &mut self.staging {
            Some(staging) => staging,
            None => {
                // Beside its final place, so that it can be renamed into it.
                let made = match &self.directory {
                    Some(directory) => tempfile::Builder::new().prefix(".jackfield-").tempdir_in(directory),
                    None => tempfile::Builder::new().prefix("jackfield-").tempdir(),
                };
                self.staging.insert(made.map_err(|error| FileError::Io(error.to_string()))?)
            }
        };
        let id = format!("created-{}", self.created.len() + 1);
        let path = staging.path().join(&id);
        let file = File::create_new(&path).map_err(|error| FileError::Io(format!("`{}`: {error}", path.display())))?;
        let written = Arc::new(Mutex::new(Written { file, rest: BytesMut::new(), bytes: 0, error: None }));
        self.created.push(Created {
            id: id.clone(),
            name: name.to_owned(),
            media_type: media_type.to_owned(),
            path,
            written: written.clone(),
        });
        Ok((id, Writer { written, writing: None, shared: self.shared.clone() }))
    }

    /// Writes what is still buffered and puts each file where the caller wants it. The directory is where they are until the
    /// outcome goes.
    pub(crate) fn finish(mut self) -> io::Result<(Vec<OutputFile>, Option<TempDir>)> {
        let mut files = Vec::with_capacity(self.created.len());
        for created in self.created.drain(..) {
            let mut written = created.written.lock().unwrap_or_else(PoisonError::into_inner);
            written.write_rest();
            if let Some(error) = written.error.take() {
                return Err(error);
            }
            files.push(OutputFile {
                id: created.id,
                name: created.name,
                media_type: created.media_type,
                path: created.path,
                bytes: written.bytes,
            });
        }
        if let Some(directory) = &self.directory {
            // What can fail is asked of all before the first is moved, so that a failed call leaves none behind.
            if let Some(file) = files.iter().find(|file| directory.join(&file.name).is_dir()) {
                return Err(io::Error::other(format!("`{}` is a folder", directory.join(&file.name).display())));
            }
            for file in &mut files {
                let path = directory.join(&file.name);
                std::fs::rename(&file.path, &path)?;
                file.path = path;
            }
        }
        let staging = if self.directory.is_some() { None } else { self.staging };
        Ok((files, staging))
    }
}

/// A name that stays within its directory, on this system and on others.
fn is_plain_file_name(name: &str) -> bool {
    let plain = Path::new(name).file_name().is_some_and(|last| last == name);
    plain
        && name.len() <= FILE_NAME_BYTES
        && !name.starts_with('.')
        && !name.ends_with(['.', ' '])
        && !name.chars().any(|c| c.is_control() || matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|'))
}

fn is_media_type(text: &str) -> bool {
    text.len() <= FILE_NAME_BYTES && text.contains('/') && text.chars().all(|c| c.is_ascii_graphic() || c == ' ')
}

/// One file's place among those that are open; given back when the reader and its last read are gone.
struct Open(Arc<Shared>);

impl Open {
    fn one_more(shared: &Arc<Shared>, most: u64) -> Option<Arc<Self>> {
        let one_more = |count| (count < most).then_some(count + 1);
        if shared.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_err() {
            shared.exceed(Limit::Files, most, most + 1);
            return None;
        }
        Some(Arc::new(Self(shared.clone())))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A file, which counts as open wherever it is.
type OpenFile = (File, Arc<Open>);

enum From {
    Bytes(Bytes),
    /// Away while a read is under way.
    File(Option<OpenFile>),
}

/// A file being read by the guest, a chunk ahead.
pub(crate) struct Reader {
    from: From,
    chunk: Bytes,
    reading: Option<JoinHandle<(OpenFile, io::Result<Bytes>)>>,
    ended: Option<io::Result<()>>,
    open: Arc<Open>,
}

fn read_chunk(mut file: OpenFile) -> (OpenFile, io::Result<Bytes>) {
    let mut chunk = Vec::with_capacity(FILE_CHUNK_BYTES);
    let read = (&mut file.0).take(FILE_CHUNK_BYTES as u64).read_to_end(&mut chunk);
    (file, read.map(|_| Bytes::from(chunk)))
}

impl InputStream for Reader {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let chunk = match &mut self.from {
            From::Bytes(bytes) if bytes.is_empty() => return Err(StreamError::Closed),
            From::Bytes(bytes) => bytes,
            From::File(_) => &mut self.chunk,
        };
        if chunk.is_empty() {
            return match self.ended.take() {
                None => Ok(Bytes::new()),
                Some(Ok(())) => {
                    self.ended = Some(Ok(()));
                    Err(StreamError::Closed)
                }
                Some(Err(error)) => {
                    self.ended = Some(Ok(()));
                    Err(StreamError::LastOperationFailed(error.into()))
                }
            };
        }
        let part = chunk.split_to(size.min(chunk.len()).min(FILE_CHUNK_BYTES));
        self.open.0.bytes_in.fetch_add(part.len() as u64, Ordering::Relaxed);
        Ok(part)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Reader {
    async fn ready(&mut self) {
        let From::File(file) = &mut self.from else { return };
        if !self.chunk.is_empty() || self.ended.is_some() {
            return;
        }
        // A read that was begun goes on when an earlier wait for it was dropped.
        if self.reading.is_none() {
            let Some(file) = file.take() else { return };
            self.reading = Some(spawn_blocking(move || read_chunk(file)));
        }
        let Some(reading) = &mut self.reading else { return };
        let finished = reading.await;
        self.reading = None;
        match finished {
            Ok((back, Ok(chunk))) => {
                *file = Some(back);
                if chunk.is_empty() {
                    self.ended = Some(Ok(()));
                }
                self.chunk = chunk;
            }
            Ok((_, Err(error))) => self.ended = Some(Err(error)),
            Err(error) => self.ended = Some(Err(io::Error::other(error))),
        }
    }
}

/// What a writer and the call share about one file; held locked while a write is under way.
struct Written {
    file: File,
    rest: BytesMut,
    bytes: u64,
    error: Option<io::Error>,
}

impl Written {
    fn write_rest(&mut self) {
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() || self.error.is_some() {
            return;
        }
        match self.file.write_all(&rest) {
            Ok(()) => self.bytes += rest.len() as u64,
            Err(error) => self.error = Some(error),
        }
    }
}

/// A file being written by the guest, up to a chunk behind.
pub(crate) struct Writer {
    written: Arc<Mutex<Written>>,
    writing: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
}

impl Writer {
    fn start(&mut self) {
        let written = self.written.clone();
        self.writing =
            Some(spawn_blocking(move || written.lock().unwrap_or_else(PoisonError::into_inner).write_rest()));
    }
}

impl OutputStream for Writer {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let used = self.shared.bytes_out.fetch_add(bytes.len() as u64, Ordering::Relaxed) + bytes.len() as u64;
        if used > self.shared.max_bytes_out {
            self.shared.exceed(Limit::FileBytes, self.shared.max_bytes_out, used);
            return Err(StreamError::LastOperationFailed(wasmtime::format_err!("the limit `file-bytes` is reached")));
        }
        let full = {
            let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
            // The contract says that writing more than was permitted is a trap; it is also what bounds this buffer.
            if bytes.len() > FILE_CHUNK_BYTES.saturating_sub(written.rest.len()) {
                return Err(StreamError::trap("a write of more bytes than `check-write` permitted"));
            }
            written.rest.extend_from_slice(&bytes);
            written.rest.len() >= FILE_CHUNK_BYTES
        };
        if full {
            self.start();
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        // Guests flush often, for want of a better way to write; what is buffered is written when it is worth a write, and at
        // the latest when the call ends.
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        match &self.writing {
            Some(writing) if !writing.is_finished() => return Ok(0),
            _ => self.writing = None,
        }
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = &written.error {
            let told = wasmtime::Error::from(io::Error::new(error.kind(), error.to_string()));
            return Err(StreamError::LastOperationFailed(told));
        }
        let room = FILE_CHUNK_BYTES.saturating_sub(written.rest.len());
        if room == 0 {
            written.write_rest();
            return Ok(FILE_CHUNK_BYTES);
        }
        Ok(room)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Writer {
    async fn ready(&mut self) {
        if let Some(writing) = &mut self.writing {
            // Whatever came of it stands in `written`.
            let _ = writing.await;
            self.writing = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_within_its_directory() {
        for good in ["a", "rows.jsonl", "Übersicht 1.csv", "a..b", "x-y_z"] {
            assert!(is_plain_file_name(good), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "../x",
            "/etc/passwd",
            "a/b",
            "a\\b",
            "a\0b",
            "a\nb",
            ".hidden",
            "x.",
            "x ",
            "C:x",
            "con|",
            &"a".repeat(256),
        ] {
            assert!(!is_plain_file_name(bad), "{bad:?}");
        }
    }
}
