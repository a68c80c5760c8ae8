//! One call that somebody wants to see before he installs anything: in the sandbox of the self-tests, with the settings, files and
//! answers of one cassette. It has no way to any network.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::StatusCode;
use http_body_util::BodyExt as _;
use jackfield_host::{Failure, limits::Limit};
use jackfield_package::Package;
use jackfield_registry::validator::{Trial, Tried};
use jackfield_server::problem::ProblemBody;
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};

use crate::{
    cassette::{Cassette, Ceilings, Stage},
    error::{Failed, Kind},
    page::plain,
};

/// The most that a try may have, whatever the manifest wishes for: what a call has by default, and less where somebody else's machine
/// waits, remembers or sends. A guest that sleeps burns no fuel.
const CEILINGS: [(Limit, u64); 7] = [
    (Limit::Fuel, 1_000_000_000),
    (Limit::TimeMs, 10_000),
    (Limit::MemoryBytes, 512 << 20),
    (Limit::OutputBytes, 1 << 20),
    (Limit::FileBytes, 1 << 20),
    (Limit::LogLines, 200),
    (Limit::LogBytes, 64 << 10),
];
/// Requests without an answer that are told; after the first, the connector is on a way that nobody recorded.
const STRAYED_SHOWN: usize = 10;
/// Characters of what is told of one. The connector has a say in them.
const STRAYED_CHARS: usize = 2_000;

/// Makes the call. What is wrong with it is an answer too.
///
/// # Errors
/// If the sandbox fails.
pub(crate) async fn try_out(bytes: Vec<u8>, trial: Trial) -> Result<Tried, Failed> {
    match played(bytes, &trial).await {
        Ok(tried) => Ok(tried),
        Err(failed) if failed.is_fault() => Err(failed),
        Err(failed) => refused(failed),
    }
}

async fn played(bytes: Vec<u8>, trial: &Trial) -> Result<Tried, Failed> {
    let package = Package::parse(bytes)?;
    let mut cassette = cassette(&package, trial)?;
    for (id, base64) in &trial.files {
        let bytes = STANDARD.decode(base64).map_err(|error| {
            let message = format!("the file `{}` is not in base64: {error}", id.escape_debug());
            Failed::new(Kind::Refused, "file-malformed", message)
        })?;
        cassette.hand_in(id, bytes);
    }
    let stage = Stage::new(&package)?;
    let (outcome, strayed) = stage.call(cassette, trial.input.get().to_owned(), &Ceilings::from(CEILINGS)).await?;
    if let Err(Failure::Host(fault)) = outcome.result {
        return Err(Failed::from(fault));
    }
    let response = jackfield_workspace::answer::of_outcome(&outcome);
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.map_err(|error| fault(&error))?.to_bytes();
    // Raw values, so that numbers keep their digits.
    let mut body: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(&body).map_err(|error| fault(&error))?;
    let mut say = |key: &str, value: Value| {
        to_raw_value(&value).map(|value| drop(body.insert(key.to_owned(), value))).map_err(|error| fault(&error))
    };
    if outcome.result.is_err() {
        // A cassette was asked, and nobody else.
        say("request_sent", json!(false))?;
    }
    if let Err(Failure::Limit(_)) = outcome.result {
        say("hint", json!("a try has few resources; where it is installed, an admin says how many a call has"))?;
    }
    if !strayed.is_empty() {
        let told: Vec<String> =
            strayed.iter().take(STRAYED_SHOWN).map(|it| plain(it).chars().take(STRAYED_CHARS).collect()).collect();
        say("off_cassette", json!(told))?;
    }
    Ok(Tried { status, body: to_raw_value(&body).map_err(|error| fault(&error))? })
}

/// The cassette that it names; none: one on which nothing is recorded.
fn cassette(package: &Package, trial: &Trial) -> Result<Cassette, Failed> {
    let operation = trial.operation.as_str();
    let Some(wanted) = &trial.cassette else {
        let blank = json!({ "operation": operation, "connection": null, "expect": { "output": null } });
        return Cassette::carried(blank.as_object().cloned().unwrap_or_default());
    };
    let cassettes = package.cassettes()?.unwrap_or_default();
    let (_, found) = cassettes.iter().find(|(name, _)| name == wanted).ok_or_else(|| {
        let message = format!("the package has no cassette `{}`", wanted.escape_debug());
        Failed::new(Kind::NotFound, "cassette-not-found", message)
    })?;
    let cassette = Cassette::carried(found.clone())?;
    if cassette.operation != operation {
        let message = format!("`{}` is a cassette of `{}`", wanted.escape_debug(), cassette.operation.escape_debug());
        return Err(Failed::new(Kind::Refused, "cassette-of-another", message));
    }
    Ok(cassette)
}

/// A no, as the registry would word it.
fn refused(failed: Failed) -> Result<Tried, Failed> {
    let status = if failed.is_not_found() { StatusCode::NOT_FOUND } else { StatusCode::BAD_REQUEST };
    let (code, detail, hint, errors) = failed.into_parts();
    let body = ProblemBody { hint, errors, ..ProblemBody::new(status, code, detail) };
    Ok(Tried { status: status.as_u16(), body: to_raw_value(&body).map_err(|error| fault(&error))? })
}

fn fault(error: &dyn std::fmt::Display) -> Failed {
    Failed::new(Kind::Fault, "examine-failed", format!("what came of it can't be written: {error}"))
}
