//! Whose signatures under a release count, each at its own place in the log.
//!
//! The log's order is its clock: a publish statement counts if its key is in the keyset that is in force at its index, and is
//! not revoked for that index. Between the verdict on a release and the place of its statements in the log a key may be revoked
//! or replaced, so the places are looked at once more before anybody is shown them ([`take_back_void`]), and once more before
//! the release comes out ([`judge`]). Changes of the keys themselves are looked at before them ([`keysets`]).

pub(crate) mod keysets;
mod store;

use jackfield_db::Conn;
use jackfield_package::Label;

use self::{keysets::Change, store::Signature};
use super::{State, Why, change, store as releases};
use crate::{Problem, clock::Micros};

/// What the signatures under a release come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Judgement {
    /// Statements that count for nothing, and their places.
    void: Vec<(String, i64)>,
    /// Why too few are left, if so.
    pub(super) refused: Option<String>,
}

/// Judges a release's signatures by the places that they have; one without a place yet is taken for good until it has one.
pub(super) async fn judge(conn: &mut Conn, release: &str, namespace: &str) -> Result<Judgement, Problem> {
    let chain = keysets::changes(conn, namespace).await?;
    let revoked = releases::revoked_keys(conn, namespace).await?;
    let at = |index: i64| chain.iter().rev().find(|link| link.since().is_some_and(|since| since < index));
    let has = |link: &Change, key: &str| link.keyset.keys.iter().any(|known| known.id().to_string() == key);
    let mut judgement = Judgement::default();
    let mut why = None;
    let mut good = Vec::new();
    for signature in store::signatures(conn, release).await? {
        let Signature { statement, key_id, idx } = signature;
        let Some(index) = idx else {
            good.push((key_id, i64::MAX));
            continue;
        };
        let gone = |(id, since): &(String, Option<i64>)| *id == key_id && since.is_none_or(|since| since <= index);
        let fault = match at(index) {
            _ if revoked.iter().any(gone) => Some("was revoked before its statement came into the log"),
            Some(link) if has(link, &key_id) => None,
            _ => Some("was no longer one of the namespace's when its statement came into the log"),
        };
        match fault {
            Some(fault) => {
                why = Some(format!("the key {key_id} {fault}: sign with one that is good"));
                judgement.void.push((statement, index));
            }
            None => good.push((key_id, index)),
        }
    }
    let last = good.iter().map(|(_, index)| *index).max().unwrap_or(i64::MAX);
    let enough = at(last).is_some_and(|link| {
        let counted = good.iter().filter(|(key, _)| has(link, key)).count();
        u64::try_from(counted).is_ok_and(|counted| counted >= link.keyset.threshold)
    });
    judgement.refused = why.filter(|_| !enough);
    Ok(judgement)
}

/// Looks at what has just got its place, from index `from` on. What is void there loses it again, and a release of which too
/// little is left is rejected, its statements with it: nobody has been shown them. True: places have become free, and the
/// order must be fixed again.
///
/// # Errors
/// Those of the database; 500 if a keyset can't be read.
pub(crate) async fn take_back_void(conn: &mut Conn, from: i64, now: Micros) -> Result<bool, Problem> {
    let mut void = Vec::new();
    for release in store::placed(conn, from).await? {
        let judgement = judge(conn, &release.id, &release.namespace).await?;
        match judgement.refused {
            // A part of it has its place for good: it can't come out, and what is in the log stays there.
            Some(_) if release.begun => {}
            Some(reason) => {
                let why = Why { actor: "system", reason: Some(&reason) };
                change(conn, &release.id, State::Ready, State::Rejected, why, now).await?;
                void.extend(store::statements(conn, &release.id).await?);
                continue;
            }
            None => {}
        }
        void.extend(judgement.void.into_iter().filter(|(_, index)| *index >= from).map(|(statement, _)| statement));
    }
    if void.is_empty() {
        return Ok(false);
    }
    store::free_places(conn, from).await?;
    for statement in void {
        store::forget(conn, &statement).await?;
    }
    Ok(true)
}

/// How many keys had to sign what stands at this index of the log; 1 before the first keyset.
///
/// # Errors
/// Those of the database; 500 if a keyset can't be read.
pub(crate) async fn threshold_at(conn: &mut Conn, namespace: &Label, index: i64) -> Result<u64, Problem> {
    let chain = keysets::changes(conn, namespace.as_str()).await?;
    let link = chain.iter().rev().find(|link| link.since().is_some_and(|since| since < index));
    Ok(link.map_or(1, |link| link.keyset.threshold))
}
