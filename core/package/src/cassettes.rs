//! The section `jackfield:cassettes`: recorded calls that travel with a package, so that whoever doubts it can replay them.
//!
//! What stands here is the frame, and what rules need that run nothing: one JSON object from a cassette's name to the
//! cassette. docs/guide/cassettes.md has a cassette's own format; whoever replays one reads it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{
    Refusal,
    limits::{CASSETTE_NAME_BYTES, CASSETTES, CASSETTES_BYTES},
    strict_json::{self, Floats},
};

/// Cassettes by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cassettes(BTreeMap<String, Map<String, Value>>);

impl Cassettes {
    /// Reads the section's content.
    ///
    /// # Errors
    /// Those of [`strict_json::parse`], `cassettes-malformed`, `cassettes-too-many`, `cassettes-too-large`.
    pub fn parse(section: &[u8]) -> Result<Self, Refusal> {
        within_size(section.len())?;
        Self::new(strict_json::from_slice(section, Floats::Allowed, "cassettes-malformed")?)
    }

    /// These cassettes, each under its name.
    ///
    /// # Errors
    /// `cassettes-malformed` for a name that is none, `cassettes-too-many`.
    pub fn new(cassettes: BTreeMap<String, Map<String, Value>>) -> Result<Self, Refusal> {
        if cassettes.len() > CASSETTES {
            let message = format!("the package brings {} cassettes: at most {CASSETTES}", cassettes.len());
            return Err(Refusal::new("cassettes-too-many", message).hint(ELSEWHERE));
        }
        let is_name = |name: &str| !name.trim().is_empty() && name.len() <= CASSETTE_NAME_BYTES;
        if let Some(name) = cassettes.keys().find(|name| !is_name(name)) {
            let shown: String = name.chars().take(CASSETTE_NAME_BYTES).collect();
            let message = format!(
                "`{}` is not a cassette's name: expected 1 to {CASSETTE_NAME_BYTES} bytes",
                shown.escape_debug()
            );
            return Err(Refusal::new("cassettes-malformed", message));
        }
        Ok(Self(cassettes))
    }

    /// The section's content. The same cassettes give the same bytes.
    ///
    /// # Errors
    /// `cassettes-too-large`.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Refusal> {
        let bytes = serde_json::to_vec(&self.0)
            .map_err(|error| Refusal::new("cassettes-malformed", format!("the cassettes are no JSON: {error}")))?;
        within_size(bytes.len())?;
        Ok(bytes)
    }

    /// Each with its name, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Map<String, Value>)> {
        self.0.iter().map(|(name, cassette)| (name.as_str(), cassette))
    }

    /// Whether one of them calls this operation.
    pub fn cover(&self, operation: &str) -> bool {
        self.0.values().any(|cassette| cassette.get("operation").and_then(Value::as_str) == Some(operation))
    }
}

/// What to do about too many or too large ones.
const ELSEWHERE: &str = "only the folder `cassettes` goes into the package: keep the rest in another one, and replay it with: \
                         jackfield test --cassettes FOLDER";

fn within_size(bytes: usize) -> Result<(), Refusal> {
    if bytes <= CASSETTES_BYTES {
        return Ok(());
    }
    let message = format!("the cassettes take {bytes} bytes in the package: at most {CASSETTES_BYTES}");
    Err(Refusal::new("cassettes-too-large", message).hint(ELSEWHERE))
}
