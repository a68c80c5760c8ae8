//! What a server costs, in ratios: `cargo bench -p jackfield --bench server`, or one part by its name: `-- calls`, `waiting`, `installed`,
//! `soak`. The real binary, its own database, other people's load. Nothing is asserted but that the answers are right: time is a property of
//! the machine and the day too.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

#[path = "../../../../tests/it/benches/common/mod.rs"]
mod common;
#[path = "../../tests/it/kit.rs"]
#[allow(dead_code)]
mod kit;

mod calls;
mod installed;
mod place;
mod soak;
mod waiting;
mod wrk;

fn main() {
    // Cargo passes flags of its own.
    let wanted: Vec<_> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    if wanted.iter().any(|word| word == waiting::UPSTREAM) {
        return waiting::be_upstream();
    }
    for (part, bench) in [
        ("calls", calls::bench as fn()),
        ("waiting", waiting::bench),
        ("installed", installed::bench),
        ("soak", soak::bench),
    ] {
        if wanted.is_empty() || wanted.iter().any(|word| word == part) {
            println!("\n{part}");
            bench();
        }
    }
}
