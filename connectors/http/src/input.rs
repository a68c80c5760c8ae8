//! What a caller asks for.

use std::{collections::BTreeMap, fmt};

use jackfield_sdk::FileRef;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// Input of `request`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestInput {
    /// The method.
    #[serde(default)]
    pub(crate) method: Method,
    /// Where to: an absolute URL on a host that the admin has named.
    pub(crate) url: String,
    /// Headers. Credentials don't belong here: connect an account.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// Parameters to add to the URL's query; a list repeats the parameter.
    #[serde(default)]
    pub(crate) query: BTreeMap<String, Parameter>,
    /// What to send.
    #[serde(default)]
    pub(crate) body: Option<Content>,
    /// What to make of the answer's body.
    #[serde(default)]
    pub(crate) response: Wanted,
    /// Whether a status from 400 on is an answer like any other, and no error.
    #[serde(default)]
    pub(crate) accept_errors: bool,
    /// Milliseconds to wait for the connection, for the first byte, and between bytes: each for itself.
    #[serde(default)]
    pub(crate) timeout_ms: Option<u32>,
}

/// The methods.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Method {
    #[default]
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
}

impl Method {
    pub(crate) fn as_str(self) -> &'static str {
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

/// One value of a query parameter, or several.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Parameter {
    One(Scalar),
    Many(Vec<Scalar>),
}

/// What can stand in a query.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Scalar {
    Text(String),
    Integer(i64),
    Number(f64),
    Boolean(bool),
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Integer(integer) => integer.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Boolean(boolean) => boolean.fmt(f),
        }
    }
}

/// What to send.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Content {
    /// JSON, as `application/json`.
    Json(Value),
    /// Text, as `text/plain` unless a `content-type` header says otherwise.
    Text(String),
    /// Fields, as `application/x-www-form-urlencoded`.
    Form(BTreeMap<String, String>),
    /// A file, streamed. Say what it is with a `content-type` header.
    File(FileRef),
}

/// What to make of the answer's body.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Wanted {
    /// By its content type: JSON, text, or else a file. Over 1 MiB it is a file in any case.
    #[default]
    Auto,
    /// JSON, or else an error.
    Json,
    /// Text in UTF-8, or else an error.
    Text,
    /// A file, streamed.
    File,
}
