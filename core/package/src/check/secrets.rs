//! No secret left in the bytes: neither in the code and its data, nor in what was recorded.

use std::{ops::Range, sync::LazyLock};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use regex::bytes::Regex;
use serde_json::{Map, Value};

use super::{Level, Rule, quote};
use crate::{Package, cassettes::Cassettes};

pub(super) const RULES: &[Rule] = &[Rule {
    id: "secrets-none",
    title: "no credentials in the bytes",
    level: Level::Error,
    hint: "revoke the credential first, it has been built into a file; then take it out of the source and build again",
    faults,
}];

/// Headers that carry a credential, whatever it looks like. A connector never has one to send, and none to keep.
const CREDENTIAL_HEADERS: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "set-cookie"];

/// Well-known forms of credentials, each with a checksum, a prefix or a frame that nothing else has.
static SECRETS: LazyLock<Vec<(&str, Option<Regex>)>> = LazyLock::new(|| {
    [
        ("a GitHub token", r"\b(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})"),
        ("a GitLab token", r"\bglpat-[A-Za-z0-9_-]{20,}"),
        ("an AWS access key", r"\b(AKIA|ASIA)[A-Z2-7]{16}\b"),
        ("a Slack token", r"\bxox[abprs]-[0-9]{8,}-[A-Za-z0-9-]{10,}"),
        ("a Stripe live key", r"\b[sr]k_live_[A-Za-z0-9]{20,}"),
        ("a Google API key", r"\bAIza[A-Za-z0-9_-]{35}\b"),
        ("an OpenAI key", r"\bsk-(proj-[A-Za-z0-9_-]{40,}|[A-Za-z0-9]{48}\b)"),
        ("an Anthropic key", r"\bsk-ant-[a-z0-9]+-[A-Za-z0-9_-]{40,}"),
        ("a SendGrid key", r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
        ("an npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
        ("a PyPI token", r"\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,}"),
        ("a private key", r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----(\s|\\n|\\r){1,8}[A-Za-z0-9+/=:, -]{40,}"),
    ]
    .into_iter()
    // Bytes, not text: a component is not UTF-8.
    .map(|(what, pattern)| (what, Regex::new(&format!("(?-u){pattern}")).ok()))
    .collect()
});

fn faults(package: &Package) -> Vec<String> {
    let bytes = package.bytes();
    // Cassettes that can be read are searched as what they mean: an escape in JSON, or base64, hides nothing.
    let Some((range, Ok(Some(cassettes)))) = package.cassettes_range().map(|range| (range, package.cassettes())) else {
        return in_bytes(bytes, 0..bytes.len());
    };
    let mut faults = in_bytes(bytes, 0..range.start);
    faults.extend(in_bytes(bytes, range.end..bytes.len()));
    faults.extend(in_cassettes(&cassettes));
    faults
}

/// What stands in a part of the bytes. Where, never what: reports are kept and shown.
fn in_bytes(bytes: &[u8], range: Range<usize>) -> Vec<String> {
    let start = range.start;
    found(&bytes[range]).into_iter().map(|(what, at)| format!("{what} at byte {}", start + at)).collect()
}

fn found(bytes: &[u8]) -> Vec<(String, usize)> {
    let mut all = Vec::new();
    for (what, pattern) in SECRETS.iter() {
        match pattern {
            Some(pattern) => {
                all.extend(pattern.find_iter(bytes).take(5).map(|found| ((*what).to_owned(), found.start())));
            }
            // A rule that can't be applied is not a rule that holds.
            None => all.push((format!("the search for {what} is broken:"), 0)),
        }
    }
    all
}

fn in_cassettes(cassettes: &Cassettes) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, cassette) in cassettes.iter() {
        let mut add = |what: &str, at: &str| faults.push(format!("{what} in the cassette {}, {at}", place(name)));
        search(name.as_bytes(), "its name", &mut add);
        in_object(cassette, "", &mut add);
        let exchanges = cassette.get("exchanges").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for (at, exchange) in exchanges.iter().enumerate() {
            for side in ["request", "response"] {
                let Some(headers) = exchange[side]["headers"].as_object() else { continue };
                let credentials = headers.keys().filter(|name| {
                    CREDENTIAL_HEADERS.iter().any(|credential| name.trim().eq_ignore_ascii_case(credential))
                });
                for header in credentials {
                    add(&format!("the header {}", quote(header)), &format!("`exchanges[{at}].{side}`"));
                }
            }
        }
    }
    faults
}

fn in_object(object: &Map<String, Value>, path: &str, add: &mut impl FnMut(&str, &str)) {
    for (key, value) in object {
        search(key.as_bytes(), &format!("a key in {}", place(path)), add);
        let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        // One of the forms of a cassette's content.
        if key == "base64"
            && let Some(decoded) = value.as_str().and_then(|text| STANDARD.decode(text).ok())
        {
            search(&decoded, &place(&below), add);
        }
        in_value(value, &below, add);
    }
}

fn in_value(value: &Value, path: &str, add: &mut impl FnMut(&str, &str)) {
    match value {
        Value::String(text) => search(text.as_bytes(), &place(path), add),
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                in_value(value, &format!("{path}[{index}]"), add);
            }
        }
        Value::Object(object) => in_object(object, path, add),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A path for a person. Its keys are a stranger's, and one of them may be the secret itself.
fn place(path: &str) -> String {
    let place = if found(path.as_bytes()).is_empty() { path } else { "…" };
    quote(place)
}

fn search(bytes: &[u8], place: &str, add: &mut impl FnMut(&str, &str)) {
    for (what, _) in found(bytes) {
        add(&what, place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_found_wherever_they_stand() {
        let github = format!("\0\0ghp_{}\0", "a1B2".repeat(9));
        let pem = format!("-----BEGIN PRIVATE KEY-----\\n{}", "MC4CAQAwBQYDK2VwBCIE".repeat(3));
        for bad in [github.as_str(), "\x01AKIAIOSFODNN7EXAMPLE\0", pem.as_str()] {
            assert_eq!(found(bad.as_bytes()).len(), 1, "{bad:?}");
        }
        for good in ["ghp_short", "-----BEGIN PRIVATE KEY-----", "AKIAIOSFODNN7EXAMPLEX", "sk-learn"] {
            assert!(found(good.as_bytes()).is_empty(), "{good:?}");
        }
        assert!(SECRETS.iter().all(|(_, pattern)| pattern.is_some()));
    }
}
