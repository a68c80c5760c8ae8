//! Flags of what a host asks registries, and of which it believes.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use jackfield_package::{Label, key::PublicKey, log::VerifierKey};

use super::Passphrase;
use crate::examples;

/// Which registry a command asks.
#[derive(Clone, Debug, Args)]
pub(crate) struct RegistryUrl {
    /// The registry to ask [default: the one last signed in to]
    #[arg(long, value_name = "URL", env = "JACKFIELD_REGISTRY", hide_env_values = true, value_hint = ValueHint::Url)]
    pub(crate) registry: Option<String>,
}

/// Say which registries are believed
#[derive(Debug, Args)]
#[command(after_help = examples::REGISTRY)]
pub(crate) struct Registry {
    #[command(subcommand)]
    pub(crate) command: RegistryCommand,
}

#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "made once a run")]
pub(crate) enum RegistryCommand {
    /// Believe a registry: fetches its keys and pins them in policy.toml
    #[command(after_help = examples::REGISTRY_ADD)]
    Add {
        /// Its address
        #[arg(value_name = "URL", value_hint = ValueHint::Url)]
        url: String,
        /// The log key that its operator gave out; anything else is refused
        #[arg(long, value_name = "VKEY")]
        log_key: Option<VerifierKey>,
        /// The statements key that its operator gave out; anything else is refused
        #[arg(long, value_name = "HEX", value_parser = crate::values::public_key)]
        statements_key: Option<PublicKey>,
    },
    /// List the registries that are believed
    #[command(after_help = examples::REGISTRY_LIST)]
    List,
    /// Believe a registry no longer. What is installed from there stays
    #[command(after_help = examples::REGISTRY_REMOVE)]
    Remove {
        /// Its name, as `jackfield registry list` shows it
        #[arg(value_name = "ORIGIN")]
        origin: String,
    },
}

/// Find connectors in a registry
#[derive(Debug, Args)]
#[command(after_help = examples::SEARCH)]
pub(crate) struct Search {
    /// Words to look for; without any, what is installed most
    #[arg(value_name = "TEXT", default_value = "")]
    pub(crate) text: String,
    /// Only of this category; may be repeated
    #[arg(long, value_name = "CATEGORY")]
    pub(crate) category: Vec<String>,
    /// Only with this operation; may be repeated
    #[arg(long, value_name = "OPERATION")]
    pub(crate) operation: Vec<String>,
    /// Only what asks to reach this host; may be repeated
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Vec<String>,
    /// Only of this namespace
    #[arg(long, value_name = "NAMESPACE")]
    pub(crate) publisher: Vec<String>,
    /// Only with this kind of credential, such as oauth2; may be repeated
    #[arg(long, value_name = "TYPE")]
    pub(crate) auth: Vec<String>,
    /// relevance, rating, installs or newest
    #[arg(long, value_name = "ORDER")]
    pub(crate) sort: Option<String>,
    /// How many at the most
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) limit: u8,
    #[command(flatten)]
    pub(crate) registry: RegistryUrl,
}

/// Show a package of a registry: what it asks for, who stands behind it, its versions
#[derive(Debug, Args)]
#[command(after_help = examples::INFO)]
pub(crate) struct Info {
    /// A package, or one version of it
    #[arg(value_name = "NAME[@VERSION]")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) registry: RegistryUrl,
}

/// Take newer releases of what is installed from registries
#[derive(Debug, Args)]
#[command(after_help = examples::UPGRADE)]
pub(crate) struct Upgrade {
    /// Only this one; with a version or range after an @, also if it has been out for a short time [default: all]
    #[arg(value_name = "NAME[@RANGE]")]
    pub(crate) name: Option<String>,
    /// Agree to releases that ask for more than the one before, or that another key signed
    #[arg(long)]
    pub(crate) yes: bool,
}

/// List what has a newer release
#[derive(Debug, Args)]
#[command(after_help = examples::OUTDATED)]
pub(crate) struct Outdated {}

/// Verify what is installed from registries once more: by the evidence kept here, then by what was said since
#[derive(Debug, Args)]
#[command(after_help = examples::STATUS)]
pub(crate) struct Status {
    /// Ask no registry
    #[arg(long)]
    pub(crate) offline: bool,
    /// Switch off what was revoked by a statement in the log, as `jackfield disable` does
    #[arg(long, conflicts_with = "offline")]
    pub(crate) disable_revoked: bool,
}

/// Read a release as a reviewer does, and sign a verdict on it
#[derive(Debug, Args)]
#[command(after_help = examples::AUDIT)]
pub(crate) struct Audit {
    /// A package, with a version or range after an @
    #[arg(value_name = "NAME[@RANGE]")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) registry: RegistryUrl,
    /// Show what changed since this version
    #[arg(long, value_name = "VERSION")]
    pub(crate) since: Option<semver::Version>,
    /// The verdict; without one nothing is signed
    #[arg(long, value_enum, value_name = "VERDICT", requires = "key")]
    pub(crate) verdict: Option<AuditVerdict>,
    /// What it was held against
    #[arg(long, value_name = "CRITERIA", default_value = "safe-to-run", value_parser = crate::values::label)]
    pub(crate) criteria: Label,
    /// In your words
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) notes: String,
    /// Which key of this home signs
    #[arg(long, value_name = "NAME", value_parser = crate::values::label)]
    pub(crate) key: Option<Label>,
    #[command(flatten)]
    pub(crate) passphrase: Passphrase,
    /// Where to write the signed verdict [default: <name>-<version>.audit.sigstore.json]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: Option<PathBuf>,
    /// Hand it to the registry, which puts it into its log
    #[arg(long)]
    pub(crate) push: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AuditVerdict {
    Pass,
    Fail,
}

/// Write what an installation was admitted by, for other people's tools
#[derive(Debug, Args)]
#[command(after_help = examples::EXPORT_EVIDENCE)]
pub(crate) struct ExportEvidence {
    /// An installation's name, `namespace:name`
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Where to
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
}
