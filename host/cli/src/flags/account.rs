//! Flags of what is done with an account of a registry.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use jackfield_package::{Label, key::KeyId};

use super::{Passphrase, RegistryUrl};
use crate::examples;

/// Sign in to a registry: keeps a token for it in this home
#[derive(Debug, Args)]
#[command(after_help = examples::LOGIN)]
pub(crate) struct Login {
    #[command(flatten)]
    pub(crate) registry: RegistryUrl,
    /// Read a token from stdin
    #[arg(long, conflicts_with_all = ["token_file", "user"])]
    pub(crate) token_stdin: bool,
    /// Read a token from the first line of this file
    #[arg(long, value_name = "PATH", conflicts_with = "user", value_hint = ValueHint::FilePath)]
    pub(crate) token_file: Option<PathBuf>,
    /// Sign in with this user's password, for a new token
    #[arg(long, value_name = "NAME", value_parser = crate::values::label)]
    pub(crate) user: Option<Label>,
    /// Read the password from the first line of this file
    #[arg(long, value_name = "PATH", requires = "user", value_hint = ValueHint::FilePath)]
    pub(crate) password_file: Option<PathBuf>,
}

/// Revoke this home's token of a registry, and forget it
#[derive(Debug, Args)]
#[command(after_help = examples::LOGOUT)]
pub(crate) struct Logout {
    #[command(flatten)]
    pub(crate) registry: RegistryUrl,
}

/// Show as whom a registry is asked, and what the token is good for
#[derive(Debug, Args)]
#[command(after_help = examples::WHOAMI)]
pub(crate) struct Whoami {
    #[command(flatten)]
    pub(crate) registry: RegistryUrl,
}

/// Make and shut out users of a registry
#[derive(Debug, Args)]
#[command(after_help = examples::USER)]
pub(crate) struct User {
    #[command(subcommand)]
    pub(crate) command: UserCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Make a user. For operators, where registration is not open
    #[command(after_help = examples::USER_CREATE)]
    Create {
        #[command(flatten)]
        registry: RegistryUrl,
        /// The user's name
        #[arg(value_name = "NAME", value_parser = crate::values::label)]
        name: Label,
        /// Read the password from the first line of this file
        #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
        password_file: Option<PathBuf>,
        /// An operator, who may moderate
        #[arg(long)]
        operator: bool,
    },
    /// Change your own password
    #[command(after_help = examples::USER_PASSWORD)]
    Password {
        #[command(flatten)]
        registry: RegistryUrl,
        /// Read the password until now from the first line of this file; an empty one if there was none
        #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
        old_file: Option<PathBuf>,
        /// Read the new password from the first line of this file
        #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
        new_file: Option<PathBuf>,
    },
    /// Shut a user out, with all tokens. For operators
    #[command(after_help = examples::USER_DISABLE)]
    Disable {
        #[command(flatten)]
        registry: RegistryUrl,
        /// The user's name
        #[arg(value_name = "NAME", value_parser = crate::values::label)]
        name: Label,
    },
    /// Let a user in again. For operators
    #[command(after_help = examples::USER_ENABLE)]
    Enable {
        #[command(flatten)]
        registry: RegistryUrl,
        /// The user's name
        #[arg(value_name = "NAME", value_parser = crate::values::label)]
        name: Label,
    },
}

