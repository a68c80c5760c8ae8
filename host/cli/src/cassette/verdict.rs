//! What came of a call, held against what its cassette expects.

use std::collections::BTreeMap;

use jackfield_host::{Failure, Outcome};
use serde_json::{Map, Value};

use super::{Content, Expectation};
use crate::difference;

impl Expectation {
    /// What is otherwise than expected, for a person, each on lines of its own; empty if all is as it should be.
    pub(crate) fn problems(&self, outcome: &Outcome) -> Vec<String> {
        match (self, &outcome.result) {
            (Self::Output { output, files }, Ok(found)) => {
                let mut problems = Vec::new();
                match serde_json::from_str::<Value>(found) {
                    Ok(found) if found == *output => {}
                    Ok(found) => problems.push(format!("the output:\n{}", difference::of_values(output, &found))),
                    Err(error) => problems.push(format!("the output is not JSON: {error}")),
                }
                if let Some(files) = files {
                    problems.extend(unlike_files(files, outcome));
                }
                problems
            }
            (Self::Output { .. }, Err(failure)) => vec![format!("expected an output, and {}", told(failure))],
            (Self::Error(expected), Err(Failure::Guest(error))) => {
                let found = serde_json::to_value(error).unwrap_or_default();
                unlike_keys(expected, &found).into_iter().collect()
            }
            (Self::Error(_), Err(failure)) => {
                vec![format!("expected an error of the connector's own, and {}", told(failure))]
            }
            (Self::Error(expected), Ok(found)) => {
                let found =
                    serde_json::from_str::<Value>(found).map_or_else(|_| found.clone(), |found| format!("{found:#}"));
                vec![format!("expected the error {}, and found the output\n{found}", Value::Object(expected.clone()))]
            }
        }
    }
}

/// A failure with all that helps an author.
fn told(failure: &Failure) -> String {
    match failure {
        // What was denied, and how to allow it, is told with the other denials of the call.
        Failure::Denied(_) => "the call was denied".to_owned(),
        Failure::Panic(panic) => {
            let frames: String = panic.backtrace.iter().map(|frame| format!("\n  at {frame}")).collect();
            format!("{failure}{frames}")
        }
        _ => failure.to_string(),
    }
}

/// Compares only the keys that are expected; a key that is not there is `null`.
fn unlike_keys(expected: &Map<String, Value>, found: &Value) -> Option<String> {
    let found: Map<String, Value> =
        expected.keys().map(|key| (key.clone(), found.get(key).cloned().unwrap_or_default())).collect();
    (found != *expected).then(|| {
        let difference = difference::of_values(&Value::Object(expected.clone()), &Value::Object(found));
        format!("the error:\n{difference}")
    })
}

fn unlike_files(expected: &[(String, Content)], outcome: &Outcome) -> Vec<String> {
    let mut found: BTreeMap<&str, _> = outcome.files.iter().map(|file| (file.name.as_str(), file)).collect();
    let mut problems = Vec::new();
    for (name, content) in expected {
        let Some(file) = found.remove(name.as_str()) else {
            problems.push(format!("the file `{name}` was not created"));
            continue;
        };
        match std::fs::read(&file.path) {
            Ok(bytes) => {
                problems.extend(content.unlike(&bytes).map(|difference| format!("the file `{name}`:\n{difference}")))
            }
            Err(error) => problems.push(format!("the file `{name}` can't be read: {error}")),
        }
    }
    problems.extend(found.keys().map(|name| format!("the file `{name}` was created, and is not expected")));
    problems
}
