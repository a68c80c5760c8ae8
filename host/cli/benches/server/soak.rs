//! Calls for minutes: an hour's worth of a busy workspace. Memory is looked at all the while.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use jackfield_test_kit::PackageBuilder;
use serde_json::json;

use crate::{
    common::{build_programs, component},
    place::Place,
    wrk,
};

/// At thousands of calls a second, some hundred times as many as a workspace's quota lets through in an hour's share.
const SECONDS: u32 = 240;

pub fn bench() {
    if !wrk::is_there() {
        return;
    }
    let programs = build_programs(&["json_work"]);
    let place = Place::new(&[]);
    let grant = json!({ "limits": { "concurrent-calls": 64 } });
    place.install(&PackageBuilder::of(&component(&programs, "json_work")).named("acme:json"), &grant);
    let load = place.calls("acme:json", r#"{"items":[{"id":1,"name":"a","price_cents":5,"tags":["b"]}]}"#);
    let is_over = AtomicBool::new(false);
    let (rate, seen) = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut seen = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_secs(5));
                seen.push(place.memory().0);
            }
            seen
        });
        let rate = load.run(SECONDS);
        is_over.store(true, Ordering::Relaxed);
        (rate, watcher.join().unwrap())
    });
    let quarter = |number: usize| {
        let part = &seen[seen.len() * number / 4..seen.len() * (number + 1) / 4];
        (part.iter().min().copied().unwrap_or(0), part.iter().max().copied().unwrap_or(0))
    };
    println!("{:.0} calls in {SECONDS} s; MiB of memory, least and most, by quarters:", rate * f64::from(SECONDS));
    for number in 0..4 {
        let (least, most) = quarter(number);
        println!("  {least} to {most}");
    }
}
