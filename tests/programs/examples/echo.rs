//! Answers with its input.

use program::{Answer, Call, program};

fn run(call: Call) -> Answer {
    Ok(call.input)
}

program!(run);
