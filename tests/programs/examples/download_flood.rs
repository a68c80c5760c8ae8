//! Reads a response body without an end, and keeps none of it.

use program::{
    Answer, Call,
    fetch::{self, Request},
    program,
};
use serde_json::json;

fn run(call: Call) -> Answer {
    let request: Request = serde_json::from_str(&call.input).expect("a request");
    let response = match fetch::begin(&request).and_then(|begun| fetch::finish(&begun)) {
        Ok(response) => response,
        Err(error) => return Ok(error.to_string()),
    };
    let mut read = 0;
    let end = fetch::read(&response, |chunk| read += chunk.len());
    Ok(json!({ "read": read, "error": end.err().map(|error| error["error"].clone()) }).to_string())
}

program!(run);
