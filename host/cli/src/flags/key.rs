//! Flags of keys, of whose signatures count, and of signatures.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};
use jackfield_package::Label;

use super::RegistryUrl;
use crate::examples;

/// Make and show signing keys
#[derive(Debug, Args)]
#[command(after_help = examples::KEY)]
pub(crate) struct Key {
    #[command(subcommand)]
    pub(crate) command: KeyCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key, encrypted with a passphrase. Nobody trusts it until somebody says so
    #[command(after_help = examples::KEY_NEW)]
    New {
        /// What to call it here
        #[arg(value_name = "NAME", value_parser = crate::values::label)]
        name: Label,
        #[command(flatten)]
        passphrase: Passphrase,
    },
    /// List the keys of this home
    #[command(after_help = examples::KEY_LIST)]
    List,
    /// Show a key's public half and its id
    #[command(after_help = examples::KEY_SHOW)]
    Show {
        /// A key of this home
        #[arg(value_name = "NAME", value_parser = crate::values::label)]
        name: Label,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Passphrase {
    /// Read the passphrase from this descriptor, up to the end of its first line; goes before a file
    #[arg(long, value_name = "N")]
    pub(crate) passphrase_fd: Option<i32>,
    /// Read the passphrase from the first line of this file
    #[arg(long, value_name = "PATH", env = "JACKFIELD_PASSPHRASE_FILE", hide_env_values = true, value_hint = ValueHint::FilePath)]
    pub(crate) passphrase_file: Option<PathBuf>,
}

/// Say whose signatures count
#[derive(Debug, Args)]
#[command(after_help = examples::TRUST)]
pub(crate) struct Trust {
    #[command(subcommand)]
    pub(crate) command: TrustCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TrustCommand {
    /// Trust a key
    #[command(after_help = examples::TRUST_ADD)]
    Add {
        /// A public key (PEM), or the name of a key of this home
        #[arg(value_name = "PEM|NAME", value_hint = ValueHint::FilePath)]
        key: PathBuf,
        /// Only for packages of this namespace; may be repeated. Left out: for all
        #[arg(long, value_name = "NAMESPACE", value_parser = crate::values::label)]
        namespace: Vec<Label>,
        /// What to call it in lists
        #[arg(long, value_name = "TEXT")]
        label: Option<String>,
    },
    /// List the trusted keys
    #[command(after_help = examples::TRUST_LIST)]
    List,
    /// Trust a key no longer. What is installed stays; disable it if it must stop
    #[command(after_help = examples::TRUST_REMOVE)]
    Remove {
        /// The key's id or the beginning of it, its label, or the name of a key of this home
        #[arg(value_name = "KEYID|NAME")]
        key: String,
    },
}

/// Sign a component: writes COMPONENT's bundle, `<component>.sigstore.json`, beside it
#[derive(Debug, Args)]
#[command(after_help = examples::SIGN)]
pub(crate) struct Sign {
    /// A component that passes `jackfield check --no-run`
    #[arg(value_name = "COMPONENT", value_hint = ValueHint::FilePath)]
    pub(crate) component: PathBuf,
    /// Which key of this home
    #[arg(long, value_name = "NAME", value_parser = crate::values::label)]
    pub(crate) key: Label,
    #[command(flatten)]
    pub(crate) passphrase: Passphrase,
    /// Also write payload.json, pae.bin, sig.bin and public.pem there, for openssl and others
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) evidence: Option<PathBuf>,
}

/// Hold a component against its signatures and the trusted keys
#[derive(Debug, Args)]
#[command(after_help = examples::VERIFY)]
pub(crate) struct Verify {
    /// A component, or a package of a registry: namespace:name, or with a version or range after an @
    #[arg(value_name = "COMPONENT|NAME[@RANGE]", value_hint = ValueHint::FilePath)]
    pub(crate) component: PathBuf,
    #[command(flatten)]
    pub(crate) registry: RegistryUrl,
    #[command(flatten)]
    pub(crate) evidence: Evidence,
    /// Show every step, with what it looked at
    #[arg(long)]
    pub(crate) explain: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Evidence {
    /// A bundle of statements; may be repeated [default: <component>.sigstore.json]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) bundle: Vec<PathBuf>,
    /// Trust exactly these public keys (PEM) instead of those of `jackfield trust list`; may be repeated
    #[arg(long = "key", value_name = "PEM", value_hint = ValueHint::FilePath)]
    pub(crate) keys: Vec<PathBuf>,
}
