//! Answers with as many bytes as it is asked for.

use program::{Answer, Call, program};

fn run(call: Call) -> Answer {
    let bytes = call.json()["bytes"].as_u64().expect("bytes") as usize;
    Ok(format!("\"{}\"", "x".repeat(bytes - 2)))
}

program!(run);
