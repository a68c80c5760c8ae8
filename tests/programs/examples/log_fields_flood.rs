//! Logs lines that say nothing, each with more empty fields than a log has room for.

use program::{Answer, Call, log, program};

fn run(call: Call) -> Answer {
    let input = call.json();
    let lines = input["lines"].as_u64().unwrap_or(1_000);
    let fields = vec![(String::new(), String::new()); input["fields"].as_u64().unwrap_or(80_000) as usize];
    for _ in 0..lines {
        log::log(log::Level::Info, "", &fields);
    }
    Ok(lines.to_string())
}

program!(run);
