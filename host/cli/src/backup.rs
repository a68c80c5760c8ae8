//! A copy of what a server keeps: its files and databases, with a list by which the copy is checked before it is used.
//!
//! A database of SQLite is copied as it stands at one moment, while the server goes on writing to it; whatever it speaks of by digest was there before. So
//! databases come first, and then the files, which are written whole under their names and, where they have a digest for a name, never again.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Component, Path, PathBuf},
};

use jackfield_db::{Db, PoolLimits};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    context::read_bounded,
    error::{Failed, Kind},
};

/// The list's file; written last, so that a folder without it is no backup.
const LIST: &str = "backup.json";
/// Where the copies are, beside the list.
const DATA: &str = "data";
/// The only form there is.
const FORMAT: u32 = 1;
/// Bytes of a list: some 200 for each file, of which a registry has as many as releases and tiles.
const LIST_BYTES: u64 = 1 << 30;
/// How a file of SQLite begins (<https://www.sqlite.org/fileformat.html>, section 1.3).
const SQLITE: &[u8; 16] = b"SQLite format 3\0";

/// What a backup is made of.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Backup {
    format: u32,
    /// Of the command that made it.
    pub(crate) version: String,
    /// When, in RFC 3339.
    pub(crate) made_at: String,
    /// What is kept elsewhere, and is to be copied by other means.
    pub(crate) elsewhere: Vec<String>,
    /// Each file, by its path below the data folder.
    pub(crate) files: Vec<Kept>,
}

/// One file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    path: PathBuf,
    pub(crate) bytes: u64,
    sha256: String,
}

/// Copies a data folder into `target`, which must be empty or not there. Hears of each file. Databases are those of the server: the ones at the
/// top of the folder, and the one that is `configured`; what else looks like one is somebody's bytes, and is copied as they are.
pub(crate) async fn take(
    data: &Path,
    target: &Path,
    configured: Option<&Path>,
    elsewhere: Vec<String>,
    made_at: String,
    mut hear: impl FnMut(&Path),
) -> Result<Backup, Failed> {
    empty_folder(target)?;
    let copies = target.join(DATA);
    let mut found = Vec::new();
    list(data, Path::new(""), &mut found)?;
    let is_ours = |path: &Path| path.components().count() == 1 || configured == Some(path);
    let is_database = |path: &Path| is_ours(path) && is_sqlite(&data.join(path));
    found.retain(|path| !is_beside(path, is_database));
    let (databases, files): (Vec<_>, Vec<_>) = found.into_iter().partition(|path| is_database(path));
    let mut kept = Vec::new();
    for path in databases {
        hear(&path);
        let (from, to) = (data.join(&path), copies.join(&path));
        make_parent(&to)?;
        let db = Db::open(&format!("sqlite://{}", from.display()), PoolLimits::default()).await;
        let copied = match db {
            Ok(db) => {
                let copied = db.copy_to(&to).await;
                db.close().await;
                copied
            }
            Err(error) => Err(error),
        };
        copied.map_err(|error| {
            Failed::new(Kind::Fault, "backup-failed", format!("`{}` could not be copied: {error}", from.display()))
        })?;
        let private = fs::set_permissions(&to, Permissions::from_mode(0o600)).and_then(|()| digest(&to));
        kept.push(private.map_err(|error| Failed::unwritable(&to, &error))?.of(path));
    }
    for path in files {
        hear(&path);
        match copy(&data.join(&path), &copies.join(&path))? {
            Some(copied) => kept.push(copied.of(path)),
            // The server has removed it meanwhile.
            None => continue,
        }
    }
    let backup =
        Backup { format: FORMAT, version: env!("CARGO_PKG_VERSION").to_owned(), made_at, elsewhere, files: kept };
    write_list(target, &backup)?;
    Ok(backup)
}

/// Puts a backup where a server finds it; `data` must be empty or not there. Every file is checked before it is believed.
pub(crate) fn restore(folder: &Path, data: &Path, mut hear: impl FnMut(&Path)) -> Result<Backup, Failed> {
    let bytes = read_bounded(&folder.join(LIST), "the list of the backup", LIST_BYTES).map_err(|failed| {
        failed.hint(format!("a folder without `{LIST}` is no backup, or one that did not come to its end"))
    })?;
    let backup: Backup = serde_json::from_slice(&bytes).map_err(|error| damaged(&folder.join(LIST), &error))?;
    if backup.files.is_empty() {
        return Err(damaged(&folder.join(LIST), &"it names no file"));
    }
    if backup.format != FORMAT {
        let message =
            format!("this backup has the form {}; jackfield {} reads {FORMAT}", backup.format, backup.version);
        return Err(Failed::new(Kind::Refused, "backup-unknown", message));
    }
    empty_folder(data)?;
    let root = folder.join(DATA).canonicalize().ok();
    for kept in &backup.files {
        hear(&kept.path);
        let from = folder.join(DATA).join(&kept.path);
        let is_within = kept.path.components().all(|part| matches!(part, Component::Normal(_)));
        if !is_within || kept.path.as_os_str().is_empty() || kept.path.as_os_str().as_encoded_bytes().contains(&0) {
            return Err(damaged(&from, &"it would stand outside of the folder"));
        }
        // A backup has no links: one would bring another file of this machine into the data.
        let is_file = fs::symlink_metadata(&from).is_ok_and(|found| found.is_file());
        if !is_file || from.canonicalize().ok() != root.as_ref().map(|root| root.join(&kept.path)) {
            return Err(damaged(&from, &"it is gone, or no plain file"));
        }
        let copied = copy(&from, &data.join(&kept.path))?.ok_or_else(|| damaged(&from, &"it is gone"))?;
        if (copied.bytes, &copied.sha256) != (kept.bytes, &kept.sha256) {
            return Err(damaged(&from, &"it is not the file that was backed up"));
        }
    }
    Ok(backup)
}

