//! Flags of serving a registry.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use crate::examples;

/// Serve a registry and workspaces: publishing, the log, search; installing, connecting, invoking over HTTP
#[derive(Debug, Args)]
#[command(after_help = examples::SERVE)]
pub(crate) struct Serve {
    /// Only a part of it
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) only: Option<Served>,
    #[command(flatten)]
    pub(crate) configured: Configured,
    /// The address and port to listen on; port 0 lets the system choose
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// Only look whether the configuration is right and everything answers
    #[arg(long)]
    pub(crate) check: bool,
}

/// What `serve` serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Served {
    /// The registry: packages, checks, the log, search, accounts
    Registry,
    /// Workspaces, beside a registry that another process serves from the same data and databases
    Workspaces,
}

/// Where a registry's configuration is, and what is said over it.
#[derive(Debug, Args)]
pub(crate) struct Configured {
    /// The configuration (TOML); each key is also a variable JACKFIELD_<KEY>, and a --set
    #[arg(long, value_name = "FILE", env = "JACKFIELD_CONFIG", hide_env_values = true, value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
    /// Where keys, the database and the blobs stand
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) data: Option<PathBuf>,
    /// The name others know the registry by: a host name. It never changes
    #[arg(long, value_name = "NAME")]
    pub(crate) origin: Option<String>,
    /// The URL that clients reach it by
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) public_url: Option<String>,
    /// sqlite://FILE or postgres://…
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// s3://BUCKET/PREFIX, or a folder
    #[arg(long, value_name = "URL|DIR")]
    pub(crate) blobs: Option<String>,
    /// Any key of the configuration; lists are separated by commas; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}
