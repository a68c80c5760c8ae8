//! `jackfield check`: every rule that needs no network, the registry's rules word for word.

use std::path::{Path, PathBuf};

use jackfield_package::{
    Refusal,
    check::{Level, Outcome, State},
};
use jackfield_registry::validator::{Validator as _, ValidatorFault};
use serde_json::json;

use crate::{
    commands::build,
    context::Context,
    error::{Done, Failed, Kind},
    examine, flags,
    packages::read_package,
    page::{Mark, Page, bytes},
    project::Project,
    validator::ChildValidator,
    words::{count, shell_path},
};

/// Seconds for one component: as many as a registry gives it by default.
const SECONDS: u64 = 120;

pub(crate) async fn run(flags: flags::Check, context: &Context) -> Done {
    let path = find_component(&flags.path, context).await?;
    let package = read_package(&path, context)?;
    let outcomes = if flags.no_run {
        examine::read(package.bytes().to_vec()).1.outcomes
    } else {
        let progress = context.ui.progress(&format!("Compiling {} to ask what it is…", package.manifest().name));
        let outcomes = examined(&path).await?;
        drop(progress);
        outcomes
    };
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
        for outcome in &outcomes {
            write(page, outcome);
        }
    })?;
    if errors == 0 {
        let told = if warnings == 0 { String::new() } else { format!(", {}", count(warnings, "warning")) };
        context.ui.note(&format!("{} held{told}.", count(outcomes.len() - warnings, "check")));
        return Ok(());
    }
    Err(Refusal::new("check-failed", format!("{} of `{}` failed", count(errors, "check"), path.display()))
        .hint(format!("mend what is listed above, then: jackfield check {}", shell_path(&flags.path)))
        .into())
}

pub(crate) fn write(page: &mut Page, outcome: &Outcome) {
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

/// What the registry's own validator says of it.
pub(crate) async fn examined(component: &Path) -> Result<Vec<Outcome>, Failed> {
    let fault = |fault: ValidatorFault| {
        Failed::new(Kind::Fault, "examine-failed", format!("`{}` could not be examined: {fault}", component.display()))
    };
    let validator =
        ChildValidator::new(SECONDS).map_err(|error| Failed::file("cannot find this program itself", &error))?;
    let examination = validator.validate(component).await.map_err(fault)?;
    Ok(examination.outcomes)
}
