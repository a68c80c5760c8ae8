//! The ways in which a call gives no result, and what the caller reads then.

use std::time::Duration;

use jackfield_host::{Failure, Invocation, failure::ErrorKind, limits::Limit};
use jackfield_test_kit::{TestHost, programs};
use serde_json::{Value, json};

use crate::outcome::{answer, assert_billed, guest_error_of, panic_of, refusal_code};

async fn run(program: &str, input: Value) -> jackfield_host::Outcome {
    TestHost::new().program(program).install().await.run(input).await
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn panics() {
    let outcome = run(programs::PANICS, json!({ "account": "Ada" })).await;
    let panic = panic_of(&outcome);
    assert!(panic.message.contains("the ledger of Ada does not balance"), "{}", panic.message);
    assert!(panic.message.contains("examples/panics.rs:"), "it says where: {}", panic.message);
    assert!(!panic.message.contains("RUST_BACKTRACE"), "{}", panic.message);
    assert!(panic.backtrace.iter().any(|frame| frame.contains("panics::run")), "{:#?}", panic.backtrace);
    assert_billed(&outcome);
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn traps() {
    let outcome = run(programs::TRAPS, json!({})).await;
    let panic = panic_of(&outcome);
    assert!(panic.message.contains("unreachable"), "{}", panic.message);
    assert!(!panic.backtrace.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn aborts() {
    let host = TestHost::new();
    let program = host.program(programs::ABORTS).install().await;
    assert!(panic_of(&program.run(json!({})).await).message.contains("unreachable"));
    for (well, code) in [(true, 0), (false, 1)] {
        let outcome = program.run(json!({ "exit": well })).await;
        assert_eq!(panic_of(&outcome).message, format!("the connector called exit({code})"));
    }
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn invalid_json_output() {
    let outcome = run(programs::INVALID_JSON_OUTPUT, json!({})).await;
    let message = &panic_of(&outcome).message;
    assert!(message.contains("not JSON"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn guest_error() {
    let host = TestHost::new();
    let program = host.program(programs::GUEST_ERROR).install().await;
    for (word, kind) in [
        ("invalid-input", ErrorKind::InvalidInput),
        ("unauthenticated", ErrorKind::Unauthenticated),
        ("forbidden", ErrorKind::Forbidden),
        ("not-found", ErrorKind::NotFound),
        ("conflict", ErrorKind::Conflict),
        ("rate-limited", ErrorKind::RateLimited),
        ("unavailable", ErrorKind::Unavailable),
        ("upstream", ErrorKind::Upstream),
        ("cursor-expired", ErrorKind::CursorExpired),
        ("internal", ErrorKind::Internal),
        ("other", ErrorKind::Other),
    ] {
        let outcome = program.run(json!({ "kind": word })).await;
        let error = guest_error_of(&outcome);
        assert_eq!((error.kind, error.kind.to_string().as_str()), (kind, word));
        assert_eq!((error.retryable, error.retry_after, error.request_sent), (None, None, false));
    }
    let outcome = program
        .run(json!({ "kind": "conflict", "retryable": true, "retry_after_ms": 1500, "request_sent": true }))
        .await;
    let error = guest_error_of(&outcome);
    assert_eq!(
        (error.retryable, error.retry_after, error.request_sent),
        (Some(true), Some(Duration::from_millis(1500)), true)
    );
    assert_eq!(error.details, Some(json!({ "ledger": 7 })));
    assert_eq!(error.to_string(), "the ledger is locked [conflict, ledger-locked]");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_with_broken_details_is_still_an_error() {
    let outcome = run(programs::ERROR_FLOOD, json!({ "details": "{not json" })).await;
    assert_eq!(guest_error_of(&outcome).kind, ErrorKind::Internal);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_before_anything_runs() {
    let host = TestHost::new();
    let program = host.program(programs::ECHO).install().await;
    assert_eq!(refusal_code(&program.call(Invocation::new("walk", "{}")).await), "operation-unknown");
    assert_eq!(refusal_code(&program.call(Invocation::new("run", "{")).await), "input-not-json");
    let nobody = "test:nobody".parse().unwrap();
    assert_eq!(refusal_code(&host.host().invoke(&nobody, Invocation::new("run", "{}")).await), "not-installed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_survives_every_failure() {
    let host = TestHost::new();
    let echo = host.program(programs::ECHO).install().await;
    for program in [programs::PANICS, programs::TRAPS, programs::DEEP_RECURSION, programs::MEMORY_GREEDY] {
        let program = host.program(program).limit(Limit::MemoryBytes, 8 << 20).install().await;
        for _ in 0..3 {
            assert!(program.run(json!({})).await.result.is_err());
            assert_eq!(answer(&echo.run(json!(1)).await), 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_installation_is_not_called_and_says_how_to_enable_it() {
    let host = TestHost::new();
    let program = host.program(programs::ECHO).install().await;
    host.host().set_enabled(&program.name, false).unwrap();
    let outcome = program.run(json!({})).await;
    let Err(Failure::Denied(denial)) = &outcome.result else { panic!("{:?}", outcome.result) };
    assert_eq!(denial.fix.as_deref(), Some("jackfield enable test:echo"));
    host.host().set_enabled(&program.name, true).unwrap();
    answer(&program.run(json!({})).await);
}
