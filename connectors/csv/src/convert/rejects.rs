//! Rows that could not be converted, with the reason, as JSON lines.

use std::io::{self, Write};

use crate::json;

/// How much of a row is shown.
const SHOWN_BYTES: usize = 16 * 1024;

/// Writes `{"line":3,"reason":"…","raw":"…"}` a row; a row that is cut short says so with `"truncated":true`.
pub(super) struct Rejects<W> {
    sink: W,
    buffer: Vec<u8>,
}

impl<W: Write> Rejects<W> {
    pub(super) fn new(sink: W) -> Self {
        Self { sink, buffer: Vec::new() }
    }

    pub(super) fn add(&mut self, line: u64, reason: &str, raw: &[u8]) -> io::Result<()> {
        write!(self.buffer, "{{\"line\":{line},\"reason\":")?;
        json::write_string(&mut self.buffer, reason.as_bytes());
        self.buffer.extend_from_slice(b",\"raw\":");
        let shown = String::from_utf8_lossy(&raw[..raw.len().min(SHOWN_BYTES)]);
        json::write_string(&mut self.buffer, shown.as_bytes());
        if raw.len() > SHOWN_BYTES {
            self.buffer.extend_from_slice(b",\"truncated\":true");
        }
        self.buffer.extend_from_slice(b"}\n");
        if self.buffer.len() >= super::CHUNK_BYTES { self.flush() } else { Ok(()) }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            self.sink.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }
}
