//! A package's own cassettes, replayed: what its author has recorded must still come of it, in the sandbox and within
//! ceilings that no manifest lifts.

use std::time::{Duration, Instant};

use jackfield_host::{Failure, limits::Limit};
use jackfield_package::{Package, check::Outcome};
use jackfield_registry::publish::rules::CASSETTES_REPLAY;

use super::not_found_out;
use crate::{
    cassette::{Cassette, Ceilings, Stage},
    error::Failed,
    page::plain,
};

/// Units of fuel for all cassettes of one package: three calls that use all they have by default, some three seconds. As many
/// cassettes as there may be have 20 million each, where a call of an API needs one.
const REPLAY_FUEL: u64 = 3_000_000_000;
/// Milliseconds for all cassettes of one package: twenty times what the fuel takes, so that a busy machine comes to the same
/// verdict. A guest that sleeps burns no fuel; one that waits longer is not found out.
const REPLAY_TIME_MS: u64 = 60_000;
/// Bytes of the files that one call creates: more than a cassette can expect, and little on a disk.
const REPLAY_FILE_BYTES: u64 = 16 << 20;
/// Cassettes whose faults are listed: a person mends the first ones first.
const FAULTS_SHOWN: usize = 10;
/// Characters of what is told of one cassette. The connector has a say in them.
const FAULT_CHARS: usize = 2_000;

/// Plays them all. A package without any holds: it claims nothing that could be wrong, and another rule says that it brings none.
pub(super) async fn replay(stage: &Stage<'_>, package: &Package) -> Outcome {
    let cassettes = match package.cassettes() {
        Ok(cassettes) => cassettes.unwrap_or_default(),
        Err(refusal) => return CASSETTES_REPLAY.fail(refusal.to_string()),
    };
    let mut budget = Budget { fuel: REPLAY_FUEL, until: Instant::now() + Duration::from_millis(REPLAY_TIME_MS) };
    let mut faults = Vec::new();
    for (name, cassette) in cassettes.iter() {
        let played = match Cassette::carried(cassette.clone()) {
            Ok(cassette) => play(stage, cassette, &mut budget).await,
            Err(failed) => Played::Fails(failed.message().to_owned()),
        };
        let told = |what: &str| {
            let what: String = plain(what).chars().take(FAULT_CHARS).collect();
            format!("`{}`: {what}", name.escape_debug())
        };
        match played {
            Played::Holds => {}
            Played::Fails(why) => faults.push(told(&why)),
            Played::Unknown(failed) => return not_found_out(&CASSETTES_REPLAY, &failed.within(&told(""))),
            Played::OutOfTime => {
                let seconds = REPLAY_TIME_MS / 1_000;
                let message = told(&format!("its time ended first; all cassettes have {seconds} seconds together"));
                return CASSETTES_REPLAY.unknown(message);
            }
        }
        if budget.fuel == 0 {
            let message = format!("the package's cassettes used all the {REPLAY_FUEL} units of fuel that they share");
            faults.push(told(&message));
            break;
        }
    }
    if faults.len() > FAULTS_SHOWN {
        let more = faults.len() - FAULTS_SHOWN;
        faults.truncate(FAULTS_SHOWN);
        faults.push(format!("and {more} more"));
    }
    CASSETTES_REPLAY.judge(&faults)
}

/// What is left for the cassettes that are yet to be played.
struct Budget {
    fuel: u64,
    until: Instant,
}

/// What one cassette came to.
enum Played {
    Holds,
    Fails(String),
    /// The sandbox failed, and not the connector.
    Unknown(Failed),
    /// How far a connector comes in a time is no word on the connector.
    OutOfTime,
}

async fn play(stage: &Stage<'_>, cassette: Cassette, budget: &mut Budget) -> Played {
    let left = budget.until.saturating_duration_since(Instant::now());
    let left_ms = u64::try_from(left.as_millis()).unwrap_or(REPLAY_TIME_MS);
    if left_ms == 0 {
        return Played::OutOfTime;
    }
    let ceilings =
        Ceilings::from([(Limit::Fuel, budget.fuel), (Limit::TimeMs, left_ms), (Limit::FileBytes, REPLAY_FILE_BYTES)]);
    let (outcome, problems) = match stage.play(cassette, &ceilings).await {
        Ok(played) => played,
        Err(failed) if failed.is_fault() => return Played::Unknown(failed),
        Err(failed) => return Played::Fails(failed.message().to_owned()),
    };
    let all_burnt = matches!(&outcome.result, Err(Failure::Limit(exceeded))
        if exceeded.limit == Limit::Fuel && exceeded.allowed == budget.fuel);
    budget.fuel = if all_burnt { 0 } else { budget.fuel.saturating_sub(outcome.bill.fuel) };
    match outcome.result {
        Err(Failure::Host(fault)) => Played::Unknown(Failed::from(fault)),
        Err(Failure::Limit(exceeded)) if exceeded.limit == Limit::TimeMs => Played::OutOfTime,
        _ if problems.is_empty() => Played::Holds,
        _ => Played::Fails(problems.join("\n")),
    }
}
