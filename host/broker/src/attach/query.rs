//! Names and values in a query.

use http::{Uri, uri::PathAndQuery};
use zeroize::Zeroizing;

/// Appends a parameter to a URI's query.
pub(super) fn with_query(uri: &Uri, name: &str, value: &str) -> Option<Uri> {
    let target = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    let joint = match uri.query() {
        None => "?",
        Some("") => "",
        Some(_) => "&",
    };
    let mut parts = uri.clone().into_parts();
    let with = Zeroizing::new(format!("{target}{joint}{}={value}", &*encode_query(name.as_bytes())));
    parts.path_and_query = Some(with.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// Percent-encodes all but RFC 3986's unreserved characters.
pub(super) fn encode_query(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 3));
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(*byte)),
            _ => {
                let hex = |nibble: u8| char::from(b"0123456789ABCDEF"[usize::from(nibble & 15)]);
                text.extend(['%', hex(byte >> 4), hex(*byte)]);
            }
        }
    }
    text
}

/// Decodes a name in a query as servers do: `%41` and `+`. What is not valid UTF-8 shows as replacement characters.
pub fn decode_query(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        let value = escaped.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        decoded.push(match (value, bytes[at]) {
            (Some(value), _) => value,
            (None, b'+') => b' ',
            (None, byte) => byte,
        });
        at += if value.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
