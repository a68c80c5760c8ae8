//! Names files so that they would land elsewhere, and opens what it was not handed. Answers with what was accepted.

use program::{Answer, Call, files, program};
use serde_json::{Value, json};

fn run(call: Call) -> Answer {
    let input = call.json();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let list = |key: &str| input[key].as_array().cloned().unwrap_or_default();
    let created: Vec<Value> = list("names")
        .iter()
        .map(|name| match files::create(&text(name), "text/plain") {
            Ok(_) => json!([name, "accepted"]),
            Err(error) => json!([name, error.name()]),
        })
        .collect();
    let opened: Vec<Value> = list("ids")
        .iter()
        .map(|id| match files::open(&text(id)) {
            Ok(_) => json!([id, "accepted"]),
            Err(error) => json!([id, error.name()]),
        })
        .collect();
    let typed: Vec<Value> = list("media_types")
        .iter()
        .map(|media_type| match files::create("plain.txt", &text(media_type)) {
            Ok(_) => json!([media_type, "accepted"]),
            Err(error) => json!([media_type, error.name()]),
        })
        .collect();
    Ok(json!({ "created": created, "opened": opened, "typed": typed }).to_string())
}

program!(run);
