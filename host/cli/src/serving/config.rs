//! What an operator can set beside the registry's own keys: one file, each key also a variable and a `--set`.

use std::{path::PathBuf, sync::Arc};

use jackfield_host::limits::CALLS_AT_ONCE;
use jackfield_server::{limits::CONNECTIONS_MOST, serve::Bounds, tls::Tls};
use serde::{Deserialize, Serialize};

use super::telemetry::LogFormat;
use crate::error::Failed;

/// Calls that run at once where nobody says otherwise: one that waits for an upstream takes some 150 KiB.
const CONCURRENT_CALLS: usize = 2_000;

/// The keys of `jackfield serve` that the registry does not know.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Where browsers may be sent after an account was connected: exactly these URLs.
    pub(crate) return_to: Vec<String>,
    /// How log lines look.
    pub(crate) log_format: LogFormat,
    /// A chain of certificates (PEM), the server's own first; with `tls_key`, its private key. None: plain HTTP.
    pub(crate) tls_certificate: Option<PathBuf>,
    /// The private key (PEM) of the first of them.
    pub(crate) tls_key: Option<PathBuf>,
    /// Connections at once.
    pub(crate) connections: usize,
    /// Of these, from one address.
    pub(crate) connections_per_address: usize,
    /// Calls that run at once, of all workspaces.
    pub(crate) concurrent_calls: usize,
}

impl Default for Config {
    fn default() -> Self {
        let Bounds { connections, connections_per_address, .. } = Bounds::default();
        Self {
            return_to: Vec::new(),
            log_format: LogFormat::default(),
            tls_certificate: None,
            tls_key: None,
            connections,
            connections_per_address,
            concurrent_calls: CONCURRENT_CALLS,
        }
    }
}

impl Config {
    /// What connections may do to each other.
    pub(crate) fn bounds(&self) -> Result<Bounds, Failed> {
        let Self { connections, connections_per_address, .. } = *self;
        for (key, value, most) in [
            ("connections", connections, CONNECTIONS_MOST),
            ("connections_per_address", connections_per_address, CONNECTIONS_MOST),
            ("concurrent_calls", self.concurrent_calls, CALLS_AT_ONCE),
        ] {
            if !(1..=most).contains(&value) {
                return Err(Failed::usage("config-malformed", format!("`{key}` is {value}: expected 1 to {most}")));
            }
        }
        Ok(Bounds { connections, connections_per_address, ..Bounds::default() })
    }

    /// TLS, if it is configured.
    pub(crate) fn tls(&self, registry: &jackfield_registry::Config) -> Result<Option<Arc<Tls>>, Failed> {
        let wrong = |message: String| Failed::usage("config-malformed", message);
        let (certificate, key) = match (&self.tls_certificate, &self.tls_key) {
            (None, None) => return Ok(None),
            (Some(certificate), Some(key)) => (certificate, key),
            _ => return Err(wrong("of `tls_certificate` and `tls_key` one is set: TLS needs both".to_owned())),
        };
        if !registry.is_https() {
            return Err(wrong("with TLS, `public_url` is to say by which https:// URL clients reach this".to_owned())
                .hint("such as --public-url https://registry.example"));
        }
        Tls::from_files(certificate, key).map(|tls| Some(Arc::new(tls))).map_err(|error| {
            Failed::usage("tls-unusable", format!("TLS can't be served with these files: {error}"))
                .hint("both are PEM: the chain, the server's own certificate first, and its private key")
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// The page's rows are the registry's keys and then the command's own, each with its default, and no others.
    #[test]
    fn every_key_is_documented_with_its_default() {
        let page = include_str!("../../../../docs/reference/serve.md");
        let (registry, own) = page.split_once("Beside the registry's keys").unwrap();
        assert_documented(registry, &serde_json::to_value(jackfield_registry::Config::default()).unwrap());
        assert_documented(own, &serde_json::to_value(Config::default()).unwrap());
    }

    fn assert_documented(page: &str, keys: &Value) {
        let rows: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | ")).collect();
        for (key, default) in keys.as_object().unwrap() {
            let default = match default {
                Value::Null => "none".to_owned(),
                Value::String(text) => format!("`{text}`"),
                other => format!("`{other}`"),
            };
            let said = rows.iter().any(|(name, row)| name == key && row.starts_with(&format!("{default} | ")));
            assert!(said, "serve.md does not say that `{key}` is {default}");
        }
        for (key, _) in rows {
            assert!(keys.get(key).is_some(), "serve.md knows `{key}`, and nobody else does");
        }
    }
}
