//! What a provider gives, and who asks it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jackfield_package::Refusal;
use serde::{Deserialize, Serialize};

use crate::{Secret, hook::HookOf, limits::SECRET_BYTES};

/// What one answer of a token endpoint brought.
pub struct TokenSet {
    /// What requests carry.
    pub access: Secret,
    /// What gets the next set. `None`: the one before stays in force, if there was one (RFC 6749 section 6).
    pub refresh: Option<Secret>,
    /// Seconds that the access token lasts, as the provider says; `None` if it does not say.
    pub expires_in_s: Option<u64>,
    /// Seconds that the refresh token lasts.
    pub refresh_expires_in_s: Option<u64>,
    /// Scopes that were granted; `None` if the answer does not say, which means those that were asked for.
    pub scopes: Option<Vec<String>>,
    /// Whose it is, as the provider names the account.
    pub account: Option<String>,
}

impl TokenSet {
    /// A token that somebody hands in: an API key, `user:password`, or a token from elsewhere.
    pub fn of(access: Secret) -> Self {
        Self { access, refresh: None, expires_in_s: None, refresh_expires_in_s: None, scopes: None, account: None }
    }
}

/// How a connection gets its tokens. All of it may be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// The provider's name in the catalogue; none for what was handed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// By which flow.
    pub grant: GrantKind,
    /// The client that the provider knows; empty for what was handed in.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client_id: String,
    /// Scopes that are asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// Values for the provider's templates, such as its tenant's host.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// Who words the requests for its tokens, where the provider's entry does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<HookOf>,
}

/// The flow that a connection was made by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrantKind {
    /// Nobody is asked: the secret was handed in.
    #[default]
    HandedIn,
    /// RFC 6749 section 4.1, with PKCE.
    AuthorizationCode,
    /// RFC 6749 section 4.4.
    ClientCredentials,
    /// RFC 8628.
    DeviceCode,
    /// RFC 7523.
    JwtBearer,
}

impl GrantKind {
    /// Whether a new token needs no refresh token: the client's own secret gets it.
    pub fn renews_by_itself(self) -> bool {
        matches!(self, Self::ClientCredentials | Self::JwtBearer)
    }
}

/// The secrets of a connection, taken out of the vault for one exchange with its provider.
#[derive(Default)]
pub struct Held {
    /// The access token.
    pub access: Option<Secret>,
    /// The refresh token.
    pub refresh: Option<Secret>,
    /// The client's secret, or its private key in PEM.
    pub client: Option<Secret>,
}

/// Who asks a provider: the flows of the catalogue, or a connector's own hook for an odd one.
#[async_trait]
pub trait TokenSource: Send + Sync {
    /// The next token set. An answer that is no token set (also an error in a 200) is an error.
    async fn renew(&self, terms: &Terms, held: &Held) -> Result<TokenSet, TokenError>;

    /// Has the provider forget these tokens (RFC 7009). A provider that has no such endpoint answers
    /// [`Revocation::NotOffered`].
    async fn revoke(&self, terms: &Terms, held: &Held) -> Result<Revocation, TokenError>;
}

/// What came of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// The provider has forgotten the tokens.
    Done,
    /// It has no way to.
    NotOffered,
}

/// Why there is no token set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{refusal}")]
pub struct TokenError {
    /// Whether asking again can't help: `invalid_grant` and its kin. A timeout, a 5xx and an unreadable answer may pass.
    pub permanent: bool,
    /// Whether the provider may have got the request, and may have spent the refresh token on it.
    pub sent: bool,
    /// Code, message and hint. Holds no secret.
    pub refusal: Refusal,
}

/// A token as the broker may keep it: not empty, bounded, one line of visible ASCII (RFC 6750 and RFC 6749 appendix A allow
/// no more). Flows make tokens by it.
///
/// # Errors
/// `token-malformed`.
pub fn token(text: zeroize::Zeroizing<String>) -> Result<Secret, Refusal> {
    let refuse = |reason: String| Err(Refusal::new("token-malformed", format!("the provider's token {reason}")));
    if text.is_empty() {
        return refuse("is empty".into());
    }
    if text.len() > SECRET_BYTES {
        return refuse(format!("has {} bytes: at most {SECRET_BYTES}", text.len()));
    }
    if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return refuse("holds other than visible ASCII characters".into());
    }
    Secret::new(text.as_bytes().to_vec())
}
