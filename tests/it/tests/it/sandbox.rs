//! What a guest has, and what it has not: nothing of the host's, and nothing of the last call's.

use jackfield_host::{Failure, Invocation};
use jackfield_package::check::{State, describe_matches};
use jackfield_test_kit::{TestHost, programs};
use serde_json::json;

use crate::outcome::{answer, assert_billed};

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn echo() {
    let host = TestHost::new();
    let program = host.program(programs::ECHO).install().await;
    let outcome = program.run(json!({ "text": "Grüße, 世界" })).await;
    assert_eq!(answer(&outcome), json!({ "text": "Grüße, 世界" }));
    assert_billed(&outcome);
    assert_eq!((outcome.log.len(), outcome.denials.len(), outcome.files.len()), (0, 0, 0));
    assert_eq!(outcome.bill.http_requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn json_work() {
    let host = TestHost::new();
    let program = host.program(programs::JSON_WORK).install().await;
    let item = |id: u64, name: &str, price_cents: u64, tags: &[&str]| json!({ "id": id, "name": name, "price_cents": price_cents, "tags": tags });
    let input =
        json!({ "items": [item(1, "tea", 250, &["hot"]), item(2, "air", 0, &[]), item(3, "cake", 400, &["sweet"])] });
    let expected =
        json!({ "items": [item(3, "CAKE", 400, &["sweet"]), item(1, "TEA", 250, &["hot"])], "total_cents": 650 });
    assert_eq!(answer(&program.run(input).await), expected);
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn state_leak() {
    let host = TestHost::new();
    let program = host.program(programs::STATE_LEAK).install().await;
    for _ in 0..3 {
        assert_eq!(answer(&program.run(json!({})).await), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn environment() {
    let host = TestHost::new();
    let program = host.program(programs::ENVIRONMENT).install().await;
    let expected = json!({
        "variables": [],
        "arguments": [],
        "initial_cwd": null,
        "preopens": [],
        "root": "nothing",
        "here": "nothing",
        "passwd": "nothing",
        "written": "nothing",
        "stdin": [],
    });
    assert_eq!(answer(&program.run(json!({})).await), expected);
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn resolve() {
    let host = TestHost::new();
    let program = host.program(programs::RESOLVE).install().await;
    // A name that needs no server is denied like one that does.
    for name in ["c2VjcmV0.attacker.example", "localhost", "127.0.0.1"] {
        let found = answer(&program.run(json!({ "name": name })).await);
        assert_eq!(found, json!({ "look_up": "permanent-resolver-failure", "socket": "access-denied" }));
    }
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn clock() {
    let host = TestHost::new();
    let program = host.program(programs::CLOCK).install().await;
    assert_eq!(answer(&program.run(json!({})).await), json!({ "slept": true, "after_2020": true }));
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn context_echo() {
    let host = TestHost::new();
    let schema =
        json!({ "type": "object", "properties": { "region": { "type": "string" } }, "additionalProperties": false });
    let program = host.program(programs::CONTEXT_ECHO).config(schema, json!({ "region": "eu" })).install().await;
    let told = answer(&program.call(Invocation::new("run", "{}").idempotency_key("order-7")).await);
    assert_eq!(told["operation"], "run");
    assert_eq!(told["config"], json!({ "region": "eu" }));
    assert_eq!(told["connection"], json!(null));
    assert_eq!(told["idempotency_key"], "order-7");
    assert!((1..=30_000).contains(&told["deadline_ms"].as_u64().unwrap()), "{told}");
    // Where the caller gives no key, each call has one of its own.
    let (one, two) = (answer(&program.run(json!({})).await), answer(&program.run(json!({})).await));
    assert_ne!(one["idempotency_key"], two["idempotency_key"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_that_the_schema_does_not_allow_is_refused() {
    let host = TestHost::new();
    let schema =
        json!({ "type": "object", "properties": { "region": { "type": "string" } }, "additionalProperties": false });
    let error = host.program(programs::CONTEXT_ECHO).config(schema, json!({ "region": 7 })).try_install().await.err();
    let text = error.expect("it is refused").to_string();
    assert!(text.contains("region"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn lies() {
    let host = TestHost::new();
    for (program, expected) in [(programs::LIES, State::Fail), (programs::ECHO, State::Pass)] {
        let (verified, _) = host.program(program).verified().unwrap();
        let described = host.host().describe(&verified).await.unwrap();
        let outcome = describe_matches(verified.package().manifest(), &described);
        assert_eq!(outcome.state, expected, "{outcome:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn imports_unknown() {
    let error = TestHost::new().program(programs::IMPORTS_UNKNOWN).try_install().await.err().expect("it is refused");
    assert_eq!(
        error.to_string(),
        "the component imports `evil:host/backdoor@1.0.0`, which no host of connectors provides [import-not-allowed]"
    );
}

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn wrong_world() {
    let error = TestHost::new().program(programs::WRONG_WORLD).try_install().await.err().expect("it is refused");
    assert_eq!(error.to_string(), "needs jackfield:connector@0.3, this host serves 0.1 [world-version-unsupported]");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_granted_is_not_called() {
    let host = TestHost::new();
    let program = host.program(programs::ECHO).operations(&[]).install().await;
    let outcome = program.run(json!({})).await;
    let Err(Failure::Denied(denial)) = &outcome.result else { panic!("{:?}", outcome.result) };
    assert_eq!(denial.fix.as_deref(), Some("jackfield grant test:echo --operation run"));
    program.regrant(|grant| grant.operations = jackfield_host::grant::OperationGrant::All);
    answer(&program.run(json!({})).await);
}
