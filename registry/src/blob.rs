//! Bytes by name: a folder, an S3-compatible store, or memory.
//!
//! What is written is immutable and durable when the call returns, and is never seen half written. OCI blobs stand under
//! `blobs/<algorithm>/<hex>`, so that a web server pointed at the folder could serve them; the log's tiles and whatever
//! else is derived choose names of their own. What is still arriving stands in `<data>/uploads`, outside of the store.

use std::{
    collections::HashSet,
    fs::{File, Metadata},
    io,
    ops::Range,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use jackfield_package::Digest;
use moka::sync::Cache;
use object_store::{ObjectStore, ObjectStoreExt as _, WriteMultipart};

use crate::{
    Config, Problem,
    limits::{BLOB_CHUNK_BYTES, KEPT_BYTES, KEPT_OBJECT_BYTES},
};

/// The blob store.
#[derive(Clone, Debug)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    /// Where the store's files are, if they are files: then they are read and renamed without the store's help.
    folder: Option<PathBuf>,
    /// Where uploads stand until their digest is checked.
    uploads: PathBuf,
    /// Uploads that a request is writing to.
    busy: Arc<Mutex<HashSet<String>>>,
    /// Small objects that never change, by name.
    kept: Cache<String, Bytes>,
    /// Small ones that do, each good as long as its file is the one that was read.
    kept_changing: Cache<String, (Stamp, Changing)>,
}

/// An object that may be another the next time, and what tells the two apart.
#[derive(Clone, Debug)]
pub struct Changing {
    /// The bytes.
    pub bytes: Bytes,
    /// Theirs.
    pub digest: Digest,
}

impl From<Bytes> for Changing {
    fn from(bytes: Bytes) -> Self {
        Self { digest: Digest::of(&bytes), bytes }
    }
}

/// What a file is known again by. A new one is always written aside and renamed, so that it is another file, not only a newer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    modified: (i64, i64),
    bytes: u64,
}

impl Stamp {
    fn of(file: &Metadata) -> Self {
        Self { inode: file.ino(), modified: (file.mtime(), file.mtime_nsec()), bytes: file.len() }
    }
}

/// A file with an object's bytes, for those who need a path. A copy is removed when this is dropped.
#[derive(Debug)]
pub struct LocalFile {
    path: PathBuf,
    _copy: Option<tempfile::TempPath>,
}

impl LocalFile {
    /// Where it is. Not to be written to.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Blobs {
    /// As configured: `s3://bucket/prefix` (the `AWS_*` variables say how), `memory:`, or a folder.
    pub(crate) fn open(config: &Config) -> Result<Self, Problem> {
        let uploads = config.data.join("uploads");
        std::fs::create_dir_all(&uploads).map_err(|error| Problem::internal(&error))?;
        let open = |store: Arc<dyn ObjectStore>, folder| Self {
            store,
            folder,
            uploads: uploads.clone(),
            busy: Arc::default(),
            kept: keeping(Bytes::len),
            kept_changing: keeping(|(_, object): &(Stamp, Changing)| object.bytes.len()),
        };
        let place = config.blobs.clone().unwrap_or_else(|| config.data.join("blobs").display().to_string());
        if place == "memory:" {
            return Ok(open(Arc::new(object_store::memory::InMemory::new()), None));
        }
        if let Some(bucket) = place.strip_prefix("s3://") {
            return Ok(open(s3(bucket)?, None));
        }
        let folder = PathBuf::from(place);
        std::fs::create_dir_all(&folder).map_err(|error| Problem::internal(&error))?;
        let store = object_store::local::LocalFileSystem::new_with_prefix(&folder)
            .map_err(|error| Problem::internal(&error))?
            .with_fsync(true);
        Ok(open(Arc::new(store), Some(folder)))
    }

    /// Writes bytes under a name; the same again is fine.
    ///
    /// # Errors
    /// 503 `storage-unavailable`.
    pub async fn put(&self, name: &str, bytes: Bytes) -> Result<(), Problem> {
        self.store.put(&name.into(), bytes.into()).await.map(drop).map_err(unavailable)
    }

