//! Logs few lines, each as long as a book.

use program::{Answer, Call, log, program};

fn run(_: Call) -> Answer {
    let book = "x".repeat(100 << 10);
    for _ in 0..5 {
        log::log(log::Level::Warn, &book, &[]);
    }
    log::log(log::Level::Warn, "short", &[("field".to_owned(), book)]);
    Ok("6".to_owned())
}

program!(run);
