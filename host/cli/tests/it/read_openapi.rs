//! The one document of a server: all that it answers to, nothing else, and what docs/reference/openapi.json says.

use std::{collections::BTreeSet, path::Path};

use jackfield_registry::read::openapi;
use jackfield_workspace::{document, router};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    kit::{Desk, Server},
    workspaces::{Asks, send},
};

fn served(server: &Server) -> Value {
    send(Asks::new(server, "").client.get(format!("{}/openapi.json", server.url))).expect(200)
}

/// `(method, path)` of all that a document has.
fn operations(document: &Value) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    let of = |(path, operations): (&String, &Value)| {
        let methods: Vec<_> = operations.as_object().unwrap().keys().cloned().collect();
        methods.into_iter().map(|method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of).collect()
}

#[test]
fn it_is_served_and_is_what_the_docs_say() {
    let desk = Desk::new();
    let document = served(&desk.serve(&[]));
    let text = format!("{document:#}\n");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/openapi.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let how = "write it: UPDATE=1 cargo nextest run --workspace -E 'test(read_openapi)'";
    assert!(kept == text, "docs/reference/openapi.json is not what the code says; {how}");
    for part in text.split("#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(document["components"]["schemas"].get(name).is_some(), "there is no schema {name}");
    }
}

#[test]
fn workspaces_have_every_route_of_their_table_in_it_and_no_other() {
    let described = operations(&document::part().document("", ""));
    let table = router::table();
    let speaks_http = table.iter().filter(|route| !document::NOT_DESCRIBED.contains(&route.path));
    let routed = speaks_http.flat_map(|route| {
        let path = format!("{}{}", router::PREFIX, route.path);
        route.methods.iter().map(move |method| ((*method).to_owned(), path.clone()))
    });
    assert_eq!(described, routed.collect());
}

#[test]
fn the_parts_say_nothing_twice() {
    let (registry, workspaces) = (openapi::part(), document::part());
    let of_registry: BTreeSet<_> = registry.schema_names().collect();
    let of_both: Vec<_> = workspaces.schema_names().filter(|name| of_registry.contains(name)).collect();
    assert_eq!(of_both, ["ProblemBody"]);
}

#[test]
fn there_is_something_at_each_of_its_routes_and_a_registry_alone_has_only_its_own() {
    let desk = Desk::new();
    for (flags, wanted) in [(&[][..], true), (&["--only", "registry"], false)] {
        let server = desk.serve(flags);
        let nobody = Asks::new(&server, "");
        let all = operations(&served(&server));
        assert_eq!(all.iter().any(|(_, path)| path.starts_with(router::PREFIX)), wanted);
        for (method, path) in all {
            let parsed: Method = method.parse().unwrap();
            let answer = send(nobody.client.request(parsed, format!("{}{path}", server.url)));
            let code = serde_json::from_str::<Value>(&answer.text).unwrap_or_default()["code"].clone();
            let is_there = code != json!("route-not-found") && code != json!("method-not-allowed");
            assert!(is_there, "{method} {path}: {}", answer.text);
        }
    }
}
