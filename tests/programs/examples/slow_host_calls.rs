//! Burns hardly any fuel: it has the host do the work, megabytes at each call, and never waits.

use program::{Answer, Call, log, program};

fn run(call: Call) -> Answer {
    let times = call.json()["times"].as_u64().unwrap_or(u64::MAX);
    let long = "€".repeat(1 << 20);
    for _ in 0..times {
        log::log(log::Level::Info, &long, &[]);
    }
    Ok(times.to_string())
}

program!(run);
