//! As much of an HTTP client as loopback needs: one request a connection, in HTTP/1.0, so that no answer comes in chunks.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use crate::Failure;

/// How long a server on this machine may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a server answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    /// Every value of a header.
    pub(crate) fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Sends one request to `http://…`: a GET, or a POST if there is a form to send.
pub(crate) fn ask(url: &str, headers: &[(&str, &str)], form: Option<&str>) -> Result<Answer, Failure> {
    let (host, target) = split(url).ok_or_else(|| format!("`{url}` is no address on loopback"))?;
    let mut stream = TcpStream::connect(host).map_err(|error| format!("{host}: {error}"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let method = if form.is_some() { "POST" } else { "GET" };
    let mut request = format!("{method} {target} HTTP/1.0\r\nhost: {host}\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    if let Some(form) = form {
        let length = form.len();
        request += &format!("content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n");
    }
    stream.write_all(format!("{request}\r\n{}", form.unwrap_or_default()).as_bytes())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| format!("{url} gives no answer"))?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(0);
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
    Ok(Answer { status, headers, body: body.to_owned() })
}

/// The host with its port, and what stands in the request line.
fn split(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("http://")?;
    let at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, target) = rest.split_at(at);
    Some((host, if target.is_empty() { "/" } else { target }))
}

/// Where a link on the page at `base` leads.
pub(crate) fn resolve(base: &str, link: &str) -> String {
    if link.contains("://") {
        return link.to_owned();
    }
    let (host, target) = split(base).unwrap_or((base, "/"));
    if link.starts_with('/') {
        return format!("http://{host}{link}");
    }
    let path = target.split('?').next().unwrap_or_default();
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("http://{host}{folder}/{link}")
}

/// A form's fields as they are sent.
pub(crate) fn encode<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let escaped = |text: &str| {
        text.bytes().fold(String::new(), |so_far, byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                so_far + &char::from(byte).to_string()
            }
            other => so_far + &format!("%{other:02X}"),
        })
    };
    let pairs = fields.into_iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// The fields of a form or a query that was sent; what is no UTF-8 is lost.
pub(crate) fn decode(form: &str) -> impl Iterator<Item = (String, String)> {
    form.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (unescaped(name), unescaped(value)))
}

/// Percent and plus taken away.
pub(crate) fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        (bytes, rest) = match (first, hex) {
            (b'%', Some(byte)) => (with(bytes, byte), &after[2..]),
            (b'+', _) => (with(bytes, b' '), after),
            (byte, _) => (with(bytes, *byte), after),
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn with(mut bytes: Vec<u8>, byte: u8) -> Vec<u8> {
    bytes.push(byte);
    bytes
}
