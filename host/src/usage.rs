//! How much each release was used: successful calls, and the days of the first and the last.
//!
//! One file, `usage`, of lines that are appended: `<digest> <first day> <last day> <calls> calls`. A release's use is the sum of
//! its lines, so many processes count side by side, and a line that a crash cut off is passed over. What a process has
//! counted since its last line is lost with it: the file may say too little, and never too much. That is also why it is not
//! synced.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use jackfield_package::Digest;

use crate::{
    failure::HostFault,
    home::{at, read, write_atomically},
    limits::{USAGE_BYTES, USAGE_EVERY_S, USAGE_RELEASES},
};

/// Seconds of a day.
const DAY_S: u64 = 86_400;

/// How much a release was used in this home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Calls that went well.
    pub calls: u64,
    /// The day of the first, in days since 1970-01-01 UTC.
    pub first_day: u32,
    /// The day of the last.
    pub last_day: u32,
}

impl Usage {
    fn on(day: u32, calls: u64) -> Self {
        Self { calls, first_day: day, last_day: day }
    }

    fn add(&mut self, other: Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.first_day = self.first_day.min(other.first_day);
        self.last_day = self.last_day.max(other.last_day);
    }
}

/// The file.
#[derive(Debug)]
pub(crate) struct UsageBook {
    path: PathBuf,
}

