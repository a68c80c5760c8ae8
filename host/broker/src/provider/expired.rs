//! How an API says that a token has expired, where it does not say so by 401.

use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};

/// A sign of an expired token. Each part that is given must be so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expired {
    /// The HTTP status.
    pub status: u16,
    /// A header says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<HeaderSign>,
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

/// A header with a text in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderSign {
    /// Its name.
    pub name: String,
    /// What one of its values holds.
    pub contains: String,
}

/// The signs that an answer is held against.
#[derive(Clone, Debug, Default)]
pub struct Signs(Vec<Expired>);

impl Signs {
    /// Of these entries.
    pub(crate) fn new(signs: impl IntoIterator<Item = Expired>) -> Self {
        Self(signs.into_iter().collect())
    }

    /// Those that an answer with this head may show; none, and its body need not be looked into.
    #[must_use]
    pub fn fitting(&self, status: StatusCode, headers: &HeaderMap) -> Self {
        Self(self.0.iter().filter(|sign| sign.fits(status, headers)).cloned().collect())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the head has said it already.
    pub fn are_shown_by_the_head(&self) -> bool {
        self.0.iter().any(|sign| sign.contains.is_none() && sign.pointer.is_none())
    }

    /// Whether the body, or what was read of it, shows one.
    pub fn are_shown_by(&self, body: &[u8]) -> bool {
        self.0.iter().any(|sign| sign.is_in(body))
    }
}

impl Expired {
    fn fits(&self, status: StatusCode, headers: &HeaderMap) -> bool {
        let in_headers = |sign: &HeaderSign| {
            headers.get_all(&sign.name).iter().any(|value| {
                let value = value.as_bytes();
                value.windows(sign.contains.len().max(1)).any(|part| part == sign.contains.as_bytes())
            })
        };
        let is_json = || {
            let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
            media_type.is_some_and(|media_type| media_type.to_ascii_lowercase().contains("json"))
        };
        self.status == status.as_u16()
            && self.header.as_ref().is_none_or(in_headers)
            && (self.pointer.is_none() || is_json())
    }

    fn is_in(&self, body: &[u8]) -> bool {
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
        contains() && stands()
    }
}
