//! Every no has one form, whoever says it: the handler, the guard or the framework below them.

use std::{collections::BTreeSet, path::Path};

use http::Method;
use serde_json::Value;

use crate::kit::{Answer, TestRegistry};

/// What stands in the place of each `{…}`: not UTF-8, a way up, too long, nothing that exists.
const PARTS: [&str; 5] = ["%FF%FE", "..%2F..%2Fetc", "%00", "UPPER%20case", "nothing-of-that-name"];

/// Queries that are wrong for whoever reads them, and harmless to whoever does not.
const QUERIES: [&str; 9] = [
    "wait=-1",
    "wait=1&wait=1&since=x",
    "from=-1&to=x",
    "from=1.0.0&from=&nobody-knows=1",
    "form=other",
    "cursor=%00&limit=0&sort=no",
    "after=%FF&q=%FF",
    "category=x&auth=x&host=%20",
    "n=-1&last=%00&digest=x&mount=x",
];

fn bodies() -> [Vec<u8>; 8] {
    let too_long = format!("{{\"name\":\"{}\"}}", "x".repeat(2 << 20));
    [
        b"".into(),
        b"{".into(),
        b"[]".into(),
        b"\xff\xfe".into(),
        b"{\"nobody-knows\":1}".into(),
        b"null".into(),
        b"{\"label\":\"\\u0000\"}".into(),
        too_long.into(),
    ]
}

/// Each code that a page of docs/errors explains.
fn explained() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors");
    let pages = std::fs::read_dir(folder).unwrap().map(|page| std::fs::read_to_string(page.unwrap().path()).unwrap());
    pages.flat_map(|page| page.split('`').map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// What a refusal says of itself; nothing if it is none.
fn refused(what: &str, path: &str, answer: &Answer) -> Option<String> {
    let status = answer.status.as_u16();
    assert!(status < 500, "{what}: {status} {:?}", answer.bytes);
    if status < 400 {
        return None;
    }
    let of_oci = path == "/v2" || path.starts_with("/v2/");
    let media_type = if of_oci { "application/json" } else { "application/problem+json" };
    assert_eq!(answer.header("content-type"), Some(media_type), "{what}: {status} {:?}", answer.bytes);
    let body: Value = answer.json();
    let (code, message) = match of_oci {
        true => {
            let error = &body["errors"][0];
            assert!(
                error["code"].as_str().unwrap().bytes().all(|b| b.is_ascii_uppercase() || b == b'_'),
                "{what}: {body}"
            );
            (&error["detail"]["code"], &error["message"])
        }
        false => {
            assert_eq!(body["status"], status, "{what}: {body}");
            (&body["code"], &body["detail"])
        }
    };
    assert!(message.as_str().is_some_and(|message| !message.is_empty()), "{what}: {body}");
    Some(code.as_str().unwrap_or_else(|| panic!("{what}: no code in {body}")).to_owned())
}

/// Asks every route wrongly, in every way: the codes that were said.
async fn walk(registry: &TestRegistry) -> BTreeSet<String> {
    let operator = registry.operator();
    let document = jackfield_registry::read::openapi::openapi();
    let mut codes = BTreeSet::new();
    for (route, operations) in document["paths"].as_object().unwrap() {
        // `/a/{b}/c` is `/a/` and `/c`, with a part between them.
        let between: Vec<&str> =
            route.split('{').map(|text| text.split_once('}').map_or(text, |(_, rest)| rest)).collect();
        let filled: BTreeSet<String> = PARTS.iter().map(|part| between.join(part)).collect();
        let methods = operations.as_object().unwrap().keys().map(|method| method.to_uppercase());
        let methods: BTreeSet<String> = methods.chain(["PATCH".to_owned(), "TRACE".to_owned()]).collect();
        for path in &filled {
            for method in &methods {
                let method: Method = method.parse().unwrap();
                for token in [None, Some(operator.as_str()), Some("jf_nobody")] {
                    let ask = |query: &str, body: Vec<u8>| {
                        let path = if query.is_empty() { path.clone() } else { format!("{path}?{query}") };
                        let ask = registry.ask(method.clone(), &path).bytes(body);
                        match token {
                            Some(token) => ask.token(token).send(),
                            None => ask.send(),
                        }
                    };
                    for query in QUERIES {
                        let answer = ask(query, Vec::new()).await;
                        codes.extend(refused(&format!("{method} {path}?{query}"), path, &answer));
                    }
                    if method == Method::GET {
                        continue;
                    }
                    for body in bodies() {
                        let what = format!("{method} {path} with {} bytes", body.len());
                        codes.extend(refused(&what, path, &ask("", body).await));
                    }
                }
            }
        }
    }
    for path in ["/", "/v1", "/nothing", "/v2/nothing", "/v1/packages/a/b/c/d/e", "/v2/%FF/manifests/x", "/%FF"] {
        codes.extend(refused(path, path, &registry.get(path).send().await));
    }
    codes
}

#[tokio::test]
async fn each_has_a_code_that_the_docs_explain() {
    let explained = explained();
    let mut codes = BTreeSet::new();
    for registry in TestRegistry::each().await {
        codes.extend(walk(&registry).await);
    }
    for code in &codes {
        assert!(explained.contains(code), "no page of docs/errors explains {code}");
    }
    // The walk has been where the framework would have answered for itself.
    for code in [
        "path-malformed",
        "query-malformed",
        "body-malformed",
        "body-too-long",
        "method-not-allowed",
        "route-not-found",
    ] {
        assert!(codes.contains(code), "{code} is not among {codes:?}");
    }
}

#[tokio::test]
async fn whoever_asks_too_often_is_told_in_the_form_that_he_reads() {
    for registry in TestRegistry::each_with(|config, _| config.requests_per_minute = 1).await {
        let from = jackfield_server::peer::PeerAddress([192, 0, 2, 1].into());
        for (path, times) in [("/v1/packages", 2), ("/v2/", 11)] {
            let mut last = None;
            for _ in 0..times {
                last = Some(registry.get(path).from(from).send().await);
            }
            let answer = last.unwrap();
            assert_eq!(answer.status.as_u16(), 429);
            assert_eq!(refused(path, path, &answer).unwrap(), "too-many-requests");
            assert!(answer.header("retry-after").is_some());
        }
    }
}
