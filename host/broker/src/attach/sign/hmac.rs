//! A keyed hash over the request, by a scheme that the manifest declares (RFC 2104).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use hmac::{KeyInit, Mac};
use http::{HeaderName, HeaderValue, Request, header, uri::PathAndQuery};
use jackfield_package::manifest::{HmacHash, HmacScheme, SignatureEncoding};
use sha2::{Digest as _, Sha256, Sha512};
use zeroize::Zeroizing;

use super::{Signed, halves};
use crate::{
    Secret,
    attach::attached::put,
    clock::{Micros, SECOND},
};

/// A scheme that was read.
pub(in crate::attach) struct Hmac {
    over: Vec<Part>,
    hash: HmacHash,
    encoding: SignatureEncoding,
    header: HeaderName,
    prefix: String,
    timestamp_header: Option<HeaderName>,
    key_header: Option<HeaderName>,
}

enum Part {
    Text(String),
    Method,
    Host,
    Path,
    Query,
    Target,
    Body,
    BodySha256,
    Timestamp,
    TimestampMs,
}

impl Hmac {
    /// Reads a scheme; `Err` says what is wrong with it.
    pub(in crate::attach) fn new(scheme: &HmacScheme) -> Result<Self, String> {
        let header = |name: &str| match name.parse::<HeaderName>() {
            Ok(name) if name != header::HOST && name != header::CONTENT_LENGTH => Ok(name),
            _ => Err(format!("names `{name}`, a header that can't carry a signature")),
        };
        let optional = |name: &Option<String>| name.as_deref().map(header).transpose();
        if !scheme.prefix.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            return Err("has a prefix that can't stand in a header".into());
        }
        Ok(Self {
            over: parts(&scheme.over)?,
            hash: scheme.hash,
            encoding: scheme.encoding,
            header: header(&scheme.header)?,
            prefix: scheme.prefix.clone(),
            timestamp_header: optional(&scheme.timestamp_header)?,
            key_header: optional(&scheme.key_header)?,
        })
    }

    pub(in crate::attach) fn header(&self) -> &HeaderName {
        &self.header
    }

    pub(in crate::attach) fn more_headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.timestamp_header.iter().chain(&self.key_header)
    }

    pub(in crate::attach) fn needs_body(&self) -> bool {
        self.over.iter().any(|part| matches!(part, Part::Body | Part::BodySha256))
    }

    /// Whether the secret is `key-id:secret`.
    pub(in crate::attach) fn names_its_key(&self) -> bool {
        self.key_header.is_some()
    }

    /// Puts the signature, and what goes with it, on a request. `None`: it can't be written there.
    pub(in crate::attach) fn sign<B>(
        &self,
        request: &mut Request<B>,
        host: &str,
        body: &Bytes,
        secret: &Secret,
        now: Micros,
    ) -> Option<Signed> {
        let (id, key) = match &self.key_header {
            Some(_) => halves(secret.expose())?,
            None => (&b""[..], secret.expose()),
        };
        let mac = match self.hash {
            HmacHash::Sha256 => mac::<hmac::Hmac<Sha256>>(key, &self.message(request, host, body, now))?,
            HmacHash::Sha512 => mac::<hmac::Hmac<Sha512>>(key, &self.message(request, host, body, now))?,
        };
        let signature = Zeroizing::new(match self.encoding {
            SignatureEncoding::Hex => hex::encode(&mac),
            SignatureEncoding::Base64 => STANDARD.encode(&mac),
        });
        let headers = request.headers_mut();
        put(headers, self.header.clone(), HeaderValue::try_from(format!("{}{}", self.prefix, *signature)).ok()?);
        if let Some(name) = &self.timestamp_header {
            let millis = self.over.iter().any(|part| matches!(part, Part::TimestampMs));
            headers.insert(name, HeaderValue::from(if millis { now / 1_000 } else { now / SECOND }));
        }
        if let Some(name) = &self.key_header {
            put(headers, name.clone(), HeaderValue::from_bytes(id).ok()?);
        }
        Some(Zeroizing::new(signature.as_bytes().to_vec()))
    }

    fn message<B>(&self, request: &Request<B>, host: &str, body: &Bytes, now: Micros) -> Vec<u8> {
        let target = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
        let mut message = Vec::new();
        for part in &self.over {
            let text = match part {
                Part::Body => {
                    message.extend_from_slice(body);
                    continue;
                }
                Part::Text(text) => text.clone(),
                Part::Method => request.method().to_string(),
                Part::Host => host.to_owned(),
                Part::Path => request.uri().path().to_owned(),
                Part::Query => request.uri().query().unwrap_or_default().to_owned(),
                Part::Target => target.to_owned(),
                Part::BodySha256 => hex::encode(Sha256::digest(body)),
                Part::Timestamp => (now / SECOND).to_string(),
                Part::TimestampMs => (now / 1_000).to_string(),
            };
            message.extend_from_slice(text.as_bytes());
        }
        message
    }
}

pub(super) fn mac<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    let mut mac = <M as KeyInit>::new_from_slice(key).ok()?;
    mac.update(message);
    Some(mac.finalize().into_bytes().to_vec())
}

fn parts(over: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = over;
    while let Some((text, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or("has a `{` without its `}` in `over`")?;
        parts.push(Part::Text(text.to_owned()));
        parts.push(match name {
            "method" => Part::Method,
            "host" => Part::Host,
            "path" => Part::Path,
            "query" => Part::Query,
            "target" => Part::Target,
            "body" => Part::Body,
            "body-sha256" => Part::BodySha256,
            "timestamp" => Part::Timestamp,
            "timestamp-ms" => Part::TimestampMs,
            other => return Err(format!("signs over `{{{other}}}`, which nobody knows")),
        });
        rest = after;
    }
    parts.push(Part::Text(rest.to_owned()));
    Ok(parts)
}
