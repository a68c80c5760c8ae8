//! Sends one request exactly as it is told, and reports what came back or by which word it was refused.

use program::{Answer, Call, ErrorKind, error, fetch, program};

fn run(call: Call) -> Answer {
    let request: fetch::Request = serde_json::from_str(&call.input).expect("a request");
    let answer = fetch::fetch(&request);
    match (request.fail_as, answer["error"].as_str()) {
        (Some(code), Some(fault)) => Err(program::Error { code, ..error(ErrorKind::Unavailable, fault) }),
        _ => Ok(answer.to_string()),
    }
}

program!(run);