fn damaged(path: &Path, why: &dyn std::fmt::Display) -> Failed {
    let message = format!("the backup is damaged: `{}`: {why}", path.display());
    Failed::new(Kind::Refused, "backup-damaged", message)
        .hint("take another copy of it; what was restored so far is not to be used")
}

/// Every file of a folder that is not made anew, as paths below it.
fn list(root: &Path, below: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failed> {
    let folder = root.join(below);
    let unread = |error: io::Error| Failed::file(format!("`{}` can't be read", folder.display()), &error);
    let mut entries = fs::read_dir(&folder).map_err(unread)?.collect::<io::Result<Vec<_>>>().map_err(unread)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let path = below.join(&name);
        let Ok(metadata) = fs::metadata(root.join(&path)) else { continue };
        if metadata.is_dir() {
            if !is_made_anew(&path) {
                list(root, &path, found)?;
            }
        } else if metadata.is_file() {
            found.push(path);
        }
    }
    Ok(())
}

/// What is made anew where it is missing: uploads that nobody finished, and machine code of one engine. By the place and not the name
/// alone: people call workspaces and namespaces as they like.
fn is_made_anew(path: &Path) -> bool {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    matches!(parts.iter().map(AsRef::as_ref).collect::<Vec<_>>()[..], ["uploads"] | ["workspaces", _, "compiled"])
}

/// What SQLite keeps beside a database while it is open: the copy has it within.
fn is_beside(path: &Path, is_database: impl Fn(&Path) -> bool) -> bool {
    let text = path.to_string_lossy();
    ["-wal", "-shm"].iter().any(|end| text.strip_suffix(end).is_some_and(|database| is_database(Path::new(database))))
}

fn is_sqlite(path: &Path) -> bool {
    let mut head = [0; SQLITE.len()];
    File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok() && head == *SQLITE
}

/// A copy, while its path is not known.
struct Copied {
    bytes: u64,
    sha256: String,
}

impl Copied {
    fn of(self, path: PathBuf) -> Kept {
        Kept { path, bytes: self.bytes, sha256: self.sha256 }
    }
}

/// Copies one file, durably, readable for whom it was; none: it is gone.
fn copy(from: &Path, to: &Path) -> Result<Option<Copied>, Failed> {
    make_parent(to)?;
    let source = match File::open(from) {
        Ok(source) => source,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failed::file(format!("`{}` can't be read", from.display()), &error)),
    };
    let copied = || {
        let mode = source.metadata()?.permissions().mode() & 0o777;
        let mut target = OpenOptions::new().write(true).create_new(true).mode(mode).open(to)?;
        let copied = digested(&source, &mut target)?;
        target.sync_all()?;
        Ok(copied)
    };
    copied().map(Some).map_err(|error| Failed::unwritable(to, &error))
}

fn digest(path: &Path) -> io::Result<Copied> {
    let file = File::open(path)?;
    file.sync_all()?;
    digested(&file, &mut io::sink())
}

fn digested(mut from: impl Read, to: &mut impl Write) -> io::Result<Copied> {
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 256 << 10]);
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok(Copied { bytes, sha256: hex::encode(hash.finalize()) });
        }
        hash.update(&buffer[..read]);
        to.write_all(&buffer[..read])?;
        bytes += read as u64;
    }
}

fn write_list(target: &Path, backup: &Backup) -> Result<(), Failed> {
    let path = target.join(LIST);
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        serde_json::to_writer_pretty(&mut file, backup)?;
        file.sync_all()?;
        File::open(target)?.sync_all()
    };
    write().map_err(|error| Failed::unwritable(&path, &error))
}

/// A folder for this user alone with nothing in it.
fn empty_folder(path: &Path) -> Result<(), Failed> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| Failed::unwritable(path, &error))?;
    let mut entries = fs::read_dir(path).map_err(|error| Failed::unwritable(path, &error))?;
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(Failed::new(Kind::Usage, "folder-not-empty", format!("`{}` is not empty", path.display()))
            .hint("name a folder that is not there yet")),
    }
}

fn make_parent(path: &Path) -> Result<(), Failed> {
    let Some(parent) = path.parent() else { return Ok(()) };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(|error| Failed::unwritable(parent, &error))
}
