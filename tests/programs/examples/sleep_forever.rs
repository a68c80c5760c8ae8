//! Waits in the host for a moment that never comes.

use program::{Answer, Call, program, wasi::clocks::monotonic_clock};

fn run(_: Call) -> Answer {
    monotonic_clock::subscribe_duration(u64::MAX).block();
    Ok("\"awake\"".to_owned())
}

program!(run);
