//! Runs into an instruction that traps, and says nothing.

use program::{Answer, Call, program};

fn run(_: Call) -> Answer {
    core::arch::wasm32::unreachable()
}

program!(run);
