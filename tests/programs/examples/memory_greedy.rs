//! Takes memory, a megabyte at a time, and touches each page of it.

use program::{Answer, Call, program};

fn run(_: Call) -> Answer {
    let mut hoard = Vec::new();
    loop {
        hoard.push(std::hint::black_box(vec![1_u8; 1 << 20]));
    }
}

program!(run);
