//! WASI streams as `std::io` knows them, with large steps: each crossing into the host costs more than copying a page.

use std::io::{self, BufRead, Read, Write};

use wasip2::io::{
    error::Error as StreamFault,
    streams::{InputStream, OutputStream, StreamError},
};

use crate::Error;

/// How many bytes one read asks for, and how many a writer gathers.
pub(crate) const CHUNK_BYTES: usize = 128 * 1024;

/// Says what a stream's fault means: files and HTTP bodies differ.
pub(crate) type Explain = fn(&StreamFault) -> Error;

/// Reads an `input-stream`; the host's chunk is lent through [`BufRead`] without a copy.
pub(crate) struct StreamReader {
    stream: InputStream,
    chunk: Vec<u8>,
    position: usize,
    ended: bool,
    explain: Explain,
}

impl StreamReader {
    pub(crate) fn new(stream: InputStream, explain: Explain) -> Self {
        Self { stream, chunk: Vec::new(), position: 0, ended: false, explain }
    }
}

impl BufRead for StreamReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.position == self.chunk.len() && !self.ended {
            // Freed before the next one comes, so that one chunk stands in memory, not two.
            self.chunk = Vec::new();
            self.position = 0;
            match self.stream.blocking_read(CHUNK_BYTES as u64) {
                Ok(chunk) => self.chunk = chunk,
                Err(StreamError::Closed) => self.ended = true,
                Err(StreamError::LastOperationFailed(fault)) => return Err((self.explain)(&fault).into()),
            }
        }
        Ok(&self.chunk[self.position..])
    }

    fn consume(&mut self, amount: usize) {
        self.position = (self.position + amount).min(self.chunk.len());
    }
}

impl Read for StreamReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(buffer.len());
        buffer[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}

/// Writes an `output-stream`, gathering small writes. Nothing is written on drop: call [`StreamWriter::finish`].
pub(crate) struct StreamWriter {
    stream: OutputStream,
    buffer: Vec<u8>,
    explain: Explain,
}

impl StreamWriter {
    pub(crate) fn new(stream: OutputStream, explain: Explain) -> Self {
        Self { stream, buffer: Vec::with_capacity(CHUNK_BYTES), explain }
    }

    /// Writes what is left, waits until the host has taken it, and closes the stream.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.flush()
    }

    fn send_buffer(&mut self) -> io::Result<()> {
        let buffer = std::mem::take(&mut self.buffer);
        let sent = self.send(&buffer);
        self.buffer = buffer;
        self.buffer.clear();
        sent
    }

    /// Hands over as much as the host permits at a time: `blocking-write-and-flush` would stop every 4096 bytes.
    fn send(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let permit = self.stream.check_write().map_err(|error| self.fault(error))?;
            if permit == 0 {
                self.stream.subscribe().block();
                continue;
            }
            let (now, later) = bytes.split_at(bytes.len().min(usize::try_from(permit).unwrap_or(usize::MAX)));
            self.stream.write(now).map_err(|error| self.fault(error))?;
            bytes = later;
        }
        Ok(())
    }

    fn fault(&self, error: StreamError) -> io::Error {
        match error {
            StreamError::Closed => io::ErrorKind::BrokenPipe.into(),
            StreamError::LastOperationFailed(fault) => (self.explain)(&fault).into(),
        }
    }
}

impl Write for StreamWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() + bytes.len() > CHUNK_BYTES {
            self.send_buffer()?;
            if bytes.len() >= CHUNK_BYTES {
                self.send(bytes)?;
                return Ok(bytes.len());
            }
        }
        self.buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send_buffer()?;
        self.stream.blocking_flush().map_err(|error| self.fault(error))
    }
}
