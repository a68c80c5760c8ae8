//! Master keys, and who keeps them.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{
    Owner,
    envelope::{self, DataKey},
};
use crate::{Error, error::Result, private_file};

/// Keeps master keys and wraps data keys under them. A master key never leaves it.
///
/// Asked concurrently, and by several processes that share a database: all of them must know every key that still wraps
/// something. An error is [`Error::Unavailable`] where the same may go through later.
#[async_trait]
pub trait KeyManagement: Send + Sync {
    /// The id of the key that wraps now.
    async fn current(&self) -> Result<String>;

    /// Wraps a data key by the current key, bound to its owner.
    async fn wrap(&self, owner: &Owner, key: &DataKey) -> Result<Wrapped>;

    /// The data key again.
    async fn unwrap(&self, owner: &Owner, wrapped: &Wrapped) -> Result<DataKey>;
}

/// A data key under a master key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrapped {
    /// Which master key.
    pub master: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Master keys at hand: base64 of 32 bytes each, one a line, the last one wraps. A key's id is the beginning of its hash.
pub struct MasterKeys(Vec<(String, DataKey)>);

impl MasterKeys {
    /// Reads the lines, as the environment or a file holds them.
    ///
    /// # Errors
    /// `master-key-malformed`.
    pub fn parse(text: &str) -> Result<Self> {
        let mut keys = Vec::new();
        for (at, line) in text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty()) {
            let bytes = Zeroizing::new(STANDARD.decode(line).unwrap_or_default());
            let key = DataKey::from_bytes(&bytes).ok_or_else(|| {
                let message = format!("line {} of the master keys is not base64 of 32 bytes", at + 1);
                Error::refused("master-key-malformed", message).hint("`openssl rand -base64 32` makes one")
            })?;
            keys.push((id_of(&key), key));
        }
        if keys.is_empty() {
            return Err(Error::refused("master-key-malformed", "there is no master key")
                .hint("`openssl rand -base64 32` makes one"));
        }
        Ok(Self(keys))
    }

    fn last(&self) -> Result<&(String, DataKey)> {
        self.0.last().ok_or_else(|| Error::Fault("no master key".into()))
    }
}

#[async_trait]
impl KeyManagement for MasterKeys {
    async fn current(&self) -> Result<String> {
        Ok(self.last()?.0.clone())
    }

    async fn wrap(&self, owner: &Owner, key: &DataKey) -> Result<Wrapped> {
        let (id, master) = self.last()?;
        Ok(Wrapped { master: id.clone(), bytes: envelope::wrap(master, id, owner, key)? })
    }

    async fn unwrap(&self, owner: &Owner, wrapped: &Wrapped) -> Result<DataKey> {
        let Some((id, master)) = self.0.iter().find(|(id, _)| *id == wrapped.master) else {
            let message = format!(
                "the master key `{}`, which wraps the connection `{}`, is not here",
                wrapped.master, owner.connection
            );
            return Err(Error::refused("master-key-unknown", message)
                .hint("put the old key back above the new one, and take it out when nothing uses it any more"));
        };
        envelope::unwrap(master, id, owner, &wrapped.bytes).ok_or_else(|| envelope::does_not_open(owner))
    }
}

/// Master keys in a file of mode 0600, made with one key when first needed. A line added to it counts from the next use on, in
/// every process.
pub struct FileKeys {
    path: PathBuf,
    read: Mutex<Option<(private_file::Stamp, Arc<MasterKeys>)>>,
}

impl FileKeys {
    /// Keys in this file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), read: Mutex::new(None) }
    }

    fn keys(&self) -> Result<Arc<MasterKeys>> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.path.exists() {
            make(&self.path)?;
        }
        let stamp = private_file::stamp(&self.path)?;
        if let Some((known, keys)) = &*read
            && *known == stamp
        {
            return Ok(keys.clone());
        }
        let bytes = private_file::read(&self.path, MASTER_KEYS_BYTES)?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| Error::refused("master-key-malformed", format!("`{}` is not text", self.path.display())))?;
        let keys = Arc::new(MasterKeys::parse(text)?);
        *read = Some((stamp, keys.clone()));
        Ok(keys)
    }
}

impl FileKeys {
    /// Adds a new key, and gives its id. It wraps from now on, in every process.
    ///
    /// # Errors
    /// Those of the file.
    pub fn add(&self) -> Result<String> {
        let _turn = self.turn()?;
        self.keys()?;
        let key = DataKey::random()?;
        let line = Zeroizing::new(STANDARD.encode(key.bytes()));
        let text = self.text()?;
        self.put(&self.path, &[text.trim_end(), &line])?;
        Ok(id_of(&key))
    }

