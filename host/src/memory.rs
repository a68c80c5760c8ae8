//! The memory limit, summed over all memories and tables of a call: a limit on each would be passed by a second one.

use wasmtime::ResourceLimiter;

use crate::{
    failure::LimitExceeded,
    limits::{Limit, Limits},
};

/// Bytes that one element of a table takes in the host.
const TABLE_ELEMENT_BYTES: usize = 16;

/// Counts what the call's instance holds.
pub(crate) struct MemoryMeter {
    held: u64,
    peak: u64,
    allowed: u64,
    growths: u64,
}

impl MemoryMeter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { held: 0, peak: 0, allowed: limits.get(Limit::MemoryBytes), growths: 0 }
    }

    /// Most bytes held at one time.
    pub(crate) fn peak(&self) -> u64 {
        self.peak
    }

    /// How often a running guest has asked for more.
    pub(crate) fn growths(&self) -> u64 {
        self.growths
    }

    /// A refused growth ends the call. Letting `memory.grow` answer −1 would be kinder to a guest that copes, but hardly any
    /// does: they abort without a word, and the operator would never learn why.
    fn grow(&mut self, current: usize, desired: usize) -> wasmtime::Result<bool> {
        // What an instance starts with grows from nothing, and not by a crossing from the guest.
        self.growths += u64::from(current > 0);
        let wanted = self.held.saturating_add(desired.saturating_sub(current) as u64);
        if wanted > self.allowed {
            return Err(
                LimitHit(LimitExceeded { limit: Limit::MemoryBytes, allowed: self.allowed, used: wanted }).into()
            );
        }
        self.held = wanted;
        self.peak = self.peak.max(wanted);
        Ok(true)
    }
}

impl ResourceLimiter for MemoryMeter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        // Beyond the module's own maximum growing fails by the WebAssembly specification, and nothing is held.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.grow(current, desired)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.grow(current.saturating_mul(TABLE_ELEMENT_BYTES), desired.saturating_mul(TABLE_ELEMENT_BYTES))
    }
}

/// A limit that ends the call at once, as it travels through wasmtime.
#[derive(Debug)]
pub(crate) struct LimitHit(pub(crate) LimitExceeded);

impl std::fmt::Display for LimitHit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for LimitHit {}