/// Make and revoke tokens
#[derive(Debug, Args)]
#[command(after_help = examples::TOKEN)]
pub(crate) struct Token {
    #[command(subcommand)]
    pub(crate) command: TokenCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token. It is shown once
    #[command(after_help = examples::TOKEN_CREATE)]
    Create {
        #[command(flatten)]
        registry: RegistryUrl,
        /// What it is for
        #[arg(long, value_name = "TEXT", default_value = "")]
        label: String,
        /// Which packages: `*`, `acme:*` or `acme:crm` [default: all that you may]
        #[arg(long, value_name = "PATTERN")]
        packages: Option<String>,
        /// What it is good for; may be repeated [default: all that you may]
        #[arg(long, value_enum, value_name = "ACTION")]
        action: Vec<TokenAction>,
        /// Days until it expires
        #[arg(long, value_name = "N", default_value_t = 90)]
        days: i64,
    },
    /// List your tokens
    #[command(after_help = examples::TOKEN_LIST)]
    List {
        #[command(flatten)]
        registry: RegistryUrl,
    },
    /// Revoke a token
    #[command(after_help = examples::TOKEN_REVOKE)]
    Revoke {
        #[command(flatten)]
        registry: RegistryUrl,
        /// Its id, as `token list` shows it
        #[arg(value_name = "ID")]
        id: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TokenAction {
    /// See what is staged
    Read,
    /// Stage releases, attach statements
    Publish,
    /// Deprecate, yank, lift
    Status,
    /// Members, keys, trusted publishers
    Namespace,
    /// Write reviews
    Review,
    /// What operators do
    Moderate,
    /// Tokens and password
    Account,
    /// What the server counts; for operators
    Metrics,
    /// Workspaces, as the member that one is there
    Workspace,
}

/// Make a namespace, and say who and which keys belong to it
#[derive(Debug, Args)]
#[command(after_help = examples::NAMESPACE)]
pub(crate) struct Namespace {
    #[command(subcommand)]
    pub(crate) command: NamespaceCommand,
}

/// A namespace of a registry.
#[derive(Debug, Args)]
pub(crate) struct OneNamespace {
    #[command(flatten)]
    pub(crate) registry: RegistryUrl,
    /// The namespace
    #[arg(value_name = "NAMESPACE", value_parser = crate::values::label)]
    pub(crate) namespace: Label,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NamespaceCommand {
    /// Make a namespace that you own
    #[command(after_help = examples::NAMESPACE_CREATE)]
    Create {
        #[command(flatten)]
        one: OneNamespace,
        /// For plain OCI artifacts, which hosts never resolve. For operators
        #[arg(long)]
        generic: bool,
    },
    /// Show a namespace: its state, what was proven, its keys; to its members, who they are
    #[command(after_help = examples::NAMESPACE_SHOW)]
    Show {
        #[command(flatten)]
        one: OneNamespace,
    },
    /// List the namespaces you are a member of
    #[command(after_help = examples::NAMESPACE_LIST)]
    List {
        #[command(flatten)]
        registry: RegistryUrl,
    },
    /// Say who belongs to it
    #[command(subcommand, after_help = examples::NAMESPACE_MEMBER)]
    Member(MemberCommand),
    /// Prove that you control a domain or a key
    #[command(after_help = examples::NAMESPACE_VERIFY)]
    Verify {
        #[command(flatten)]
        one: OneNamespace,
        /// A domain with the TXT record `jackfield-namespace=NAMESPACE` at `_jackfield`
        #[arg(long, value_name = "DOMAIN", required_unless_present = "key", conflicts_with = "key")]
        dns: Option<String>,
        /// A key of this home, which signs a challenge
        #[arg(long, value_name = "NAME", value_parser = crate::values::label)]
        key: Option<Label>,
        #[command(flatten)]
        passphrase: Passphrase,
    },
    /// Say which keys sign for it from now on: signs and sends a keyset statement
    #[command(after_help = examples::NAMESPACE_KEYSET)]
    Keyset {
        #[command(flatten)]
        one: OneNamespace,
        /// A key of this home that is in the new set; may be repeated
        #[arg(long = "key", value_name = "NAME", value_parser = crate::values::label, required = true)]
        keys: Vec<Label>,
        /// A key of this home that is in the set until now and signs the change; may be repeated
        #[arg(long = "sign-with", value_name = "NAME", value_parser = crate::values::label)]
        sign_with: Vec<Label>,
        /// How many keys must sign a statement of the namespace
        #[arg(long, value_name = "N", default_value_t = 1)]
        threshold: u64,
        /// Why
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
        #[command(flatten)]
        passphrase: Passphrase,
    },
    /// Give it other keys after its own are lost: in public, and two weeks late
    #[command(subcommand, after_help = examples::NAMESPACE_RECOVER)]
    Recover(RecoverCommand),
    /// Say that what a key signed counts no more: it was lost or stolen
    #[command(after_help = examples::NAMESPACE_REVOKE_KEY)]
    RevokeKey(RevokeKey),
    /// Say which CI identities may publish without a stored secret
    #[command(subcommand, after_help = examples::NAMESPACE_PUBLISHER)]
    Publisher(PublisherCommand),
    /// List the names that wait for a person. For operators
    #[command(after_help = examples::NAMESPACE_HELD)]
    Held {
        #[command(flatten)]
        registry: RegistryUrl,
    },
    /// Grant a held name, or free it. For operators
    #[command(after_help = examples::NAMESPACE_DECIDE)]
    Decide {
        #[command(flatten)]
        one: OneNamespace,
        /// What becomes of it
        #[arg(value_enum, value_name = "VERDICT")]
        verdict: NamespaceVerdict,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RecoverCommand {
    /// Sign a keyset with keys of this home, for an operator to announce
    #[command(after_help = examples::NAMESPACE_RECOVER)]
    Prepare {
        #[command(flatten)]
        one: OneNamespace,
        /// A key of this home that is in the new set; may be repeated
        #[arg(long = "key", value_name = "NAME", value_parser = crate::values::label, required = true)]
        keys: Vec<Label>,
        /// How many keys must sign a statement of the namespace
        #[arg(long, value_name = "N", default_value_t = 1)]
        threshold: u64,
        /// Where to write it
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        out: PathBuf,
        #[command(flatten)]
        passphrase: Passphrase,
    },
    /// Announce it. For operators, who know that it is the owner who asks
    #[command(after_help = examples::NAMESPACE_RECOVER)]
    Announce {
        #[command(flatten)]
        one: OneNamespace,
        /// What `prepare` wrote
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Why, for everybody
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Stop one that is announced: any owner can
    #[command(after_help = examples::NAMESPACE_RECOVER)]
    Stop {
        #[command(flatten)]
        one: OneNamespace,
    },
    /// Put it in force when its time has come. For operators
    #[command(after_help = examples::NAMESPACE_RECOVER)]
    Complete {
        #[command(flatten)]
        one: OneNamespace,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum NamespaceVerdict {
    Grant,
    Refuse,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MemberCommand {
    /// Give a user a role, or another one
    #[command(after_help = examples::NAMESPACE_MEMBER)]
    Add {
        #[command(flatten)]
        one: OneNamespace,
        /// The user
        #[arg(value_name = "USER", value_parser = crate::values::label)]
        user: Label,
        /// What the user may do
        #[arg(long, value_enum, value_name = "ROLE", default_value_t = MemberRole::Publisher)]
        role: MemberRole,
    },
    /// Take a user's role away
    #[command(after_help = examples::NAMESPACE_MEMBER)]
    Remove {
        #[command(flatten)]
        one: OneNamespace,
        /// The user
        #[arg(value_name = "USER", value_parser = crate::values::label)]
        user: Label,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MemberRole {
    /// Everything, members and keys too
    Owner,
    /// Stage releases and take them back
    Publisher,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PublisherCommand {
    /// Trust an identity of an OpenID Connect issuer
    #[command(after_help = examples::NAMESPACE_PUBLISHER)]
    Add {
        #[command(flatten)]
        one: OneNamespace,
        /// The issuer, one that the registry is configured with
        #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
        issuer: String,
        /// A claim and the exact value it must have; may be repeated
        #[arg(long = "claim", value_name = "NAME=VALUE", required = true)]
        claims: Vec<String>,
        /// Which packages: `acme:*` or `acme:crm` [default: all of the namespace]
        #[arg(long, value_name = "PATTERN")]
        packages: Option<String>,
    },
    /// List them
    #[command(after_help = examples::NAMESPACE_PUBLISHER)]
    List {
        #[command(flatten)]
        one: OneNamespace,
    },
    /// Trust one no longer; its tokens end
    #[command(after_help = examples::NAMESPACE_PUBLISHER)]
    Remove {
        #[command(flatten)]
        one: OneNamespace,
        /// Its id, as `publisher list` shows it
        #[arg(value_name = "ID")]
        id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct RevokeKey {
    #[command(flatten)]
    pub(crate) one: OneNamespace,
    /// The key's id, as `jackfield namespace show` and `jackfield key show` say it
    #[arg(value_name = "KEYID")]
    pub(crate) revoked: KeyId,
    /// Why, for everybody
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Only what it signed from this index of the log on [default: everything]
    #[arg(long, value_name = "INDEX")]
    pub(crate) since_index: Option<u64>,
    /// Sign with this key of this home, which is one of the namespace's. Left out: order it as an operator
    #[arg(long, value_name = "NAME", value_parser = crate::values::label)]
    pub(crate) key: Option<Label>,
    #[command(flatten)]
    pub(crate) passphrase: Passphrase,
}
