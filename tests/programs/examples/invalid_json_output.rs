//! Answers with something that is not JSON.

use program::{Answer, Call, program};

fn run(_: Call) -> Answer {
    Ok("{\"half\": ".to_owned())
}

program!(run);
