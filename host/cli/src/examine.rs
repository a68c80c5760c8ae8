//! What a component is, and what every rule says of it: read, then asked in a sandbox. The registry's validator and
//! `jackfield check` are this code.

use std::{path::Path, sync::Arc};

use jackfield_host::failure::Failure;
use jackfield_package::{Digest, Package, check::Outcome};
use jackfield_registry::{
    publish::rules::{self, COMPONENT_VALID, DESCRIBE_EQUAL},
    validator::{Examination, Facts},
};

use crate::{cassette::Player, error::Failed, sandbox::Sandbox};

/// How often `describe` is asked: a connector that rolls dice or looks at the clock gives itself away.
const DESCRIPTIONS: usize = 3;

/// Reads a component, applies the rules of its bytes and, in a sandbox without any network, those of its answers.
///
/// # Errors
/// Only if the file can't be read: whatever is wrong with the component stands in the outcomes, and whatever goes wrong
/// with the sandbox makes its outcome unknown.
pub(crate) async fn examine(component: &Path) -> std::io::Result<Examination> {
    let bytes = std::fs::read(component)?;
    let (package, mut examination) = read(bytes);
    if let Some(package) = package {
        examination.outcomes.push(describe(&package).await);
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
async fn describe(package: &Package) -> Outcome {
    // The player has no cassette, so there is no way to any network.
    let sandbox = match Sandbox::with_transport(Arc::new(Player::default())) {
        Ok(sandbox) => sandbox,
        Err(failed) => return not_found_out(&failed),
    };
    let mut answers = Vec::with_capacity(DESCRIPTIONS);
    for _ in 0..DESCRIPTIONS {
        match sandbox.try_describe(package).await {
            Ok(Ok(answer)) => answers.push(answer),
            // Not a verdict on the connector.
            Ok(Err(Failure::Host(fault))) => return not_found_out(&Failed::from(fault)),
            Ok(Err(failure)) => return DESCRIBE_EQUAL.fail(format!("describe() gave no answer: {failure}")),
            Err(failed) => return not_found_out(&failed),
        }
    }
    if answers.iter().any(|answer| *answer != answers[0]) {
        let mut outcome = DESCRIBE_EQUAL.fail("describe() gives another answer each time: it must give the same bytes");
        outcome.hint = Some("let `describe` use no clock, no randomness and no unordered map".to_owned());
        return outcome;
    }
    jackfield_package::check::describe_matches(package.manifest(), &answers[0])
}

fn not_found_out(failed: &Failed) -> Outcome {
    DESCRIBE_EQUAL.unknown(format!("the sandbox failed: {}", failed.message()))
}
