//! Flags of copying what a server keeps.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::Configured;
use crate::examples;

/// Copy what a server keeps into a folder, while it runs
#[derive(Debug, Args)]
#[command(after_help = examples::BACKUP)]
pub(crate) struct Backup {
    /// A folder that is empty, or not there yet
    #[arg(value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
    #[command(flatten)]
    pub(crate) configured: Configured,
}

/// Put a backup where a server finds it, checking each file
#[derive(Debug, Args)]
#[command(after_help = examples::RESTORE)]
pub(crate) struct Restore {
    /// The backup
    #[arg(value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
    /// A folder that is empty, or not there yet
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) data: PathBuf,
}
