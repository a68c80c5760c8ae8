//! Several operations whose schemas say something: an object, a list, files of two kinds, and one that fails.

use program::{Answer, Call, ErrorKind, error, files, program};
use serde_json::{Value, json};

fn describe() -> String {
    include_str!("../typed.json").to_owned()
}

/// One pixel.
const PNG: &[u8] =
    b"\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU\x00\x00\x00\x0aIDATx\x9cc`\x00\x00\x00\x02\x00\x01H\xaf\xa4q\x00\x00\x00\x00IEND\xaeB`\x82";

fn run(call: Call) -> Answer {
    let input = call.json();
    match call.operation.as_str() {
        "add" => Ok(json!({ "sum": input["a"].as_i64().unwrap_or(0) + input["b"].as_i64().unwrap_or(0) }).to_string()),
        "sort" => {
            let mut numbers: Vec<i64> = input.as_array().into_iter().flatten().filter_map(Value::as_i64).collect();
            numbers.sort_unstable();
            Ok(json!(numbers).to_string())
        }
        "text" => Ok(json!("This is a simple text.").to_string()),
        "content" => file("pixel.png", "image/png", PNG),
        "resource" => file("note.txt", "text/plain", b"This is a note."),
        _ => Err(error(ErrorKind::Conflict, "this operation fails on purpose")),
    }
}

fn file(name: &str, media_type: &str, bytes: &[u8]) -> Answer {
    let unwritten = |what: String| error(ErrorKind::Internal, what);
    let (id, to) = files::create(name, media_type).map_err(|fault| unwritten(fault.name().to_owned()))?;
    to.blocking_write_and_flush(bytes).map_err(|fault| unwritten(format!("{fault:?}")))?;
    Ok(json!({ "file": { "$file": id } }).to_string())
}

program!(run, describe);
