//! Flags of the hidden commands that this program runs as its own children.

use std::path::PathBuf;

use clap::Args;

/// Compiles one component within limits; the host runs this as a child process.
#[derive(Debug, Args)]
pub(crate) struct CompileComponent {
    pub(crate) component: PathBuf,
    /// Not `output`: that id is the global flag's.
    pub(crate) code: PathBuf,
}

/// One component, to be examined, read or tried within limits; the registry runs this as a child process.
#[derive(Debug, Args)]
pub(crate) struct ExamineComponent {
    pub(crate) component: PathBuf,
    pub(crate) memory_bytes: u64,
    pub(crate) seconds: u64,
}
