//! The network's limits: how often, how much at once, how many bytes, how long.

use std::time::Duration;

use jackfield_host::{Failure, Invocation, limits::Limit};
use jackfield_test_kit::{HttpServer, Reply, TestHost, host::Installing, programs};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::outcome::{answer, assert_billed, assert_stopped};

fn reaching<'a>(host: &'a TestHost, program: &str, server: &HttpServer) -> Installing<'a> {
    host.program(program).allows(&format!("* http://127.0.0.1:{}", server.port()))
}

fn words(answers: &Value) -> Vec<String> {
    answers
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn fetch_many() {
    let server = HttpServer::answering("ok").await;
    let host = TestHost::new();
    let program = reaching(&host, programs::FETCH_MANY, &server).limit(Limit::Requests, 3).install().await;
    let outcome = program.run(json!({ "url": server.url("/"), "count": 5 })).await;
    let refused = "ErrorCode::ConnectionLimitReached";
    assert_eq!(words(&answer(&outcome)), ["200", "200", "200", refused, refused]);
    assert_eq!((server.received().len(), outcome.bill.http_requests), (3, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_at_the_same_time_are_bounded() {
    let server = HttpServer::start(|_| Reply::silent()).await;
    let host = TestHost::new();
    let program = reaching(&host, programs::FETCH_MANY, &server)
        .limit(Limit::ConcurrentRequests, 2)
        .limit(Limit::RequestTimeMs, 500)
        .install()
        .await;
    let outcome = program.run(json!({ "url": server.url("/"), "count": 5, "at_once": true })).await;
    let words = words(&answer(&outcome));
    assert_eq!(words.iter().filter(|word| word.contains("ConnectionLimitReached")).count(), 3, "{words:?}");
    assert_eq!(server.connections(), 2);
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn upload_flood() {
    let server = HttpServer::answering("ok").await;
    let host = TestHost::new();
    let program = reaching(&host, programs::UPLOAD_FLOOD, &server).limit(Limit::RequestBytes, 100_000).install().await;
    let outcome = program.run(json!({ "url": server.url("/") })).await;
    let told = answer(&outcome);
    assert!(told.to_string().contains("HttpRequestBodySize"), "{told}");
    assert!(outcome.bill.http_bytes_out <= 100_000, "{:?}", outcome.bill);
    assert_eq!(server.received().len(), 0, "no request was ever whole");
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn download_flood() {
    let server = HttpServer::start(|_| Reply::endless()).await;
    let host = TestHost::new();
    let program =
        reaching(&host, programs::DOWNLOAD_FLOOD, &server).limit(Limit::ResponseBytes, 1 << 20).install().await;
    let outcome = program.run(json!({ "url": server.url("/") })).await;
    let told = answer(&outcome);
    assert!(
        told["error"].as_str().is_some_and(|error| error.contains("body size exceeds limit: 1048576 bytes")),
        "{told}"
    );
    assert!(told["read"].as_u64().unwrap() <= 1 << 20, "{told}");
    server.left_alone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_fails_by_a_limit_of_the_network_fails_with_the_limit() {
    let endless = HttpServer::start(|_| Reply::endless()).await;
    let announced = HttpServer::start(|_| Reply::text("x".repeat(2_000))).await;
    let silent = HttpServer::start(|_| Reply::silent()).await;
    let stalled = HttpServer::start(|_| Reply::stalled()).await;
    for (server, limit, value) in [
        (&endless, Limit::ResponseBytes, 100_000),
        (&announced, Limit::ResponseBytes, 1_000),
        (&silent, Limit::RequestTimeMs, 300),
        (&stalled, Limit::RequestTimeMs, 300),
    ] {
        let host = TestHost::new();
        let program = reaching(&host, programs::FETCH, server).limit(limit, value).install().await;
        let outcome = program.run(json!({ "url": server.url("/"), "fail_as": "unreachable" })).await;
        assert_stopped(&outcome, limit, value);
        assert_eq!(outcome.bill.http_requests, 1);
        server.left_alone().await;
    }
    let host = TestHost::new();
    let program = reaching(&host, programs::FETCH, &announced).limit(Limit::RequestBytes, 1_000).install().await;
    let body = "b".repeat(5_000);
    let outcome =
        program.run(json!({ "method": "POST", "url": announced.url("/"), "body": body, "fail_as": "full" })).await;
    assert_stopped(&outcome, Limit::RequestBytes, 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_cancelled_while_a_body_does_not_come() {
    for reply in [Reply::silent(), Reply::stalled()] {
        let server = HttpServer::start(move |_| reply.clone()).await;
        let host = TestHost::new();
        let program = reaching(&host, programs::FETCH, &server).install().await;
        let token = CancellationToken::new();
        let call =
            program.call(Invocation::new("run", json!({ "url": server.url("/") }).to_string()).cancel(token.clone()));
        let cancel = async {
            server.arrived().await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            token.cancel();
        };
        let (outcome, ()) = tokio::join!(call, cancel);
        assert!(matches!(outcome.result, Err(Failure::Cancelled)), "{:?}", outcome.result);
        assert_billed(&outcome);
        assert_eq!(outcome.bill.http_requests, 1);
        server.left_alone().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_of_the_call_ends_its_requests() {
    let server = HttpServer::start(|_| Reply::stalled()).await;
    let host = TestHost::new();
    let program = reaching(&host, programs::FETCH, &server).limit(Limit::TimeMs, 2_000).install().await;
    assert_stopped(&program.run(json!({ "url": server.url("/") })).await, Limit::TimeMs, 2_000);
    server.left_alone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_may_ask_for_less_time() {
    // A port on which nobody answers: the listener's backlog takes the connection, and no byte comes back.
    let server = HttpServer::start(|_| Reply::silent()).await;
    let host = TestHost::new();
    let program = reaching(&host, programs::FETCH, &server).install().await;
    let outcome = program.run(json!({ "url": server.url("/"), "first_byte_timeout_ms": 200 })).await;
    let told = answer(&outcome);
    assert!(told["error"].as_str().is_some_and(|error| error.contains("Timeout")), "{told}");
}
