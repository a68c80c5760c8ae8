//! What an operator can set beside the registry's own keys: one file, each key also a variable and a `--set`.

use serde::{Deserialize, Serialize};

/// The keys of `jackfield serve` that the registry does not know.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Where browsers may be sent after an account was connected: exactly these URLs.
    pub(crate) return_to: Vec<String>,
}
