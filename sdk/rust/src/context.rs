//! What an operation is told about the call it serves.

use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::{
    Error, FileReader, FileRef, FileWriter, Result, bindings::jackfield::connector::types::Context as Wire,
    operation::read_json,
};

/// What an operation is told about the call it serves.
#[derive(Clone, Debug)]
pub struct Context {
    config: String,
    connection: Option<String>,
    idempotency_key: String,
    deadline: Duration,
}

impl Context {
    /// A context to test with: this config (JSON text), no connection, an idempotency key of `test`, 30 seconds.
    pub fn for_test(config: impl Into<String>) -> Self {
        Self {
            config: config.into(),
            connection: None,
            idempotency_key: "test".to_owned(),
            deadline: Duration::from_secs(30),
        }
    }

    /// The installation's non-secret settings, as a type of the connector's own.
    pub fn config<T: DeserializeOwned>(&self) -> Result<T> {
        read_json(&self.config)
            .map_err(|why| Error::invalid_input(format!("config: {why}")).with_code("invalid-config"))
    }

    /// The id of the manifest's `auth` entry that is bound for this call, if one is. Never the secret: the host puts
    /// that on the request, outside the sandbox.
    pub fn connection(&self) -> Option<&str> {
        self.connection.as_deref()
    }

    /// Equal across the retries of one logical call: pass it on to services that take one.
    pub fn idempotency_key(&self) -> &str {
        &self.idempotency_key
    }

    /// How long the call had when it started. The host stops it after that.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Opens a file that the caller handed in, from its first byte.
    pub fn open(&self, file: &FileRef) -> Result<FileReader> {
        FileReader::open(file)
    }

    /// Starts a file that goes back to the caller: `name` without a path. [`FileWriter::finish`] gives the reference
    /// to answer with.
    pub fn create(&self, name: &str, media_type: &str) -> Result<FileWriter> {
        FileWriter::create(name, media_type)
    }
}

impl From<Wire> for Context {
    fn from(wire: Wire) -> Self {
        Self {
            config: wire.config,
            connection: wire.connection,
            idempotency_key: wire.idempotency_key,
            deadline: Duration::from_millis(wire.deadline_ms.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, Debug)]
    struct Settings {
        hosts: Vec<String>,
    }

    #[test]
    fn config_is_read_into_the_connectors_type() {
        let settings: Settings = Context::for_test(r#"{"hosts":["a"]}"#).config().unwrap();
        assert_eq!(settings.hosts, ["a"]);
    }

    #[test]
    fn a_config_error_names_the_field() {
        let error = Context::for_test(r#"{"hosts":[1]}"#).config::<Settings>().unwrap_err();
        assert_eq!(error.code(), "invalid-config");
        assert!(error.message().contains("`hosts[0]`"), "{error}");
    }
}