    /// Reads a whole object, for what is known to be small; none if there is none of that name.
    ///
    /// # Errors
    /// 503 `storage-unavailable`.
    pub async fn get(&self, name: &str) -> Result<Option<Bytes>, Problem> {
        if let Some(folder) = &self.folder {
            let path = folder.join(name);
            return absent(blocking(move || std::fs::read(path)).await).map(|found| found.map(Bytes::from));
        }
        match self.store.get(&name.into()).await {
            Ok(found) => found.bytes().await.map(Some).map_err(unavailable),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// Reads a small object that never changes under its name: from memory, where it was read a moment ago.
    ///
    /// # Errors
    /// 503 `storage-unavailable`.
    pub async fn get_immutable(&self, name: &str) -> Result<Option<Bytes>, Problem> {
        if let Some(bytes) = self.kept(name) {
            return Ok(Some(bytes));
        }
        let found = self.get(name).await?;
        if let Some(bytes) = &found {
            self.keep(name, bytes);
        }
        Ok(found)
    }

    /// Such an object, if it is in memory.
    pub(crate) fn kept(&self, name: &str) -> Option<Bytes> {
        self.kept.get(name)
    }

    /// Keeps one in memory that stands elsewhere, if it is small.
    pub(crate) fn keep(&self, name: &str, bytes: &Bytes) {
        if bytes.len() as u64 <= KEPT_OBJECT_BYTES {
            self.kept.insert(name.to_owned(), bytes.clone());
        }
    }

    /// Reads a small object that may be another the next time. In a folder a `stat` tells whether the one in memory is still it, so
    /// that what another process wrote a moment ago is what counts; it is made where it is asked for, since sending it to a thread
    /// would cost more.
    ///
    /// # Errors
    /// 503 `storage-unavailable`.
    pub async fn get_changing(&self, name: &str) -> Result<Option<Changing>, Problem> {
        let Some(folder) = &self.folder else { return Ok(self.get(name).await?.map(Changing::from)) };
        let path = folder.join(name);
        let Some(now) = absent(std::fs::metadata(&path))? else { return Ok(None) };
        if let Some((stamp, object)) = self.kept_changing.get(name)
            && stamp == Stamp::of(&now)
        {
            return Ok(Some(object));
        }
        let read = blocking(move || {
            let file = File::open(path)?;
            let stamp = Stamp::of(&file.metadata()?);
            let mut bytes = Vec::new();
            io::Read::read_to_end(&mut &file, &mut bytes)?;
            Ok((stamp, Changing::from(Bytes::from(bytes))))
        });
        let Some((stamp, object)) = absent(read.await)? else { return Ok(None) };
        if stamp.bytes <= KEPT_OBJECT_BYTES {
            self.kept_changing.insert(name.to_owned(), (stamp, object.clone()));
        }
        Ok(Some(object))
    }

    /// Reads a part of an object, in chunks of at most [`BLOB_CHUNK_BYTES`]; none if there is none of that name.
    ///
    /// # Errors
    /// 503 `storage-unavailable`.
    pub async fn stream(
        &self,
        name: &str,
        range: Range<u64>,
    ) -> Result<Option<impl Stream<Item = io::Result<Bytes>> + Send + use<>>, Problem> {
        if let Some(folder) = &self.folder {
            let path = folder.join(name);
            // The first chunk is read in the same trip as the file is opened: a small object costs one.
            let opened = blocking(move || {
                let file = File::open(path)?;
                let first = chunk(&file, &range)?;
                Ok((file, range.start + first.len() as u64..range.end, first))
            });
            let Some((file, rest, first)) = absent(opened.await)? else { return Ok(None) };
            let file = Arc::new(file);
            let more = stream::try_unfold((file, rest), |(file, rest)| async move {
                if rest.is_empty() {
                    return Ok(None);
                }
                let (reader, part) = (file.clone(), rest.clone());
                let bytes = blocking(move || chunk(&reader, &part)).await?;
                let rest = rest.start + bytes.len() as u64..rest.end;
                Ok(Some((bytes, (file, rest))))
            });
            let first = stream::iter((!first.is_empty()).then_some(Ok(first)));
            return Ok(Some(first.chain(more).left_stream()));
        }
        if range.is_empty() {
            return Ok(Some(stream::empty().boxed().right_stream()));
        }
        let options = object_store::GetOptions { range: Some(range.into()), ..Default::default() };
        match self.store.get_opts(&name.into(), options).await {
            Ok(found) => Ok(Some(found.into_stream().map_err(io::Error::other).boxed().right_stream())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// An object as a file: its own, or a copy.
    ///
    /// # Errors
    /// 503 `storage-unavailable`.
    pub async fn local_file(&self, name: &str) -> Result<Option<LocalFile>, Problem> {
        use tokio::io::AsyncWriteExt as _;
        if let Some(folder) = &self.folder {
            let path = folder.join(name);
            return Ok(path.is_file().then_some(LocalFile { path, _copy: None }));
        }
        let found = match self.store.get(&name.into()).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(unavailable(error)),
        };
        let copy = tempfile::NamedTempFile::new_in(&self.uploads).map_err(broken)?;
        let (file, path) = copy.into_parts();
        let mut file = tokio::fs::File::from_std(file);
        let mut bytes = found.into_stream();
        while let Some(chunk) = bytes.try_next().await.map_err(unavailable)? {
            file.write_all(&chunk).await.map_err(broken)?;
        }
        file.flush().await.map_err(broken)?;
        Ok(Some(LocalFile { path: path.to_path_buf(), _copy: Some(path) }))
    }

    /// Removes an object; that there is none is fine.
    ///
    /// # Errors
    /// 503 `storage-unavailable`.
    pub async fn delete(&self, name: &str) -> Result<(), Problem> {
        match self.store.delete(&name.into()).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// Where an upload's bytes stand. The id is one that the registry made.
    pub(crate) fn upload_path(&self, id: &str) -> PathBuf {
        self.uploads.join(id)
    }

    /// Keeps other requests of this process from an upload while the answer lives; none if one is writing to it now.
    pub(crate) fn hold(&self, id: &str) -> Option<Held> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.insert(id.to_owned()).then(|| Held { id: id.to_owned(), busy: self.busy.clone() })
    }

    /// Makes a file whose digest has been checked, and which is synced, the object of that name. The file is gone afterwards.
    ///
    /// # Errors
    /// 503 `storage-unavailable`.
    pub(crate) async fn adopt(&self, file: PathBuf, name: &str) -> Result<(), Problem> {
        if let Some(folder) = &self.folder {
            let target = folder.join(name);
            return blocking(move || rename_durably(&file, &target)).await.map_err(broken);
        }
        let upload = self.store.put_multipart(&name.into()).await.map_err(unavailable)?;
        let mut writer = WriteMultipart::new(upload);
        let source = Arc::new(
            blocking({
                let file = file.clone();
                move || File::open(file)
            })
            .await
            .map_err(broken)?,
        );
        let mut rest = 0..source.metadata().map_err(broken)?.len();
        while !rest.is_empty() {
            let (source, part) = (source.clone(), rest.clone());
            let bytes = blocking(move || chunk(&source, &part)).await.map_err(broken)?;
            rest.start += bytes.len() as u64;
            writer.put(bytes);
            writer.wait_for_capacity(4).await.map_err(unavailable)?;
        }
        writer.finish().await.map_err(unavailable)?;
        tokio::fs::remove_file(file).await.map_err(broken)
    }
}

/// See [`Blobs::hold`].
#[derive(Debug)]
pub(crate) struct Held {
    id: String,
    busy: Arc<Mutex<HashSet<String>>>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

#[cfg(feature = "s3")]
fn s3(bucket_and_prefix: &str) -> Result<Arc<dyn ObjectStore>, Problem> {
    let (bucket, prefix) = bucket_and_prefix.split_once('/').unwrap_or((bucket_and_prefix, ""));
    let store = object_store::aws::AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .build()
        .map_err(|error| Problem::internal(&error))?;
    Ok(if prefix.is_empty() {
        Arc::new(store)
    } else {
        Arc::new(object_store::prefix::PrefixStore::new(store, prefix.trim_end_matches('/')))
    })
}

#[cfg(not(feature = "s3"))]
fn s3(_: &str) -> Result<Arc<dyn ObjectStore>, Problem> {
    Err(Problem::unavailable("storage-unavailable", "this registry was built without its feature `s3`"))
}

/// Keeps as much in memory as may be kept, by what it weighs.
fn keeping<T: Clone + Send + Sync + 'static>(bytes: impl Fn(&T) -> usize + Send + Sync + 'static) -> Cache<String, T> {
    let weigh = move |name: &String, object: &T| u32::try_from(name.len() + bytes(object)).unwrap_or(u32::MAX);
    Cache::builder().max_capacity(KEPT_BYTES).weigher(weigh).build()
}

/// That there is no such file is an answer, and no fault.
fn absent<T>(found: io::Result<T>) -> Result<Option<T>, Problem> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(broken(error)),
    }
}

/// The next bytes of a range: one chunk of it, less only at its end. A file that is shorter than that is a fault.
fn chunk(file: &File, range: &Range<u64>) -> io::Result<Bytes> {
    let length = (range.end.saturating_sub(range.start)).min(BLOB_CHUNK_BYTES as u64);
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(BLOB_CHUNK_BYTES)];
    file.read_exact_at(&mut bytes, range.start)?;
    Ok(bytes.into())
}

/// Renames; a crash of the machine afterwards does not undo it.
fn rename_durably(file: &Path, target: &Path) -> io::Result<()> {
    let folder = target.parent().unwrap_or(Path::new("/"));
    if !folder.is_dir() {
        std::fs::create_dir_all(folder)?;
        if let Some(above) = folder.parent() {
            File::open(above)?.sync_all()?;
        }
    }
    match std::fs::rename(file, target) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let mut copy = tempfile::NamedTempFile::new_in(folder)?;
            io::copy(&mut File::open(file)?, &mut copy)?;
            copy.as_file().sync_all()?;
            copy.persist(target).map_err(|error| error.error)?;
            std::fs::remove_file(file)?;
        }
        done => done?,
    }
    File::open(folder)?.sync_all()
}

/// Runs what waits for a disk where waiting is allowed.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

fn unavailable(error: object_store::Error) -> Problem {
    tracing::error!(error = &error as &dyn std::error::Error, "the blob store failed");
    let mut causes = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
    let full = |cause: &(dyn std::error::Error + 'static)| {
        let error = cause.downcast_ref::<io::Error>();
        error.is_some_and(|error| matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    };
    if causes.any(full) {
        return Problem::disk_full();
    }
    Problem::unavailable("storage-unavailable", "the registry's blob store does not answer")
}

/// The same for files of our own, such as a full disk.
pub(crate) fn broken(error: io::Error) -> Problem {
    unavailable(object_store::Error::Generic { store: "folder", source: Box::new(error) })
}
