//! Never gets to the end of its own description.

use program::{Answer, Call, program};

fn describe() -> String {
    let mut n = 0_u64;
    loop {
        n = std::hint::black_box(n.wrapping_add(1));
    }
}

fn run(call: Call) -> Answer {
    Ok(call.input)
}

program!(run, describe);