impl UsageBook {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// How much each release was used, by digest.
    pub(crate) fn read(&self) -> Result<HashMap<String, Usage>, HostFault> {
        let bytes = match read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HashMap::new()),
            Err(error) => return Err(at(&self.path)(error)),
        };
        let mut releases: HashMap<String, Usage> = HashMap::new();
        for line in String::from_utf8_lossy(&bytes).lines() {
            let Some((digest, usage)) = parse(line) else { continue };
            releases.entry(digest.to_owned()).and_modify(|sum| sum.add(usage)).or_insert(usage);
        }
        Ok(releases)
    }

    /// In one write, and on a line of its own even if the one before was cut off.
    fn append(&self, digest: Digest, usage: Usage) -> Result<(), HostFault> {
        let mut file = self.hold(File::lock_shared)?;
        file.write_all(format!("\n{}", line(&digest.hex(), usage)).as_bytes()).map_err(at(&self.path))?;
        let length = file.metadata().map_err(at(&self.path))?.len();
        drop(file);
        if length > USAGE_BYTES { self.compact() } else { Ok(()) }
    }

    /// One line a release, of those that were used last. A crash leaves the old file or the new.
    fn compact(&self) -> Result<(), HostFault> {
        let file = self.hold(File::lock)?;
        let mut releases: Vec<_> = self.read()?.into_iter().collect();
        releases.sort_by(|(a, used), (b, other)| (other.last_day, a).cmp(&(used.last_day, b)));
        releases.truncate(USAGE_RELEASES);
        let text: String = releases.iter().map(|(digest, usage)| line(digest, *usage)).collect();
        write_atomically(&self.path, text.as_bytes())?;
        drop(file);
        Ok(())
    }

    /// The file that stands there, locked: another may be put in its place while one waits.
    fn hold(&self, lock: fn(&File) -> io::Result<()>) -> Result<File, HostFault> {
        let mut options = OpenOptions::new();
        options.create(true).append(true).mode(0o600);
        let held = || {
            loop {
                let file = options.open(&self.path)?;
                lock(&file)?;
                match std::fs::metadata(&self.path) {
                    Ok(there) if there.ino() == file.metadata()?.ino() => return Ok(file),
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
        };
        held().map_err(at(&self.path))
    }
}

/// Its last word shows that nothing of it was cut off.
fn line(digest: &str, usage: Usage) -> String {
    format!("{digest} {} {} {} calls\n", usage.first_day, usage.last_day, usage.calls)
}

fn parse(line: &str) -> Option<(&str, Usage)> {
    let [digest, first_day, last_day, calls, "calls"] = line.split(' ').collect::<Vec<_>>()[..] else { return None };
    let usage =
        Usage { calls: calls.parse().ok()?, first_day: first_day.parse().ok()?, last_day: last_day.parse().ok()? };
    (digest.len() == 64 && usage.first_day <= usage.last_day).then_some((digest, usage))
}

/// Counts the calls of one release in memory, and writes a line now and then: at the first call, at one of a new day, when some time
/// has passed, and at the end.
#[derive(Debug)]
pub(crate) struct Counter {
    book: Arc<UsageBook>,
    digest: Digest,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    day: u32,
    calls: u64,
    written_at_s: u64,
}

impl Counter {
    pub(crate) fn new(book: Arc<UsageBook>, digest: Digest) -> Self {
        Self { book, digest, waiting: Mutex::default() }
    }

    /// A call has gone well.
    pub(crate) fn count(&self, now_s: u64) {
        let today = u32::try_from(now_s / DAY_S).unwrap_or(u32::MAX);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.day != today {
            self.write(&mut waiting);
            waiting.day = today;
        }
        waiting.calls += 1;
        if now_s.saturating_sub(waiting.written_at_s) >= USAGE_EVERY_S {
            waiting.written_at_s = now_s;
            self.write(&mut waiting);
        }
    }

    /// Writes what waits.
    pub(crate) fn flush(&self) {
        self.write(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// No call fails because it can't be counted: what can't be written waits for the next time.
    fn write(&self, waiting: &mut Waiting) {
        if waiting.calls == 0 {
            return;
        }
        match self.book.append(self.digest, Usage::on(waiting.day, waiting.calls)) {
            Ok(()) => waiting.calls = 0,
            Err(error) => tracing::warn!(%error, "calls could not be counted"),
        }
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60;

    fn book(folder: &tempfile::TempDir) -> Arc<UsageBook> {
        Arc::new(UsageBook::new(folder.path().join("usage")))
    }

    fn used(book: &UsageBook, digest: Digest) -> Option<(u64, u32, u32)> {
        let usage = book.read().expect("the file reads").get(&digest.hex()).copied()?;
        Some((usage.calls, usage.first_day, usage.last_day))
    }

    #[test]
    fn calls_are_counted_on_the_day_they_were_made() {
        let folder = tempfile::tempdir().expect("a folder");
        let (book, digest) = (book(&folder), Digest::of(b"a"));
        let counter = Counter::new(book.clone(), digest);
        assert_eq!(used(&book, digest), None);
        counter.count(10 * DAY_S);
        assert_eq!(used(&book, digest), Some((1, 10, 10)), "the first stands there at once: a command makes no other");
        counter.count(10 * DAY_S + 1);
        counter.count(10 * DAY_S + 2);
        assert_eq!(used(&book, digest), Some((1, 10, 10)), "the next wait");
        // Days pass without a call: those that waited are of their own day, not of the one on which they are written.
        counter.count(15 * DAY_S);
        assert_eq!(used(&book, digest), Some((4, 10, 15)));
        counter.count(15 * DAY_S + 2);
        drop(counter);
        assert_eq!(used(&book, digest), Some((5, 10, 15)), "nothing is lost at the end");
        let late = Counter::new(book.clone(), digest);
        late.count(16 * DAY_S);
        late.count(16 * DAY_S + 1);
        late.count(20 * DAY_S);
        drop(late);
        assert_eq!(used(&book, digest), Some((8, 10, 20)));
    }

    #[test]
    fn processes_count_side_by_side_and_a_crash_spoils_one_line_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let (book, digest, other) = (book(&folder), Digest::of(b"a"), Digest::of(b"b"));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let counter = Counter::new(book.clone(), digest);
                    (0..100).for_each(|minute| counter.count(3 * DAY_S + minute * MINUTE));
                });
            }
        });
        assert_eq!(used(&book, digest), Some((800, 3, 3)));
        let mut bytes = std::fs::read(folder.path().join("usage")).expect("the file");
        bytes.extend_from_slice(format!("\n{} 3 3 99999", digest.hex()).as_bytes());
        std::fs::write(folder.path().join("usage"), bytes).expect("half a line");
        assert_eq!(used(&book, digest), Some((800, 3, 3)), "half a line counts for nothing");
        Counter::new(book.clone(), other).count(4 * DAY_S);
        assert_eq!((used(&book, digest), used(&book, other)), (Some((800, 3, 3)), Some((1, 4, 4))));
    }

    #[test]
    fn the_file_stays_small() {
        let folder = tempfile::tempdir().expect("a folder");
        let (book, busy) = (book(&folder), Digest::of(b"busy"));
        // Side by side, so that some append while another compacts.
        std::thread::scope(|scope| {
            for part in 0..4 {
                let book = &book;
                scope.spawn(move || {
                    for number in 0..USAGE_RELEASES {
                        let day = u32::try_from(number).expect("a day");
                        let digest = Digest::of(format!("{part} {number}").as_bytes());
                        book.append(digest, Usage::on(day, 1)).expect("a line");
                        book.append(busy, Usage::on(9_999, 1)).expect("a line");
                    }
                });
            }
        });
        let length = std::fs::metadata(folder.path().join("usage")).expect("the file").len();
        assert!(length <= USAGE_BYTES, "{length}");
        assert_eq!(used(&book, busy), Some((4 * USAGE_RELEASES as u64, 9_999, 9_999)), "none is lost");
        assert_eq!(used(&book, Digest::of(b"0 0")), None, "the oldest is forgotten");
    }
}
