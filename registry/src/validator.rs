//! Reading and running hostile bytes, which the registry itself never does.

use std::{collections::BTreeMap, fmt::Debug, path::Path};

use async_trait::async_trait;
use jackfield_package::{Digest, check::Outcome};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// What reads a component and, in a sandbox, asks it. The door hands it in.
///
/// The implementation works in another process under limits of memory and time: whatever happens there, it answers with
/// a fault and never panics. It may be called many times at once and for the same bytes again.
#[async_trait]
pub trait Validator: Debug + Send + Sync {
    /// Applies every rule that needs nothing but the bytes and a sandbox.
    async fn validate(&self, component: &Path) -> Result<Examination, ValidatorFault>;

    /// Reads what a component says of itself for people, and runs nothing of it.
    async fn read(&self, component: &Path) -> Result<Contents, ValidatorFault>;

    /// Makes one call of it, in a sandbox whose network is one of its cassettes and nothing else.
    async fn try_out(&self, component: &Path, trial: &Trial) -> Result<Tried, ValidatorFault>;
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

/// What a component says of itself, beside its manifest. Also the JSON that the child process writes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contents {
    /// Its contract.
    pub wit: Wit,
    /// What it may be tried with, in the order in which a form offers them.
    pub fixtures: Vec<Fixture>,
}

/// A component's imports and exports with all their types, as a WIT text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wit {
    /// The text, of at most [`crate::limits::WIT_BYTES`].
    Text(String),
    /// Why there is none: its bytes say no such thing, or too much.
    None(String),
}

/// A cassette, as far as a form needs it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Fixture {
    /// Its name in the package.
    pub cassette: String,
    /// What it calls.
    pub operation: String,
    /// With what.
    #[schema(value_type = Value)]
    pub input: Box<RawValue>,
    /// The ids of the files that come with it.
    pub files: Vec<String>,
    /// Whether an error is to come of it.
    pub fails: bool,
}

/// One call that somebody wants to see. Also the JSON that the child process reads.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// What is called.
    pub operation: String,
    /// With what.
    #[schema(value_type = Value)]
    pub input: Box<RawValue>,
    /// Which of the package's cassettes gives settings and files, and answers requests; none: no settings, no files, no answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cassette: Option<String>,
    /// Files by their ids, each in base64, beside those of the cassette or in their place.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
}

/// What came of it, to be passed on as it is. Also the JSON that the child process writes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tried {
    /// Of HTTP.
    pub status: u16,
    /// JSON: an answer of the invocation API, or a problem.
    pub body: Box<RawValue>,
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
