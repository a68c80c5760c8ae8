//! Reading and running hostile bytes, which the registry itself never does.

use std::{fmt::Debug, path::Path};

use async_trait::async_trait;
use jackfield_package::{Digest, check::Outcome};
use serde::{Deserialize, Serialize};

/// What reads a component and, in a sandbox, asks it. The door hands it in.
///
/// The implementation works in another process under limits of memory and time: whatever happens there, it answers with
/// a fault and never panics. It may be called many times at once and for the same bytes again.
#[async_trait]
pub trait Validator: Debug + Send + Sync {
    /// Applies every rule that needs nothing but the bytes and a sandbox.
    async fn validate(&self, component: &Path) -> Result<Examination, ValidatorFault>;
}

/// What came out. Also the JSON that the child process writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Examination {
    /// One outcome for each rule, in the order of the report.
    pub outcomes: Vec<Outcome>,
    /// What the component is; none if it can't be read, and then an outcome says why.
    pub facts: Option<Facts>,
}

/// What a component is, recomputed from its bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The section `jackfield:manifest`, byte for byte.
    pub manifest: String,
    /// That section's digest.
    pub manifest_digest: Digest,
    /// Names of what it imports.
    pub imports: Vec<String>,
    /// Names of what it exports.
    pub exports: Vec<String>,
    /// The section `jackfield:readme`.
    pub readme: Option<String>,
}

/// Why there is no examination. Never a verdict on the component: the release waits and is tried again, then is held.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValidatorFault {
    /// There is none.
    #[error("this registry has no validator")]
    Missing,
    /// It took too long.
    #[error("the validator took longer than it may")]
    TimedOut,
    /// It was killed, by the kernel for its memory or by somebody.
    #[error("the validator was killed: {0}")]
    Killed(String),
    /// Anything else.
    #[error("the validator failed: {0}")]
    Failed(String),
}
