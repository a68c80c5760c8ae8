//! What a publish costs the registry in processor time: bytes in, both statements, all rules that need no sandbox, the log, the
//! index and the search. What runs the component (its `describe`, its cassettes) is the sandbox's cost, and is not in it; what
//! the publisher does, hashing and signing, is, and so is not what a PostgreSQL beside it does.

use std::time::Duration;

use jackfield_package::Package;
use wasm_encoder::{CodeSection, Function, FunctionSection, Instruction, Module, ModuleSection, TypeSection, ValType};

use crate::{
    at_most,
    components::{Builder, manifest},
    kit::{TestRegistry, validated_by},
    publish_kit::{Publisher, Told, work},
};

const COMPONENT_BYTES: usize = 1_000_000;
/// Linux counts a process's time in hundredths of a second: so many publishes are measured together.
const PUBLISHES: u32 = 20;
const TICKS_A_SECOND: f64 = 100.0;

pub async fn bench() {
    let bytes = component("0.1.0").bytes().to_vec();
    let started = processor_time();
    for _ in 0..PUBLISHES {
        wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all()).validate_all(&bytes).unwrap();
    }
    let validated = (processor_time() - started) / PUBLISHES;
    for registry in TestRegistry::each_with(validated_by(Told::good())).await {
        let alice = Publisher::new(&registry, "acme", 1).await;
        // The first has it all to itself: names, a keyset that comes into the log, tables that are empty.
        alice.publish(&component("0.1.0")).await;
        work(&registry).await;
        let releases: Vec<Package> = (1..=PUBLISHES).map(|patch| component(&format!("0.1.{patch}"))).collect();
        let started = processor_time();
        for release in &releases {
            alice.publish(release).await;
            work(&registry).await;
            assert_eq!(alice.state(release).await, "released");
        }
        let published = (processor_time() - started) / PUBLISHES;
        println!("publish, {}: processor time for a component of {} bytes, not run", registry.kind, bytes.len());
        println!("  a publish                 {} s", at_most(1.0, published.as_secs_f64()));
        println!(
            "  to validating its bytes   {:.1} ({:.4} s, wasmparser alone)",
            published.as_secs_f64() / validated.as_secs_f64(),
            validated.as_secs_f64()
        );
    }
}

/// This process's, all threads together.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // The second field is a name in parentheses, which may hold anything; the 14th and 15th are the times (proc_pid_stat(5)).
    let after = stat.rsplit_once(')').unwrap().1;
    let ticks: f64 = after.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap()).sum();
    Duration::from_secs_f64(ticks / TICKS_A_SECOND)
}

/// One whose bytes are code, as those of a connector are.
fn component(version: &str) -> Package {
    let mut value = manifest();
    value["version"] = version.into();
    let mut component = Builder::default().manifest(&value).component();
    component.section(&ModuleSection(&code(COMPONENT_BYTES)));
    Package::parse(component.finish()).unwrap()
}

fn code(bytes: usize) -> Module {
    let (mut types, mut functions, mut code) = (TypeSection::new(), FunctionSection::new(), CodeSection::new());
    types.ty().function([ValType::I32], [ValType::I32]);
    while code.byte_len() < bytes {
        let mut function = Function::new([(1, ValType::I32)]);
        for number in 0..100 {
            function.instruction(&Instruction::LocalGet(0));
            function.instruction(&Instruction::I32Const(0x1234 + number));
            function.instruction(&Instruction::I32Mul);
            function.instruction(&Instruction::LocalTee(1));
            function.instruction(&Instruction::LocalGet(1));
            function.instruction(&Instruction::I32Xor);
            function.instruction(&Instruction::LocalSet(0));
        }
        function.instruction(&Instruction::LocalGet(0));
        function.instruction(&Instruction::End);
        functions.function(0);
        code.function(&function);
    }
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&code);
    module
}
