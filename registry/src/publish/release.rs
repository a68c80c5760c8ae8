//! The states of a release, and which may follow which.

use std::str::FromStr;

use jackfield_db::Conn;
use serde::{Deserialize, Serialize};

use super::store;
use crate::{Problem, clock::Micros};

/// Where a release stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its bytes are there; nobody has signed for them.
    Staged,
    /// It is being examined.
    Checking,
    /// A person must look at it.
    Held,
    /// It broke a rule, or was withdrawn. Its version is free again.
    Rejected,
    /// It passed; its statements wait for the log.
    Ready,
    /// A published checkpoint covers its statements.
    Logged,
    /// Everybody sees it. The only state that resolves.
    Released,
    /// Its publisher took it back: nothing new resolves to it, what is locked to it still installs.
    Yanked,
    /// Moderators have stopped it for some days.
    Quarantined,
    /// It must not run. For ever.
    Revoked,
}

/// Who acts next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum NextActor {
    /// Whoever publishes it.
    Author,
    /// This program.
    Registry,
    /// An operator.
    Moderator,
    /// It stays so.
    Nobody,
}

/// Every step there is. A release is checked again after a hold: approval lifts a question, never a rule.
const STEPS: &[(State, &[State])] = &[
    (State::Staged, &[State::Checking, State::Rejected]),
    (State::Checking, &[State::Held, State::Rejected, State::Ready]),
    (State::Held, &[State::Checking, State::Rejected]),
    (State::Rejected, &[]),
    // A key that was revoked or replaced before its statement came into the log: nobody was shown it, unless a part was.
    (State::Ready, &[State::Logged, State::Rejected, State::Held]),
    (State::Logged, &[State::Released, State::Held]),
    (State::Released, &[State::Yanked, State::Quarantined, State::Revoked]),
    (State::Yanked, &[State::Released, State::Quarantined, State::Revoked]),
    (State::Quarantined, &[State::Released, State::Yanked, State::Revoked]),
    (State::Revoked, &[]),
];

impl State {
    /// All of them, in the order of a release's life.
    pub fn all() -> impl Iterator<Item = Self> {
        STEPS.iter().map(|(state, _)| *state)
    }

    /// Whether that one may follow.
    pub fn may_become(self, next: Self) -> bool {
        STEPS.iter().any(|(state, nexts)| *state == self && nexts.contains(&next))
    }

    /// Whether everybody may know of it.
    pub fn is_public(self) -> bool {
        matches!(self, Self::Released | Self::Yanked | Self::Quarantined | Self::Revoked)
    }

    /// Who acts next.
    pub fn next_actor(self) -> NextActor {
        match self {
            Self::Staged | Self::Rejected => NextActor::Author,
            Self::Checking | Self::Ready | Self::Logged => NextActor::Registry,
            Self::Held | Self::Quarantined => NextActor::Moderator,
            Self::Released | Self::Yanked | Self::Revoked => NextActor::Nobody,
        }
    }

    /// As in rows and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Staged => "staged",
            Self::Checking => "checking",
            Self::Held => "held",
            Self::Rejected => "rejected",
            Self::Ready => "ready",
            Self::Logged => "logged",
            Self::Released => "released",
            Self::Yanked => "yanked",
            Self::Quarantined => "quarantined",
            Self::Revoked => "revoked",
        }
    }
}

impl FromStr for State {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        Self::all().find(|state| state.as_str() == text).ok_or_else(|| {
            Problem::internal(&std::io::Error::other(format!("a release is in the unknown state `{text}`")))
        })
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl NextActor {
    /// As in rows and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Author => "author",
            Self::Registry => "registry",
            Self::Moderator => "moderator",
            Self::Nobody => "nobody",
        }
    }
}

/// Who changes a state, and why.
#[derive(Clone, Copy, Debug)]
pub struct Why<'a> {
    /// An [`crate::account::Actor`]'s name.
    pub actor: &'a str,
    /// For a person; none where the state says it all.
    pub reason: Option<&'a str>,
}

/// Takes a release from one state to the next, and writes it into its story. False: it was not, or no longer, in `from`,
/// and nothing has changed.
///
/// # Errors
/// 500 `internal` if no such step exists: a fault of the caller, whoever he is.
pub async fn change(
    conn: &mut Conn,
    release: &str,
    from: State,
    to: State,
    why: Why<'_>,
    now: Micros,
) -> Result<bool, Problem> {
    if !from.may_become(to) {
        return Err(Problem::internal(&std::io::Error::other(format!("a release can't go from {from} to {to}"))));
    }
    if store::set_state(conn, release, from, to, why.reason, now).await? == 0 {
        return Ok(false);
    }
    store::add_event(conn, release, to, why, now).await?;
    metrics::counter!("jackfield_release_changes_total", "to" => to.to_string()).increment(1);
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_state_is_reached_and_nothing_is_released_unlogged() {
        let mut reached = BTreeSet::from([State::Staged]);
        loop {
            let more: BTreeSet<_> =
                State::all().filter(|next| reached.iter().any(|state| state.may_become(*next))).collect();
            let before = reached.len();
            reached.extend(more);
            if reached.len() == before {
                break;
            }
        }
        assert_eq!(reached, State::all().collect());
        let before_release: Vec<_> =
            State::all().filter(|state| !state.is_public() && state.may_become(State::Released)).collect();
        assert_eq!(before_release, [State::Logged]);
        let before_log: Vec<_> = State::all().filter(|state| state.may_become(State::Logged)).collect();
        assert_eq!(before_log, [State::Ready]);
        let before_ready: Vec<_> = State::all().filter(|state| state.may_become(State::Ready)).collect();
        assert_eq!(before_ready, [State::Checking]);
        // What everybody has seen is never unseen.
        for state in State::all().filter(|state| state.is_public()) {
            assert!(State::all().filter(|next| state.may_become(*next)).all(State::is_public), "{state}");
        }
    }

    #[test]
    fn words_read_back() {
        for state in State::all() {
            assert_eq!(state.as_str().parse::<State>().unwrap(), state);
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
            assert_eq!(serde_json::to_value(state.next_actor()).unwrap(), state.next_actor().as_str());
        }
        assert!("gone".parse::<State>().is_err());
    }
}
