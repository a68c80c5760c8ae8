//! Makes files without number, or one without end, or opens one without end.

use program::{Answer, Call, files, program};
use serde_json::json;

fn run(call: Call) -> Answer {
    let input = call.json();
    let mut hoard = Vec::new();
    let mut count = 0_u64;
    let error = match input["how"].as_str() {
        Some("create") => loop {
            match files::create(&format!("{count}.txt"), "text/plain") {
                Ok((_, stream)) => hoard.push(stream),
                Err(error) => break error.name().to_owned(),
            }
            count += 1;
        },
        Some("write") => {
            let (_, stream) = files::create("endless.bin", "application/octet-stream").expect("the first file");
            loop {
                match stream.blocking_write_and_flush(&[b'f'; 4096]) {
                    Ok(()) => count += 4096,
                    Err(error) => break format!("{error:?}"),
                }
            }
        }
        other => panic!("how? {other:?}"),
    };
    Ok(json!({ "count": count, "error": error }).to_string())
}

program!(run);
