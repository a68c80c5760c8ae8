//! A connector as its author has it: a folder with `connector.toml`, a README and perhaps an icon beside the code.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use jackfield_package::{
    Label, Manifest, PackageName,
    egress::Egress,
    limits::{ICON_BYTES, MANIFEST_BYTES, README_BYTES},
    manifest::{Auth, Category, Example, LimitWishes, Links, Operation, World},
};
use semver::Version;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    context,
    error::{Failed, Kind},
    words::{nearest, shown},
};

/// The file that makes a folder a connector's project.
pub(crate) const FILE_NAME: &str = "connector.toml";

/// A connector's folder, read.
#[derive(Debug)]
pub(crate) struct Project {
    folder: PathBuf,
    draft: Draft,
    readme: Option<Vec<u8>>,
    icon: Option<Vec<u8>>,
}

/// `connector.toml`: the manifest without what the code states (`operations`) and without what the SDK decides
/// (`world`).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Draft {
    name: PackageName,
    version: Version,
    title: String,
    summary: String,
    license: String,
    #[serde(default)]
    categories: Vec<Category>,
    #[serde(default)]
    keywords: Vec<Label>,
    #[serde(default)]
    links: Links,
    changes: Option<String>,
    #[serde(default)]
    egress: Vec<Egress>,
    #[serde(default)]
    auth: Vec<Auth>,
    config: Option<Value>,
    #[serde(default)]
    examples: Vec<Example>,
    #[serde(default)]
    limits: LimitWishes,
}

impl Project {
    /// Reads the connector in `folder`.
    pub(crate) fn load(folder: &Path) -> Result<Self, Failed> {
        let file = folder.join(FILE_NAME);
        let text = match read_if_there(&file, MANIFEST_BYTES)? {
            Some(bytes) => String::from_utf8(bytes).map_err(|error| {
                let at = error.utf8_error().valid_up_to();
                Failed::new(Kind::Refused, "project-not-utf8", format!("{}: byte {at} is not UTF-8", shown(&file)))
            })?,
            None => {
                let message = format!("`{}` is not a connector's folder: it has no {FILE_NAME}", folder.display());
                return Err(Failed::new(Kind::NotFound, "project-not-found", message)
                    .hint("name the folder, or start a connector: jackfield new NAME"));
            }
        };
        let draft = parse(&text).map_err(|problem| {
            let place = problem.place.map_or_else(String::new, |(line, column)| format!(":{line}:{column}"));
            let message = format!("{}{place}: {}", shown(&file), problem.message);
            let failed = Failed::new(Kind::Refused, "project-malformed", message);
            match problem.hint {
                Some(hint) => failed.hint(hint),
                None => failed,
            }
        })?;
        let readme = read_if_there(&folder.join("README.md"), README_BYTES)?;
        let icon = match read_if_there(&folder.join("icon.svg"), ICON_BYTES)? {
            Some(icon) => Some(icon),
            None => read_if_there(&folder.join("icon.png"), ICON_BYTES)?,
        };
        Ok(Self { folder: folder.to_owned(), draft, readme, icon })
    }

    /// Where it stands.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where its cassettes are.
    pub(crate) fn cassettes(&self) -> PathBuf {
        self.folder.join("cassettes")
    }

    /// The package, `namespace:name`.
    pub(crate) fn name(&self) -> &PackageName {
        &self.draft.name
    }

    /// README.md.
    pub(crate) fn readme(&self) -> Option<&[u8]> {
        self.readme.as_deref()
    }

    /// icon.svg, or else icon.png.
    pub(crate) fn icon(&self) -> Option<&[u8]> {
        self.icon.as_deref()
    }

    /// The file that a build writes, `<name>-<version>.wasm`.
    pub(crate) fn artifact_name(&self) -> String {
        format!("{}-{}.wasm", self.draft.name.name(), self.draft.version)
    }

    /// The manifest, with the operations that the code states.
    pub(crate) fn manifest(&self, operations: Vec<Operation>) -> Manifest {
        let Draft {
            name,
            version,
            title,
            summary,
            license,
            categories,
            keywords,
            links,
            changes,
            egress,
            auth,
            config,
            examples,
            limits,
        } = self.draft.clone();
        Manifest {
            name,
            version,
            world: World::V0_1_0,
            title,
            summary,
            license,
            categories,
            keywords,
            links,
            changes,
            egress,
            auth,
            config,
            operations,
            examples,
            limits,
        }
    }
}

/// What is wrong with a `connector.toml`, and where.
#[derive(Debug)]
struct Problem {
    /// Line and column, from 1.
    place: Option<(usize, usize)>,
    message: String,
    hint: Option<String>,
}

