//! What an invocation costs: bare wasmtime, our host around it, and wasmtime's own defaults, on the same components in one run.

use std::{
    hint::black_box,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use jackfield_host::{Host, Invocation};
use jackfield_test_kit::TestHost;
use tokio::runtime::{self, Runtime};
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store,
    component::{Component, InstancePre, Linker, ResourceTable},
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

mod common;

use common::{at_least, at_most, compare, cpu_seconds, median, on_worker};

mod bindings {
    #![allow(missing_docs, unreachable_pub, reason = "generated")]
    wasmtime::component::bindgen!({
        inline: "
            package bench:bench;
            world operations { import jackfield:connector/types@0.1.0; export jackfield:connector/operations@0.1.0; }
        ",
        path: "../../wit",
        world: "bench:bench/operations",
        exports: { default: async },
    });
}

use bindings::{exports::jackfield::connector::operations::GuestIndices, jackfield::connector::types::Context};

struct State {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// wasmtime and nothing else: a store, an instance, a call.
struct Bare {
    instance: InstancePre<State>,
    guest: GuestIndices,
}

impl Bare {
    fn new(config: &Config, component: &str) -> Arc<Self> {
        let engine = Engine::new(config).expect("an engine");
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).expect("WASI is linked");
        let component = Component::from_file(&engine, Path::new(component)).expect("a component");
        let instance = linker.instantiate_pre(&component).expect("its imports are there");
        Arc::new(Self { guest: GuestIndices::new(&instance).expect("its exports are there"), instance })
    }

    async fn call(&self, input: &str) -> String {
        let state = State { wasi: WasiCtx::builder().build(), table: ResourceTable::new() };
        let mut store = Store::new(self.instance.engine(), state);
        store.set_fuel(1_000_000_000).expect("fuel is on");
        store.fuel_async_yield_interval(Some(10_000_000)).expect("fuel is on");
        let instance = self.instance.instantiate_async(&mut store).await.expect("an instance");
        let guest = self.guest.load(&mut store, &instance).expect("its exports");
        let context =
            Context { config: "{}".to_owned(), connection: None, idempotency_key: "0".repeat(32), deadline_ms: 30_000 };
        let (operation, input) = ("run".to_owned(), input.to_owned());
        guest.call_invoke(&mut store, &operation, &input, &context).await.expect("no trap").expect("no error")
    }
}

/// The best settings known for wasmtime itself.
fn pooled() -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(1_000)
        .total_stacks(1_000)
        .total_memories(2_000)
        .total_tables(4_000)
        .total_core_instances(14_000)
        .max_unused_warm_slots(1_000)
        .linear_memory_keep_resident(4 << 20)
        .table_keep_resident(1 << 20)
        .pagemap_scan(Enabled::Auto);
    let mut config = defaults();
    config.concurrency_support(false).allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

fn defaults() -> Config {
    let mut config = Config::new();
    config.consume_fuel(true);
    config
}

fn main() {
    let input = input();
    println!("{} bytes of JSON in; a fresh instance each time; medians of interleaved batches", input.len());
    let programs = common::build_programs(&["echo", "json_work"]);
    for name in ["echo", "json_work"] {
        one_thread(name, &common::component(&programs, name), &input);
    }
    two_threads(&common::component(&programs, "json_work"), &input);
}

/// About a kilobyte.
fn input() -> Arc<str> {
    let item = |n| serde_json::json!({"id": n, "name": format!("item number {n}"), "price_cents": n * 100, "tags": ["a", "b"]});
    let items: Vec<_> = (0..14).map(item).collect();
    serde_json::json!({ "items": items }).to_string().into()
}

async fn call_bare(bare: Arc<Bare>, input: Arc<str>) {
    black_box(bare.call(&input).await);
}

async fn call_host(host: Host, name: jackfield_package::PackageName, input: Arc<str>) {
    black_box(host.invoke(&name, Invocation::new("run", &*input)).await.result.expect("an answer"));
}

fn one_thread(name: &str, component: &str, input: &Arc<str>) {
    let runtime = workers(1);
    let (bare, default) = (Bare::new(&pooled(), component), Bare::new(&defaults(), component));
    let test_host = TestHost::new();
    let installed = runtime.block_on(test_host.program(component).install()).name;
    let host = test_host.host().clone();
    let (input, input_1, input_2) = (input.clone(), input.clone(), input.clone());
    let [bare, host, default] = compare(
        400,
        [
            on_worker(&runtime, move || call_bare(bare.clone(), input.clone())),
            on_worker(&runtime, move || call_host(host.clone(), installed.clone(), input_1.clone())),
            on_worker(&runtime, move || call_bare(default.clone(), input_2.clone())),
        ],
    );
    println!(
        "\n{name}: bare wasmtime {bare:.1} µs, through the host {host:.1} µs, wasmtime's defaults {default:.1} µs"
    );
    println!("  host / bare      {}", at_most(1.25, host / bare));
    println!("  defaults / host  {}", at_least(1.5, default / host));
}

fn workers(threads: usize) -> Runtime {
    runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build().expect("a runtime")
}

/// Calls a second of two threads against those of one; and of bare wasmtime with an engine a thread, which shows what the
/// machine has to give.
fn two_threads(component: &str, input: &Arc<str>) {
    const SLICE: Duration = Duration::from_millis(100);
    let test_host = TestHost::new();
    let installed = workers(1).block_on(test_host.program(component).install()).name;
    let (one, two) = (workers(1), workers(2));
    let through_host = |runtime: &Runtime, threads| {
        let tasks: Vec<_> = (0..threads)
            .map(|_| {
                let (host, name, input) = (test_host.host().clone(), installed.clone(), input.clone());
                runtime.spawn(async move {
                    let (started, mut calls) = (Instant::now(), 0_u32);
                    while started.elapsed() < SLICE {
                        call_host(host.clone(), name.clone(), input.clone()).await;
                        calls += 1;
                    }
                    f64::from(calls) / started.elapsed().as_secs_f64()
                })
            })
            .collect();
        tasks.into_iter().map(|task| runtime.block_on(task).expect("no panic")).sum::<f64>()
    };
    let engines = [Bare::new(&pooled(), component), Bare::new(&pooled(), component)];
    let bare = |threads| {
        std::thread::scope(|scope| {
            let running: Vec<_> = engines[..threads]
                .iter()
                .map(|bare| {
                    scope.spawn(|| {
                        let runtime = runtime::Builder::new_current_thread().build().expect("a runtime");
                        runtime.block_on(async {
                            let (started, mut calls) = (Instant::now(), 0_u32);
                            while started.elapsed() < SLICE {
                                black_box(bare.call(input).await);
                                calls += 1;
                            }
                            f64::from(calls) / started.elapsed().as_secs_f64()
                        })
                    })
                })
                .collect();
            running.into_iter().map(|thread| thread.join().expect("no panic")).sum::<f64>()
        })
    };
    let mut rates = [const { Vec::new() }; 4];
    let mut cpu = [0.0; 2];
    for round in 0..40 {
        let started = cpu_seconds();
        let host_one = through_host(&one, 1);
        let between = cpu_seconds();
        let host_two = through_host(&two, 2);
        let spent = [between - started, cpu_seconds() - between];
        let round_of = [host_one, host_two, bare(1), bare(2)];
        // The first ones load the code.
        if round >= 3 {
            rates.iter_mut().zip(round_of).for_each(|(rates, rate)| rates.push(rate));
            let calls = [host_one, host_two].map(|rate| rate * SLICE.as_secs_f64());
            cpu.iter_mut().zip(spent).zip(calls).for_each(|((cpu, spent), calls)| *cpu += spent / calls);
        }
    }
    let [host_one, host_two, bare_one, bare_two] = rates.map(median);
    println!("\njson_work: {host_one:.0} calls/s with one thread, {host_two:.0} with two");
    println!("  two / one        {}", at_least(1.9, host_two / host_one));
    println!(
        "  the same of bare wasmtime with an engine a thread, which is what the machine gives: {:.2}",
        bare_two / bare_one
    );
    println!("  CPU for a call, two / one: {:.2}", cpu[1] / cpu[0]);
}
