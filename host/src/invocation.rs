//! One call, as its caller states it, and what comes of it.

use std::{collections::HashMap, path::PathBuf, time::Duration};

use semver::Version;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::{
    bill::Bill,
    denial::Denial,
    failure::Failure,
    files::{FileSource, OutputFile},
    log::{LogLine, LogSink},
};

/// One call of one operation.
pub struct Invocation {
    pub(crate) operation: String,
    pub(crate) input: String,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) files: HashMap<String, FileSource>,
    pub(crate) output_directory: Option<PathBuf>,
    pub(crate) cancel: CancellationToken,
    pub(crate) log_sink: Option<LogSink>,
}

impl Invocation {
    /// A call of `operation` with `input`, JSON text.
    pub fn new(operation: impl Into<String>, input: impl Into<String>) -> Self {
        Self {
            operation: operation.into(),
            input: input.into(),
            idempotency_key: None,
            files: HashMap::new(),
            output_directory: None,
            cancel: CancellationToken::new(),
            log_sink: None,
        }
    }

    /// Hands in a file, which the input names as `{"$file": "<id>"}`.
    #[must_use]
    pub fn file(mut self, id: impl Into<String>, source: FileSource) -> Self {
        self.files.insert(id.into(), source);
        self
    }

    /// Where files that the connector creates shall end up, under the connector's names; one of the same name is replaced.
    /// Default: a temporary directory that goes with the outcome.
    #[must_use]
    pub fn output_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.output_directory = Some(directory.into());
        self
    }

    /// Equal for all tries of one logical call. Default: a random one.
    #[must_use]
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// Stops the call when the token is cancelled; the bill is complete nevertheless.
    #[must_use]
    pub fn cancel(mut self, token: CancellationToken) -> Self {
        self.cancel = token;
        self
    }

    /// Hears each log line as it comes.
    #[must_use]
    pub fn log_sink(mut self, sink: LogSink) -> Self {
        self.log_sink = Some(sink);
        self
    }
}

/// What came of a call.
#[derive(Debug)]
pub struct Outcome {
    /// The release that was called; none: the call did not come so far.
    pub version: Option<Version>,
    /// The answer, JSON text; or why there is none.
    pub result: Result<String, Failure>,
    /// What was used, whatever came of it.
    pub bill: Bill,
    /// What the host refused on the way, whether or not the call failed by it.
    pub denials: Vec<Denial>,
    /// What the connector logged and printed.
    pub log: Vec<LogLine>,
    /// The files that it created, if it succeeded.
    pub files: Vec<OutputFile>,
    /// Holds the files where the caller named no directory.
    pub(crate) _staging: Option<TempDir>,
}

impl Outcome {
    /// Nothing has run: only time was used.
    pub(crate) fn before_it_ran(failure: Failure, waited: Duration) -> Self {
        Self {
            version: None,
            result: Err(failure),
            bill: Bill { wall_us: u64::try_from(waited.as_micros()).unwrap_or(u64::MAX), ..Bill::default() },
            denials: Vec::new(),
            log: Vec::new(),
            files: Vec::new(),
            _staging: None,
        }
    }
}