fn parse(text: &str) -> Result<Draft, Problem> {
    let draft: Draft = toml::from_str(text).map_err(|error| {
        let place = error.span().map(|span| line_and_column(text, &span));
        let (message, hint) = explain(error.message());
        Problem { place, message, hint }
    })?;
    // TOML has dates, JSON has none: the parser would pass one on as an object of its own making.
    if let Some(at) = text.find("$__toml_private") {
        let place = Some(line_and_column(text, &(at..at)));
        return Err(Problem { place, message: "a key may not begin with `$__toml_private`".to_owned(), hint: None });
    }
    let values = draft.config.iter().chain(draft.examples.iter().map(|example| &example.input));
    if values.chain(draft.examples.iter().filter_map(|example| example.output.as_ref())).any(holds_date) {
        let message = "a date stands where JSON goes, and JSON has none".to_owned();
        return Err(Problem { place: None, message, hint: Some("put it in quotes".to_owned()) });
    }
    Ok(draft)
}

fn holds_date(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.iter().any(|(key, value)| key.starts_with("$__toml_private") || holds_date(value)),
        Value::Array(list) => list.iter().any(holds_date),
        _ => false,
    }
}

fn line_and_column(text: &str, span: &Range<usize>) -> (usize, usize) {
    let before = &text.as_bytes()[..span.start.min(text.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    (line, column)
}

/// What the parser says, in a person's words, with what to do about it.
fn explain(said: &str) -> (String, Option<String>) {
    let said = said.trim_end();
    // serde's own words, which it has kept since 1.0: unknown field `x`, expected one of `a`, `b`.
    let mut quoted = said.split('`').skip(1).step_by(2);
    if said.starts_with("unknown field `") {
        let unknown = quoted.next().unwrap_or_default();
        let known: Vec<&str> = quoted.collect();
        let message = format!("there is no key `{unknown}` here");
        let hint = match unknown {
            "operations" => "operations come from the code: a function under #[operation]".to_owned(),
            "world" => "the SDK that the code uses decides this".to_owned(),
            "readme" | "icon" => "README.md and icon.svg or icon.png are taken from this folder".to_owned(),
            _ => match nearest(unknown, known.iter().copied()) {
                Some(word) => format!("did you mean `{word}`?"),
                None => format!("the keys are {}", known.join(", ")),
            },
        };
        return (message, Some(hint));
    }
    if said.starts_with("unknown variant `") {
        let unknown = quoted.next().unwrap_or_default();
        let known: Vec<&str> = quoted.collect();
        let hint = match nearest(unknown, known.iter().copied()) {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!("expected one of {}", known.join(", ")),
        };
        return (format!("`{unknown}` is not known here"), Some(hint));
    }
    if let Some(key) = said.strip_prefix("missing field `") {
        return (format!("the key `{}` is missing", key.trim_end_matches('`')), None);
    }
    (said.replace('\n', ", "), None)
}

/// A file's bytes; none if there is no such file.
fn read_if_there(path: &Path, bytes_at_most: usize) -> Result<Option<Vec<u8>>, Failed> {
    if !path.exists() {
        return Ok(None);
    }
    context::read_bounded(path, "the file", bytes_at_most as u64).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        "name = \"acme:hello\"\nversion = \"0.1.0\"\ntitle = \"Hello\"\nsummary = \"Greets.\"\nlicense = \"MIT\"\n";

    fn problem(text: &str) -> String {
        let Problem { place, message, hint } = parse(text).expect_err("a problem");
        let (line, column) = place.unwrap_or_default();
        format!("{line}:{column}: {message} | {}", hint.unwrap_or_default())
    }

    #[test]
    fn the_least_that_is_a_connector() {
        let draft = parse(GOOD).unwrap_or_else(|failed| panic!("{failed:?}"));
        assert_eq!(draft.name.to_string(), "acme:hello");
        assert!(draft.egress.is_empty());
    }

    #[test]
    fn problems_say_where_and_what_to_do() {
        for (added, expected) in [
            ("titel = \"x\"\n", "6:1: there is no key `titel` here | did you mean `title`?"),
            (
                "operations = []\n",
                "6:1: there is no key `operations` here | operations come from the code: a function under #[operation]",
            ),
            (
                "[[egress]]\nhost = \"api.example.com\"\nreason = \"r\"\nmethod = [\"GET\"]\n",
                "9:1: there is no key `method` here | did you mean `methods`?",
            ),
            ("categories = [\"utilty\"]\n", "6:15: `utilty` is not known here | did you mean `utility`?"),
            ("title = \"again\"\n", "6:1: duplicate key | "),
            (
                "keywords = [\"Not Kebab\"]\n",
                "6:12: `Not Kebab` is not a name: expected lower-case letters and digits in words joined by `-`, beginning with a letter, at most 64 characters | ",
            ),
            (
                "[config]\nsince = 2026-01-01\n",
                "0:0: a date stands where JSON goes, and JSON has none | put it in quotes",
            ),
        ] {
            assert_eq!(problem(&format!("{GOOD}{added}")), expected);
        }
        assert_eq!(problem("name = \"acme:hello\"\n"), "1:1: the key `version` is missing | ");
    }
}
