//! Packages are found: by words, by facets, in four orders, page by page; and nothing that is typed breaks out.

use serde_json::{Value, json};

use crate::{
    kit::{START, TestRegistry},
    read_rows::{self, Row},
};

fn names(found: &Value) -> Vec<&str> {
    found["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

async fn ask(registry: &TestRegistry, query: &str) -> Value {
    registry.get(&format!("/v1/packages{query}")).send().await.expect(200)
}

/// Four packages that differ in everything.
async fn four(registry: &TestRegistry) {
    let day = 86_400 * 1_000_000;
    read_rows::put_all(
        registry,
        &[
            Row::new("acme:crm", "1.2.0")
                .with(json!({
                    "title": "Acme CRM", "summary": "Contacts and deals of Acme.", "categories": ["crm", "marketing"],
                    "keywords": ["customers"],
                    "egress": [{"host": "api.acme.example", "reason": "the service"}],
                    "auth": [{"id": "acme", "type": "oauth2", "hosts": ["api.acme.example"]}],
                    "operations": [{
                        "name": "list-contacts", "kind": "action", "title": "List contacts", "effect": "read",
                        "input": {}, "output": {},
                    }],
                }))
                .readme("Invoices are not covered."),
            Row::new("acme:invoices", "0.3.0").at(START + day).with(json!({
                "title": "Invoices", "summary": "Sends invoices to customers of the CRM.", "categories": ["finance"],
                "egress": [{"host": "*.acme.example", "reason": "the service"}],
            })),
            Row::new("beta:csv", "2.0.0").at(START + 2 * day).with(json!({
                "title": "CSV", "summary": "Reads tables. Connecting rows.", "categories": ["data"],
            })),
            Row::new("beta:gone", "1.0.0").state("yanked").with(json!({ "summary": "Invoices of yesterday." })),
        ],
    )
    .await;
}

#[tokio::test]
async fn words_are_found_where_they_weigh_most_first() {
    for registry in TestRegistry::each().await {
        four(&registry).await;
        for (query, expected) in [
            ("?q=crm", vec!["acme:crm", "acme:invoices"]),
            ("?q=CRM%20contacts", vec!["acme:crm"]),
            ("?q=invoice", vec!["acme:invoices", "acme:crm"]),
            ("?q=connect", vec!["beta:csv"]),
            ("?q=invo", vec!["acme:invoices", "acme:crm"]),
            ("?q=acme:crm", vec!["acme:crm", "acme:invoices"]),
            ("?q=api.acme.example", vec!["acme:crm"]),
            ("?q=nothing-of-the-kind", vec![]),
            ("?q=the%20of%20customers", vec!["acme:invoices"]),
        ] {
            assert_eq!(names(&ask(&registry, query).await), expected, "{} {query}", registry.kind);
        }
    }
}

#[tokio::test]
async fn facets_narrow_and_are_counted() {
    for registry in TestRegistry::each().await {
        four(&registry).await;
        for (query, expected) in [
            ("?category=crm", vec!["acme:crm"]),
            ("?operation=list-contacts", vec!["acme:crm"]),
            ("?host=api.acme.example", vec!["acme:crm"]),
            ("?host=*.acme.example", vec!["acme:invoices"]),
            ("?publisher=beta", vec!["beta:csv"]),
            ("?auth=oauth2", vec!["acme:crm"]),
            ("?effect=destructive", vec![]),
            ("?import=wasi:io/streams&sort=newest", vec!["beta:csv", "acme:invoices", "acme:crm"]),
            ("?category=crm&category=marketing&publisher=acme", vec!["acme:crm"]),
            ("?category=crm&category=data", vec![]),
            ("?q=invoices&publisher=acme&category=finance", vec!["acme:invoices"]),
        ] {
            assert_eq!(names(&ask(&registry, query).await), expected, "{} {query}", registry.kind);
        }
        let found = ask(&registry, "?q=customers").await;
        assert_eq!(found["total"], json!({ "count": 2, "more": false }), "{}", registry.kind);
        assert_eq!(found["facets"]["publisher"], json!([{ "value": "acme", "count": 2 }]));
        assert_eq!(
            found["facets"]["category"],
            json!([{ "value": "crm", "count": 1 }, { "value": "finance", "count": 1 }, { "value": "marketing", "count": 1 }])
        );
        let first = &ask(&registry, "?q=contacts").await["items"][0];
        assert_eq!(first["title"], "Acme CRM");
        assert_eq!(first["version"], "1.2.0");
        assert_eq!(first["categories"], json!(["crm", "marketing"]));
        assert_eq!(first["released_at"], "2026-01-01T00:00:00Z");
    }
}

#[tokio::test]
async fn every_order_is_paged_without_a_gap_or_a_repeat() {
    for registry in TestRegistry::each().await {
        let rows: Vec<_> = (0..23)
            .map(|n| Row::new(&format!("acme:p{n}"), "1.0.0").at(START + n % 5).with(json!({ "keywords": ["same"] })))
            .collect();
        read_rows::put_all(&registry, &rows).await;
        for n in 0..23 {
            read_rows::installs(&registry, &format!("acme:p{n}"), n / 4).await;
        }
        for query in [
            "q=same&sort=relevance",
            "sort=installs",
            "sort=newest&q=same",
            "sort=rating",
            "publisher=acme&sort=newest",
            "q=",
        ] {
            let mut seen = Vec::new();
            let mut cursor = String::new();
            loop {
                let found = ask(&registry, &format!("?{query}&limit=5{cursor}")).await;
                assert_eq!(found["total"].is_null(), !cursor.is_empty(), "only the first page counts");
                seen.extend(names(&found).into_iter().map(str::to_owned));
                match found["next"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            let count = seen.len();
            seen.sort();
            seen.dedup();
            assert_eq!((count, seen.len()), (23, 23), "{} {query}", registry.kind);
        }
        let most = ask(&registry, "?sort=installs&limit=4").await;
        assert!(
            most["items"]
                .as_array()
                .unwrap()
                .windows(2)
                .all(|pair| pair[0]["installs"].as_i64() >= pair[1]["installs"].as_i64())
        );
    }
}

#[tokio::test]
async fn nothing_that_is_typed_is_a_query_of_the_database() {
    for registry in TestRegistry::each().await {
        four(&registry).await;
        let long = "x".repeat(512);
        let many = "a%20".repeat(128);
        for q in [
            "%22",
            "%27",
            "%00",
            "crm%00",
            "%27%20OR%201%3D1%20--",
            "NEAR(crm%20acme%2C%205)",
            "name%3Acrm",
            "a%3Acrm",
            "crm*",
            "*",
            "%5Ecrm",
            "-crm",
            "crm%20AND",
            "AND",
            "OR",
            "NOT",
            "NOT%20crm",
            "(",
            ")",
            "((crm",
            "crm)",
            "%7Bcrm%7D",
            "%3A*",
            "crm%3A*",
            "!crm",
            "crm%20%26%20%7C",
            "%3C-%3E",
            "%5C",
            "%5C%27",
            "%24%24",
            "%24%7Bx%7D",
            "%F0%9F%A6%80",
            "%FF%FE",
            "%E2%80%AE",
            "%0A%0D",
            "%27%3BDROP%20TABLE%20packages%3B--",
            "%2525",
            "1e309",
            "0x41",
            "1.5.6",
            "-1",
            "a.b%40c.example",
            "https%3A%2F%2Fx.example%2Fy%3Fz",
            "%3Cb%3E",
            "%26amp%3B",
            &long,
            &many,
        ] {
            let answer = registry.get(&format!("/v1/packages?q={q}")).send().await;
            assert_eq!(answer.status, 200, "{} q={q}: {:?}", registry.kind, answer.bytes);
        }
        assert_eq!(names(&ask(&registry, "?q=%22").await), [""; 0], "no word was given, so none is found");
        assert_eq!(names(&ask(&registry, "?sort=newest").await).len(), 3, "the tables are still there");
        for (query, code) in [
            (format!("?q={}", "x".repeat(513)), "search-text-too-long"),
            ("?category=nothing".to_owned(), "search-parameter-invalid"),
            ("?category=crm%00".to_owned(), "search-parameter-invalid"),
            ("?operation=List".to_owned(), "search-parameter-invalid"),
            ("?host=api%00.example".to_owned(), "search-parameter-invalid"),
            ("?host=%27".to_owned(), "search-parameter-invalid"),
            ("?host=API.example".to_owned(), "search-parameter-invalid"),
            ("?import=a%00".to_owned(), "search-parameter-invalid"),
            (format!("?import={}", "a".repeat(257)), "search-parameter-invalid"),
            ("?auth=magic".to_owned(), "search-parameter-invalid"),
            ("?publisher=%FF".to_owned(), "search-parameter-invalid"),
            ("?sort=random()".to_owned(), "search-parameter-invalid"),
            ("?limit=0".to_owned(), "search-parameter-invalid"),
            ("?limit=101".to_owned(), "search-parameter-invalid"),
            ("?limit=-1".to_owned(), "search-parameter-invalid"),
            ("?limit=99999999999999999999".to_owned(), "search-parameter-invalid"),
            ("?q=a&q=b".to_owned(), "search-parameter-invalid"),
            (format!("?{}", "publisher=acme&".repeat(9)), "search-parameter-invalid"),
            ("?order=name".to_owned(), "search-parameter-unknown"),
            ("?cursor=".to_owned(), "cursor-invalid"),
            ("?cursor=AAAA".to_owned(), "cursor-invalid"),
            ("?cursor=%27%20OR%201".to_owned(), "cursor-invalid"),
            (format!("?cursor={}", "A".repeat(32)), "cursor-invalid"),
            (format!("?cursor={}", "A".repeat(50_000)), "cursor-invalid"),
        ] {
            registry.get(&format!("/v1/packages{query}")).send().await.expect_problem(400, code);
        }
    }
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_question_only() {
    for registry in TestRegistry::each().await {
        four(&registry).await;
        let next = ask(&registry, "?sort=newest&limit=1").await["next"].as_str().unwrap().to_owned();
        assert_eq!(names(&ask(&registry, &format!("?sort=newest&limit=1&cursor={next}")).await), ["acme:invoices"]);
        for query in ["sort=installs", "sort=newest&q=crm", "sort=newest&publisher=acme"] {
            registry
                .get(&format!("/v1/packages?{query}&cursor={next}"))
                .send()
                .await
                .expect_problem(400, "cursor-invalid");
        }
    }
}

#[tokio::test]
async fn what_is_found_follows_the_rows() {
    for registry in TestRegistry::each().await {
        Row::new("acme:crm", "1.0.0").with(json!({ "title": "Old words" })).put(&registry).await;
        Row::new("acme:crm", "2.0.0-rc.1").with(json!({ "title": "Early words" })).put(&registry).await;
        Row::new("acme:crm", "3.0.0").state("staged").with(json!({ "title": "Secret words" })).put(&registry).await;
        assert_eq!(names(&ask(&registry, "?q=old").await), ["acme:crm"], "{}", registry.kind);
        for q in ["early", "secret"] {
            assert_eq!(names(&ask(&registry, &format!("?q={q}")).await), [""; 0], "{} {q}", registry.kind);
        }
        Row::new("acme:crm", "1.10.0").with(json!({ "title": "New words" })).put(&registry).await;
        assert_eq!(names(&ask(&registry, "?q=old").await), [""; 0], "{}", registry.kind);
        assert_eq!(ask(&registry, "?q=new").await["items"][0]["version"], "1.10.0");
    }
}
