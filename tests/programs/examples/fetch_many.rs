//! Sends many requests: one after the other, or all of them at once. Answers with each one's status or refusal.

use program::{
    Answer, Call,
    fetch::{self, Request},
    program,
    wasi::http::types::FutureIncomingResponse,
};
use serde_json::{Value, json};

fn run(call: Call) -> Answer {
    let input = call.json();
    let count = input["count"].as_u64().expect("count");
    let request: Request = serde_json::from_value(json!({ "url": input["url"], "read": "none" })).expect("a request");
    let answers: Vec<Value> = if input["at_once"] == true {
        let begun: Vec<_> = (0..count).map(|_| fetch::begin(&request)).collect();
        begun.iter().map(status).collect()
    } else {
        (0..count).map(|_| status(&fetch::begin(&request))).collect()
    };
    Ok(Value::from(answers).to_string())
}

fn status(begun: &Result<FutureIncomingResponse, Value>) -> Value {
    match begun.as_ref().map_err(Value::clone).and_then(fetch::finish) {
        Ok(response) => response.status().into(),
        Err(error) => error["error"].clone(),
    }
}

program!(run);
