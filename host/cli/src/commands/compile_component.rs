//! `jackfield compile-component`: what the host runs as a child process to compile one component within limits. Hidden,
//! since nobody else has a use for it.

use crate::{error::Done, flags};

/// Runs before anything else of this program has started: the limits that the child sets upon itself hold for all of it.
pub(crate) fn run(flags: &flags::CompileComponent) -> Done {
    Ok(jackfield_host::compile_in_child(&flags.component, &flags.code)?)
}
