//! What a caller gets.

use std::{
    collections::BTreeMap,
    io::{BufRead, Read, Write},
};

use jackfield_sdk::prelude::*;
use serde_json::Value;

use crate::input::Wanted;

/// The largest body that is put into JSON: the host caps a call's output at a few times that.
const INLINE_BYTES: usize = 1024 * 1024;

/// Output of `request`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Answer {
    /// The status code; a redirect (3xx) is not followed, its target stands in the `location` header.
    status: u16,
    /// The headers, names in lower case; a repeated header's values are joined by commas.
    headers: BTreeMap<String, String>,
    /// The body as JSON, or as text; null if it is empty or a file.
    body: Value,
    /// The body, if it became a file.
    file: Option<FileRef>,
}

/// Reads the body as it is wanted.
pub(crate) fn read(mut response: Response, wanted: Wanted, url: &str, context: &Context) -> Result<Answer> {
    let status = response.status();
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in response.headers().iter() {
        headers
            .entry(name.to_owned())
            .and_modify(|known| {
                known.push_str(", ");
                known.push_str(value);
            })
            .or_insert_with(|| value.to_owned());
    }
    let media_type = media_type(response.header("content-type").unwrap_or_default());
    let mut start = Vec::new();
    if wanted != Wanted::File {
        (&mut response).take(INLINE_BYTES as u64 + 1).read_to_end(&mut start)?;
    }
    let inline = match wanted {
        Wanted::File => None,
        Wanted::Auto => auto(&start, &media_type),
        Wanted::Json | Wanted::Text => Some(exact(wanted, &start, response.subject())?),
    };
    let (body, file) = match inline {
        Some(body) => (body, None),
        None => (Value::Null, Some(save(response, &start, &media_type, url, context)?)),
    };
    Ok(Answer { status, headers, body, file })
}

/// The body by its content type; `None` if it is to be a file.
fn auto(body: &[u8], media_type: &str) -> Option<Value> {
    if body.is_empty() {
        return Some(Value::Null);
    }
    if body.len() > INLINE_BYTES {
        return None;
    }
    if is_json(media_type)
        && let Ok(value) = serde_json::from_slice(body)
    {
        return Some(value);
    }
    if is_json(media_type) || is_text(media_type) {
        return std::str::from_utf8(body).ok().map(Value::from);
    }
    None
}

/// The body as just this, or an error.
fn exact(wanted: Wanted, body: &[u8], subject: &str) -> Result<Value> {
    let refuse = |code: &'static str, why: &str| {
        Err(Error::upstream(format!("{subject}: {why}")).with_code(code).with_request_sent(true))
    };
    if body.len() > INLINE_BYTES {
        return refuse("answer-too-large", "the answer is larger than 1 MiB: ask for `\"response\": \"file\"`");
    }
    match (wanted, std::str::from_utf8(body)) {
        (Wanted::Json, _) => match serde_json::from_slice(body) {
            Ok(value) => Ok(value),
            Err(why) => refuse("answer-not-json", &format!("the answer is not JSON: {why}")),
        },
        (_, Ok(text)) => Ok(Value::from(text)),
        (_, Err(_)) => refuse("answer-not-text", "the answer is not UTF-8: ask for `\"response\": \"file\"`"),
    }
}

/// Writes the start and the rest into a file.
fn save(mut rest: Response, start: &[u8], media_type: &str, url: &str, context: &Context) -> Result<FileRef> {
    let mut file = context.create(&file_name(url), media_type)?;
    file.write_all(start)?;
    loop {
        let chunk = rest.fill_buf()?;
        if chunk.is_empty() {
            return file.finish();
        }
        file.write_all(chunk)?;
        let count = chunk.len();
        rest.consume(count);
    }
}

/// `Text/HTML; charset=utf-8` → `text/html`.
fn media_type(content_type: &str) -> String {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence.split('/').count() == 2 && essence.is_ascii() { essence } else { "application/octet-stream".to_owned() }
}

fn is_json(media_type: &str) -> bool {
    media_type == "application/json" || media_type.ends_with("+json")
}

fn is_text(media_type: &str) -> bool {
    media_type.starts_with("text/")
        || media_type.ends_with("+xml")
        || ["application/xml", "application/javascript", "application/x-www-form-urlencoded", "application/yaml"]
            .contains(&media_type)
}

/// The last part of the path, if it is a plain file name.
fn file_name(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let path = path.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
    let name = path.rsplit('/').next().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_plain = (1..=100).contains(&name.len()) && name.chars().all(plain) && !name.starts_with('.');
    if is_plain { name.to_owned() } else { "response".to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_content_type_decides() {
        for (media_type, body, expect) in [
            ("application/json", r#"{"a":1}"#, Some(json!({"a": 1}))),
            ("application/problem+json", "[]", Some(json!([]))),
            ("application/json", "{broken", Some(json!("{broken"))),
            ("text/plain", "hello", Some(json!("hello"))),
            ("image/svg+xml", "<svg/>", Some(json!("<svg/>"))),
            ("application/pdf", "%PDF", None),
            ("application/pdf", "", Some(Value::Null)),
        ] {
            assert_eq!(auto(body.as_bytes(), media_type), expect, "{media_type}");
        }
        assert_eq!(auto(b"\xFF", "text/plain"), None);
        assert_eq!(auto(&vec![b'1'; INLINE_BYTES + 1], "text/plain"), None);
    }

    #[test]
    fn media_types_and_names() {
        assert_eq!(media_type("Text/HTML; charset=utf-8"), "text/html");
        assert_eq!(media_type(""), "application/octet-stream");
        for (url, expect) in [
            ("https://a.example/b/report.pdf?x=/y", "report.pdf"),
            ("https://a.example/b/", "response"),
            ("https://a.example", "response"),
            ("https://a.example/..", "response"),
            ("https://a.example/a%2Fb", "response"),
        ] {
            assert_eq!(file_name(url), expect);
        }
    }

    #[test]
    fn what_is_not_as_wanted_is_an_error() {
        for (wanted, body, code) in [
            (Wanted::Json, &b"<html>"[..], "answer-not-json"),
            (Wanted::Text, b"\xFF", "answer-not-text"),
            (Wanted::Text, &vec![b'1'; INLINE_BYTES + 1], "answer-too-large"),
        ] {
            assert_eq!(exact(wanted, body, "GET https://a/").unwrap_err().code(), code);
        }
    }
}
