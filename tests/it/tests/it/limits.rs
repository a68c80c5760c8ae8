//! Declared means enforced: each limit has a guest that goes beyond it.

use std::{future::Future, time::Duration};

use jackfield_host::{Failure, FileSource, Invocation, Level, Outcome, limits::Limit};
use jackfield_test_kit::{TestHost, programs};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::outcome::{answer, assert_billed, assert_stopped, guest_error_of};

/// Installs a program with one limit set, and runs it.
async fn run_with(program: &str, limit: Limit, value: u64, input: Value) -> Outcome {
    TestHost::new().program(program).limit(limit, value).install().await.run(input).await
}

/// Cancels a call that would never end by itself.
async fn cancelled_after<'a, F: Future<Output = Outcome> + 'a>(call: impl FnOnce(CancellationToken) -> F) -> Outcome {
    let token = CancellationToken::new();
    let cancel = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        token.cancel();
    };
    tokio::join!(call(token.clone()), cancel).0
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn spin() {
    let outcome = run_with(programs::SPIN, Limit::Fuel, 50_000_000, json!({})).await;
    assert_stopped(&outcome, Limit::Fuel, 50_000_000);
    assert_eq!(
        outcome.result.unwrap_err().to_string(),
        "the connector was stopped: the limit `fuel` is 50000000 units of fuel, the call used 50000000"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn spin_is_cancelled() {
    let host = TestHost::new();
    let program = host.program(programs::SPIN).limit(Limit::Fuel, 1 << 50).install().await;
    let outcome = cancelled_after(|token| program.call(Invocation::new("run", "{}").cancel(token))).await;
    assert!(matches!(outcome.result, Err(Failure::Cancelled)), "{:?}", outcome.result);
    assert_billed(&outcome);
}

#[tokio::test(flavor = "multi_thread")]
async fn spin_runs_into_the_deadline() {
    let host = TestHost::new();
    let program = host.program(programs::SPIN).limit(Limit::Fuel, 1 << 50).limit(Limit::TimeMs, 10_000).install().await;
    // The first call loads the code, which counts for its time.
    program.regrant(|grant| _ = grant.limits.insert(Limit::TimeMs, 1_000));
    assert_stopped(&program.run(json!({})).await, Limit::TimeMs, 1_000);
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn spin_in_describe() {
    let host = TestHost::new();
    let (verified, _) = host.program(programs::SPIN_IN_DESCRIBE).verified().unwrap();
    let failure = host.host().describe(&verified).await.unwrap_err();
    assert!(matches!(&failure, Failure::Limit(exceeded) if exceeded.limit == Limit::Fuel), "{failure:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fuel_is_the_same_for_the_same_input() {
    let mut fuel = Vec::new();
    for _ in 0..2 {
        let host = TestHost::new();
        let program = host.program(programs::JSON_WORK).install().await;
        for _ in 0..2 {
            let outcome = program
                .run(json!({ "items": [{ "id": 1, "name": "tea", "price_cents": 250, "tags": ["hot"] }] }))
                .await;
            answer(&outcome);
            fuel.push(outcome.bill.fuel);
        }
    }
    assert!(fuel[0] > 0 && fuel.iter().all(|one| *one == fuel[0]), "{fuel:?}");
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn memory_greedy() {
    let outcome = run_with(programs::MEMORY_GREEDY, Limit::MemoryBytes, 16 << 20, json!({})).await;
    assert_stopped(&outcome, Limit::MemoryBytes, 16 << 20);
    assert!((8 << 20..=16 << 20).contains(&outcome.bill.peak_memory_bytes), "{:?}", outcome.bill);
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn memory_two() {
    let outcome = run_with(programs::MEMORY_TWO, Limit::MemoryBytes, 16 << 20, json!({})).await;
    // Neither memory is larger than 8 MiB when the sum of both is stopped.
    assert_stopped(&outcome, Limit::MemoryBytes, 16 << 20);
    assert!((15 << 20..=16 << 20).contains(&outcome.bill.peak_memory_bytes), "{:?}", outcome.bill);
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn table_greedy() {
    // Its memory has 256 KiB; a few thousand elements of a table are more than the rest.
    let outcome = run_with(programs::TABLE_GREEDY, Limit::MemoryBytes, 320 << 10, json!({})).await;
    assert_stopped(&outcome, Limit::MemoryBytes, 320 << 10);
    assert!(outcome.bill.peak_memory_bytes > 256 << 10, "the table counts: {:?}", outcome.bill);
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn deep_recursion() {
    let outcome = run_with(programs::DEEP_RECURSION, Limit::Fuel, 1_000_000_000, json!({})).await;
    assert_stopped(&outcome, Limit::StackBytes, Limit::StackBytes.default_value());
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn log_flood() {
    let outcome = run_with(programs::LOG_FLOOD, Limit::LogLines, 10, json!({ "lines": 100 })).await;
    assert_eq!(answer(&outcome), 100, "a full log is no failure");
    assert_eq!(outcome.log.len(), 11);
    assert_eq!(
        (outcome.log[9].message.as_str(), &outcome.log[9].fields[..]),
        ("line 9", &[("n".to_owned(), "9".to_owned())][..])
    );
    assert_eq!(outcome.log[10].message, "truncated: the log's limit is reached");
    assert_eq!(outcome.bill.log_lines, 11);
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn log_bytes_flood() {
    let outcome = run_with(programs::LOG_BYTES_FLOOD, Limit::LogBytes, 256 << 10, json!({})).await;
    let lengths: Vec<_> = outcome.log.iter().map(|line| line.message.len()).collect();
    assert_eq!(lengths[..2], [100 << 10, 100 << 10]);
    assert_eq!((outcome.log.len(), outcome.log[2].message.as_str()), (3, "truncated: the log's limit is reached"));
    assert_eq!(answer(&outcome), 6);
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn stdout_flood() {
    let outcome = run_with(programs::STDOUT_FLOOD, Limit::LogLines, 4, json!({ "lines": 10 })).await;
    let lines: Vec<_> = outcome.log.iter().map(|line| (line.level, line.message.as_str())).collect();
    let expected = [
        (Level::Info, "out 0"),
        (Level::Warn, "err 0"),
        (Level::Info, "out 1"),
        (Level::Warn, "err 1"),
        (Level::Warn, "truncated: the log's limit is reached"),
    ];
    assert_eq!(lines, expected);
    assert!(answer(&outcome).is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_without_an_end_is_bounded() {
    let input = json!({ "lines": 0, "endless_pieces": 200 });
    let outcome = run_with(programs::STDOUT_FLOOD, Limit::LogBytes, 64 << 10, input).await;
    assert!(answer(&outcome).is_null());
    let bytes: usize = outcome.log.iter().map(|line| line.message.len()).sum();
    assert!(bytes <= (64 << 10) + 100, "{bytes}");
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn output_flood() {
    for (bytes, fits) in [(1_000, true), (1_001, false), (5 << 20, false), (8 << 20, false)] {
        let outcome = run_with(programs::OUTPUT_FLOOD, Limit::OutputBytes, 1_000, json!({ "bytes": bytes })).await;
        match fits {
            true => assert_eq!(outcome.result.unwrap().len(), bytes),
            false => assert_stopped(&outcome, Limit::OutputBytes, 1_000),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_beyond_the_limit_runs_nothing() {
    let outcome = run_with(programs::ECHO, Limit::InputBytes, 10, json!("a text of more than ten")).await;
    let Err(Failure::Limit(exceeded)) = &outcome.result else { panic!("{:?}", outcome.result) };
    assert_eq!((exceeded.limit, exceeded.allowed, exceeded.used), (Limit::InputBytes, 10, 25));
    assert_eq!(outcome.bill.fuel, 0);
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn error_flood() {
    let outcome = run_with(programs::ERROR_FLOOD, Limit::OutputBytes, 1_000, json!({ "bytes": 100_000 })).await;
    let error = guest_error_of(&outcome);
    assert!(error.message.len() < 1_100 && error.message.ends_with('…'), "{} bytes", error.message.len());
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn host_call_flood() {
    let outcome = run_with(programs::HOST_CALL_FLOOD, Limit::HostCalls, 500, json!({})).await;
    assert_stopped(&outcome, Limit::HostCalls, 500);
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn handle_flood() {
    for what in ["fields", "pollables"] {
        let outcome = run_with(programs::HANDLE_FLOOD, Limit::Handles, 100, json!({ "what": what })).await;
        assert_stopped(&outcome, Limit::Handles, 100);
    }
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn random_flood() {
    let host = TestHost::new();
    let program = host.program(programs::RANDOM_FLOOD).limit(Limit::HostCalls, 1_000).install().await;
    let distinct = answer(&program.run(json!({ "bytes": 8, "times": 100 })).await);
    assert!(distinct.as_u64().unwrap() > 10, "it is random: {distinct} first bytes");
    let too_much = program.run(json!({ "bytes": 1 << 30 })).await;
    assert!(matches!(too_much.result, Err(Failure::Panic(_) | Failure::Limit(_))), "{:?}", too_much.result);
    assert_stopped(&program.run(json!({ "bytes": 8, "times": 5_000 })).await, Limit::HostCalls, 1_000);
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn sleep_forever() {
    let host = TestHost::new();
    let program = host.program(programs::SLEEP_FOREVER).limit(Limit::TimeMs, 2_000).install().await;
    let outcome = program.run(json!({})).await;
    assert_stopped(&outcome, Limit::TimeMs, 2_000);
    assert!(outcome.bill.host_us > outcome.bill.wall_us / 2, "waiting is the host's time: {:?}", outcome.bill);
}

#[tokio::test(flavor = "multi_thread")]
async fn sleep_is_cancelled() {
    let host = TestHost::new();
    let program = host.program(programs::SLEEP_FOREVER).install().await;
    let outcome = cancelled_after(|token| program.call(Invocation::new("run", "{}").cancel(token))).await;
    assert!(matches!(outcome.result, Err(Failure::Cancelled)), "{:?}", outcome.result);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_beyond_the_limit_wait_their_turn() {
    let host = TestHost::new();
    let program = host.program(programs::CLOCK).limit(Limit::ConcurrentCalls, 1).install().await;
    let (one, two, three) = tokio::join!(program.run(json!({})), program.run(json!({})), program.run(json!({})));
    for outcome in [one, two, three] {
        assert_eq!(answer(&outcome)["slept"], true);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_wishes_for_less_and_the_smaller_wins() {
    let host = TestHost::new();
    for (wish, granted, in_force) in [(1_000_000, 50_000_000, 1_000_000), (50_000_000, 1_000_000, 1_000_000)] {
        let program = host.program(programs::SPIN).limit(Limit::Fuel, granted);
        let program = program.manifest(|manifest| manifest.limits.fuel = Some(wish)).install().await;
        assert_stopped(&program.run(json!({})).await, Limit::Fuel, in_force);
    }
}

/// What a guest keeps in the host is bounded for each handle, and handles are.
#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn hoard() {
    let host = TestHost::new();
    let program = host.program(programs::HOARD).limit(Limit::Files, 3).limit(Limit::Handles, 100).install().await;
    for what in ["methods", "authorities"] {
        assert_eq!(answer(&program.run(json!({ "what": what })).await)["refused"], "refused", "{what} of any length");
    }
    let bodies = program.run(json!({ "what": "bodies", "most": 2 })).await;
    assert_eq!(answer(&bodies)["room"], 64 << 10, "of a body that nobody sends, no more waits in the host at a time");
    assert_stopped(&program.run(json!({ "what": "bodies" })).await, Limit::Handles, 100);
    for source in [FileSource::Bytes(vec![7; 10].into()), FileSource::Path(programs::HOARD.into())] {
        let call = Invocation::new("run", json!({ "what": "files" }).to_string()).file("in", source);
        let files = answer(&program.call(call).await);
        assert_eq!((&files["count"], &files["refused"]), (&json!(3), &json!("too-many")));
    }
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn log_fields_flood() {
    for (lines, fields, kept) in [(1, 80_000, 0), (1_000, 100, 54)] {
        let input = json!({ "lines": lines, "fields": fields });
        let outcome = run_with(programs::LOG_FIELDS_FLOOD, Limit::LogBytes, 256 << 10, input).await;
        assert_eq!(answer(&outcome), lines);
        assert_eq!(outcome.log.len(), kept + 1, "empty fields take room too");
        assert_eq!(outcome.log[kept].message, "truncated: the log's limit is reached");
    }
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn slow_host_calls() {
    let host = TestHost::new();
    let program = host
        .program(programs::SLOW_HOST_CALLS)
        .limit(Limit::HostCalls, 1 << 50)
        .limit(Limit::TimeMs, 20_000)
        .install()
        .await;
    let outcome = cancelled_after(|token| program.call(Invocation::new("run", "{}").cancel(token))).await;
    assert!(matches!(outcome.result, Err(Failure::Cancelled)), "{:?}", outcome.result);
    program.regrant(|grant| _ = grant.limits.insert(Limit::TimeMs, 1_000));
    assert_stopped(&program.run(json!({})).await, Limit::TimeMs, 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn details_of_an_error_are_bounded() {
    let many = format!("[{}[0]]", "[0],".repeat(100_000));
    for (details, cut) in [("[[0],[0]]", false), (many.as_str(), true)] {
        let outcome = run_with(programs::ERROR_FLOOD, Limit::TimeMs, 20_000, json!({ "details": details })).await;
        let told = guest_error_of(&outcome).details.clone().unwrap();
        match cut {
            false => assert_eq!(told, json!([[0], [0]])),
            true => assert!(told.as_str().is_some_and(|text| text.len() < 65 << 10 && text.ends_with('…'))),
        }
    }
}
