//! Fails in each of the ways that the contract has words for.

use program::{Answer, Call, Error, ErrorKind, program};

fn run(call: Call) -> Answer {
    let input = call.json();
    let kind = match input["kind"].as_str().unwrap_or_default() {
        "invalid-input" => ErrorKind::InvalidInput,
        "unauthenticated" => ErrorKind::Unauthenticated,
        "forbidden" => ErrorKind::Forbidden,
        "not-found" => ErrorKind::NotFound,
        "conflict" => ErrorKind::Conflict,
        "rate-limited" => ErrorKind::RateLimited,
        "unavailable" => ErrorKind::Unavailable,
        "upstream" => ErrorKind::Upstream,
        "cursor-expired" => ErrorKind::CursorExpired,
        "internal" => ErrorKind::Internal,
        _ => ErrorKind::Other,
    };
    Err(Error {
        kind,
        code: input["code"].as_str().unwrap_or("ledger-locked").to_owned(),
        message: input["message"].as_str().unwrap_or("the ledger is locked").to_owned(),
        retryable: input["retryable"].as_bool(),
        retry_after_ms: input["retry_after_ms"].as_u64(),
        request_sent: input["request_sent"] == true,
        details: Some("{\"ledger\":7}".to_owned()),
    })
}

program!(run);
