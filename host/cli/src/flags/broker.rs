//! Flags of accounts that connectors use, and of the providers that they are at.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use jackfield_broker::ConnectionId;
use jackfield_package::Label;

use crate::{examples, secret::SecretSource, values::ParameterSetting};

/// Connect an account to a connector: its credential stays with the host, which puts it on the connector's requests
#[derive(Debug, Args)]
#[command(after_help = examples::CONNECT)]
pub(crate) struct Connect {
    /// The installed connector
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Which of its `auth` entries [default: the only one]
    #[arg(long, value_name = "ID", value_parser = crate::values::label)]
    pub(crate) auth: Option<Label>,
    /// What to call the connection [default: the entry's id]
    #[arg(long, value_name = "TEXT")]
    pub(crate) label: Option<String>,
    #[command(flatten)]
    pub(crate) app: App,
    #[command(flatten)]
    pub(crate) way: Way,
    /// Hand a secret in: a key, a token, or `user:password`; the first line of this file, or of stdin
    #[arg(long, value_name = "PATH|-", value_hint = ValueHint::FilePath)]
    pub(crate) token_from: Option<SecretSource>,
    /// With a token that came from elsewhere: the refresh token that belongs to it
    #[arg(long, value_name = "PATH|-", requires = "token_from", value_hint = ValueHint::FilePath)]
    pub(crate) refresh_token_from: Option<SecretSource>,
}

/// The app that you registered at the provider, and what it asks for.
#[derive(Debug, Args)]
#[command(next_help_heading = "The app")]
pub(crate) struct App {
    /// The provider, where the manifest names none or another
    #[arg(long, value_name = "PROVIDER")]
    pub(crate) provider: Option<String>,
    /// What the provider calls your app
    #[arg(long, value_name = "ID", env = "JACKFIELD_CLIENT_ID", hide_env_values = true)]
    pub(crate) client_id: Option<String>,
    /// The app's secret: the first line of this file, or of stdin
    #[arg(long, value_name = "PATH|-", conflicts_with = "client_key", value_hint = ValueHint::FilePath)]
    pub(crate) client_secret_from: Option<SecretSource>,
    /// The app's private key (PEM), where it signs instead
    #[arg(long, value_name = "PEM", value_hint = ValueHint::FilePath)]
    pub(crate) client_key: Option<PathBuf>,
    /// A scope to ask for, instead of those of the manifest; may be repeated
    #[arg(long, value_name = "SCOPE")]
    pub(crate) scope: Vec<String>,
    /// What the provider must be told, such as shop=acme; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<ParameterSetting>,
}

/// How the person gets to the provider.
#[derive(Debug, Args)]
#[command(next_help_heading = "The way there")]
pub(crate) struct Way {
    /// By which flow [default: what the entry and its provider offer, a browser first]
    #[arg(long, value_enum, value_name = "FLOW")]
    pub(crate) flow: Option<Flow>,
    /// Print the link, and open no browser
    #[arg(long)]
    pub(crate) no_browser: bool,
    /// The port of this machine that the provider sends back to, where the app is registered with one [default: 8976, or any]
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// The https address that browsers reach that port by, for providers that refuse a loopback address
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) public_url: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Flow {
    /// Sign in in a browser on this machine
    Browser,
    /// Enter a code on another device
    Device,
    /// The app speaks for itself
    ClientCredentials,
    /// The app signs for itself, or for a user that `--set subject=` names
    JwtBearer,
}

/// See, try, renew and end what was connected
#[derive(Debug, Args)]
#[command(after_help = examples::CONNECTIONS)]
pub(crate) struct Connections {
    #[command(subcommand)]
    pub(crate) command: ConnectionsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConnectionsCommand {
    /// List every connection and how it is
    #[command(after_help = examples::CONNECTIONS_LIST)]
    List,
    /// Show one, and what was done with it last; never its secret
    #[command(after_help = examples::CONNECTIONS_SHOW)]
    Show(Which),
    /// Find out whether one works: by the operation that the manifest names for it, or by a new token
    #[command(after_help = examples::CONNECTIONS_TEST)]
    Test(Which),
    /// Sign in again; the connection keeps its id, and what uses it goes on
    #[command(after_help = examples::CONNECTIONS_RECONNECT)]
    Reconnect {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        way: Way,
        /// For a secret that was handed in: the new one, in the first line of this file, or of stdin
        #[arg(long, value_name = "PATH|-", value_hint = ValueHint::FilePath)]
        token_from: Option<SecretSource>,
        /// The app's secret, if it has a new one
        #[arg(long, value_name = "PATH|-", value_hint = ValueHint::FilePath)]
        client_secret_from: Option<SecretSource>,
    },
    /// Have the provider forget its tokens; it can be connected again
    #[command(after_help = examples::CONNECTIONS_REVOKE)]
    Revoke(Which),
    /// Remove one, and have the provider forget its tokens
    #[command(after_help = examples::CONNECTIONS_DELETE)]
    Delete(Which),
    /// Switch one off: no request carries it until it is switched on
    #[command(after_help = examples::CONNECTIONS_DISABLE)]
    Disable(Which),
    /// Switch one on again
    #[command(after_help = examples::CONNECTIONS_ENABLE)]
    Enable(Which),
}

#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The connection
    #[arg(value_name = "ID")]
    pub(crate) id: ConnectionId,
}

/// See which providers are known, and add one
#[derive(Debug, Args)]
#[command(after_help = examples::PROVIDER)]
pub(crate) struct Provider {
    #[command(subcommand)]
    pub(crate) command: ProviderCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProviderCommand {
    /// List every provider that is known here
    #[command(after_help = examples::PROVIDER_LIST)]
    List,
    /// Show what is known of one
    #[command(after_help = examples::PROVIDER_SHOW)]
    Show {
        /// The provider
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Add one of your own: from a file, or from what its issuer says of itself
    #[command(after_help = examples::PROVIDER_ADD)]
    Add {
        /// The provider's entry (TOML)
        #[arg(value_name = "FILE", required_unless_present = "issuer", value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
        /// Ask this issuer for its metadata instead (OpenID Connect Discovery, RFC 8414)
        #[arg(long, value_name = "URL", conflicts_with = "file", requires = "name", value_hint = ValueHint::Url)]
        issuer: Option<String>,
        /// What to call it
        #[arg(long, value_name = "NAME", requires = "issuer", value_parser = crate::values::label)]
        name: Option<Label>,
        /// A network that it may lie in although it is not public, such as 10.0.0.0/8; may be repeated
        #[arg(long, value_name = "CIDR", requires = "issuer")]
        address: Vec<ipnet::IpNet>,
    },
}

/// See the master keys that seal connections, and turn them over
#[derive(Debug, Args)]
#[command(after_help = examples::VAULT)]
pub(crate) struct Vault {
    #[command(subcommand)]
    pub(crate) command: VaultCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum VaultCommand {
    /// Show how many data keys each master key wraps; never a key
    #[command(after_help = examples::VAULT_SHOW)]
    Show,
    /// Make a new master key and wrap every data key by it, while everything goes on being read; one that was broken off goes on
    #[command(after_help = examples::VAULT_REWRAP)]
    Rewrap,
    /// Take out the master keys that wrap nothing any more
    #[command(after_help = examples::VAULT_RETIRE)]
    Retire,
}
