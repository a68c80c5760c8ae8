//! Bytes too large or too binary for JSON.

use std::io::{self, BufRead, Read, Write};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    bindings::jackfield::connector::files::{self as wire, FileError},
    streams::{StreamReader, StreamWriter},
};

/// Names a file in JSON: `{"$file": "<id>"}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct FileRef {
    /// The file's id within the call.
    #[serde(rename = "$file")]
    pub id: String,
}

/// Reads a file that the caller handed in, as a stream: memory stays small however large the file is.
pub struct FileReader(StreamReader);

impl FileReader {
    pub(crate) fn open(file: &FileRef) -> Result<Self> {
        if cfg!(not(target_arch = "wasm32")) {
            return Err(no_host("files"));
        }
        let stream = wire::open(&file.id).map_err(|error| refused(error, &file.id))?;
        Ok(Self(StreamReader::new(stream, |fault| {
            Error::unavailable(format!("reading a file: {}", fault.to_debug_string())).with_code("file-unreadable")
        })))
    }
}

impl Read for FileReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl BufRead for FileReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.0.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.0.consume(amount);
    }
}

/// Writes a file that goes back to the caller. Writes are gathered: no [`io::BufWriter`] is needed.
pub struct FileWriter {
    id: String,
    stream: StreamWriter,
}

impl FileWriter {
    pub(crate) fn create(name: &str, media_type: &str) -> Result<Self> {
        if cfg!(not(target_arch = "wasm32")) {
            return Err(no_host("files"));
        }
        let (id, stream) = wire::create(name, media_type).map_err(|error| refused(error, name))?;
        let stream = StreamWriter::new(stream, |fault| {
            Error::other(format!("writing a file: {}", fault.to_debug_string())).with_code("file-unwritable")
        });
        Ok(Self { id, stream })
    }

    /// Ends the file and gives the reference to answer with. A file dropped without this may lack its end.
    pub fn finish(self) -> Result<FileRef> {
        self.stream.finish()?;
        Ok(FileRef { id: self.id })
    }
}

impl Write for FileWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

fn refused(error: FileError, subject: &str) -> Error {
    match error {
        FileError::NotFound => {
            Error::invalid_input(format!("the call carries no file `{subject}`")).with_code("file-not-found")
        }
        FileError::TooMany => {
            Error::other(format!("file `{subject}`: the host's cap on the number of files is reached"))
                .with_code("files-too-many")
        }
        FileError::InvalidName => {
            Error::internal(format!("file `{subject}`: the host refuses the name or the media type"))
                .with_code("file-name-invalid")
        }
    }
}

pub(crate) fn no_host(what: &str) -> Error {
    Error::internal(format!("{what}: only within the sandbox")).with_code("no-host")
}
