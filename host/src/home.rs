//! The folder where installed state lives.
//!
//! ```text
//! host.key                              32 random bytes, 0600: authenticates compiled code
//! receipt.key                           32 random bytes, 0600: signs how much a release was used, and nothing else
//! usage                                 how much each release was used; see `usage.rs`
//! lock                                  held by whoever changes anything below
//! components/<digest>.wasm              immutable, named by content
//! components/<digest>.sigstore.json     the statements it was admitted by, one bundle a line
//! compiled/<digest>-<engine>.cwasm      derived; may be deleted at any time
//! installations/<namespace>/<name>.json one record each; the rename that puts it there is the commit point
//! broker.db                             connections, unless they are in another database; made when first needed
//! broker.key                            master keys, 0600: without them no connection's secret opens; beside it .lock and .retired
//! events.toml                           where changes of connections are told; the admin's to write
//! providers/                            the admin's own OAuth providers, a file each
//! ```
//!
//! Every file is written aside, synced and renamed into place, so a reader sees the old or the new and never half. A crash
//! before the record's rename leaves bytes that nothing names, which the next change sweeps away.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use jackfield_package::{Digest, PackageName};
use rustix::fs::OFlags;
use serde::{Serialize, de::DeserializeOwned};

use crate::failure::HostFault;

/// The folder.
#[derive(Debug)]
pub(crate) struct Home {
    root: PathBuf,
}

/// Held while installed state is changed; other processes wait.
pub(crate) struct Locked {
    _file: File,
}

/// What tells one version of a record from another without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    inode: u64,
    size: u64,
    modified_ns: i128,
}

impl Home {
    pub(crate) fn open(root: PathBuf) -> Result<Self, HostFault> {
        let home = Self { root };
        for folder in ["components", "compiled", "installations"] {
            private_folder(&home.root.join(folder))?;
        }
        Ok(home)
    }

