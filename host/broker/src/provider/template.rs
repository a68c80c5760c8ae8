//! `{tenant}` in a URL: which values may stand there.
//!
//! A value comes from whoever connects an account, and lands in the host that a secret is sent to. So each must match its
//! entry's pattern as a whole, and whatever the pattern lets through, nothing that could end a host's name or a path's part.

use std::collections::BTreeMap;

use jackfield_package::Refusal;
use regex::Regex;

use super::Entry;
use crate::limits::PROVIDER_PARAMETER_BYTES;

/// The pattern, held against the whole value. Small, so that no pattern takes long.
pub(super) fn anchored(pattern: &str) -> Result<Regex, regex::Error> {
    regex::RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(1 << 20).build()
}

/// The names between braces.
pub(super) fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name)
}

/// The text with the values in it; what has none stays as it is.
pub(super) fn fill(text: &str, values: &BTreeMap<String, String>) -> String {
    values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

/// A value for every variable of the entry.
pub(super) fn values(entry: &Entry, given: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Refusal> {
    if let Some(unknown) = given.keys().find(|name| !entry.variables.contains_key(*name)) {
        let message = format!("the provider `{}` has no parameter `{unknown}`", entry.name);
        return Err(Refusal::new("provider-parameter-unknown", message)
            .hint(format!("see what it has: jackfield provider show {}", entry.name)));
    }
    let mut values = BTreeMap::new();
    for (name, variable) in &entry.variables {
        let Some(value) = given.get(name).or(variable.default.as_ref()) else {
            let message = format!("the provider `{}` must be told `{name}`: {}", entry.name, variable.title);
            return Err(Refusal::new("provider-parameter-missing", message).hint(format!("say it: --set {name}=…")));
        };
        let matches = anchored(&variable.pattern).is_ok_and(|pattern| pattern.is_match(value));
        if !matches || !is_harmless(value) {
            let message = format!("`{}` can't be the {name} of the provider `{}`", shown(value), entry.name);
            return Err(Refusal::new("provider-parameter-refused", message).hint(format!("it is {}", variable.title)));
        }
        values.insert(name.clone(), value.clone());
    }
    Ok(values)
}

/// Letters, digits, `-_@+` and single dots within: neither a host's name nor a path's part ends by them. (What comes out is a
/// URL without a user, or it is refused.)
fn is_harmless(value: &str) -> bool {
    value.len() <= PROVIDER_PARAMETER_BYTES
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@' | b'+'))
        && !value.starts_with('.')
        && !value.ends_with('.')
        && !value.contains("..")
}

fn shown(value: &str) -> String {
    value.chars().take(PROVIDER_PARAMETER_BYTES).flat_map(char::escape_debug).collect()
}
