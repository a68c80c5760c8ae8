//! What a component is, and what every rule says of it: read, then asked in a sandbox. The registry's validator and
//! `jackfield check` are this code. [`contents`] is what it says of itself, [`trial`] one call of it.

pub(crate) mod contents;
mod replay;
pub(crate) mod trial;

use std::path::Path;

use jackfield_host::failure::Failure;
use jackfield_package::{Digest, Package, check::Outcome};
use jackfield_registry::{
    publish::rules::{self, CASSETTES_REPLAY, COMPONENT_VALID, DESCRIBE_EQUAL, Rule},
    validator::{Examination, Facts},
};

use crate::{cassette::Stage, error::Failed};

/// How often `describe` is asked: a connector that rolls dice or looks at the clock gives itself away.
const DESCRIPTIONS: usize = 3;

/// The rules that run the component.
const RUN: [Rule; 2] = [DESCRIBE_EQUAL, CASSETTES_REPLAY];

/// Reads a component, applies the rules of its bytes and, in a sandbox without any network, those of its answers.
///
/// # Errors
/// Only if the file can't be read: whatever is wrong with the component stands in the outcomes, and whatever goes wrong
/// with the sandbox makes its outcome unknown.
pub(crate) async fn examine(component: &Path) -> std::io::Result<Examination> {
    let bytes = std::fs::read(component)?;
    let (package, mut examination) = read(bytes);
    if let Some(package) = package {
        match Stage::new(&package) {
            Ok(stage) => {
                examination.outcomes.push(describe(&stage, &package).await);
                examination.outcomes.push(replay::replay(&stage, &package).await);
            }
            Err(failed) => {
                examination.outcomes.extend(RUN.map(|rule| not_found_out(&rule, &failed)));
            }
        }
    }
    Ok(examination)
}

/// The part that runs nothing.
pub(crate) fn read(bytes: Vec<u8>) -> (Option<Package>, Examination) {
    let package = match Package::parse(bytes) {
        Ok(package) => package,
        Err(refusal) => {
            let outcomes = vec![COMPONENT_VALID.fail(refusal.to_string())];
            return (None, Examination { outcomes, facts: None });
        }
    };
    let mut outcomes = vec![COMPONENT_VALID.pass()];
    outcomes.extend(jackfield_package::check::check(&package).outcomes);
    outcomes.extend(rules::offline(package.manifest()));
    let facts = facts(&package);
    (Some(package), Examination { outcomes, facts })
}

fn facts(package: &Package) -> Option<Facts> {
    Some(Facts {
        digest: package.digest(),
        size: u64::try_from(package.size()).ok()?,
        manifest: manifest_text(package)?,
        manifest_digest: package.manifest_digest(),
        imports: package.imports().to_vec(),
        exports: package.exports().to_vec(),
        readme: package.readme().map(str::to_owned),
    })
}

/// The manifest's section, byte for byte, as it was signed.
fn manifest_text(package: &Package) -> Option<String> {
    let text = package.manifest_text().to_owned();
    (Digest::of(text.as_bytes()) == package.manifest_digest()).then_some(text)
}

/// Asks the code what it is, each time in a fresh instance with a clock that has moved on and other randomness, and compares
/// the answers with each other and with the manifest.
async fn describe(stage: &Stage<'_>, package: &Package) -> Outcome {
    let mut answers = Vec::with_capacity(DESCRIPTIONS);
    for _ in 0..DESCRIPTIONS {
        match stage.sandbox().try_describe(package).await {
            Ok(Ok(answer)) => answers.push(answer),
            // Not a verdict on the connector.
            Ok(Err(Failure::Host(fault))) => return not_found_out(&DESCRIBE_EQUAL, &Failed::from(fault)),
            Ok(Err(failure)) => return DESCRIBE_EQUAL.fail(format!("describe() gave no answer: {failure}")),
            Err(failed) => return not_found_out(&DESCRIBE_EQUAL, &failed),
        }
    }
    if answers.iter().any(|answer| *answer != answers[0]) {
        let mut outcome = DESCRIBE_EQUAL.fail("describe() gives another answer each time: it must give the same bytes");
        outcome.hint = Some("let `describe` use no clock, no randomness and no unordered map".to_owned());
        return outcome;
    }
    jackfield_package::check::describe_matches(package.manifest(), &answers[0])
}

fn not_found_out(rule: &Rule, failed: &Failed) -> Outcome {
    rule.unknown(format!("the sandbox failed: {}", failed.message()))
}
