//! `jackfield examine-component`: what the registry and `jackfield check` run as a child process to read and run one component
//! within limits. Hidden, since nobody else has a use for it.

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::{
    error::{Done, Failed, Kind},
    examine, flags, ui,
};

/// Bytes of a file that it may write: the compiled code of the largest component.
const FILE_BYTES: u64 = 1 << 30;

/// Runs before anything else of this program has started: the limits that the child sets upon itself hold for all of it.
///
/// Not the address space but private memory is limited: the sandbox reserves terabytes of addresses and uses few of them.
pub(crate) fn run(flags: &flags::ExamineComponent) -> Done {
    let fault = |what: &str, error: &dyn std::fmt::Display| {
        Failed::new(Kind::Fault, "examine-failed", format!("{what}: {error}"))
    };
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
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| fault("cannot start the runtime", &error))?;
    let examination = runtime
        .block_on(examine::examine(&flags.component))
        .map_err(|error| fault("cannot read the component", &error))?;
    let text = serde_json::to_string(&examination).map_err(|error| fault("cannot write the examination", &error))?;
    ui::write_stdout(&text)
}
