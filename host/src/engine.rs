//! The wasmtime configuration, and one engine a shard.
//!
//! The figures behind each setting stand in docs/decisions/0002-sandbox-engine.md.

use std::{
    num::NonZeroUsize,
    sync::{Arc, OnceLock},
};

use tokio::sync::{Semaphore, SemaphorePermit};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use crate::{
    failure::HostFault,
    limits::{
        ASYNC_STACK_BYTES, BACKTRACE_FRAMES, CALLS_AT_ONCE, CALLS_PER_SHARD, HOOK_SLOTS, SHARDS, SLOT_MEMORIES,
        SLOT_MEMORY_BYTES, SLOT_TABLE_ELEMENTS, SLOT_TABLES, WASM_STACK_BYTES,
    },
};

/// What compiled code depends on. The same for engines that run and for the one that only compiles, or code could not be
/// handed from one to the other.
fn code_config() -> Config {
    let mut config = Config::new();
    config
        .cranelift_opt_level(OptLevel::Speed)
        .consume_fuel(true)
        // Guests are of WASI 0.2, and concurrency would cost each of them 2.7 µs a call.
        .concurrency_support(false)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(ASYNC_STACK_BYTES)
        .memory_init_cow(true)
        .table_lazy_init(true)
        .wasm_backtrace_max_frames(NonZeroUsize::new(BACKTRACE_FRAMES));
    config
}

/// An engine that runs guests: a pool whose slots keep their pages, since page faults are what a fresh instance costs.
fn running_config(slots: u32) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_stacks(slots)
        .total_memories(SLOT_MEMORIES * slots)
        .total_tables(SLOT_TABLES * slots)
        // Rust guests have four core instances, JavaScript's and Python's up to twenty.
        .total_core_instances(14 * slots)
        .max_core_instances_per_component(40)
        .max_memories_per_component(8)
        .max_tables_per_component(24)
        .max_memories_per_module(4)
        .max_tables_per_module(8)
        .max_component_instance_size(1 << 20)
        .max_core_instance_size(1 << 20)
        .max_memory_size(SLOT_MEMORY_BYTES)
        .table_elements(SLOT_TABLE_ELEMENTS)
        .max_unused_warm_slots(slots)
        .linear_memory_keep_resident(4 << 20)
        .table_keep_resident(1 << 20)
        .pagemap_scan(Enabled::Auto);
    let mut config = code_config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// An engine that compiles and runs nothing: it reserves no pool, so that it fits a child process with little memory.
pub(crate) fn compiling_engine() -> Result<Engine, HostFault> {
    Engine::new(&code_config()).map_err(fault)
}

fn fault(error: wasmtime::Error) -> HostFault {
    HostFault::new(format!("the sandbox could not start: {error:#}"))
        .hint("Jackfield runs on x86-64 and arm64 Linux with some terabytes of address space; check `ulimit -v`")
}

/// The engines of a process, which any number of hosts may run their calls on. Clones share them.
#[derive(Clone)]
pub struct Engines(pub(crate) Arc<Shards>);

impl Engines {
    /// So many, each with a pool of instances of its own: as many as threads that run calls.
    pub fn new(count: usize) -> Self {
        let count = count.clamp(1, SHARDS);
        Self(Arc::new(Shards::new(count, count * CALLS_PER_SHARD)))
    }

    /// One a CPU, with room for so many calls at once, at the most [`CALLS_AT_ONCE`]; one more waits for its turn.
    pub fn with_calls(calls: usize) -> Self {
        Self(Arc::new(Shards::new(cpus(), calls.clamp(1, CALLS_AT_ONCE))))
    }
}

impl Default for Engines {
    /// One a CPU.
    fn default() -> Self {
        Self::new(cpus())
    }
}

fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(SHARDS)
}

/// One engine a worker thread, each with a pool of its own: threads that share a pool fight over its lock.
pub(crate) struct Shards(Vec<Shard>);

struct Shard {
    /// Made when first used.
    engine: OnceLock<Engine>,
    /// Slots for calls.
    slots: u32,
    calls: Semaphore,
    hooks: Semaphore,
}

/// For what a slot is taken.
#[derive(Clone, Copy)]
pub(crate) enum Use {
    /// A call.
    Call,
    /// A step of an auth hook, for which calls may wait.
    Hook,
}

impl Shards {
    fn new(count: usize, calls: usize) -> Self {
        let slots = u32::try_from(calls.div_ceil(count)).unwrap_or(u32::MAX);
        let shard = || Shard {
            engine: OnceLock::new(),
            slots,
            calls: Semaphore::new(slots as usize),
            hooks: Semaphore::new(HOOK_SLOTS as usize),
        };
        Self((0..count).map(|_| shard()).collect())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn engine(&self, shard: usize) -> Result<&Engine, HostFault> {
        let Shard { engine, slots, .. } = &self.0[shard];
        if let Some(engine) = engine.get() {
            return Ok(engine);
        }
        let made = Engine::new(&running_config(slots + HOOK_SLOTS)).map_err(fault)?;
        Ok(engine.get_or_init(|| made))
    }

    /// Slots in the pool of a shard, as soon as they are free: a pool that is full refuses.
    pub(crate) async fn place(&self, shard: usize, wanted: Use, slots: u32) -> Result<SemaphorePermit<'_>, HostFault> {
        let shard = &self.0[shard];
        let (free, all) = match wanted {
            Use::Call => (&shard.calls, shard.slots),
            Use::Hook => (&shard.hooks, HOOK_SLOTS),
        };
        free.acquire_many(slots.min(all)).await.map_err(|_| HostFault::new("the sandbox is closed"))
    }

    /// The shard of the thread that asks.
    pub(crate) fn here(&self) -> usize {
        use std::sync::atomic::{AtomicUsize, Ordering};
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        thread_local!(static HERE: usize = NEXT.fetch_add(1, Ordering::Relaxed));
        HERE.with(|here| here % self.0.len())
    }
}
