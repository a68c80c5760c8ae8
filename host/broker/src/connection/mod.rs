//! Connections: a credential for one account at one provider, and what becomes of it.

mod audit;
mod caller;
mod endpoint;
mod event;
mod manage;
mod outbox;
mod revocation;
pub mod state;
pub(crate) mod store;
#[cfg(test)]
mod tests;

pub use caller::{Caller, Who};
pub use endpoint::{EVENTS_SECRET, EVENTS_URL};
pub(crate) use event::take;
pub use manage::NewConnection;
pub use outbox::EventEndpoint;
pub use state::{State, Step};
pub use store::AuditRow;

use std::{fmt, str::FromStr};

use jackfield_package::{Label, PackageName};
use serde::Serialize;

use crate::{Error, clock::Micros, error::Result, token::Terms, vault::Owner};

/// `con_` and 32 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ConnectionId(String);

impl ConnectionId {
    pub(crate) fn new(now: Micros) -> Result<Self> {
        Ok(Self(format!("con_{}", time_ordered(now)?)))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ConnectionId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        match text.strip_prefix("con_") {
            Some(rest) if rest.len() == 32 && rest.bytes().all(hex) => Ok(Self(text.to_owned())),
            _ => Err(Error::refused("connection-id-malformed", "a connection's id is `con_` and 32 hex digits")
                .hint("`jackfield connections list` shows them")),
        }
    }
}

impl<'de> serde::Deserialize<'de> for ConnectionId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// 32 hex digits that sort by time (RFC 9562 version 7).
pub(crate) fn time_ordered(now: Micros) -> Result<String> {
    let mut random = [0; 10];
    crate::error::random(&mut random)?;
    let millis = u64::try_from(now / 1000).unwrap_or(0);
    Ok(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().simple().to_string())
}

/// A connection, as it may be shown: it holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Connection {
    /// Which.
    pub id: ConnectionId,
    /// The workspace.
    pub tenant: String,
    /// The package that may use it.
    pub connector: PackageName,
    /// Which entry of its manifest's `auth`.
    pub auth: Label,
    /// What people call it.
    pub label: String,
    /// How it is.
    pub state: State,
    /// Why it needs a person, or is degraded.
    pub reason: Option<String>,
    /// How it gets its tokens.
    pub terms: Terms,
    /// Whose it is, as the provider names the account.
    pub account: Option<String>,
    /// Scopes that the provider says were granted.
    pub scopes: Option<Vec<String>>,
    /// Token sets that it has had.
    pub generation: i64,
    /// When the access token was got.
    pub issued_at: Option<Micros>,
    /// When it ends, where the provider says.
    pub expires_at: Option<Micros>,
    /// When the next one is due.
    pub due_at: Option<Micros>,
    /// When the refresh token ends, where the provider says.
    pub refresh_expires_at: Option<Micros>,
    /// Refreshes that failed since the last that did not.
    pub failures: i64,
    /// No refresh by itself before.
    pub retry_at: Option<Micros>,
    /// When it was made.
    pub created_at: Micros,
    /// When a request last carried it.
    pub last_used_at: Option<Micros>,
    #[serde(skip)]
    pub(crate) fence: i64,
    #[serde(skip)]
    pub(crate) rejected_generation: i64,
}

impl Connection {
    pub(crate) fn owner(&self) -> Owner {
        Owner { tenant: self.tenant.clone(), connection: self.id.clone() }
    }

    /// Whether a service has answered 401 to the token there is.
    pub(crate) fn is_rejected(&self) -> bool {
        self.generation > 0 && self.rejected_generation == self.generation
    }

    /// Whether there is a token that services may still take. One that nothing renews is tried although a service refused it once:
    /// there is no other.
    pub(crate) fn works_at(&self, now: Micros) -> bool {
        let refused = self.is_rejected() && self.renews();
        self.generation > 0 && !refused && self.expires_at.is_none_or(|expires| now < expires)
    }

    /// The answer to whoever wants to use it in a state that does not allow it.
    pub(crate) fn unusable(&self) -> Error {
        let Self { id, state, .. } = self;
        let (code, message, command) = match state {
            State::Deleted => return not_found(id.as_str()),
            State::Disabled => ("connection-disabled", format!("the connection `{id}` is switched off"), "enable"),
            State::Pending => {
                ("connection-pending", format!("the connection `{id}` has not been made to the end"), "reconnect")
            }
            State::Revoked => ("connection-revoked", format!("the connection `{id}` was revoked"), "reconnect"),
            _ => {
                let why = self.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
                ("needs-reauth", format!("the connection `{id}` needs a person to sign in again{why}"), "reconnect")
            }
        };
        Error::refused(code, message).hint(format!("jackfield connections {command} {id}"))
    }
}

/// Also the answer for a connection of another workspace: who asks learns nothing.
pub(crate) fn not_found(id: &str) -> Error {
    Error::refused("connection-not-found", format!("there is no connection `{id}`"))
        .hint("`jackfield connections list` shows those that there are")
}
