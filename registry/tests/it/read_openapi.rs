//! The registry's part of the document has every route and no other.

use std::{collections::BTreeSet, path::Path};

use crate::kit::TestRegistry;

const METHODS: [(&str, &str); 5] =
    [("get(", "get"), ("post(", "post"), ("put(", "put"), ("delete(", "delete"), ("any(", "get")];

/// `(method, path)` of every `.route(…)` in the sources.
fn routed(folder: &Path, found: &mut BTreeSet<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            routed(&path, found);
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for part in text.split(".route(").skip(1) {
            // A witness, which is a server of its own, has its route in a variable.
            let Some((route, rest)) = part.strip_prefix('"').and_then(|rest| rest.split_once('"')) else { continue };
            let line = rest.lines().next().unwrap();
            if path.ends_with("log/witness.rs") {
                continue;
            }
            for (word, method) in METHODS {
                let begins = |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
                if line.match_indices(word).any(|(at, _)| begins(at)) {
                    found.insert((method.to_owned(), route.replace("{*", "{").replace("{ns}", "{namespace}")));
                }
            }
        }
    }
}

#[test]
fn it_has_every_route_and_no_other() {
    let mut sources = BTreeSet::new();
    routed(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut sources);
    let document = jackfield_registry::read::openapi::openapi();
    let mut documented = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        documented.extend(operations.as_object().unwrap().keys().map(|method| (method.clone(), path.clone())));
    }
    let undocumented: Vec<_> = sources.difference(&documented).collect();
    let invented: Vec<_> = documented.difference(&sources).collect();
    assert!(undocumented.is_empty() && invented.is_empty(), "undocumented: {undocumented:?}; invented: {invented:?}");
    let text = document.to_string();
    for part in text.split("#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(document["components"]["schemas"].get(name).is_some(), "there is no schema {name}");
    }
}

#[tokio::test]
async fn it_is_served() {
    let served = TestRegistry::each().await.remove(0).get("/openapi.json").send().await.expect(200);
    assert_eq!(served, jackfield_registry::read::openapi::openapi());
}
