//! Flags of what is done with installations.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use jackfield_host::grant::EgressGrant;
use jackfield_package::Pattern;

use super::{Evidence, RegistryUrl};
use crate::{
    examples,
    values::{CredentialSetting, FileArgument, LimitSetting, OperationName, TextSource},
};

/// Install a component: verified, pinned by digest, with a grant
#[derive(Debug, Args)]
#[command(after_help = examples::INSTALL)]
pub(crate) struct Install {
    /// A component, or a package of a registry: namespace:name, or with a version or range after an @
    #[arg(value_name = "COMPONENT|NAME[@RANGE]", value_hint = ValueHint::FilePath)]
    pub(crate) component: PathBuf,
    #[command(flatten)]
    pub(crate) registry: RegistryUrl,
    #[command(flatten)]
    pub(crate) evidence: Evidence,
    /// Grant all destinations, operations and limits that it asks for
    #[arg(long, conflicts_with = "grant_none")]
    pub(crate) grant_all: bool,
    /// Grant nothing beyond computing
    #[arg(long, conflicts_with = "allow")]
    pub(crate) grant_none: bool,
    #[command(flatten)]
    pub(crate) edits: GrantEdits,
}

/// Show or change what an installation may do
#[derive(Debug, Args)]
#[command(after_help = examples::GRANT)]
pub(crate) struct Grant {
    /// An installation's name, `namespace:name`
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Start from everything that it asks for; credentials and config stay
    #[arg(long, conflicts_with = "none")]
    pub(crate) all: bool,
    /// Start from nothing
    #[arg(long, alias = "reset-to-none")]
    pub(crate) none: bool,
    /// No longer grant this destination: as `jackfield grant NAME` shows it, or its host; may be repeated
    #[arg(long, value_name = "EGRESS")]
    pub(crate) deny: Vec<String>,
    #[command(flatten)]
    pub(crate) edits: GrantEdits,
}

/// What `install` and `grant` both can set.
#[derive(Debug, Args)]
pub(crate) struct GrantEdits {
    /// Grant a destination, such as 'GET,POST https://api.example.com'; may be repeated
    #[arg(long, value_name = "EGRESS", value_parser = crate::values::egress)]
    pub(crate) allow: Vec<EgressGrant>,
    /// Grant only this operation; may be repeated. '*' grants all
    #[arg(long, value_name = "OPERATION")]
    pub(crate) operation: Vec<OperationName>,
    /// Set a limit, such as fuel=2000000000 or memory-bytes=128MiB; NAME=default takes it back; may be repeated
    #[arg(long, value_name = "LIMIT=VALUE")]
    pub(crate) limit: Vec<LimitSetting>,
    /// Say where the secret of an `auth` entry is: a file (mode 0600), or connection:ID; ID= takes it back; may be repeated
    #[arg(long, value_name = "ID=PATH")]
    pub(crate) credential: Vec<CredentialSetting>,
    /// The connector's settings: JSON, or @ and a file
    #[arg(long, value_name = "JSON|@FILE")]
    pub(crate) config: Option<TextSource>,
}

/// List what is installed
#[derive(Debug, Args)]
#[command(after_help = examples::LIST)]
pub(crate) struct List {}

/// Remove an installation and its grant
#[derive(Debug, Args)]
#[command(after_help = examples::UNINSTALL)]
pub(crate) struct Name {
    /// An installation's name, `namespace:name`
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// Let a disabled installation run again
#[derive(Debug, Args)]
#[command(after_help = examples::ENABLE)]
pub(crate) struct Enable {
    /// An installation's name, `namespace:name`
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// The kill switch: stop an installation at once, running calls included
#[derive(Debug, Args)]
#[command(after_help = examples::DISABLE)]
pub(crate) struct Disable {
    /// An installation's name, `namespace:name`
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// Run one operation in the sandbox
#[derive(Debug, Args)]
#[command(after_help = examples::INVOKE)]
pub(crate) struct Invoke {
    /// An installation's name, `namespace:name`
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// One of its operations
    #[arg(value_name = "OPERATION")]
    pub(crate) operation: String,
    /// The input: JSON, @ and a file, or - for stdin
    #[arg(long, short, value_name = "JSON|@FILE|-", default_value = "{}")]
    pub(crate) input: TextSource,
    /// Hand a file in, which the input names as {"$file": "ID"}; may be repeated
    #[arg(long, value_name = "ID=PATH")]
    pub(crate) file: Vec<FileArgument>,
    /// Where to put the files that the connector creates
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) out: Option<PathBuf>,
    /// Print what the call used, to stderr
    #[arg(long)]
    pub(crate) bill: bool,
    /// Equal across the retries of one logical call [default: a new one]
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
}

/// Serve what is installed here to an agent, over stdin and stdout (Model Context Protocol)
#[derive(Debug, Args)]
#[command(after_help = examples::MCP)]
pub(crate) struct Mcp {
    /// These packages only: `*`, `acme:*` or `acme:crm`
    #[arg(long, value_name = "PATTERN", default_value = "*", hide_default_value = true)]
    pub(crate) only: Pattern,
}
