//! How an API says that a token has expired, where it does not say so by 401.

use serde::{Deserialize, Serialize};

/// A sign of an expired token. Each part that is given must be so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expired {
    /// The HTTP status.
    pub status: u16,
    /// The body holds this text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// In the body's JSON, here …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// … stands one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

impl Expired {
    pub(super) fn matches(&self, status: u16, body: &[u8]) -> bool {
        let contains = || {
            self.contains
                .as_ref()
                .is_none_or(|text| body.windows(text.len().max(1)).any(|part| part == text.as_bytes()))
        };
        let stands = || {
            let Some(pointer) = &self.pointer else { return true };
            let json = serde_json::from_slice::<serde_json::Value>(body).unwrap_or_default();
            let found = json.pointer(pointer).and_then(|value| value.as_str());
            found.is_some_and(|found| self.values.iter().any(|value| value == found))
        };
        self.status == status && contains() && stands()
    }
}
