//! The two conversions, over `Read` and `Write`.

mod from_json;
mod rejects;
mod to_json;

use std::io;

use schemars::JsonSchema;
use serde::Serialize;

pub use from_json::from_json_lines;
pub use to_json::to_json_lines;

/// How much output is gathered before it is written.
const CHUNK_BYTES: usize = 64 * 1024;

/// What became of the rows: `rows_in` is the sum of the three after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Counts {
    /// Rows read, without the header.
    pub rows_in: u64,
    /// Rows put out.
    pub rows_out: u64,
    /// Rows that could not be converted: they are among the rejects.
    pub rows_bad: u64,
    /// Rows that did not meet the filters.
    pub rows_filtered: u64,
    /// Blank lines, comments, and lines skipped as asked.
    pub lines_skipped: u64,
}

/// The caller's options don't go together, or not with the file.
fn refuse(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why.into())
}

/// An option of one ASCII character. Letters and digits part nothing.
fn one_character(option: &str, text: &str) -> io::Result<u8> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"\r\n\0".contains(byte) => Ok(*byte),
        _ => Err(refuse(format!("{option}: `{}` is not one ASCII character", text.escape_debug()))),
    }
}
