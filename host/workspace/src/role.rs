//! What each role may.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What a member or a token of a workspace is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Sees everything, the audit log too, and changes nothing.
    Auditor,
    /// Calls what is installed.
    Member,
    /// Keeps it running besides: connections, and the kill switch.
    Operator,
    /// Decides besides what is installed, what it is granted, and who belongs here.
    Admin,
}

/// What somebody wants to do in a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// `read`: see what is installed and granted, who belongs here.
    Read,
    /// `invoke`: call an operation.
    Invoke,
    /// `bills`: see everybody's invocations, and not only one's own.
    Bills,
    /// `audit`: read the audit log.
    Audit,
    /// `switch`: disable and enable an installation.
    Switch,
    /// `connect`: connect, test, revoke and delete accounts.
    Connect,
    /// `install`: install, upgrade, uninstall.
    Install,
    /// `grant`: change what an installation may.
    Grant,
    /// `members`: add, change and remove members.
    Members,
    /// `tokens`: make and revoke tokens.
    Tokens,
    /// `policy`: change which registries and releases are believed, and the quota.
    Policy,
}

impl Role {
    /// All, the least first.
    pub const ALL: [Self; 4] = [Self::Auditor, Self::Member, Self::Operator, Self::Admin];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Auditor => "auditor",
            Self::Member => "member",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// The whole table.
    pub fn may(self, action: Action) -> bool {
        match action {
            Action::Read => true,
            Action::Bills | Action::Audit => self != Self::Member,
            Action::Invoke => self >= Self::Member,
            Action::Switch | Action::Connect => self >= Self::Operator,
            Action::Install | Action::Grant | Action::Members | Action::Tokens | Action::Policy => self == Self::Admin,
        }
    }
}

impl Action {
    /// All.
    pub const ALL: [Self; 11] = [
        Self::Read,
        Self::Invoke,
        Self::Bills,
        Self::Audit,
        Self::Switch,
        Self::Connect,
        Self::Install,
        Self::Grant,
        Self::Members,
        Self::Tokens,
        Self::Policy,
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Invoke => "invoke",
            Self::Bills => "bills",
            Self::Audit => "audit",
            Self::Switch => "switch",
            Self::Connect => "connect",
            Self::Install => "install",
            Self::Grant => "grant",
            Self::Members => "members",
            Self::Tokens => "tokens",
            Self::Policy => "policy",
        }
    }

    /// The least role that may, for a hint.
    pub fn needs(self) -> Role {
        Role::ALL.into_iter().find(|role| role.may(self)).unwrap_or(Role::Admin)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Role {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|role| role.word() == word).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_more_may_all_that_those_below_may_save_that_a_member_sees_only_his_own() {
        for (less, more) in [(Role::Member, Role::Operator), (Role::Operator, Role::Admin)] {
            for action in Action::ALL {
                assert!(!less.may(action) || more.may(action), "{less} may {}, {more} not", action.word());
            }
        }
        let changes = |action: &Action| !matches!(action, Action::Read | Action::Bills | Action::Audit);
        assert!(Action::ALL.iter().filter(|action| changes(action)).all(|action| !Role::Auditor.may(*action)));
        assert!(!Role::Member.may(Action::Bills) && Role::Auditor.may(Action::Bills));
    }
}
