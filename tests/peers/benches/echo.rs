//! Extism beside our host: a kilobyte in, the same kilobyte out, nothing left over from the call before.

use std::hint::black_box;

use extism::{CompiledPlugin, Manifest, Plugin, PluginBuilder, Wasm};
use jackfield_host::Invocation;
use jackfield_test_kit::TestHost;

#[path = "../../it/benches/common/mod.rs"]
mod common;

use common::{at_least, compare, on_worker, timed};

fn main() {
    let input = format!("\"{}\"", "x".repeat(1022));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");

    let module = wat::parse_str(include_str!("echo.wat")).expect("WebAssembly");
    let plugin = PluginBuilder::new(Manifest::new([Wasm::data(module)])).with_wasi(true);
    let compiled = CompiledPlugin::new(plugin).expect("it compiles");
    let call = |plugin: &mut Plugin| {
        let output = plugin.call::<&str, &str>("echo", black_box(&input)).expect("an answer");
        assert_eq!(output, input);
    };
    let mut warm = Plugin::new_from_compiled(&compiled).expect("a plugin");

    let programs = common::build_programs(&["echo"]);
    let test_host = TestHost::new();
    let installed = runtime.block_on(test_host.program(&common::component(&programs, "echo")).install()).name;
    let (host, to_host) = (test_host.host().clone(), input.clone());
    let ours = move || {
        let (host, name, input) = (host.clone(), installed.clone(), to_host.clone());
        async move {
            let outcome = host.invoke(&name, Invocation::new("run", input)).await;
            black_box(outcome.result.expect("an answer"));
        }
    };

    let [ours, fresh, warm] = compare(
        200,
        [
            on_worker(&runtime, ours),
            timed(|| call(&mut Plugin::new_from_compiled(&compiled).expect("a plugin"))),
            timed(|| call(&mut warm)),
        ],
    );
    println!("{} bytes in and out; medians of interleaved batches", input.len());
    println!("our host {ours:.1} µs; Extism {fresh:.1} µs, compiled once and a new plugin for each call");
    println!("  Extism / ours  {}", at_least(15.0, fresh / ours));
    println!("Extism, one plugin for all calls, which see what the one before left: {warm:.1} µs");
}
