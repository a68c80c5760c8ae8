//! Makes resources in the host and keeps every one: header lists, or pollables.

use program::{
    Answer, Call, program,
    wasi::{clocks::monotonic_clock, http::types::Fields},
};

fn run(call: Call) -> Answer {
    if call.json()["what"] == "pollables" {
        let mut hoard = Vec::new();
        loop {
            hoard.push(monotonic_clock::subscribe_duration(u64::MAX));
        }
    }
    let mut hoard = Vec::new();
    loop {
        hoard.push(Fields::new());
    }
}

program!(run);
