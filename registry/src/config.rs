//! What an operator can set: one file (TOML), each key also as a flag or an environment variable of `jackfield serve`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The registry's configuration. Every key has a default; unknown keys are refused.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where keys, the database and the blobs stand unless said otherwise.
    pub data: PathBuf,
    /// The name others know this registry by: the log's origin and the audience of statements. A bare host name, or
    /// `host:port`. It can't change once the log has an entry.
    pub origin: String,
    /// The URL that clients reach it by, for links and token realms. None: from the request's Host header.
    pub public_url: Option<String>,
    /// `sqlite://…` or `postgres://…`. None: `<data>/registry.sqlite`.
    pub database: Option<String>,
    /// `s3://bucket/prefix`, or a folder. None: `<data>/blobs`.
    pub blobs: Option<String>,
    /// The address and port to listen on; port 0 lets the system choose one. Anything but this machine's own needs a proxy with
    /// TLS in front.
    pub listen: String,
    /// Requests a minute from one address, and as many with one token; 0: without a limit.
    pub requests_per_minute: u32,
    /// Whether the address of a client stands in the last entry of `X-Forwarded-For`. Only behind a proxy that writes it.
    pub trust_forwarded: bool,
    /// Who may make an account: `true` lets anybody, `false` only an operator.
    pub open_registration: bool,
    /// Bytes a new namespace may store.
    pub namespace_quota_bytes: i64,
    /// Witnesses that are asked to cosign each checkpoint: `<vkey> <url>` each.
    pub witnesses: Vec<String>,
    /// OpenID Connect issuers whose identities may be trusted publishers.
    pub oidc_issuers: Vec<String>,
    /// Where people sign in besides by a password.
    pub sign_in: Vec<SignInProvider>,
    /// How long the validator may work on one component.
    pub validator_timeout_s: u64,
    /// How many calls of connectors visitors may try at a time, each in a process with a core and up to 4 GiB; 0: nobody tries any.
    pub tries_at_once: usize,
    /// Seconds between checkpoints while entries wait. More entries share one checkpoint when it is longer.
    pub sequence_interval_ms: u64,
    /// How long a package's signed index is good for.
    pub index_lifetime_s: i64,
    /// Successful calls that a usage receipt must show before its workspace may review.
    pub review_calls: i64,
    /// Days over which they must lie.
    pub review_days: i64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: PathBuf::from("jackfield-registry"),
            origin: "localhost".to_owned(),
            public_url: None,
            database: None,
            blobs: None,
            listen: "127.0.0.1:8787".to_owned(),
            requests_per_minute: 3000,
            trust_forwarded: false,
            open_registration: false,
            namespace_quota_bytes: 10 << 30,
            witnesses: Vec::new(),
            oidc_issuers: Vec::new(),
            sign_in: Vec::new(),
            validator_timeout_s: 120,
            tries_at_once: 2,
            sequence_interval_ms: 200,
            index_lifetime_s: 7 * 86_400,
            review_calls: 10,
            review_days: 1,
        }
    }
}

/// An OpenID provider by which people sign in.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignInProvider {
    /// A label, for the URL: what comes back goes to `<public_url>/v1/sign-in/<id>/callback`, which the provider is to know.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// Its issuer URL; what it offers is discovered there.
    pub issuer: String,
    /// This server, as the provider knows it.
    pub client_id: String,
    /// A file with the client's secret; none: a public client, which PKCE protects.
    pub client_secret_file: Option<PathBuf>,
    /// Scopes that are asked for besides `openid`.
    pub scopes: Vec<String>,
    /// Whoever has a verified e-mail address of these domains becomes a user by signing in.
    pub domains: Vec<String>,
    /// So does everybody whom the provider vouches for.
    pub new_users: bool,
}

impl Config {
    /// Whether browsers reach it by https only.
    pub fn is_https(&self) -> bool {
        self.public_url.as_deref().is_some_and(|url| url.starts_with("https://"))
    }
}
