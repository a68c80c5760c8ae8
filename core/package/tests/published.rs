//! What stands in docs/ is what the code does.

mod common;

use std::{collections::BTreeSet, fs, path::Path};

use jackfield_package::{Manifest, check, limits};
use regex::Regex;
use serde_json::json;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

#[test]
fn the_published_schema_is_that_of_the_types() {
    let path = format!("{ROOT}/docs/spec/manifest.schema.json");
    let mut schema = Manifest::json_schema();
    schema.sort_all_objects();
    let text = serde_json::to_string_pretty(&schema).expect("JSON") + "\n";
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &text).expect("written");
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == text,
        "docs/spec/manifest.schema.json is out of date: UPDATE=1 cargo test -p jackfield-package --test published"
    );
}

#[test]
fn manifests_are_valid_against_the_published_schema() {
    let validator = jsonschema::draft202012::options().offline().build(&Manifest::json_schema()).expect("a schema");
    let good = common::manifest();
    let errors: Vec<String> = validator.iter_errors(&good).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    // What the schema can say, it says as the parser does.
    let rows = [
        ("/extra", json!(1)),
        ("/name", json!("Acme:weather")),
        ("/version", json!("1.2.3+linux")),
        ("/version", json!("1.2")),
        ("/world", json!("jackfield:connector@9.0.0")),
        ("/title", json!("x".repeat(81))),
        ("/title", json!("")),
        ("/summary", json!("x".repeat(241))),
        ("/operations", json!([])),
        ("/categories", json!(["nonsense"])),
        ("/egress/0/methods", json!(["TRACE"])),
        ("/auth/0/type", json!("magic")),
        ("/auth/0/hosts", json!([])),
        ("/auth/0/attach", json!({"in": "body", "name": "x"})),
        ("/limits/fuel", json!(-1)),
    ];
    for (pointer, value) in rows {
        let bad = common::manifest_with(pointer, value);
        assert!(!validator.is_valid(&bad), "the schema takes {pointer}");
        assert!(Manifest::parse(bad.to_string().as_bytes()).is_err(), "the parser takes {pointer}");
    }
}

fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.to_string_lossy().contains("src/difference") {
            // Its words name what changed between two releases; they refuse nothing.
            continue;
        }
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).expect("text");
            // Codes in tests are repeated, not made.
            text.push_str(source.split("#[cfg(test)]").next().unwrap_or_default());
        }
    }
}

#[test]
fn each_code_and_rule_has_its_line_in_the_docs() {
    let mut text = String::new();
    sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut text);
    let errors = fs::read_to_string(format!("{ROOT}/docs/errors/README.md")).expect("docs/errors/README.md");
    let spec = fs::read_to_string(format!("{ROOT}/docs/spec/package.md")).expect("docs/spec/package.md");
    let admission = fs::read_to_string(format!("{ROOT}/docs/spec/admission.md")).expect("docs/spec/admission.md");
    // Every word with a dash in quotes is a code, the id of a check, a step of admission, or one of these.
    const OTHERS: [&str; 16] = [
        "api-key",
        "list-more",
        "split-view",
        "checkpoint-before",
        "checkpoint-now",
        "tlog-proof",
        "kebab-case",
        "oci-manifest",
        "outgoing-handler",
        "payload-type",
        "content-length",
        "keep-alive",
        "transfer-encoding",
        "proxy-authorization",
        "proxy-connection",
        "jackfield-probe",
    ];
    let word = Regex::new(r#""([a-z0-9]+(?:-[a-z0-9]+)+)""#).expect("a pattern");
    let words: BTreeSet<&str> = word.captures_iter(&text).filter_map(|found| Some(found.get(1)?.as_str())).collect();
    assert!(words.len() > 90, "the search finds them: {words:?}");
    let missing: Vec<&&str> = words
        .iter()
        .filter(|word| !OTHERS.contains(word))
        .filter(|word| ![&errors, &spec, &admission].iter().any(|page| page.contains(&format!("`{word}`"))))
        .collect();
    assert!(
        missing.is_empty(),
        "none of docs/errors/README.md, docs/spec/package.md and docs/spec/admission.md has a line for {missing:?}"
    );

    // And no line for what is gone.
    let line = Regex::new(r"(?m)^\| `([a-z0-9-]+)` \|").expect("a pattern");
    let gone: Vec<&str> = line
        .captures_iter(&errors)
        .filter_map(|found| Some(found.get(1)?.as_str()))
        .filter(|code| !words.contains(code) && !["log-damaged", "witness-state"].contains(code))
        .collect();
    assert!(gone.is_empty(), "docs/errors/README.md has lines for {gone:?}, which nothing makes");

    let report = check::check(&common::Builder::default().package());
    let ids = report.outcomes.iter().map(|outcome| &*outcome.id).chain(["describe-equal"]);
    let missing: Vec<&str> = ids.filter(|id| !spec.contains(&format!("| `{id}` |"))).collect();
    assert!(missing.is_empty(), "docs/spec/package.md says nothing about the checks {missing:?}");
}

#[test]
fn the_numbers_in_the_docs_are_the_bounds_in_the_code() {
    let spec = fs::read_to_string(format!("{ROOT}/docs/spec/package.md")).expect("docs/spec/package.md");
    let rows = [
        ("component, bytes", limits::COMPONENT_BYTES as u64),
        ("sections at the top level", limits::TOP_LEVEL_SECTIONS as u64),
        ("sections in all", limits::TOTAL_SECTIONS as u64),
        ("nested modules and components", limits::NESTED as u64),
        ("levels of nesting", limits::NESTING_DEPTH as u64),
        ("functions in all", limits::FUNCTIONS),
        ("a custom section, bytes", limits::CUSTOM_SECTION_BYTES as u64),
        ("manifest, bytes", limits::MANIFEST_BYTES as u64),
        ("README, bytes", limits::README_BYTES as u64),
        ("icon, bytes", limits::ICON_BYTES as u64),
        ("cassettes, bytes of the section", limits::CASSETTES_BYTES as u64),
        ("cassettes", limits::CASSETTES as u64),
        ("name of a cassette, bytes", limits::CASSETTE_NAME_BYTES as u64),
        ("imports", u64::from(limits::IMPORTS)),
        ("exports", u64::from(limits::EXPORTS)),
        ("name of an import or export, bytes", limits::EXTERN_NAME_BYTES as u64),
    ];
    for (what, number) in rows {
        let line = format!("| {what} | {number} |");
        assert!(spec.contains(&line), "docs/spec/package.md lacks `{line}`");
    }
}
