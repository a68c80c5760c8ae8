//! Prints to stdout and stderr: many lines, and one line without an end.

use std::io::Write as _;

use program::{Answer, Call, program};

fn run(call: Call) -> Answer {
    let input = call.json();
    for n in 0..input["lines"].as_u64().unwrap_or(5_000) {
        println!("out {n}");
        eprintln!("err {n}");
    }
    let piece = [b'x'; 4096];
    for _ in 0..input["endless_pieces"].as_u64().unwrap_or(0) {
        std::io::stderr().write_all(&piece).expect("stderr takes it");
    }
    Ok("null".to_owned())
}

program!(run);
