//! The JSON of a cassette, as an author writes it and as a package carries it.

use std::{
    collections::BTreeMap,
    path::{Component, Path},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jackfield_package::Label;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

use crate::{error::Failed, words::nearest};

/// Why a cassette can't be read.
#[derive(Debug)]
pub(super) enum Problem {
    Malformed {
        /// What is wrong, and where.
        message: String,
        hint: Option<String>,
    },
    /// A file that it names.
    File(Failed),
}

pub(super) fn malformed(message: impl Into<String>) -> Problem {
    Problem::Malformed { message: message.into(), hint: None }
}

/// Reads a file that stands beside the cassette.
pub(super) type Load<'a> = &'a dyn Fn(&Path) -> Result<Vec<u8>, Failed>;

/// What stands in a file beside the cassette, and nowhere else.
pub(super) fn load_beside(place: &str, path: &str, load: Load<'_>) -> Result<Vec<u8>, Problem> {
    let path = Path::new(path);
    // A cassette that somebody sends must not read what is not his.
    if !path.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(malformed(format!("`{place}`: `{}` does not stay beside the cassette", path.display())));
    }
    load(path).map_err(Problem::File)
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CassetteForm {
    pub(super) operation: String,
    #[serde(default = "empty")]
    pub(super) input: Value,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(super) config: Map<String, Value>,
    /// Absent and `null` are two things.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub(super) connection: Option<Option<Label>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) idempotency_key: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) files: BTreeMap<String, ContentForm>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) exchanges: Vec<ExchangeForm>,
    pub(super) expect: ExpectationForm,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExchangeForm {
    pub(super) request: RequestForm,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) response: Option<ResponseForm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<BreakForm>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestForm {
    pub(super) method: String,
    pub(super) url: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<ContentForm>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ResponseForm {
    #[serde(default = "ok")]
    pub(super) status: u16,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) headers: BTreeMap<String, HeaderForm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<ContentForm>,
}

#[derive(Deserialize, Serialize)]
#[serde(untagged)]
pub(super) enum HeaderForm {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum BreakForm {
    ConnectionRefused,
    ConnectionTimeout,
    DnsError,
    TlsError,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ContentForm {
    Text(String),
    Json(Value),
    Base64(String),
    Path(String),
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpectationForm {
    /// `null` is an output, too.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub(super) output: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) files: Option<BTreeMap<String, ContentForm>>,
}

fn empty() -> Value {
    json!({})
}

fn ok() -> u16 {
    200
}

fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl CassetteForm {
    /// Reads a cassette's text.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let form = Self::read(&mut deserializer)?;
        deserializer.end().map_err(|error| malformed(error.to_string()))?;
        Ok(form)
    }

    /// The same of a cassette that is parsed.
    pub(super) fn of(cassette: Map<String, Value>) -> Result<Self, Problem> {
        Self::read(Value::Object(cassette))
    }

    fn read<'de, D>(deserializer: D) -> Result<Self, Problem>
    where
        D: Deserializer<'de, Error = serde_json::Error>,
    {
        serde_path_to_error::deserialize(deserializer).map_err(|error| {
            let path = error.path().to_string();
            explain(&path, &error.into_inner().to_string())
        })
    }

    /// The same cassette with the content of the files that it names in it: nothing beside it is needed any more.
    pub(super) fn alone(mut self, load: Load<'_>) -> Result<Map<String, Value>, Problem> {
        for (place, content) in self.contents() {
            if let ContentForm::Path(path) = content {
                let bytes = load_beside(place, path, load)?;
                *content = match String::from_utf8(bytes) {
                    Ok(text) => ContentForm::Text(text),
                    Err(error) => ContentForm::Base64(STANDARD.encode(error.as_bytes())),
                };
            }
        }
        match serde_json::to_value(self) {
            Ok(Value::Object(cassette)) => Ok(cassette),
            Ok(_) => Err(malformed("it is no object")),
            Err(error) => Err(malformed(error.to_string())),
        }
    }

    /// Every place where content stands.
    fn contents(&mut self) -> impl Iterator<Item = (&'static str, &mut ContentForm)> {
        let files = self.files.values_mut().map(|content| ("files", content));
        let exchanges = self.exchanges.iter_mut().flat_map(|exchange| {
            let request = exchange.request.body.iter_mut().map(|body| ("request.body", body));
            let response = exchange.response.iter_mut().filter_map(|response| response.body.as_mut());
            request.chain(response.map(|body| ("response.body", body)))
        });
        let expected = self.expect.files.iter_mut().flat_map(BTreeMap::values_mut);
        files.chain(exchanges).chain(expected.map(|content| ("expect.files", content)))
    }
}

/// What the parser says, with where and what to do. serde's own words, which it has kept since 1.0.
fn explain(path: &str, said: &str) -> Problem {
    let place = if path == "." { String::new() } else { format!("`{path}`: ") };
    let mut quoted = said.split('`').skip(1).step_by(2);
    let hint = match quoted.next() {
        Some(unknown) if said.starts_with("unknown") => {
            let known: Vec<&str> = quoted.collect();
            match nearest(unknown, known.iter().copied()) {
                Some(word) => Some(format!("did you mean `{word}`?")),
                None => Some(format!("expected one of {}", known.join(", "))),
            }
        }
        _ => None,
    };
    let said =
        if hint.is_some() { said.split(", expected").next().unwrap_or(said).to_owned() } else { said.to_owned() };
    Problem::Malformed { message: format!("{place}{said}"), hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_carried_cassette_needs_nothing_beside_it() {
        let written = json!({
            "operation": "list", "connection": null,
            "files": {"table": {"path": "table.csv"}, "picture": {"path": "picture.png"}},
            "exchanges": [{
                "request": {"method": "POST", "url": "https://api.example.com/", "body": {"path": "asked"}},
                "response": {"body": {"path": "answered"}}
            }],
            "expect": {"output": {"path": "no content"}, "files": {"made": {"path": "made.txt"}}},
        });
        let load = |file: &Path| {
            Ok(match file.to_str() {
                Some("picture.png") => b"\x89PNG".to_vec(),
                file => format!("the content of {file:?}").into_bytes(),
            })
        };
        let carried = CassetteForm::of(written.as_object().unwrap().clone()).unwrap().alone(&load).unwrap();
        let carried = Value::Object(carried);
        assert_eq!(carried["connection"], Value::Null);
        assert_eq!(carried["files"]["table"], json!({"text": "the content of Some(\"table.csv\")"}));
        assert_eq!(carried["files"]["picture"], json!({"base64": "iVBORw=="}));
        assert_eq!(carried["exchanges"][0]["request"]["body"]["text"], "the content of Some(\"asked\")");
        assert_eq!(carried["exchanges"][0]["response"]["body"]["text"], "the content of Some(\"answered\")");
        assert_eq!(carried["expect"]["files"]["made"]["text"], "the content of Some(\"made.txt\")");
        assert_eq!(carried["expect"]["output"], json!({"path": "no content"}), "an output is not content");
        // Once more changes nothing: what is carried is a cassette.
        let again = CassetteForm::of(carried.as_object().unwrap().clone()).unwrap();
        assert_eq!(Value::Object(again.alone(&|_| unreachable!()).unwrap()), carried);
    }
}
