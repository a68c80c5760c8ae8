//! A metric of how many there are now.

/// One of those that are counted, as long as it lives: also where a future is dropped.
pub(crate) struct Counted(&'static str);

impl Counted {
    /// One more.
    pub(crate) fn begin(gauge: &'static str) -> Self {
        metrics::gauge!(gauge).increment(1);
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!(self.0).decrement(1);
    }
}
