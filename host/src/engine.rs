//! The wasmtime configuration, and one engine a shard.
//!
//! The figures behind each setting stand in docs/decisions/0002-sandbox-engine.md.

use std::{
    num::NonZeroUsize,
    sync::{Arc, OnceLock},
};

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use crate::{
    failure::HostFault,
    limits::{
        ASYNC_STACK_BYTES, BACKTRACE_FRAMES, POOL_SLOTS, SHARDS, SLOT_MEMORY_BYTES, SLOT_TABLE_ELEMENTS,
        WASM_STACK_BYTES,
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
fn running_config() -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(POOL_SLOTS)
        .total_stacks(POOL_SLOTS)
        // Rust guests have one memory and four core instances, JavaScript's and Python's up to three and twenty.
        .total_memories(2 * POOL_SLOTS)
        .total_tables(4 * POOL_SLOTS)
        .total_core_instances(14 * POOL_SLOTS)
        .max_core_instances_per_component(40)
        .max_memories_per_component(8)
        .max_tables_per_component(24)
        .max_memories_per_module(4)
        .max_tables_per_module(8)
        .max_component_instance_size(1 << 20)
        .max_core_instance_size(1 << 20)
        .max_memory_size(SLOT_MEMORY_BYTES)
        .table_elements(SLOT_TABLE_ELEMENTS)
        .max_unused_warm_slots(POOL_SLOTS)
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
        Self(Arc::new(Shards::new(count)))
    }
}

impl Default for Engines {
    /// One a CPU.
    fn default() -> Self {
        Self::new(std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
    }
}

/// One engine a worker thread, each with a pool of its own: threads that share a pool fight over its lock. Made when first
/// used.
pub(crate) struct Shards(Vec<OnceLock<Engine>>);

impl Shards {
    pub(crate) fn new(count: usize) -> Self {
        Self((0..count.clamp(1, SHARDS)).map(|_| OnceLock::new()).collect())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn engine(&self, shard: usize) -> Result<&Engine, HostFault> {
        let cell = &self.0[shard];
        if let Some(engine) = cell.get() {
            return Ok(engine);
        }
        let engine = Engine::new(&running_config()).map_err(fault)?;
        Ok(cell.get_or_init(|| engine))
    }

    /// The shard of the thread that asks.
    pub(crate) fn here(&self) -> usize {
        use std::sync::atomic::{AtomicUsize, Ordering};
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        thread_local!(static HERE: usize = NEXT.fetch_add(1, Ordering::Relaxed));
        HERE.with(|here| here % self.0.len())
    }
}
