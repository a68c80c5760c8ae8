//! Files that hold secrets: whoever else could read one could use the secret without being asked.

use std::{
    fs::{self, OpenOptions},
    io::Read as _,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
};

use jackfield_package::Refusal;
use rustix::fs::OFlags;
use zeroize::Zeroizing;

/// What tells one version of a file from another without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

/// The file's stamp now.
pub(crate) fn stamp(path: &Path) -> Result<Stamp, Refusal> {
    let shown = path.display();
    let meta = fs::metadata(path)
        .map_err(|error| Refusal::new("secret-unreadable", format!("`{shown}` can't be examined: {error}")))?;
    Ok(Stamp { inode: meta.ino(), size: meta.len(), modified: (meta.mtime(), meta.mtime_nsec()) })
}

/// Reads a regular file of this process's user that is closed to everybody else, at the most `limit` bytes.
pub(crate) fn read(path: &Path, limit: usize) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let shown = path.display();
    let refuse = |code, reason: String| Refusal::new(code, format!("`{shown}` {reason}"));
    // Without NONBLOCK, opening a named pipe would wait for a writer.
    let flags = (OFlags::NONBLOCK | OFlags::CLOEXEC).bits() as i32;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = file.map_err(|error| refuse("secret-unreadable", format!("can't be opened: {error}")))?;
    // Asked of the open file, so that nobody swaps it between the question and the reading.
    let metadata =
        file.metadata().map_err(|error| refuse("secret-unreadable", format!("can't be examined: {error}")))?;
    if !metadata.is_file() {
        return Err(refuse("secret-not-a-file", "is not a regular file".into()));
    }
    if metadata.mode() & 0o077 != 0 {
        let mode = metadata.mode() & 0o777;
        return Err(refuse("secret-exposed", format!("has mode {mode:04o}: others than its owner may use it"))
            .hint(format!("chmod 600 {shown}")));
    }
    let user = rustix::process::geteuid().as_raw();
    if metadata.uid() != user {
        return Err(refuse("secret-foreign", format!("belongs to the user {}", metadata.uid()))
            .hint(format!("chown {user} {shown}")));
    }
    // All the room at once: a vector that grows leaves copies behind that nobody zeroes.
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit + 1));
    file.take(limit as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| refuse("secret-unreadable", format!("can't be read: {error}")))?;
    if bytes.len() > limit {
        return Err(refuse("secret-malformed", format!("holds more than {limit} bytes")));
    }
    Ok(bytes)
}