    /// Takes out the keys that are not `in_use`, and gives their ids; the one that wraps stays. What is taken out stands in
    /// `<file>.retired` from then on: a copy of the database that was made before may need it.
    ///
    /// # Errors
    /// Those of the file.
    pub fn retire(&self, in_use: &[String]) -> Result<Vec<String>> {
        let _turn = self.turn()?;
        let keys = self.keys()?;
        let current = &keys.last()?.0;
        let text = self.text()?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        // Both come from the same lines, in their order.
        let (kept, retired): (Vec<_>, Vec<_>) =
            lines.zip(&keys.0).partition(|(_, (id, _))| id == current || in_use.contains(id));
        if retired.is_empty() {
            return Ok(Vec::new());
        }
        let lines_of = |keys: &[(&str, &(String, DataKey))]| {
            Zeroizing::new(keys.iter().map(|(line, _)| *line).collect::<Vec<_>>().join("\n"))
        };
        let aside = with_suffix(&self.path, "retired");
        let before = match aside.exists() {
            true => {
                Zeroizing::new(String::from_utf8_lossy(&private_file::read(&aside, MASTER_KEYS_BYTES)?).into_owned())
            }
            false => Zeroizing::default(),
        };
        // First there, then gone here: a crash in between leaves a key in both.
        self.put(&aside, &[before.trim_end(), &lines_of(&retired)])?;
        self.put(&self.path, &[&lines_of(&kept)])?;
        Ok(retired.into_iter().map(|(_, (id, _))| id.clone()).collect())
    }

    /// One process at a time changes the file: of two keys that are added at once, neither may be lost once it has wrapped
    /// something. Held until dropped.
    fn turn(&self) -> Result<fs::File> {
        let path = with_suffix(&self.path, "lock");
        let fault = |error: io::Error| Error::Fault(format!("`{}` can't be locked: {error}", path.display()));
        let file =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(fault)?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).map_err(|error| fault(error.into()))?;
        Ok(file)
    }

    fn text(&self) -> Result<Zeroizing<String>> {
        let bytes = private_file::read(&self.path, MASTER_KEYS_BYTES)?;
        Ok(Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Written aside, synced and renamed: readers see the old file or the new one.
    fn put(&self, path: &Path, parts: &[&str]) -> Result<()> {
        let fault = |error: io::Error| Error::Fault(format!("`{}` can't be written: {error}", path.display()));
        let lines: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
        let text = Zeroizing::new(lines.join("\n") + "\n");
        if text.len() > MASTER_KEYS_BYTES {
            let message = format!("`{}` would have more than {MASTER_KEYS_BYTES} bytes", path.display());
            return Err(Error::refused("master-keys-too-many", message)
                .hint("take those out that wrap nothing any more: jackfield vault retire"));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // A temporary file's mode is 0600.
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(fault)?;
        file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(fault)?;
        file.persist(path).map_err(|error| fault(error.error))?;
        fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(fault)
    }
}

/// `broker.key.lock` of `broker.key`.
fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

/// Bytes of a file of master keys: some hundreds of rotations.
const MASTER_KEYS_BYTES: usize = 16 << 10;

#[async_trait]
impl KeyManagement for FileKeys {
    async fn current(&self) -> Result<String> {
        self.keys()?.current().await
    }

    async fn wrap(&self, owner: &Owner, key: &DataKey) -> Result<Wrapped> {
        self.keys()?.wrap(owner, key).await
    }

    async fn unwrap(&self, owner: &Owner, wrapped: &Wrapped) -> Result<DataKey> {
        self.keys()?.unwrap(owner, wrapped).await
    }
}

/// Writes a new key aside and links it into place: of two processes that do it at once, one's key stays.
fn make(path: &Path) -> Result<()> {
    let fault = |error: io::Error| Error::Fault(format!("the master key `{}` can't be made: {error}", path.display()));
    let key = DataKey::random()?;
    let line = Zeroizing::new(STANDARD.encode(key.bytes()) + "\n");
    let aside = path.with_extension(format!("{}.new", uuid::Uuid::new_v4().simple()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside).map_err(fault)?;
    let linked =
        file.write_all(line.as_bytes()).and_then(|()| file.sync_all()).and_then(|()| fs::hard_link(&aside, path));
    let _ = fs::remove_file(&aside);
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(fault(error)),
        _ => Ok(()),
    }
}

fn id_of(key: &DataKey) -> String {
    let mut hash = Sha256::new();
    hash.update(b"jackfield-master-key-id");
    hash.update(key.bytes());
    hex::encode(&hash.finalize()[..8])
}
