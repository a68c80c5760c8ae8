//! Draws randomness: so many bytes at once, so many times. Answers with how many distinct first bytes it saw.

use std::collections::BTreeSet;

use program::{Answer, Call, program, wasi::random::random};

fn run(call: Call) -> Answer {
    let input = call.json();
    let bytes = input["bytes"].as_u64().unwrap_or(1);
    let mut seen = BTreeSet::new();
    for _ in 0..input["times"].as_u64().unwrap_or(1) {
        seen.insert(random::get_random_bytes(bytes).first().copied());
    }
    Ok(seen.len().to_string())
}

program!(run);
