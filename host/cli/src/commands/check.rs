//! `jackfield check`: every rule that needs no network, the registry's rules word for word.

use std::path::{Path, PathBuf};

use jackfield_package::{
    Package, Refusal, Verified,
    check::{Level, Outcome, State, check, describe_matches},
    key::SigningKey,
    statement::sign_publish,
    verify::{Namespaces, Trust, TrustedKey, verify},
};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    commands::build,
    context::Context,
    error::{Done, Failed, Kind},
    flags,
    packages::read_package,
    page::{Mark, Page, bytes},
    project::Project,
    store::random,
    words::{count, shell_path},
};

/// How often `describe` is asked: a connector that rolls dice or looks at the clock gives itself away.
const DESCRIPTIONS: usize = 3;

pub(crate) async fn run(flags: flags::Check, context: &Context) -> Done {
    let path = find_component(&flags.path, context).await?;
    let package = read_package(&path, context)?;
    let mut outcomes = check(&package).outcomes;
    if !flags.no_run {
        outcomes.push(describe(&package, context).await?);
    }
    let broken =
        |level: Level| outcomes.iter().filter(|outcome| outcome.level == level && outcome.state != State::Pass).count();
    let (errors, warnings) = (broken(Level::Error), broken(Level::Warning));
    let manifest = package.manifest();
    let answer = json!({
        "component": path, "name": manifest.name, "version": manifest.version, "digest": package.digest(),
        "passed": errors == 0, "outcomes": outcomes,
    });
    context.ui.answer(&answer, |page| {
        let size = bytes(package.size() as u64);
        page.line(&format!("{}: {} {}, {size}", path.display(), manifest.name, manifest.version));
        page.mark(2, Mark::Good, "component", "valid, with a manifest, and imports only what a host may give");
        for outcome in &outcomes {
            write(page, outcome);
        }
    })?;
    if errors == 0 {
        let told = if warnings == 0 { String::new() } else { format!(", {}", count(warnings, "warning")) };
        context.ui.note(&format!("{} held{told}.", count(outcomes.len() + 1 - warnings, "check")));
        return Ok(());
    }
    Err(Refusal::new("check-failed", format!("{} of `{}` failed", count(errors, "check"), path.display()))
        .hint(format!("mend what is listed above, then: jackfield check {}", shell_path(&flags.path)))
        .into())
}

fn write(page: &mut Page, outcome: &Outcome) {
    let mark = match (outcome.state, outcome.level) {
        (State::Pass, _) => Mark::Good,
        (_, Level::Error) => Mark::Bad,
        (_, Level::Warning) => Mark::Warning,
    };
    page.mark(2, mark, &outcome.id, &outcome.title);
    for line in outcome.message.lines() {
        page.paragraph(8, line);
    }
    if let Some(hint) = &outcome.hint {
        page.paragraph(8, &format!("hint: {hint}"));
    }
}

/// The component itself, or what a connector's folder builds as it stands now: an older build would be checked in vain.
async fn find_component(path: &Path, context: &Context) -> Result<PathBuf, Failed> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    Ok(build::build(&Project::load(path)?, false, context).await?.path)
}

/// Asks the code what it is, in the sandbox, and compares the answers with each other and with the manifest.
async fn describe(package: &Package, context: &Context) -> Result<Outcome, Failed> {
    let verified = for_this_check(package)?;
    let home = tempfile::tempdir().map_err(|error| Failed::file("cannot make a folder to check in", &error))?;
    let progress = context.ui.progress(&format!("Compiling {} to ask what it is…", package.manifest().name));
    let host = context.host_at(home.path().to_owned())?;
    let mut answers = Vec::with_capacity(DESCRIPTIONS);
    for _ in 0..DESCRIPTIONS {
        match host.describe(&verified).await {
            Ok(answer) => answers.push(answer),
            // Not a verdict on the connector.
            Err(jackfield_host::failure::Failure::Host(fault)) => return Err(fault.into()),
            Err(failure) => {
                let mut outcome = describe_matches(package.manifest(), "");
                outcome.message = format!("describe() gave no answer: {failure}");
                return Ok(outcome);
            }
        }
    }
    drop(progress);
    let mut outcome = describe_matches(package.manifest(), &answers[0]);
    if answers.iter().any(|answer| *answer != answers[0]) {
        outcome.state = State::Fail;
        outcome.message = "describe() gives another answer each time: it must give the same bytes".to_owned();
        outcome.hint = Some("let `describe` use no clock, no randomness and no unordered map".to_owned());
    }
    Ok(outcome)
}

/// The host runs nothing that is not verified, and what is checked may not be signed yet: so it is signed here, in memory, by a
/// key that nobody else has and that is gone when this returns.
fn for_this_check(package: &Package) -> Result<Verified, Failed> {
    let mut seed = Zeroizing::new([0; 32]);
    random(&mut *seed)?;
    let key = SigningKey::from_seed(*seed);
    let trust = Trust::new(vec![TrustedKey { key: key.public_key(), namespaces: Namespaces::All }]);
    verify(package, &[sign_publish(package, &key)], &trust).verdict.map_err(|refusal| {
        Failed::new(Kind::Fault, refusal.code, format!("cannot prepare the check: {}", refusal.message))
    })
}
