//! Logs more lines than anybody reads.

use program::{Answer, Call, log, program};

fn run(call: Call) -> Answer {
    let lines = call.json()["lines"].as_u64().unwrap_or(5_000);
    for n in 0..lines {
        log::log(log::Level::Info, &format!("line {n}"), &[("n".to_owned(), n.to_string())]);
    }
    Ok(lines.to_string())
}

program!(run);
