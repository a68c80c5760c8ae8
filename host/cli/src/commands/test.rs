//! `jackfield test`: replays each cassette against the compiled component, in the sandbox that runs it later, with no way to
//! any network.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use anstyle::{AnsiColor, Style};
use jackfield_host::{Bill, LogLine};
use jackfield_package::Package;
use serde::Serialize;
use serde_json::json;

use crate::{
    cassette::{self, Cassette, Ceilings, Stage},
    commands::build,
    context::Context,
    error::{Done, Failed, Kind},
    flags,
    packages::read_package,
    page::Page,
    project::Project,
    words::{count, shell_path, shown},
};

/// What came of one cassette.
#[derive(Serialize)]
struct Verdict {
    /// The file's name without `.json`.
    name: String,
    file: String,
    passed: bool,
    /// What is otherwise than expected.
    problems: Vec<String>,
    /// What the connector logged.
    log: Vec<LogLine>,
    bill: Bill,
    wall_ms: u64,
}

pub(crate) async fn run(flags: flags::Test, context: &Context) -> Done {
    let (package, folder) = if flags.path.is_dir() {
        let project = Project::load(&flags.path)?;
        let package = build::build(&project, false, context).await?.package;
        (package, flags.cassettes.unwrap_or_else(|| project.cassettes()))
    } else {
        (read_package(&flags.path, context)?, flags.cassettes.unwrap_or_else(|| PathBuf::from("cassettes")))
    };
    let cassettes = find(&folder, flags.filter.as_deref())?;
    let verdicts = play(&package, &cassettes).await?;

    let failed = verdicts.iter().filter(|verdict| !verdict.passed).count();
    let passed = verdicts.len() - failed;
    let answer = json!({
        "name": package.manifest().name,
        "version": package.manifest().version,
        "digest": package.digest(),
        "passed": passed,
        "failed": failed,
        "tests": verdicts,
    });
    context.ui.answer(&answer, |page| {
        for verdict in &verdicts {
            write(page, verdict);
        }
        page.line(&format!("{passed} passed, {failed} failed"));
    })?;
    if failed == 0 {
        return Ok(());
    }
    Err(Failed::new(
        Kind::Refused,
        "test-failed",
        format!("{} of {} failed", count(failed, "test"), package.manifest().name),
    ))
}

/// The cassettes, by name.
fn find(folder: &Path, filter: Option<&str>) -> Result<Vec<(String, PathBuf)>, Failed> {
    let mut found = cassette::in_folder(folder)?;
    if found.is_empty() {
        let message = format!("there is no cassette in `{}`", shown(folder));
        return Err(Failed::new(Kind::NotFound, "cassette-not-found", message)
            .hint("a test is a file such as cassettes/greet.json: see docs/guide/cassettes.md"));
    }
    let all = found.len();
    found.retain(|(name, _)| filter.is_none_or(|filter| name.contains(filter)));
    if let Some(filter) = filter
        && found.is_empty()
    {
        let message = format!("none of {} in `{}` contains `{filter}`", count(all, "cassette"), shown(folder));
        return Err(Failed::new(Kind::NotFound, "cassette-not-found", message)
            .hint(format!("see them all: ls {}", shell_path(folder))));
    }
    Ok(found)
}

async fn play(package: &Package, cassettes: &[(String, PathBuf)]) -> Result<Vec<Verdict>, Failed> {
    // A slip in the last cassette shows before the first one runs.
    let read: Vec<Cassette> = cassettes.iter().map(|(_, path)| Cassette::read(path)).collect::<Result<_, _>>()?;
    let stage = Stage::new(package)?;
    let mut verdicts = Vec::new();
    for ((name, path), cassette) in cassettes.iter().zip(read) {
        let file = shown(path).to_string();
        let started = Instant::now();
        let (outcome, problems) =
            stage.play(cassette, &Ceilings::new()).await.map_err(|failed| failed.within(&file))?;
        verdicts.push(Verdict {
            name: name.to_owned(),
            file,
            passed: problems.is_empty(),
            problems,
            log: outcome.log,
            bill: outcome.bill,
            wall_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
    }
    Ok(verdicts)
}

fn write(page: &mut Page, verdict: &Verdict) {
    let (good, bad) = (AnsiColor::Green.on_default(), AnsiColor::Red.on_default());
    if verdict.passed {
        page.styled(good, &format!("ok      {}", verdict.name));
        return;
    }
    page.styled(bad.bold(), &format!("FAILED  {}", verdict.name));
    for line in verdict.problems.iter().flat_map(|problem| problem.lines()) {
        let style = match line.get(..2) {
            Some("- ") => good,
            Some("+ ") => bad,
            _ => Style::new(),
        };
        page.styled(style, &format!("        {line}"));
    }
    for line in &verdict.log {
        page.styled(Style::new().dimmed(), &format!("        log: {}", line.message));
    }
}
