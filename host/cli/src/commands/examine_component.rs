//! `jackfield examine-component`, `read-component` and `try-component`: what the registry and `jackfield check` run as a child process to
//! read and run one component within limits. Hidden, since nobody else has a use for them.

use std::io::Read as _;

use rustix::process::{Resource, Rlimit, setrlimit};
use serde::Serialize;

use crate::{
    error::{Done, Failed, Kind},
    examine::{self, contents, trial},
    flags, ui,
};

/// Bytes of a file that it may write: the compiled code of the largest component.
const FILE_BYTES: u64 = 1 << 30;
/// Bytes of what it is told to try: as long as a request's JSON may be, and the names around it.
const TRIAL_BYTES: u64 = 1 << 20;

/// Applies every rule of its bytes and of its answers.
pub(crate) fn examine(flags: &flags::ExamineComponent) -> Done {
    within_limits(flags)?;
    let examination = runtime()?
        .block_on(examine::examine(&flags.component))
        .map_err(|error| fault("cannot read the component", &error))?;
    told(&examination)
}

/// Says what it says of itself.
pub(crate) fn read(flags: &flags::ExamineComponent) -> Done {
    within_limits(flags)?;
    let bytes = std::fs::read(&flags.component).map_err(|error| fault("cannot read the component", &error))?;
    told(&contents::of(bytes))
}

/// Makes the call that stdin words.
pub(crate) fn try_out(flags: &flags::ExamineComponent) -> Done {
    within_limits(flags)?;
    let mut text = String::new();
    std::io::stdin().take(TRIAL_BYTES).read_to_string(&mut text).map_err(|error| fault("cannot read stdin", &error))?;
    let trial = serde_json::from_str(&text).map_err(|error| fault("what it was told is no call", &error))?;
    let bytes = std::fs::read(&flags.component).map_err(|error| fault("cannot read the component", &error))?;
    told(&runtime()?.block_on(trial::try_out(bytes, trial))?)
}

/// Runs before anything else of this program has started: the limits that the child sets upon itself hold for all of it.
///
/// Not the address space but private memory is limited: the sandbox reserves terabytes of addresses and uses few of them.
fn within_limits(flags: &flags::ExamineComponent) -> Done {
    // A server that is killed leaves nobody at work.
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .map_err(|error| fault("it can't be bound to its parent", &error))?;
    let limits = [
        (Resource::Data, flags.memory_bytes, flags.memory_bytes),
        (Resource::Cpu, flags.seconds, flags.seconds.saturating_add(1)),
        (Resource::Fsize, FILE_BYTES, FILE_BYTES),
        (Resource::Core, 0, 0),
    ];
    for (resource, current, maximum) in limits {
        setrlimit(resource, Rlimit { current: Some(current), maximum: Some(maximum) })
            .map_err(|error| fault("the limits can't be set", &error))?;
    }
    Ok(())
}

fn runtime() -> Result<tokio::runtime::Runtime, Failed> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|error| fault("cannot start the runtime", &error))
}

fn told(what: &impl Serialize) -> Done {
    let text = serde_json::to_string(what).map_err(|error| fault("cannot write what came of it", &error))?;
    ui::write_stdout(&text)
}

fn fault(what: &str, error: &dyn std::fmt::Display) -> Failed {
    Failed::new(Kind::Fault, "examine-failed", format!("{what}: {error}"))
}
