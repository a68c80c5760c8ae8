//! Saying no, with a code that stays.

use std::fmt;

/// Why something was not accepted. The code is stable and has a page in docs/errors; the message names the thing and
/// what was expected; the hint says what to do next.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Refusal {
    /// Stable kebab-case word, such as `manifest-duplicate-key`.
    pub code: &'static str,
    /// What failed, on what, and what was expected.
    pub message: String,
    /// The next thing to do, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Where a value is wrong, if it is one that a schema describes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
}

/// A place in a value, and what is wrong with it: an entry of `errors` in a problem (RFC 9457, section 3).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fault {
    /// Where: a JSON Pointer (RFC 6901), empty for the whole. What is missing is named where it should be.
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pointer.as_str() {
            "" => write!(f, "the value: {}", self.detail),
            pointer => write!(f, "`{}`: {}", pointer.escape_debug(), self.detail),
        }
    }
}

impl Refusal {
    /// A refusal without a hint.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, faults: Vec::new() }
    }

    /// That something is not as its schema describes it: `what` names it, such as "the settings do not fit `acme:crm`".
    pub fn of_faults(code: &'static str, what: &str, faults: Vec<Fault>) -> Self {
        let places: Vec<_> = faults.iter().map(Fault::to_string).collect();
        Self { faults, ..Self::new(code, format!("{what}: {}", places.join("; "))) }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// A stranger's text, or one that quotes it, for a person's eyes: what could steer a terminal or reorder a line is escaped, quotes
/// stay as they are.
pub(crate) fn shown(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.chars().map(|c| if steers(c) { c.escape_unicode().to_string() } else { c.to_string() }).collect()
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.message, self.code)
    }
}

impl std::error::Error for Refusal {}
