//! Blobs that everybody may see, remembered for a moment, so that reading one again costs no query.
//!
//! Only a yes is remembered: what is staged is looked up each time, and what comes out is seen at once. Whatever takes something
//! back in this process calls [`Shown::forget`] after its commit and before its answer. Other processes hear nothing of it, and
//! hand out what they had found visible for [`SHOWN_FOR`] at the most.

use std::sync::atomic::{AtomicU64, Ordering};

use moka::sync::Cache;

use super::{digest::ContentDigest, path::Repository};
use crate::{
    clock::Micros,
    limits::{SHOWN_BLOBS, SHOWN_FOR},
};

/// What is remembered of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShownBlob {
    pub(crate) size: u64,
    /// Whether it is the component of a release of the repository's package.
    pub(crate) is_component: bool,
}

/// The memory.
#[derive(Debug)]
pub(crate) struct Shown {
    blobs: Cache<String, Remembered>,
    /// How often something was taken back: what was looked up before the last time may have been it.
    taken_back: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
struct Remembered {
    blob: ShownBlob,
    since: Since,
    at: Micros,
}

/// When a look-up began: before it, nothing was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Since(u64);

impl Shown {
    pub(crate) fn new() -> Self {
        Self { blobs: Cache::new(SHOWN_BLOBS), taken_back: AtomicU64::new(0) }
    }

    /// To be asked before the rows are.
    pub(crate) fn since(&self) -> Since {
        Since(self.taken_back.load(Ordering::SeqCst))
    }

    /// A blob that everybody may see there.
    pub(crate) fn find(&self, repository: &Repository, digest: &ContentDigest, now: Micros) -> Option<ShownBlob> {
        let found = self.blobs.get(&key(repository, digest))?;
        // A clock that was put back makes nothing last longer.
        let is_fresh = (0..SHOWN_FOR).contains(&now.saturating_sub(found.at));
        (is_fresh && found.since == self.since()).then_some(found.blob)
    }

    /// Remembers what the rows said, which were asked after `since`.
    pub(crate) fn remember(
        &self,
        repository: &Repository,
        digest: &ContentDigest,
        blob: ShownBlob,
        since: Since,
        now: Micros,
    ) {
        self.blobs.insert(key(repository, digest), Remembered { blob, since, at: now });
    }

    /// Something was taken back, and is committed. What else was remembered is looked up again too: that is seldom, and cheap.
    pub(crate) fn forget(&self) {
        self.taken_back.fetch_add(1, Ordering::SeqCst);
    }
}

fn key(repository: &Repository, digest: &ContentDigest) -> String {
    format!("{repository}@{digest}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]
    use super::*;
    use crate::oci::digest::Algorithm;

    #[test]
    fn what_was_looked_up_before_something_was_taken_back_is_not_believed() {
        let shown = Shown::new();
        let (repository, digest) = ("acme/crm".parse().unwrap(), ContentDigest::of(Algorithm::Sha256, b"x"));
        let blob = ShownBlob { size: 1, is_component: true };
        let since = shown.since();
        shown.remember(&repository, &digest, blob, since, 10);
        assert_eq!(shown.find(&repository, &digest, 10), Some(blob));
        assert_eq!(shown.find(&"acme/other".parse().unwrap(), &digest, 10), None);
        for too_late in [10 + SHOWN_FOR, 9, 0] {
            assert_eq!(shown.find(&repository, &digest, too_late), None);
        }
        // A reader that is slow to write down what it saw, while another takes it back.
        shown.forget();
        shown.remember(&repository, &digest, blob, since, 11);
        assert_eq!(shown.find(&repository, &digest, 11), None);
        shown.remember(&repository, &digest, blob, shown.since(), 11);
        assert_eq!(shown.find(&repository, &digest, 11), Some(blob));
    }
}
