//! Flags of what an author does with a connector.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use jackfield_package::Label;

use crate::examples;

/// Start a connector: a folder that builds and passes its test
#[derive(Debug, Args)]
#[command(after_help = examples::NEW)]
pub(crate) struct New {
    /// The connector's name, or the folder to make; its last part is the name
    #[arg(value_name = "NAME|PATH", value_hint = ValueHint::DirPath)]
    pub(crate) path: PathBuf,
    /// Who publishes it
    #[arg(long, value_name = "NAMESPACE", value_parser = crate::values::label)]
    pub(crate) namespace: Option<Label>,
    /// Write into a folder that is not empty; files of the same names are replaced
    #[arg(long)]
    pub(crate) force: bool,
}

/// Compile a connector and put its manifest into it
#[derive(Debug, Args)]
#[command(after_help = examples::BUILD)]
pub(crate) struct Build {
    /// The connector's folder
    #[arg(value_name = "PATH", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) path: PathBuf,
    /// Faster to build, slower to run, with names in backtraces
    #[arg(long)]
    pub(crate) debug: bool,
}

/// Check a component by every rule that needs no network: the registry's rules, word for word
#[derive(Debug, Args)]
#[command(after_help = examples::CHECK)]
pub(crate) struct Check {
    /// A component, or a connector's folder, which is built first
    #[arg(value_name = "COMPONENT|DIR", default_value = ".", value_hint = ValueHint::AnyPath)]
    pub(crate) path: PathBuf,
    /// Leave out what runs the component: its `describe`, three times, against its manifest
    #[arg(long)]
    pub(crate) no_run: bool,
}

/// Run a connector's tests in the sandbox, against recorded exchanges
#[derive(Debug, Args)]
#[command(after_help = examples::TEST)]
pub(crate) struct Test {
    /// A connector's folder, which is built first, or a component
    #[arg(value_name = "DIR|COMPONENT", default_value = ".", value_hint = ValueHint::AnyPath)]
    pub(crate) path: PathBuf,
    /// Where the cassettes are [default: `cassettes` in the connector's folder, or in this one]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) cassettes: Option<PathBuf>,
    /// Only tests whose name contains this
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Option<String>,
}

/// Show what a component is and asks for, without running it
#[derive(Debug, Args)]
#[command(after_help = examples::INSPECT)]
pub(crate) struct Inspect {
    /// A component
    #[arg(value_name = "COMPONENT", value_hint = ValueHint::FilePath)]
    pub(crate) component: PathBuf,
}
