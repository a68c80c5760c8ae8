//! Writes a request body without an end.

use program::{
    Answer, Call,
    fetch::{self, Request},
    program,
};
use serde_json::json;

fn run(call: Call) -> Answer {
    let request: Request =
        serde_json::from_value(json!({ "method": "POST", "url": call.json()["url"] })).expect("a request");
    let (response, body) = match fetch::open(&request) {
        Ok(begun) => begun,
        Err(error) => return Ok(error.to_string()),
    };
    let stream = body.write().expect("the body is written once");
    let mut written = 0_u64;
    let error = loop {
        match stream.blocking_write_and_flush(&[b'u'; 4096]) {
            Ok(()) => written += 4096,
            Err(error) => break fetch::stream_error(error),
        }
    };
    let response = match fetch::finish(&response) {
        Ok(response) => json!(response.status()),
        Err(error) => error["error"].clone(),
    };
    Ok(json!({ "written": written, "error": error["error"], "response": response }).to_string())
}

program!(run);
