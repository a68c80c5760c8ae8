//! Taking secrets out of bytes.

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::limits::SECRET_BYTES_LEAST;

/// Finds secrets and writes `*` over them: the length stays, so framing stays.
#[derive(Default)]
pub(super) struct Blot {
    needles: Vec<Zeroizing<Vec<u8>>>,
}

impl Blot {
    /// Of these forms; those too short to tell from ordinary text are left out.
    pub(super) fn of(forms: impl IntoIterator<Item = Zeroizing<Vec<u8>>>) -> Self {
        let mut needles: Vec<_> = forms.into_iter().filter(|form| form.len() >= SECRET_BYTES_LEAST).collect();
        needles.sort_by(|a, b| a.as_slice().cmp(b.as_slice()));
        needles.dedup_by(|a, b| a.as_slice() == b.as_slice());
        Self { needles }
    }

    pub(super) fn is_in(&self, haystack: &[u8]) -> bool {
        self.needles.iter().any(|needle| occurrences(haystack, needle).next().is_some())
    }

    /// Whether one is there in whatever case: a header's name arrives in lower case.
    pub(super) fn is_in_name(&self, name: &str) -> bool {
        self.needles.iter().any(|needle| {
            name.len() >= needle.len() && name.as_bytes().windows(needle.len()).any(|w| w.eq_ignore_ascii_case(needle))
        })
    }

    /// Blots out every occurrence; says whether there was one.
    pub(super) fn out(&self, bytes: &mut [u8]) -> bool {
        let mut mask = vec![false; bytes.len()];
        self.mark(bytes, &mut mask);
        apply(bytes, &mask);
        mask.contains(&true)
    }

    fn mark(&self, bytes: &[u8], mask: &mut [bool]) {
        for needle in &self.needles {
            for at in occurrences(bytes, needle) {
                mask[at..at + needle.len()].fill(true);
            }
        }
    }

    /// Bytes at the end that may be the beginning of a secret.
    fn unfinished(&self, bytes: &[u8]) -> usize {
        let longest = |needle: &Zeroizing<Vec<u8>>| {
            (1..needle.len().min(bytes.len() + 1)).rev().find(|length| bytes.ends_with(&needle[..*length]))
        };
        self.needles.iter().filter_map(longest).max().unwrap_or(0)
    }
}

/// Blots secrets out of a stream, also where a secret is cut in two by the network. Holds back only bytes that may be the
/// beginning of a secret.
pub struct StreamCleaner {
    blot: Arc<Blot>,
    /// Bytes held back, as they came.
    held: Zeroizing<Vec<u8>>,
    /// Which of them belong to a secret that has been seen whole.
    mask: Vec<bool>,
}

impl StreamCleaner {
    pub(super) fn new(blot: Arc<Blot>) -> Self {
        Self { blot, held: Zeroizing::default(), mask: Vec::new() }
    }

    /// Takes the next bytes and gives those that are safe to pass on.
    pub fn clean(&mut self, next: &[u8]) -> Vec<u8> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.held.len() + next.len()));
        bytes.extend_from_slice(&self.held);
        bytes.extend_from_slice(next);
        let mut mask = std::mem::take(&mut self.mask);
        mask.resize(bytes.len(), false);
        self.blot.mark(&bytes, &mut mask);
        let passed = bytes.len() - self.blot.unfinished(&bytes);
        self.held = Zeroizing::new(bytes[passed..].to_vec());
        self.mask = mask.split_off(passed);
        let mut clean = bytes[..passed].to_vec();
        apply(&mut clean, &mask);
        clean
    }

    /// Gives what was held back, since nothing follows.
    pub fn finish(&mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut *self.held);
        apply(&mut rest, &std::mem::take(&mut self.mask));
        rest
    }
}

fn apply(bytes: &mut [u8], mask: &[bool]) {
    for (byte, masked) in bytes.iter_mut().zip(mask) {
        if *masked {
            *byte = b'*';
        }
    }
}

fn occurrences<'a>(haystack: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let last = (haystack.len() + 1).saturating_sub(needle.len());
    let first = needle.first().copied();
    (0..last).filter(move |at| Some(haystack[*at]) == first && haystack[*at..].starts_with(needle))
}
