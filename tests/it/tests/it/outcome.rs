//! What a test asks of an outcome.

use jackfield_host::{
    Denial, Failure, Outcome,
    denial::Layer,
    failure::{GuestError, Panic},
    limits::Limit,
};
use serde_json::Value;

/// The answer, parsed.
#[track_caller]
pub(crate) fn answer(outcome: &Outcome) -> Value {
    match &outcome.result {
        Ok(json) => serde_json::from_str(json).expect("an answer is JSON"),
        Err(failure) => panic!("{failure}\n{:?}\n{:?}", outcome.log, outcome.denials),
    }
}

/// The call was stopped by this limit, whose value is `allowed`; the text names both and what was used.
#[track_caller]
pub(crate) fn assert_stopped(outcome: &Outcome, limit: Limit, allowed: u64) {
    let failure = outcome.result.as_ref().expect_err("a limit stops it");
    let Failure::Limit(exceeded) = failure else { panic!("not a limit: {failure:?}") };
    assert_eq!((exceeded.limit, exceeded.allowed), (limit, allowed), "{failure}");
    assert!(exceeded.used >= allowed, "{failure}");
    let text = failure.to_string();
    for part in [format!("`{limit}`"), allowed.to_string(), exceeded.used.to_string(), limit.unit().to_owned()] {
        assert!(text.contains(&part), "{text:?} does not say {part}");
    }
    assert_billed(outcome);
}

/// The bill says what any call that ran must have used.
#[track_caller]
pub(crate) fn assert_billed(outcome: &Outcome) {
    let bill = &outcome.bill;
    assert!(bill.fuel > 0 && bill.peak_memory_bytes > 0 && bill.wall_us > 0 && bill.instance_us > 0, "{bill:?}");
    assert!(bill.wall_us >= bill.host_us, "{bill:?}");
}

/// The guest crashed.
#[track_caller]
pub(crate) fn panic_of(outcome: &Outcome) -> &Panic {
    match &outcome.result {
        Err(Failure::Panic(panic)) => panic,
        other => panic!("not a panic: {other:?}"),
    }
}

/// The guest said no.
#[track_caller]
pub(crate) fn guest_error_of(outcome: &Outcome) -> &GuestError {
    match &outcome.result {
        Err(Failure::Guest(error)) => error,
        other => panic!("not an error of the guest's: {other:?}"),
    }
}

/// Nothing has run.
#[track_caller]
pub(crate) fn refusal_code(outcome: &Outcome) -> &'static str {
    match &outcome.result {
        Err(Failure::Refused(refusal)) => refusal.code,
        other => panic!("not refused: {other:?}"),
    }
}

/// The guest was told, in its own words, that a request is denied; the operator reads one denial of that layer.
#[track_caller]
pub(crate) fn denial_of(outcome: &Outcome, layer: Layer) -> &Denial {
    let told = answer(outcome);
    let word = if layer == Layer::Address { "DestinationIpProhibited" } else { "HttpRequestDenied" };
    assert!(told["error"].as_str().is_some_and(|error| error.contains(word)), "{told}: {:?}", outcome.denials);
    let [denial] = &outcome.denials[..] else { panic!("not one denial: {:?}", outcome.denials) };
    assert_eq!(denial.layer, layer, "{denial}");
    assert_eq!(denial.operation, "run");
    assert_eq!((outcome.bill.http_denied, outcome.bill.http_requests), (1, 0));
    denial
}
