//! The states of a connection, and every way from one to another. There is no other.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Begun; there is no token yet.
    Pending,
    /// It works.
    Active,
    /// A new token is being got; the one there is may still work.
    Refreshing,
    /// Something failed that may pass; what there is, is still tried.
    Degraded,
    /// Only a person can mend it; the reason says why.
    NeedsReauth,
    /// Switched off by a person.
    Disabled,
    /// Its tokens were given back to the provider.
    Revoked,
    /// Gone; its row stays for the audit.
    Deleted,
}

/// What happens to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A person has signed in, or handed in a secret.
    Connected,
    /// A refresh was begun.
    RefreshBegan,
    /// It brought a token.
    Refreshed,
    /// It failed, and may succeed later.
    RefreshFailed,
    /// It failed, but was asked for by hand, and the token there is works.
    KeptWorking,
    /// The provider will give no more tokens.
    Rejected,
    /// A service answered 401 to a secret that nothing can renew.
    Doubted,
    /// A service took that secret after all.
    Proved,
    /// A person switched it off.
    Disabled,
    /// And on.
    Enabled,
    /// A person gave it back.
    Revoked,
    /// A person removed it.
    Deleted,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Active,
        Self::Refreshing,
        Self::Degraded,
        Self::NeedsReauth,
        Self::Disabled,
        Self::Revoked,
        Self::Deleted,
    ];

    /// The state after a step; `None` where that step is not possible.
    pub fn after(self, step: Step) -> Option<Self> {
        TABLE.iter().find(|(from, by, _)| (*from, *by) == (self, step)).map(|(_, _, to)| *to)
    }

    /// Whether requests may carry its secret.
    pub fn is_usable(self) -> bool {
        matches!(self, Self::Active | Self::Refreshing | Self::Degraded)
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Refreshing => "refreshing",
            Self::Degraded => "degraded",
            Self::NeedsReauth => "needs-reauth",
            Self::Disabled => "disabled",
            Self::Revoked => "revoked",
            Self::Deleted => "deleted",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A row that ends where it began says that the step is fine and changes nothing: what a refresh brings to a connection that
/// was switched off meanwhile is kept, and the connection stays off.
#[rustfmt::skip]
const TABLE: &[(State, Step, State)] = {
    use {State as S, Step as T};
    &[
        (S::Pending,     T::Connected,     S::Active),
        (S::Pending,     T::Deleted,       S::Deleted),

        (S::Active,      T::Connected,     S::Active),
        (S::Active,      T::RefreshBegan,  S::Refreshing),
        (S::Active,      T::Rejected,      S::NeedsReauth),
        (S::Active,      T::Doubted,       S::Degraded),
        (S::Active,      T::Disabled,      S::Disabled),
        (S::Active,      T::Revoked,       S::Revoked),
        (S::Active,      T::Deleted,       S::Deleted),

        (S::Refreshing,  T::Connected,     S::Active),
        (S::Refreshing,  T::RefreshBegan,  S::Refreshing),
        (S::Refreshing,  T::Refreshed,     S::Active),
        (S::Refreshing,  T::RefreshFailed, S::Degraded),
        (S::Refreshing,  T::KeptWorking,   S::Active),
        (S::Refreshing,  T::Rejected,      S::NeedsReauth),
        (S::Refreshing,  T::Disabled,      S::Disabled),
        (S::Refreshing,  T::Revoked,       S::Revoked),
        (S::Refreshing,  T::Deleted,       S::Deleted),

        (S::Degraded,    T::Connected,     S::Active),
        (S::Degraded,    T::RefreshBegan,  S::Refreshing),
        (S::Degraded,    T::Refreshed,     S::Active),
        (S::Degraded,    T::RefreshFailed, S::Degraded),
        (S::Degraded,    T::Rejected,      S::NeedsReauth),
        (S::Degraded,    T::Doubted,       S::Degraded),
        (S::Degraded,    T::Proved,        S::Active),
        (S::Degraded,    T::Disabled,      S::Disabled),
        (S::Degraded,    T::Revoked,       S::Revoked),
        (S::Degraded,    T::Deleted,       S::Deleted),

        (S::NeedsReauth, T::Connected,     S::Active),
        (S::NeedsReauth, T::Refreshed,     S::Active),
        (S::NeedsReauth, T::Disabled,      S::Disabled),
        (S::NeedsReauth, T::Revoked,       S::Revoked),
        (S::NeedsReauth, T::Deleted,       S::Deleted),

        (S::Disabled,    T::Connected,     S::Disabled),
        (S::Disabled,    T::Refreshed,     S::Disabled),
        (S::Disabled,    T::RefreshFailed, S::Disabled),
        (S::Disabled,    T::KeptWorking,   S::Disabled),
        (S::Disabled,    T::Rejected,      S::Disabled),
        (S::Disabled,    T::Enabled,       S::Active),
        (S::Disabled,    T::Revoked,       S::Revoked),
        (S::Disabled,    T::Deleted,       S::Deleted),

        (S::Revoked,     T::Connected,     S::Active),
        (S::Revoked,     T::Deleted,       S::Deleted),
    ]
};
