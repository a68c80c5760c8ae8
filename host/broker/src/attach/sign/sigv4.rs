//! AWS Signature Version 4, in the `Authorization` header
//! (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).

use bytes::Bytes;
use hmac::Hmac;
use http::{HeaderName, HeaderValue, Request, header};
use jackfield_package::manifest::Sigv4Scope;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{Signed, halves, hmac::mac};
use crate::{
    Secret,
    attach::{attached::put, query::encode_query},
    clock::{Micros, rfc3339},
};

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
const CONTENT: HeaderName = HeaderName::from_static("x-amz-content-sha256");

/// Whom it signs for.
pub(in crate::attach) struct Sigv4 {
    service: String,
    region: String,
}

impl Sigv4 {
    pub(in crate::attach) fn new(scope: &Sigv4Scope) -> Self {
        Self { service: scope.service.clone(), region: scope.region.clone() }
    }

    pub(in crate::attach) fn more_headers() -> [HeaderName; 3] {
        [DATE, TOKEN, CONTENT]
    }

    /// Signs with `access-key-id:secret-access-key[:session-token]`. `None`: the secret is not of that form.
    pub(in crate::attach) fn sign<B>(
        &self,
        request: &mut Request<B>,
        host: &str,
        body: &Bytes,
        secret: &Secret,
        now: Micros,
    ) -> Option<Signed> {
        let (id, rest) = halves(secret.expose())?;
        let (key, token) = halves(rest).map_or((rest, None), |(key, token)| (key, Some(token)));
        let id = std::str::from_utf8(id).ok()?;
        let date: String = rfc3339(now).chars().filter(char::is_ascii_alphanumeric).collect();
        let day = &date[..8];
        let content = hex::encode(Sha256::digest(body));
        let headers = request.headers_mut();
        headers.insert(DATE, HeaderValue::try_from(&date).ok()?);
        if self.service == "s3" {
            headers.insert(CONTENT, HeaderValue::try_from(&content).ok()?);
        }
        if let Some(token) = token {
            put(headers, TOKEN, HeaderValue::from_bytes(token).ok()?);
        }

        let (names, lines) = canonical_headers(request, host);
        let canonical = [
            request.method().as_str(),
            &self.canonical_path(request.uri().path()),
            &canonical_query(request.uri().query().unwrap_or_default()),
            &lines,
            &names,
            &content,
        ]
        .join("\n");
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let to_sign =
            format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex::encode(Sha256::digest(canonical.as_bytes())));

        let mut key = Zeroizing::new([b"AWS4", key].concat());
        for part in [day, &self.region, &self.service, "aws4_request"] {
            key = Zeroizing::new(mac::<Hmac<Sha256>>(&key, part.as_bytes())?);
        }
        let signature = hex::encode(mac::<Hmac<Sha256>>(&key, to_sign.as_bytes())?);
        let value = format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}");
        put(request.headers_mut(), header::AUTHORIZATION, HeaderValue::try_from(value).ok()?);
        Some(Zeroizing::new(signature.into_bytes()))
    }

    /// Every service but S3 encodes the path once more, after taking out what leads nowhere.
    fn canonical_path(&self, path: &str) -> String {
        if self.service == "s3" {
            return path.to_owned();
        }
        let mut segments: Vec<&str> = Vec::new();
        for segment in path.split('/').filter(|segment| !segment.is_empty() && *segment != ".") {
            if segment == ".." {
                segments.pop();
            } else {
                segments.push(segment);
            }
        }
        let ends = path.ends_with('/') && !segments.is_empty();
        let encoded: Vec<_> = segments.iter().map(|segment| encode_query(segment.as_bytes()).to_string()).collect();
        format!("/{}{}", encoded.join("/"), if ends { "/" } else { "" })
    }
}

/// Names and values encoded, in the order of their bytes.
fn canonical_query(query: &str) -> String {
    let canonical = |text: &str| encode_query(&percent_decoded(text)).to_string();
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (canonical(name), canonical(value)))
        .collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    decoded
}

/// The names of the headers that are signed, and their lines. Left out is what the host, or a proxy on the way, still changes.
fn canonical_headers<B>(request: &Request<B>, host: &str) -> (String, String) {
    let changes = |name: &HeaderName| {
        matches!(
            name.as_str(),
            "host"
                | "authorization"
                | "accept-encoding"
                | "user-agent"
                | "content-length"
                | "expect"
                | "x-amzn-trace-id"
        )
    };
    let mut all: Vec<(String, String)> = request
        .headers()
        .keys()
        .filter(|name| !changes(name))
        .map(|name| {
            let values = request.headers().get_all(name).iter().map(|value| {
                let text = String::from_utf8_lossy(value.as_bytes());
                text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
            });
            (name.to_string(), values.collect::<Vec<_>>().join(","))
        })
        .collect();
    all.push(("host".to_owned(), host.to_owned()));
    all.sort();
    let names = all.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";");
    (names, all.iter().map(|(name, value)| format!("{name}:{value}\n")).collect())
}
