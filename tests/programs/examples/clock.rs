//! Clocks go, and forward.

use std::time::{Duration, Instant, SystemTime};

use program::{Answer, Call, program};
use serde_json::json;

fn run(_: Call) -> Answer {
    let start = Instant::now();
    std::thread::sleep(Duration::from_millis(2));
    let today = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    Ok(json!({
        "slept": start.elapsed() >= Duration::from_millis(2),
        "after_2020": today > Duration::from_secs(50 * 365 * 86_400),
    })
    .to_string())
}

program!(run);
