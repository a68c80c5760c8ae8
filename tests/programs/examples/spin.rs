//! Computes for ever, and calls nobody.

use program::{Answer, Call, program};

fn run(_: Call) -> Answer {
    let mut n = 0_u64;
    loop {
        n = std::hint::black_box(n.wrapping_add(1));
    }
}

program!(run);
