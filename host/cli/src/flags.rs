//! Every flag of the command, on one page. What a flag's text means is parsed here or in [`crate::values`]; what it does
//! stands in `commands/`, one file a command.

mod account;
mod broker;
mod log;
mod release;

use std::path::PathBuf;

use clap::{
    Args, Parser, Subcommand, ValueEnum, ValueHint,
    builder::styling::{AnsiColor, Styles},
};
use jackfield_host::grant::EgressGrant;
use jackfield_package::{Label, key::PublicKey, log::VerifierKey};

pub(crate) use self::{account::*, broker::*, log::*, release::*};

use crate::{
    examples,
    values::{CredentialSetting, FileArgument, LimitSetting, OperationName, TextSource},
};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Build, sign, verify, install and invoke sandboxed connectors.
#[derive(Debug, Parser)]
#[command(name = "jackfield", version, styles = STYLES, after_help = examples::TOP, max_term_width = 110)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// Where keys, trust and installations stand [default: $XDG_DATA_HOME/jackfield or ~/.local/share/jackfield]
    #[arg(long, global = true, value_name = "DIR", env = "JACKFIELD_HOME", hide_env_values = true, value_hint = ValueHint::DirPath)]
    pub(crate) home: Option<PathBuf>,
    /// How answers (stdout) and errors (stderr) are written
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value_t = Format::Human)]
    pub(crate) output: Format,
    /// When to colour; NO_COLOR is heeded
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    pub(crate) color: Color,
    /// Only answers and errors: no progress, no notes, no log lines of connectors
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more on stderr; twice for more still
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Root certificates (PEM) that connectors' requests trust besides the built-in ones
    #[arg(long, global = true, value_name = "PEM", env = "JACKFIELD_CA_FILE", hide_env_values = true, value_hint = ValueHint::FilePath)]
    pub(crate) ca_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Human,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    New(New),
    Build(Build),
    Check(Check),
    Test(Test),
    Inspect(Inspect),
    Key(Key),
    Trust(Trust),
    Sign(Sign),
    Verify(Verify),
    Install(Install),
    Grant(Grant),
    List(List),
    Search(Search),
    Info(Info),
    Registry(Registry),
    Upgrade(Upgrade),
    Outdated(Outdated),
    Status(Status),
    Audit(Audit),
    ExportEvidence(ExportEvidence),
    Uninstall(Name),
    Enable(Enable),
    Disable(Disable),
    Invoke(Invoke),
    Connect(Connect),
    Connections(Connections),
    Provider(Provider),
    Login(Login),
    Logout(Logout),
    Whoami(Whoami),
    User(User),
    Token(Token),
    Namespace(Namespace),
    Log(Log),
    Publish(Publish),
    Withdraw(Withdrawal),
    /// Take a release back: nobody installs it anew; whoever has locked it still gets it
    #[command(after_help = examples::YANK)]
    Yank(TakeBack),
    /// Hold a release back until somebody has looked, seven days at most
    #[command(after_help = examples::QUARANTINE)]
    Quarantine(TakeBack),
    /// Take a release back for good: nobody is to run it any more
    #[command(after_help = examples::REVOKE)]
    Revoke(TakeBack),
    /// Give back a release that was taken back
    #[command(after_help = examples::LIFT)]
    Lift(TakeBack),
    Deprecate(Deprecate),
    Advisory(Advisory),
    Review(Review),
    Serve(Serve),
    #[command(hide = true)]
    CompileComponent(CompileComponent),
    #[command(hide = true)]
    ExamineComponent(ExamineComponent),
}

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

/// Compiles one component within limits; the host runs this as a child process.
#[derive(Debug, Args)]
pub(crate) struct CompileComponent {
    pub(crate) component: PathBuf,
    /// Not `output`: that id is the global flag's.
    pub(crate) code: PathBuf,
}

/// Which registry a command asks.
#[derive(Clone, Debug, Args)]
pub(crate) struct RegistryUrl {
    /// The registry to ask [default: the one last signed in to]
    #[arg(long, value_name = "URL", env = "JACKFIELD_REGISTRY", hide_env_values = true, value_hint = ValueHint::Url)]
    pub(crate) registry: Option<String>,
}

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

/// What `serve` serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Served {
    /// The registry: packages, checks, the log, search
    Registry,
}

/// Examines one component within limits; the registry runs this as a child process.
#[derive(Debug, Args)]
pub(crate) struct ExamineComponent {
    pub(crate) component: PathBuf,
    pub(crate) memory_bytes: u64,
    pub(crate) seconds: u64,
}

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
