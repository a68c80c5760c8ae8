//! Copies a file that it was handed into one that it makes, piece by piece, and says how often it was given its file.

use program::{
    Answer, Call, ErrorKind, error, files, program,
    wasi::io::streams::{InputStream, OutputStream, StreamError},
};
use serde_json::json;

fn run(call: Call) -> Answer {
    let input = call.json();
    let id = input["file"]["$file"].as_str().unwrap_or_default();
    let from = files::open(id).map_err(|fault| error(ErrorKind::NotFound, format!("open `{id}`: {}", fault.name())))?;
    let name = input["name"].as_str().unwrap_or("copy.bin");
    let (id, to) = files::create(name, "application/octet-stream")
        .map_err(|fault| error(ErrorKind::InvalidInput, format!("create `{name}`: {}", fault.name())))?;
    let bytes = copy(&from, &to)?;
    Ok(json!({ "file": { "$file": id }, "bytes": bytes }).to_string())
}

fn copy(from: &InputStream, to: &OutputStream) -> Result<u64, program::Error> {
    let mut bytes = 0;
    loop {
        match from.blocking_read(64 << 10) {
            Ok(chunk) => {
                bytes += chunk.len() as u64;
                for piece in chunk.chunks(4096) {
                    to.blocking_write_and_flush(piece)
                        .map_err(|fault| error(ErrorKind::Internal, format!("write: {fault:?}")))?;
                }
            }
            Err(StreamError::Closed) => return Ok(bytes),
            Err(fault) => return Err(error(ErrorKind::Internal, format!("read: {fault:?}"))),
        }
    }
}

program!(run);
