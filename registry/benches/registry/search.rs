//! How long a search takes among 20 000 packages, and how that grows from 2 000.

use std::time::Instant;

use serde_json::{Value, json};

use crate::{
    kit::{START, TestRegistry},
    percentile,
    read_rows::{self, Row},
};

const SUBJECTS: [&str; 20] = [
    "contacts",
    "invoices",
    "tickets",
    "orders",
    "payments",
    "calendars",
    "documents",
    "messages",
    "tables",
    "issues",
    "projects",
    "leads",
    "files",
    "images",
    "reports",
    "surveys",
    "inventory",
    "shipments",
    "events",
    "contracts",
];
const VERBS: [&str; 10] =
    ["list", "create", "update", "delete", "search", "export", "import", "watch", "merge", "archive"];
const CATEGORIES: [&str; 6] = ["crm", "finance", "data", "marketing", "support", "storage"];
/// What people type: common words, rare words, a prefix, a name, several words, facets, each order.
const QUERIES: [&str; 12] = [
    "?q=contacts",
    "?q=vendor417",
    "?q=invo",
    "?q=acme17:connector-17",
    "?q=export%20invoices%20to%20tables",
    "?category=crm",
    "?q=payments&category=finance",
    "?operation=list-contacts",
    "?host=api.vendor42.example",
    "?sort=newest",
    "?q=tickets&sort=installs",
    "?q=nothing-that-exists",
];
const ROUNDS: usize = 15;

pub async fn bench() {
    for registry in TestRegistry::each().await {
        let mut p95 = Vec::new();
        let mut there = 0;
        for packages in [2_000_u32, 20_000] {
            put(&registry, there..packages).await;
            there = packages;
            let mut all = Vec::new();
            let mut slowest = ("", 0.0);
            for query in QUERIES {
                let mut samples = Vec::new();
                for _ in 0..ROUNDS {
                    let started = Instant::now();
                    let found = registry.get(&format!("/v1/packages{query}")).send().await.expect(200);
                    samples.push(started.elapsed().as_secs_f64() * 1e3);
                    assert_eq!(items(&found) == 0, query.contains("nothing"), "{query}");
                }
                let median = percentile(&mut samples, 0.5);
                if median > slowest.1 {
                    slowest = (query, median);
                }
                all.extend(samples);
            }
            let (p50, high) = (percentile(&mut all, 0.5), percentile(&mut all, 0.95));
            println!(
                "search, {}, {packages} packages: p50 {p50:.2} ms, p95 {high:.2} ms; slowest {} {:.2} ms",
                registry.kind, slowest.0, slowest.1
            );
            p95.push(high);
        }
        println!("  ten times as many packages: p95 times {:.2}", p95[1] / p95[0]);
    }
}

fn items(found: &Value) -> usize {
    found["items"].as_array().unwrap().len()
}

async fn put(registry: &TestRegistry, numbers: std::ops::Range<u32>) {
    let rows: Vec<_> = numbers.map(row).collect();
    for some in rows.chunks(500) {
        read_rows::put_all(registry, some).await;
    }
}

/// A package like others: the number decides all of it.
fn row(number: u32) -> Row {
    let pick = |words: &[&'static str], salt: u32| -> &'static str {
        let mixed = (number + salt).wrapping_mul(2_654_435_761) >> 8;
        words[mixed as usize % words.len()]
    };
    let (subject, other) = (pick(&SUBJECTS, 1), pick(&SUBJECTS, 2));
    let vendor = number % 1_000;
    let host = format!("api.vendor{vendor}.example");
    let operations: Vec<_> = (0..3)
        .map(|at| (pick(&VERBS, 10 + at), pick(&SUBJECTS, 20 + at)))
        .map(|(verb, subject)| {
            json!({
                "name": format!("{verb}-{subject}"), "kind": "action", "title": format!("{verb} {subject}"), "effect": "read",
                "input": {"type": "object"}, "output": {"type": "object"},
            })
        })
        .collect();
    Row::new(&format!("acme{}:connector-{number}", number % 200), "1.0.0")
        .at(START + i64::from(number))
        .with(json!({
            "title": format!("Vendor{vendor} {subject}"), "summary": format!("Reads {subject} and writes {other} of vendor{vendor}."),
            "categories": [pick(&CATEGORIES, 3)], "keywords": [subject, other],
            "egress": [{"host": host, "reason": "the service"}],
            "operations": operations,
        }))
        .readme(&format!("This connector lists {subject}. It also exports {other} to {}.", pick(&SUBJECTS, 4)).repeat(10))
}