    pub(crate) fn lock(&self) -> Result<Locked, HostFault> {
        let path = self.root.join("lock");
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path).map_err(at(&path))?;
        file.lock().map_err(at(&path))?;
        Ok(Locked { _file: file })
    }

    /// What authenticates compiled code.
    pub(crate) fn host_key(&self) -> Result<[u8; 32], HostFault> {
        self.key("host.key")
    }

    /// What signs usage receipts.
    pub(crate) fn receipt_key(&self) -> Result<[u8; 32], HostFault> {
        self.key("receipt.key")
    }

    pub(crate) fn usage_path(&self) -> PathBuf {
        self.root.join("usage")
    }

    /// A key of this host's own, made when first asked for. Two processes that make it at once end with one.
    fn key(&self, file: &str) -> Result<[u8; 32], HostFault> {
        let path = self.root.join(file);
        loop {
            match File::open(&path) {
                Ok(mut file) => {
                    let mut key = [0; 32];
                    file.read_exact(&mut key).map_err(at(&path))?;
                    return Ok(key);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(at(&path)(error)),
            }
            let mut key = [0; 32];
            getrandom::fill(&mut key).map_err(|error| HostFault::new(format!("no randomness: {error}")))?;
            let mut aside = tempfile::NamedTempFile::new_in(&self.root).map_err(at(&self.root))?;
            aside.write_all(&key).and_then(|()| aside.as_file().sync_all()).map_err(at(&path))?;
            match aside.persist_noclobber(&path) {
                Ok(_) => return Ok(key),
                Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(at(&path)(error.error)),
            }
        }
    }

    pub(crate) fn component_path(&self, digest: Digest) -> PathBuf {
        self.root.join("components").join(format!("{}.wasm", digest.hex()))
    }

    pub(crate) fn statements_path(&self, digest: Digest) -> PathBuf {
        self.root.join("components").join(format!("{}.sigstore.json", digest.hex()))
    }

    pub(crate) fn compiled_path(&self, digest: Digest, engine: &str) -> PathBuf {
        self.root.join("compiled").join(format!("{}-{engine}.cwasm", digest.hex()))
    }

    fn record_path(&self, name: &PackageName) -> PathBuf {
        let folder = self.root.join("installations").join(name.namespace().as_str());
        folder.join(format!("{}.json", name.name()))
    }

    /// The record's stamp; none where nothing is installed under that name.
    pub(crate) fn stamp(&self, name: &PackageName) -> Result<Option<Stamp>, HostFault> {
        let path = self.record_path(name);
        match fs::metadata(&path) {
            Ok(meta) => Ok(Some(Stamp {
                inode: meta.ino(),
                size: meta.len(),
                modified_ns: i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec()),
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(at(&path)(error)),
        }
    }

    pub(crate) fn read_record<T: DeserializeOwned>(&self, name: &PackageName) -> Result<Option<T>, HostFault> {
        read_json(&self.record_path(name))
    }

    pub(crate) fn write_record<T: Serialize>(
        &self,
        _locked: &Locked,
        name: &PackageName,
        record: &T,
    ) -> Result<(), HostFault> {
        let path = self.record_path(name);
        if let Some(folder) = path.parent() {
            private_folder(folder)?;
        }
        let bytes = serde_json::to_vec_pretty(record).map_err(|error| HostFault::new(format!("a record: {error}")))?;
        write_atomically(&path, &bytes)
    }

    /// Writes `to` over the first `from`, which is as long, if that makes the record `wanted`; says whether it did. Takes no
    /// room. A crash on the way may leave some bytes of either: such a record reads as none, or as one of the two.
    pub(crate) fn patch_record<T: DeserializeOwned + PartialEq>(
        &self,
        _locked: &Locked,
        name: &PackageName,
        from: &str,
        to: &str,
        wanted: &T,
    ) -> Result<bool, HostFault> {
        let path = self.record_path(name);
        let mut text = String::from_utf8(read(&path).map_err(at(&path))?).unwrap_or_default();
        let Some(place) = text.find(from).filter(|_| from.len() == to.len()) else { return Ok(false) };
        text.replace_range(place..place + from.len(), to);
        if serde_json::from_str::<T>(&text).is_ok_and(|patched| patched == *wanted) {
            let file = OpenOptions::new().write(true).open(&path).map_err(at(&path))?;
            file.write_all_at(to.as_bytes(), place as u64).and_then(|()| file.sync_all()).map_err(at(&path))?;
            return Ok(true);
        }
        Ok(false)
    }

    pub(crate) fn remove_record(&self, _locked: &Locked, name: &PackageName) -> Result<bool, HostFault> {
        let path = self.record_path(name);
        match fs::remove_file(&path) {
            Ok(()) => sync_folder_of(&path).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(at(&path)(error)),
        }
    }

    pub(crate) fn records<T: DeserializeOwned>(&self) -> Result<Vec<T>, HostFault> {
        let mut records = Vec::new();
        for namespace in entries(&self.root.join("installations"))? {
            for record in entries(&namespace)? {
                if record.extension().is_some_and(|extension| extension == "json") {
                    records.extend(read_json(&record)?);
                }
            }
        }
        Ok(records)
    }

    /// Puts bytes under their digest. Done before: done.
    pub(crate) fn write_component(
        &self,
        _locked: &Locked,
        digest: Digest,
        component: &[u8],
        statements: &[u8],
    ) -> Result<(), HostFault> {
        write_atomically(&self.component_path(digest), component)?;
        write_atomically(&self.statements_path(digest), statements)
    }

    /// Removes what no installation names: what crashes and uninstalls leave behind.
    pub(crate) fn sweep(&self, _locked: &Locked, named: &[Digest]) -> Result<(), HostFault> {
        let named: Vec<String> = named.iter().map(Digest::hex).collect();
        for folder in ["components", "compiled"] {
            for path in entries(&self.root.join(folder))? {
                let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                if !named.iter().any(|digest| file.starts_with(digest.as_str())) {
                    remove(&path)?;
                }
            }
        }
        // Records are written under the lock, so what stands aside now was left by a crash.
        for namespace in entries(&self.root.join("installations"))? {
            for path in entries(&namespace)? {
                if path.file_name().is_some_and(|file| file.as_encoded_bytes().starts_with(ASIDE.as_bytes())) {
                    remove(&path)?;
                }
            }
        }
        Ok(())
    }
}

/// What the names of files begin with that are not yet in their place.
const ASIDE: &str = ".aside-";

/// Writes aside, syncs, renames into place, syncs the folder: a crash leaves the old or the new.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), HostFault> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut aside = tempfile::Builder::new().prefix(ASIDE).tempfile_in(folder).map_err(at(folder))?;
    aside.write_all(bytes).and_then(|()| aside.as_file().sync_all()).map_err(at(path))?;
    aside.persist(path).map_err(|error| at(path)(error.error))?;
    sync_folder_of(path)
}

fn sync_folder_of(path: &Path) -> Result<(), HostFault> {
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
}

fn private_folder(path: &Path) -> Result<(), HostFault> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at(path))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, HostFault> {
    let listed = fs::read_dir(folder).map_err(at(folder))?;
    let mut paths =
        listed.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().map_err(at(folder))?;
    paths.sort();
    Ok(paths)
}

/// Removes a file, or a folder that somebody has put where only files belong.
fn remove(path: &Path) -> Result<(), HostFault> {
    let removed = if path.is_dir() && !path.is_symlink() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(path)(error)),
        _ => Ok(()),
    }
}

/// The bytes of one of the home's own files. Whatever else stands in its place, such as a named pipe that nobody writes to, is
/// an error and never waited for.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, HostFault> {
    let bytes = match read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(at(path)(error)),
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        HostFault::new(format!("`{}` is not a record that this version reads: {error}", path.display()))
            .hint("it was written by another version or changed by hand; uninstall and install again")
    })
}

/// An I/O error with the path it happened at.
pub(crate) fn at(path: &Path) -> impl Fn(io::Error) -> HostFault + use<> {
    let path = path.to_owned();
    move |error| HostFault::new(format!("`{}`: {error}", path.display()))
}
