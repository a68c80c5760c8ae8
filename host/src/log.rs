//! Lines for the operator: what the guest logs, and what it prints.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde::Serialize;
use wasmtime_wasi::{
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult},
};

use crate::limits::{LOG_FIELD_BYTES, Limit, Limits, PANIC_MESSAGE_BYTES};

/// One line of log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// How grave.
    pub level: Level,
    /// What was said; control characters other than tab are replaced.
    pub message: String,
    /// Names and values beside it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<(String, String)>,
}

/// How grave a line is; `stdout` lines are [`Level::Info`], `stderr` lines [`Level::Warn`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "plain words")]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// Called with each line as it comes.
pub type LogSink = Arc<dyn Fn(&LogLine) + Send + Sync>;

/// The lines of one call, bounded: beyond the bounds lines are dropped, and one line says so.
pub(crate) struct LogBook {
    lines: Vec<LogLine>,
    bytes_left: u64,
    lines_left: u64,
    truncated: bool,
    sink: Option<LogSink>,
    /// The end of what went to stderr: a panic's message.
    last_words: String,
    /// Lines of stdout and stderr that have not ended yet.
    unfinished: [Vec<u8>; 2],
}

impl LogBook {
    pub(crate) fn new(limits: &Limits, sink: Option<LogSink>) -> Self {
        Self {
            lines: Vec::new(),
            bytes_left: limits.get(Limit::LogBytes),
            lines_left: limits.get(Limit::LogLines),
            truncated: false,
            sink,
            last_words: String::new(),
            unfinished: [Vec::new(), Vec::new()],
        }
    }

    pub(crate) fn push(&mut self, level: Level, message: &str, fields: Vec<(String, String)>) {
        if self.truncated {
            return;
        }
        let of_field = |(name, value): &(String, String)| LOG_FIELD_BYTES + name.len() + value.len();
        let bytes = message.len() + fields.iter().map(of_field).sum::<usize>();
        let fits = self.lines_left > 0 && bytes as u64 <= self.bytes_left;
        let line = if fits {
            self.lines_left -= 1;
            self.bytes_left -= bytes as u64;
            let fields = fields.into_iter().map(|(name, value)| (printable(&name), printable(&value))).collect();
            LogLine { level, message: printable(message), fields }
        } else {
            self.truncated = true;
            LogLine {
                level: Level::Warn,
                message: "truncated: the log's limit is reached".to_owned(),
                fields: Vec::new(),
            }
        };
        if let Some(sink) = &self.sink {
            sink(&line);
        }
        self.lines.push(line);
    }

    fn print(&mut self, to: Stdio, bytes: &[u8]) {
        if to == Stdio::Err {
            self.last_words.push_str(&String::from_utf8_lossy(bytes));
            if self.last_words.len() > PANIC_MESSAGE_BYTES {
                let mut cut = self.last_words.len() - PANIC_MESSAGE_BYTES;
                while !self.last_words.is_char_boundary(cut) {
                    cut += 1;
                }
                self.last_words.drain(..cut);
            }
        }
        if self.truncated {
            return;
        }
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let mut line = std::mem::take(&mut self.unfinished[to as usize]);
            line.extend_from_slice(&rest[..end]);
            self.push(to.level(), &String::from_utf8_lossy(&line), Vec::new());
            rest = &rest[end + 1..];
            if self.truncated {
                return;
            }
        }
        let unfinished = &mut self.unfinished[to as usize];
        unfinished.extend_from_slice(rest);
        // A line without an end is still bounded by the bytes that are left.
        if unfinished.len() as u64 > self.bytes_left {
            let line = std::mem::take(unfinished);
            self.push(to.level(), &String::from_utf8_lossy(&line), Vec::new());
        }
    }

    /// The lines, unfinished ones included, and the last words on stderr.
    pub(crate) fn finish(&mut self) -> (Vec<LogLine>, String) {
        for to in [Stdio::Out, Stdio::Err] {
            let line = std::mem::take(&mut self.unfinished[to as usize]);
            if !line.is_empty() {
                self.push(to.level(), &String::from_utf8_lossy(&line), Vec::new());
            }
        }
        (std::mem::take(&mut self.lines), std::mem::take(&mut self.last_words))
    }
}

/// A guest's text must not steer an operator's terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() && c != '\t' && c != '\n' { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stdio {
    Out,
    Err,
}

impl Stdio {
    fn level(self) -> Level {
        match self {
            Self::Out => Level::Info,
            Self::Err => Level::Warn,
        }
    }
}

/// The guest's stdout or stderr, which ends in the log.
#[derive(Clone)]
pub(crate) struct LogStream {
    pub(crate) book: Arc<Mutex<LogBook>>,
    pub(crate) to: Stdio,
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        // Only WASI 0.3 asks for this form, which no engine here has on.
        Box::new(tokio::io::sink())
    }
}

impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner).print(self.to, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}
