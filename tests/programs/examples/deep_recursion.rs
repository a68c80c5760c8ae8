//! Calls itself until the stack ends.

use program::{Answer, Call, program};

#[inline(never)]
fn deeper(n: u64) -> u64 {
    let frame = std::hint::black_box([n; 16]);
    if n == u64::MAX { 0 } else { deeper(n + 1) + frame[15] }
}

fn run(_: Call) -> Answer {
    Ok(deeper(1).to_string())
}

program!(run);
