//! Where a test may break in: a crash, or a failure that the database has or has not persisted. In a real build there is
//! nothing.

use crate::{Broker, error::Result};

/// Between which steps of a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Point {
    /// The lease is taken, the intent is written, nothing is sent.
    Intended,
    /// The provider has answered, nothing is stored.
    Answered,
    /// Just before the answer is stored.
    Storing,
    /// It is stored, nobody knows it yet.
    Stored,
}

/// What a test does at a point: nothing, an error, or a panic, which is what a crash looks like to all other parts.
#[cfg(test)]
pub(crate) type Probe = Box<dyn Fn(Point) -> Result<()> + Send + Sync>;

impl Broker {
    #[cfg(test)]
    pub(crate) fn probe(&self, point: Point) -> Result<()> {
        let probe = self.probe_slot().lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        probe.as_ref().map_or(Ok(()), |probe| probe(point))
    }

    #[cfg(not(test))]
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "a test's has something to say")]
    pub(crate) fn probe(&self, _: Point) -> Result<()> {
        Ok(())
    }
}
