//! A connector that uses up what it is given, to show what the sandbox does about it.

use jackfield_sdk::prelude::*;

/// Nothing to say.
#[derive(Deserialize, JsonSchema)]
struct Nothing {}

/// What it would answer, if it ever did.
#[derive(Serialize, JsonSchema)]
struct Never {
    /// How far it got.
    count: u64,
}

/// Computes for ever.
#[operation(effect = "read", idempotent)]
fn spin(_: Nothing, _: &Context) -> Result<Never> {
    let mut count = 0_u64;
    loop {
        count = std::hint::black_box(count.wrapping_add(1));
    }
}

/// Asks for ever more memory.
#[operation(effect = "read", idempotent)]
fn hoard(_: Nothing, _: &Context) -> Result<Never> {
    let mut hoard = Vec::new();
    loop {
        hoard.push(vec![1_u8; 1 << 20]);
        std::hint::black_box(&hoard);
    }
}

connector!(spin, hoard);
