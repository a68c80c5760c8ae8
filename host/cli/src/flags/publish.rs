//! Flags of releasing, and of taking releases back.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use jackfield_package::Label;

use super::{Passphrase, RegistryUrl};
use crate::examples;

/// Publish a component: check, upload, sign, and wait until it is released
#[derive(Debug, Args)]
#[command(after_help = examples::PUBLISH)]
pub(crate) struct Publish {
    /// A component that `jackfield build` wrote; with --staged left out
    #[arg(value_name = "COMPONENT", value_hint = ValueHint::FilePath, required_unless_present = "staged", conflicts_with = "staged")]
    pub(crate) component: Option<PathBuf>,
    /// Sign what another tool has staged, such as `wkg` or `oras`: fetches it, checks it, signs it
    #[arg(long, value_name = "NAME@VERSION")]
    pub(crate) staged: Option<String>,
    /// Only check and upload; somebody who has a key signs it later, with --staged
    #[arg(long, conflicts_with_all = ["staged", "key", "no_wait"])]
    pub(crate) stage: bool,
    /// Which key of this home signs
    #[arg(long, value_name = "NAME", value_parser = crate::values::label, required_unless_present = "stage")]
    pub(crate) key: Option<Label>,
    #[command(flatten)]
    pub(crate) passphrase: Passphrase,
    #[command(flatten)]
    pub(crate) registry: RegistryUrl,
    /// Don't wait until it is released
    #[arg(long)]
    pub(crate) no_wait: bool,
}

/// Take back a release that is not out yet: staged, being checked, or held
#[derive(Debug, Args)]
#[command(after_help = examples::WITHDRAW)]
pub(crate) struct Withdrawal {
    /// A release of yours
    #[arg(value_name = "NAME@VERSION")]
    pub(crate) release: String,
    /// Why, for the members of the namespace
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) registry: RegistryUrl,
}

#[derive(Debug, Args)]
pub(crate) struct TakeBack {
    /// A release
    #[arg(value_name = "NAME@VERSION")]
    pub(crate) release: String,
    /// Why, for everybody
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Sign with this key of this home, which is one of the namespace's. Left out: order it as an operator
    #[arg(long, value_name = "NAME", value_parser = crate::values::label)]
    pub(crate) key: Option<Label>,
    #[command(flatten)]
    pub(crate) passphrase: Passphrase,
    /// Of a quarantine: how long, 1 to 7 days
    #[arg(long, value_name = "N")]
    pub(crate) days: Option<i64>,
    #[command(flatten)]
    pub(crate) registry: RegistryUrl,
}

/// Say that a package should no longer be used; it stays installable
#[derive(Debug, Args)]
#[command(after_help = examples::DEPRECATE)]
pub(crate) struct Deprecate {
    /// A package
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// What to use instead
    #[arg(long, value_name = "TEXT", required_unless_present = "undo")]
    pub(crate) message: Option<String>,
    /// Deprecate it no longer
    #[arg(long, conflicts_with = "message")]
    pub(crate) undo: bool,
    #[command(flatten)]
    pub(crate) registry: RegistryUrl,
}
