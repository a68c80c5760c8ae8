//! Where a process can die, by name, so that a test can let it: `JACKFIELD_CRASH_AT=log.tiles-written` ends the process at
//! that point, as the kernel ends one, with no destructor, no flush and no goodbye. A release build has none of it.

use crate::log::sequencer::Step;

/// Names the point at which to die.
pub const CRASH_AT: &str = "JACKFIELD_CRASH_AT";

/// A step of a publish after which, or in the middle of which, the process may be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// A blob's bytes are here and right, and have no name yet.
    BlobReceived,
    /// They have their name; no row knows it.
    BlobNamed,
    /// The row is committed, and the client has not heard of it.
    BlobLinked,
    /// A release is staged, and the client has not heard of it.
    Staged,
    /// Its statement is accepted, and the client has not heard of it.
    Signed,
    /// A worker has the release.
    Claimed,
    /// The validator has answered.
    Examined,
    /// The verdict's rows are written, and not committed.
    Judged,
    /// They are committed: the statements wait for the log.
    Passed,
    /// A step of the log's writer.
    Log(Step),
    /// The release is known to be in the log.
    Logged,
    /// The rows that show it to everybody are written, and not committed.
    Shown,
    /// They are committed.
    Released,
    /// The signed index is in its place; its row is not committed.
    IndexWritten,
}

impl Point {
    /// All of them, in the order of a publish.
    pub const ALL: &[Self] = &[
        Self::BlobReceived,
        Self::BlobNamed,
        Self::BlobLinked,
        Self::Staged,
        Self::Signed,
        Self::Claimed,
        Self::Examined,
        Self::Judged,
        Self::Passed,
        Self::Log(Step::Ordered),
        Self::Log(Step::TileWritten),
        Self::Log(Step::TilesWritten),
        Self::Log(Step::Signed),
        Self::Log(Step::Committed),
        Self::Log(Step::Published),
        Self::Logged,
        Self::Shown,
        Self::Released,
        Self::IndexWritten,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BlobReceived => "blob.received",
            Self::BlobNamed => "blob.named",
            Self::BlobLinked => "blob.linked",
            Self::Staged => "publish.staged",
            Self::Signed => "publish.signed",
            Self::Claimed => "check.claimed",
            Self::Examined => "check.examined",
            Self::Judged => "check.judged",
            Self::Passed => "check.passed",
            Self::Log(Step::Ordered) => "log.ordered",
            Self::Log(Step::TileWritten) => "log.tile-written",
            Self::Log(Step::TilesWritten) => "log.tiles-written",
            Self::Log(Step::Signed) => "log.signed",
            Self::Log(Step::Committed) => "log.committed",
            Self::Log(Step::Published) => "log.published",
            Self::Logged => "release.logged",
            Self::Shown => "release.shown",
            Self::Released => "release.released",
            Self::IndexWritten => "index.written",
        }
    }
}

/// Dies here, if a test wants it.
pub(crate) fn reach(point: Point) {
    if cfg!(debug_assertions) && std::env::var_os(CRASH_AT).is_some_and(|name| name == point.as_str()) {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}
