//! Hooks: code of a connector that words the requests for its tokens, for providers that no entry describes.
//!
//! A hook never holds a secret. It writes `{{client_secret}}` where one belongs ([`Words`] fills it in on the way out), and names
//! what to keep of an answer, which stays here under that name. What it is shown of answers is what its signed manifest says
//! that it reads, and nothing may be both shown and kept. Requests go to the endpoints of the provider's entry and nowhere else: the
//! hook names one, and never an address. docs/decisions/0015 has what was weighed.
//!
//! This crate does not know where hooks run: [`Hooks`] is handed in.

mod derive;
mod words;

pub(crate) use words::Words;

use std::fmt;

use async_trait::async_trait;
use jackfield_package::{Label, PackageName, Refusal};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What hooks call the token endpoint.
pub(crate) const TOKEN_ENDPOINT: &str = "token";

/// Whose hook: a workspace's connector, and the entry of its manifest's `auth` that has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookOf {
    /// The workspace, in which it is installed.
    pub tenant: String,
    /// The connector.
    pub connector: PackageName,
    /// The entry.
    pub auth: Label,
}

impl fmt::Display for HookOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the hook of {}, entry `{}`", self.connector, self.auth)
    }
}

/// Runs hooks, in a sandbox from which nothing can be reached. Asked concurrently.
#[async_trait]
pub trait Hooks: Send + Sync {
    /// The JSON pointers of answers that the hook is shown, as its manifest says.
    async fn reads(&self, hook: &HookOf) -> Result<Vec<String>, Refusal>;

    /// The next step of an exchange, of bounded size.
    async fn next(&self, hook: &HookOf, exchange: &Exchange) -> Result<Step, HookError>;
}

/// Why there is no next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookError {
    /// The hook's own word, in its own words.
    Said(Said),
    /// It did not come to a word: it is not there, used up a limit, crashed, or wanted to reach somebody.
    Failed(Refusal),
}

/// What a hook says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// What it comes to.
    pub meaning: SaidMeaning,
    /// A word for machines.
    pub code: String,
    /// A sentence for a person.
    pub message: String,
}

/// What the words of a hook come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaidMeaning {
    /// The code, refresh token or client is taken no more.
    Gone,
    /// It is, and may not do this.
    Forbidden,
    /// Not now.
    Later,
    /// Anything else.
    Other,
}

/// What is wanted of a hook, and how far it is. Holds no secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// For what.
    pub purpose: Purpose,
    /// `client_id`, `redirect_uri`, `scopes`, `parameters`.
    pub terms: Value,
    /// The names of the secrets that there are.
    pub secrets: Vec<String>,
    /// Milliseconds since the Unix epoch, the same for all steps.
    pub now_ms: u64,
    /// The answers so far, oldest first.
    pub answers: Vec<Answer>,
}

/// What tokens are wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// An authorization code.
    Code,
    /// The client itself.
    Client,
    /// A refresh token.
    Refresh,
}

impl Purpose {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Client => "client",
            Self::Refresh => "refresh",
        }
    }
}

/// What a hook is shown of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// What stands at each pointer that it reads.
    pub read: Map<String, Value>,
    /// Names of what was kept.
    pub kept: Vec<String>,
}

/// What a hook wants next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Send this.
    Send(Request),
    /// These are the tokens.
    Done(Tokens),
}

/// A request, with placeholders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// `token`, or a name under the entry's `token.steps`.
    pub endpoint: String,
    /// `GET`, `POST` or `PUT`.
    pub method: String,
    /// Of the query, in order.
    pub query: Vec<(String, String)>,
    /// More headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<Body>,
    /// What is worked out first.
    pub derive: Vec<Derived>,
    /// What is kept of the answer: a name, and where it stands.
    pub keep: Vec<(String, String)>,
}

/// A request's body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    /// `application/x-www-form-urlencoded`.
    Form(Vec<(String, String)>),
    /// `application/json`, as text.
    Json(String),
}

/// A value that is worked out here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Derived {
    /// What it is called.
    pub name: String,
    /// By which function.
    pub function: String,
    /// A keyed function's key.
    pub key: Option<String>,
    /// What it is computed over.
    pub over: String,
    /// How it is written.
    pub encoding: String,
}

/// Tokens, as placeholders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: Option<String>,
    /// What is worked out first.
    pub derive: Vec<Derived>,
    /// Seconds that the access token lasts.
    pub expires_in_s: Option<u64>,
    /// Seconds that the refresh token lasts.
    pub refresh_expires_in_s: Option<u64>,
    /// Scopes that were granted.
    pub scopes: Option<Vec<String>>,
    /// Whose they are.
    pub account: Option<String>,
}

/// What no hook may want: a refusal of this crate's own.
pub(crate) fn refused(reason: impl fmt::Display) -> Refusal {
    Refusal::new("hook-refused", format!("the connector's hook asks for what no hook is given: it {reason}"))
        .hint("the connector is at fault: tell its author; docs/spec/auth-hook.md has the rules")
}
