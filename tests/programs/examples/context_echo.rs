//! Answers with what it is told about the call.

use program::{Answer, Call, program};
use serde_json::{Value, json};

fn run(call: Call) -> Answer {
    Ok(json!({
        "operation": call.operation,
        "config": serde_json::from_str::<Value>(&call.context.config).expect("the config is JSON"),
        "connection": call.context.connection,
        "idempotency_key": call.context.idempotency_key,
        "deadline_ms": call.context.deadline_ms,
    })
    .to_string())
}

program!(run);
