//! Describes another operation than its manifest does.

use program::{Answer, Call, program};

fn describe() -> String {
    program::OPERATIONS.replace("\"effect\":\"write\"", "\"effect\":\"read\"")
}

fn run(call: Call) -> Answer {
    Ok(call.input)
}

program!(run, describe);
