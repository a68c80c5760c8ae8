//! What the registry costs, in ratios: `cargo bench -p jackfield-registry`, or one part by its name: `-- log`, `search`, `reads`,
//! `publish`. Nothing is asserted but that the answers are right: time is a property of the machine and the day too.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

#[path = "../../../core/package/tests/common/mod.rs"]
mod components;
#[path = "../../tests/it/kit.rs"]
#[allow(dead_code)]
mod kit;
#[path = "../../tests/it/publish_kit.rs"]
#[allow(dead_code)]
mod publish_kit;
#[path = "../../tests/it/read_rows.rs"]
#[allow(dead_code)]
mod read_rows;

mod load;
mod log;
mod nginx;
mod publish;
mod reads;
mod search;

use tokio::runtime;

fn main() {
    // Cargo passes flags of its own.
    let wanted: Vec<_> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let is_wanted = |part: &str| wanted.is_empty() || wanted.iter().any(|word| word == part);
    let runtime = runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    if is_wanted("log") {
        runtime.block_on(log::bench());
    }
    if is_wanted("search") {
        runtime.block_on(search::bench());
    }
    if is_wanted("publish") {
        runtime.block_on(publish::bench());
    }
    if is_wanted("reads") {
        runtime.block_on(reads::bench());
    }
}

/// The value below which this share of the samples lies.
fn percentile(samples: &mut [f64], share: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    let last = samples.len() - 1;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    samples[((last as f64) * share).round() as usize]
}

/// `measured` beside its goal, which is a bound.
fn at_most(goal: f64, measured: f64) -> String {
    format!("{measured:.3} (goal: at most {goal}, {})", if measured <= goal { "met" } else { "not met" })
}

/// `measured` beside its goal.
fn at_least(goal: f64, measured: f64) -> String {
    format!("{measured:.2} (goal: at least {goal}, {})", if measured >= goal { "met" } else { "not met" })
}
