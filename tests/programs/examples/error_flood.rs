//! Fails with an error as long as it is asked for, or with details that are not JSON.

use program::{Answer, Call, ErrorKind, error, program};

fn run(call: Call) -> Answer {
    let input = call.json();
    let mut error = error(ErrorKind::Internal, "x".repeat(input["bytes"].as_u64().unwrap_or(1) as usize));
    error.details = input["details"].as_str().map(str::to_owned);
    Err(error)
}

program!(run);
