//! Asks the host for the time, again and again.

use program::{Answer, Call, program, wasi::clocks::monotonic_clock};

fn run(_: Call) -> Answer {
    loop {
        std::hint::black_box(monotonic_clock::now());
    }
}

program!(run);
