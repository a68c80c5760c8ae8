//! Ends the process, as it believes: aborts, or exits with a code.

use program::{Answer, Call, program, wasi::cli::exit};

fn run(call: Call) -> Answer {
    match call.json()["exit"].as_bool() {
        Some(well) => exit::exit(if well { Ok(()) } else { Err(()) }),
        None => std::process::abort(),
    }
    Ok("\"still here\"".to_owned())
}

program!(run);
