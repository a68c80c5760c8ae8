//! Where a connector asks to send requests: hosts, ports and methods, as a manifest states them.

use std::{fmt, str::FromStr};

use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Refusal, limits::PATTERN_BYTES, name::text_form};

/// One destination that a connector asks for. Absent means none at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Egress {
    /// Which hosts.
    pub host: HostPattern,
    /// For a template: what a configured value must match, anchored at both ends (`^…$`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = crate::limits::WORD_CHARS))]
    pub pattern: Option<String>,
    /// Which TCP ports.
    #[serde(default)]
    pub ports: Ports,
    /// Which HTTP methods.
    #[serde(default)]
    pub methods: Methods,
    /// Why, for the person who grants it.
    #[schemars(length(min = 1, max = crate::limits::SUMMARY_CHARS))]
    pub reason: String,
}

/// Which hosts an entry covers: `api.example.com` (that host), `*.example.com` (every host below it, not itself), or
/// `{field}` (what the installation's config says in that field: a string or a list of strings).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// One host: a DNS name in lower case, or an IP address.
    Exact(String),
    /// Every name below this one.
    Suffix(String),
    /// The value of a config field.
    Template(String),
}

impl HostPattern {
    /// Whether `host` (lower case, without a trailing dot) is covered; a template covers nothing until it is filled in.
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(name) => name == host,
            Self::Suffix(suffix) => {
                host.strip_suffix(suffix.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            Self::Template(_) => false,
        }
    }
}

impl FromStr for HostPattern {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let malformed = |expected: &str| {
            Refusal::new(
                "egress-host-malformed",
                format!(
                    "`{}` is not a host: expected {expected}",
                    text.chars().take(260).collect::<String>().escape_debug()
                ),
            )
        };
        if let Some(field) = text.strip_prefix('{') {
            let field = field.strip_suffix('}').ok_or_else(|| malformed("`{field}`"))?;
            if field.is_empty() || !field.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                return Err(malformed("the name of a config field within `{…}`"));
            }
            return Ok(Self::Template(field.to_owned()));
        }
        if let Some(suffix) = text.strip_prefix("*.") {
            if !is_dns_name(suffix) {
                return Err(malformed("a DNS name after `*.`"));
            }
            return Ok(Self::Suffix(suffix.to_owned()));
        }
        // An address in its one canonical spelling only: octal, hex and shortened forms are disguises.
        let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if let Ok(address) = bracketed.unwrap_or(text).parse::<std::net::IpAddr>() {
            let canonical = Self::Exact(address.to_string());
            let spelling_is_good = text == canonical.to_string() || (address.is_ipv6() && text == address.to_string());
            return if spelling_is_good {
                Ok(canonical)
            } else {
                Err(malformed("the address in its canonical spelling"))
            };
        }
        if !is_dns_name(text) {
            return Err(malformed("a DNS name in lower case, `*.` and a DNS name, `{field}`, or an IP address"));
        }
        Ok(Self::Exact(text.to_owned()))
    }
}

/// RFC 1123 host names in lower case, without a trailing dot. The last label may not be all digits or start with `0x`:
/// that is how a number passes for a name.
pub fn is_dns_name(text: &str) -> bool {
    let label_is_good = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= 253
        && text.split('.').all(label_is_good)
        && !last.bytes().all(|b| b.is_ascii_digit())
        && !last.starts_with("0x")
}

/// Compiles the pattern of a template: what a configured host must match, as a whole. Whoever fills a template in uses
/// this and no other reading.
///
/// # Errors
/// `egress-pattern`: not anchored at both ends (`^…$`), with alternatives or flags at the top level that undo the anchors,
/// not a regular expression of linear time, or too large.
pub fn template_pattern(pattern: &str) -> Result<Regex, Refusal> {
    let refuse = |why: &str| {
        let shown = pattern.chars().take(120).collect::<String>();
        Refusal::new("egress-pattern", format!("the pattern `{}` {why}", shown.escape_debug()))
    };
    let inner = pattern
        .strip_prefix('^')
        .and_then(|rest| rest.strip_suffix('$'))
        .filter(|inner| inner.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 0)
        .ok_or_else(|| refuse("is not anchored: expected `^…$`"))?;
    // What stands between the anchors must be a whole by itself, or `^a|b$` would be anchored at one end only.
    RegexBuilder::new(inner).size_limit(PATTERN_BYTES).build().map_err(|_| refuse("is not a regular expression"))?;
    if inner.contains("(?") && inner.replace("(?:", "").contains("(?") {
        return Err(refuse("has flags or names, which are not allowed"));
    }
    RegexBuilder::new(&format!(r"\A(?:{inner})\z"))
        .size_limit(PATTERN_BYTES)
        .dfa_size_limit(PATTERN_BYTES)
        .build()
        .map_err(|_| refuse("is not a regular expression, or too large"))
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) if name.contains(':') => write!(f, "[{name}]"),
            Self::Exact(name) => f.write_str(name),
            Self::Suffix(suffix) => write!(f, "*.{suffix}"),
            Self::Template(field) => write!(f, "{{{field}}}"),
        }
    }
}

text_form!(HostPattern, "HostPattern", {
    "type": "string",
    "description": "`api.example.com`, `*.example.com`, or `{config_field}`",
    "minLength": 1,
    "maxLength": 255
});

/// Which TCP ports: a list, or `"any"`. Left out: 443.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Ports {
    /// Every port.
    Any(Any),
    /// These.
    List(#[schemars(length(min = 1, max = 16))] Vec<u16>),
}

impl Ports {
    /// Whether `port` is covered.
    pub fn contains(&self, port: u16) -> bool {
        match self {
            Self::Any(_) => true,
            Self::List(list) => list.contains(&port),
        }
    }
}

impl Default for Ports {
    fn default() -> Self {
        Self::List(vec![443])
    }
}

/// Which HTTP methods: a list in upper case, or `"any"`. Left out: GET and HEAD, which change nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Methods {
    /// Every method.
    Any(Any),
    /// These.
    List(#[schemars(length(min = 1, max = 7))] Vec<Method>),
}

impl Methods {
    /// Whether `method` (as sent, upper case) is covered.
    pub fn contains(&self, method: &str) -> bool {
        match self {
            Self::Any(_) => true,
            Self::List(list) => list.iter().any(|known| known.as_str() == method),
        }
    }
}

impl Default for Methods {
    fn default() -> Self {
        Self::List(vec![Method::Get, Method::Head])
    }
}

/// The word `any`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Any {
    /// Whatever it is.
    Any,
}

/// An HTTP method (RFC 9110, RFC 5789). CONNECT and TRACE are left out: no connector needs them, and both are tools of
/// smuggling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the words of RFC 9110")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
}

impl Method {
    /// As it stands in a request line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }
}

impl FromStr for Method {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        [Self::Get, Self::Head, Self::Post, Self::Put, Self::Patch, Self::Delete, Self::Options]
            .into_iter()
            .find(|method| method.as_str() == text)
            .ok_or_else(|| {
                Refusal::new(
                    "egress-method-unknown",
                    format!(
                        "`{}` is not a method: expected GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS",
                        text.escape_debug()
                    ),
                )
            })
    }
}
