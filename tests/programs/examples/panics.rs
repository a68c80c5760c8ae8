//! Panics with what it was given as message.

use program::{Answer, Call, program};

fn run(call: Call) -> Answer {
    panic!("the ledger of {} does not balance", call.json()["account"].as_str().unwrap_or("nobody"))
}

program!(run);
