//! `jackfield:connector@0.1.0`, seen from the host. Each version that is ever released keeps a module like this one and an
//! adapter to the internal model; this one is the internal model's twin, so its adapter is a few `From`s.

use std::time::Duration;

use wasmtime::component::Resource;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream};

use crate::{
    call::State,
    failure::{ErrorKind, GuestError, shortened},
    files::FileError,
    limits::ERROR_TEXT_BYTES,
    log::Level,
};

mod generated {
    #![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated from wit/connector.wit")]
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "jackfield:connector/connector-with-hook",
        imports: { "jackfield:connector/files.open": async | trappable, default: trappable },
        exports: { default: async },
        with: {
            "wasi:io": wasmtime_wasi::p2::bindings::io,
            "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
            "wasi:http": wasmtime_wasi_http::p2::bindings::http,
        },
        require_store_data_send: true,
    });
}

pub(crate) use generated::{
    exports::jackfield::connector::{auth_hook, descriptor, operations},
    jackfield::connector::{files, log, types},
};

impl types::Host for State {}

impl log::Host for State {
    fn log(&mut self, level: log::Level, message: String, fields: Vec<(String, String)>) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Trace => Level::Trace,
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        self.log_book().push(level, &message, fields);
        Ok(())
    }
}

impl files::Host for State {
    async fn open(&mut self, id: String) -> wasmtime::Result<Result<Resource<DynInputStream>, files::FileError>> {
        match self.files.open(&id).await {
            Ok(reader) => {
                let stream: DynInputStream = Box::new(reader);
                Ok(Ok(self.table.push(stream)?))
            }
            Err(error) => file_error(error).map(Err),
        }
    }

    fn create(
        &mut self,
        name: String,
        media_type: String,
    ) -> wasmtime::Result<Result<(String, Resource<DynOutputStream>), files::FileError>> {
        match self.files.create(&name, &media_type) {
            Ok((id, writer)) => {
                let stream: DynOutputStream = Box::new(writer);
                Ok(Ok((id, self.table.push(stream)?)))
            }
            Err(error) => file_error(error).map(Err),
        }
    }
}

/// What is the guest's doing goes to the guest; what is the host's ends the call as a host fault.
fn file_error(error: FileError) -> wasmtime::Result<files::FileError> {
    match error {
        FileError::NotFound => Ok(files::FileError::NotFound),
        FileError::TooMany => Ok(files::FileError::TooMany),
        FileError::InvalidName => Ok(files::FileError::InvalidName),
        FileError::Io(message) => Err(crate::failure::HostFault::new(format!("a file of the call: {message}")).into()),
    }
}

/// Details that are no JSON are still worth a reader's look, and so is the beginning of too many.
fn details(text: String) -> serde_json::Value {
    let parsed = (text.len() <= ERROR_TEXT_BYTES).then(|| serde_json::from_str(&text).ok()).flatten();
    parsed.unwrap_or_else(|| serde_json::Value::String(shortened(text, ERROR_TEXT_BYTES)))
}

impl From<types::Error> for GuestError {
    fn from(error: types::Error) -> Self {
        let kind = match error.kind {
            types::ErrorKind::InvalidInput => ErrorKind::InvalidInput,
            types::ErrorKind::Unauthenticated => ErrorKind::Unauthenticated,
            types::ErrorKind::Forbidden => ErrorKind::Forbidden,
            types::ErrorKind::NotFound => ErrorKind::NotFound,
            types::ErrorKind::Conflict => ErrorKind::Conflict,
            types::ErrorKind::RateLimited => ErrorKind::RateLimited,
            types::ErrorKind::Unavailable => ErrorKind::Unavailable,
            types::ErrorKind::Upstream => ErrorKind::Upstream,
            types::ErrorKind::CursorExpired => ErrorKind::CursorExpired,
            types::ErrorKind::Internal => ErrorKind::Internal,
            types::ErrorKind::Other => ErrorKind::Other,
        };
        Self {
            kind,
            code: error.code,
            message: error.message,
            retryable: error.retryable,
            retry_after: error.retry_after_ms.map(Duration::from_millis),
            request_sent: error.request_sent,
            details: error.details.map(details),
        }
    }
}
