//! Has the host keep as much as it will: words and bodies of requests that are never sent, open files.

use program::{
    Answer, Call, files, program,
    wasi::http::types::{Fields, Method, OutgoingRequest},
};
use serde_json::json;

/// More than any honest word, and as much as one host call carries.
const LONG: usize = 3 << 20;

fn run(call: Call) -> Answer {
    let input = call.json();
    let most = input["most"].as_u64().unwrap_or(u64::MAX);
    let (mut requests, mut bodies, mut readers) = (Vec::new(), Vec::new(), Vec::new());
    let long = "A".repeat(LONG);
    let (mut count, mut room) = (0_u64, 0);
    let refused = loop {
        if count == most {
            break None;
        }
        match input["what"].as_str() {
            Some("methods") => {
                let request = OutgoingRequest::new(Fields::new());
                if request.set_method(&Method::Other(long.clone())).is_err() {
                    break Some("refused".to_owned());
                }
                requests.push(request);
            }
            Some("authorities") => {
                let request = OutgoingRequest::new(Fields::new());
                if request.set_authority(Some(&long)).is_err() {
                    break Some("refused".to_owned());
                }
                requests.push(request);
            }
            Some("bodies") => {
                let request = OutgoingRequest::new(Fields::new());
                let body = request.body().expect("the first body");
                let stream = body.write().expect("its stream");
                while let Ok(permitted @ 1..) = stream.check_write() {
                    room = permitted;
                    stream.write(&long.as_bytes()[..permitted as usize]).expect("what is permitted");
                }
                requests.push(request);
                bodies.push((stream, body));
            }
            Some("files") => match files::open("in") {
                Ok(stream) => {
                    stream.subscribe().block();
                    readers.push(stream);
                }
                Err(error) => break Some(error.name().to_owned()),
            },
            other => panic!("what? {other:?}"),
        }
        count += 1;
    };
    Ok(json!({ "count": count, "refused": refused, "room": room }).to_string())
}

program!(run);
