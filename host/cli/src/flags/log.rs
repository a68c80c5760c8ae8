//! Flags of the transparency log.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};
use jackfield_package::{
    Label,
    key::PublicKey,
    log::{KeyName, VerifierKey},
};

use super::{Configured, Passphrase, RegistryUrl};
use crate::{examples, values::Provable};

/// Look into a registry's transparency log, watch it, or witness it
#[derive(Debug, Args)]
#[command(after_help = examples::LOG)]
pub(crate) struct Log {
    #[command(subcommand)]
    pub(crate) command: LogCommand,
}

/// Whose log.
#[derive(Debug, Args)]
pub(crate) struct LogKey {
    #[command(flatten)]
    pub(crate) registry: RegistryUrl,
    /// The log's key, `name+id+base64` [default: the one that `registry add` pinned; without one, what the registry says,
    /// which proves nothing about it]
    #[arg(long, value_name = "VKEY")]
    pub(crate) log_key: Option<VerifierKey>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Show the newest checkpoint and who cosigned it
    #[command(after_help = examples::LOG_CHECKPOINT)]
    Checkpoint {
        #[command(flatten)]
        log: LogKey,
    },
    /// Fetch and verify the proof that a statement is in the log, or each of those about a release
    #[command(after_help = examples::LOG_PROVE)]
    Prove {
        #[command(flatten)]
        log: LogKey,
        /// A statement's digest, or a release
        #[arg(value_name = "DIGEST|NAME@VERSION")]
        what: Provable,
        /// Of a statement: where to write the proof, a bundle with the proof inside if it ends in `.json` [default: stdout]. Of a
        /// release: a folder for the bundles [default: none is written]
        #[arg(long, value_name = "FILE|DIR", value_hint = ValueHint::AnyPath)]
        out: Option<PathBuf>,
    },
    /// Verify a proof without a network
    #[command(after_help = examples::LOG_VERIFY)]
    Verify {
        /// The statement's bundle; its own proof counts if there is no --proof
        #[arg(value_name = "BUNDLE", value_hint = ValueHint::FilePath)]
        bundle: PathBuf,
        /// Who signed the statement (PEM)
        #[arg(long, value_name = "PEM", value_parser = public_key, value_hint = ValueHint::FilePath)]
        key: PublicKey,
        /// The proof, c2sp.org/tlog-proof@v1
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        proof: Option<PathBuf>,
        /// The log's key, `name+id+base64`
        #[arg(long, value_name = "VKEY", required_unless_present = "policy")]
        log_key: Option<VerifierKey>,
        /// A policy file (c2sp.org/tlog-policy): logs, witnesses, quorum
        #[arg(long, value_name = "FILE", conflicts_with = "log_key", value_hint = ValueHint::FilePath)]
        policy: Option<PathBuf>,
    },
    /// Read everything that was added since the last time, and say what should alarm somebody
    #[command(after_help = examples::LOG_MONITOR)]
    Monitor {
        #[command(flatten)]
        log: LogKey,
        /// What was seen so far
        #[arg(long, value_name = "FILE", default_value = "log-monitor.json", value_hint = ValueHint::FilePath)]
        state: PathBuf,
        /// Look once; exit code 3 if there is an alarm
        #[arg(long)]
        once: bool,
        /// Seconds between two looks
        #[arg(long, value_name = "SECONDS", default_value_t = 60)]
        every: u64,
    },
    /// Make a registry's state anew from its log, where it is kept, without what it serves
    #[command(after_help = examples::LOG_REBUILD)]
    Rebuild {
        #[command(flatten)]
        configured: Configured,
        /// Hold what is served against it; exit code 3 if they differ
        #[arg(long)]
        compare: bool,
    },
    /// Cosign the checkpoints of logs that only grow (c2sp.org/tlog-witness)
    #[command(after_help = examples::LOG_WITNESS)]
    Witness {
        /// The witness's name, a host name with or without a path
        #[arg(long, value_name = "NAME")]
        name: KeyName,
        /// Which key of this home signs; used for nothing else
        #[arg(long, value_name = "NAME", value_parser = crate::values::label)]
        key: Label,
        #[command(flatten)]
        passphrase: Passphrase,
        /// The key of a log to watch; may be repeated
        #[arg(long = "log", value_name = "VKEY", required = true)]
        logs: Vec<VerifierKey>,
        /// What was cosigned so far. Never give it an older one
        #[arg(long, value_name = "FILE", default_value = "witness.json", value_hint = ValueHint::FilePath)]
        state: PathBuf,
        /// Where to listen
        #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8788")]
        listen: std::net::SocketAddr,
    },
}

fn public_key(path: &str) -> Result<PublicKey, String> {
    let pem = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    PublicKey::from_pem(&pem).map_err(|refusal| refusal.message)
}
