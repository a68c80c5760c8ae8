//! Calls by a workspace's token, to the server's constant route and to the same work done natively behind the same guard.

use std::sync::Arc;

use axum::{Router, http::StatusCode, routing::post};
use jackfield_registry::clock::SystemClock;
use jackfield_server::{
    guard::{Allowance, Guard, guarded},
    serve::{Port, bind, serve},
};
use jackfield_test_kit::PackageBuilder;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    common::{at_least, build_programs, component},
    place::{Place, RUNTIME},
    wrk::{self, Load},
};

const ROUNDS: usize = 3;
const SECONDS: u32 = 6;

pub fn bench() {
    if !wrk::is_there() {
        return;
    }
    let programs = build_programs(&["echo", "json_work"]);
    let place = Place::new(&[]);
    let grant = json!({ "limits": { "concurrent-calls": 64 } });
    for (name, program) in [("acme:echo", "echo"), ("acme:json", "json_work")] {
        place.install(&PackageBuilder::of(&component(&programs, program)).named(name), &grant);
    }
    let body = items();
    let constant = Load { url: format!("{}/healthz", place.server.url), post: None };
    let native = Load { url: native(), post: Some((place.token.clone(), body.clone())) };
    let (echo, work) = (place.calls("acme:echo", "{\"n\":1}"), place.calls("acme:json", &body));
    for load in [&constant, &native, &echo, &work] {
        load.run(1);
    }
    let [constant, native, echo, work] = wrk::in_turns(ROUNDS, SECONDS, [&constant, &native, &echo, &work]);
    println!("requests/s: the constant route {constant:.0}, echo {echo:.0}, JSON {work:.0}, JSON natively {native:.0}");
    println!("  echo / constant route  {}", at_least(0.5, echo / constant));
    println!("  JSON / native          {}", at_least(0.6, work / native));
    println!("memory after it: {} MiB", place.memory().0);
}

/// What the JSON guest takes: 20 items.
fn items() -> String {
    let item =
        |id: u64| json!({ "id": id, "name": format!("item {id}"), "price_cents": id * 37 % 1000, "tags": ["a", "b"] });
    json!({ "items": (0..20).map(item).collect::<Vec<_>>() }).to_string()
}

/// Serves the same work as `tests/programs/examples/json_work.rs`, as a handler.
fn native() -> String {
    RUNTIME.block_on(async {
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let url = format!("http://{}/work", listener.local_addr().unwrap());
        let guard = Guard {
            clock: Arc::new(SystemClock),
            requests_per_minute: 0,
            is_https: false,
            allow: |_, _| Allowance::default(),
            refuse: |_, problem| axum::response::IntoResponse::into_response(problem),
            adopt: None,
            requests: Default::default(),
        };
        let router = guarded(Router::new().route("/work", post(work)), Arc::new(guard));
        tokio::spawn(serve(
            Port::plain(listener),
            router,
            |stop| async move { stop.cancelled().await },
            CancellationToken::new(),
        ));
        url
    })
}

#[derive(Deserialize)]
struct Input {
    items: Vec<Item>,
}

#[derive(Deserialize, Serialize)]
struct Item {
    id: u64,
    name: String,
    price_cents: u64,
    tags: Vec<String>,
}

#[derive(Serialize)]
struct Output {
    items: Vec<Item>,
    total_cents: u64,
}

async fn work(body: String) -> Result<String, StatusCode> {
    let input: Input = serde_json::from_str(&body).map_err(|_| StatusCode::UNPROCESSABLE_ENTITY)?;
    let mut items: Vec<Item> = input.items.into_iter().filter(|item| !item.tags.is_empty()).collect();
    items.sort_by(|a, b| b.price_cents.cmp(&a.price_cents).then_with(|| a.id.cmp(&b.id)));
    for item in &mut items {
        item.name = item.name.to_uppercase();
    }
    let total_cents = items.iter().map(|item| item.price_cents).sum();
    serde_json::to_string(&Output { items, total_cents }).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}
