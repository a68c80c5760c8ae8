//! Keyset changes at their place in the log: one that a key has signed which was revoked before it is taken back.
//!
//! A change counts by the keys before it: as many of them as their threshold says have signed, each not revoked by what stands in
//! front of the change. Whoever replaces a key and then revokes it has done both in this order, and both hold. What the
//! registry signed in the place of lost keys is its own word, and a first keyset is nobody's but its keys'.

use std::collections::BTreeMap;

use jackfield_db::Conn;
use jackfield_package::{
    key::KeyId,
    statement::{Bundle, KeysetStatement},
};

use super::store::{self, KeysetSignature};
use crate::{Problem, account::keysets, clock::Micros};

/// A version of a keyset, and who has signed it.
pub(super) struct Change {
    pub(super) keyset: KeysetStatement,
    signatures: Vec<KeysetSignature>,
}

impl Change {
    /// Where it stands: at its first statement, since nothing takes that back once it is in the log. None: nowhere yet.
    fn place(&self) -> Option<i64> {
        self.signatures.iter().filter_map(|signature| signature.idx).min()
    }

    /// The index that it counts from: its last statement's. None while one of them has no place.
    pub(super) fn since(&self) -> Option<i64> {
        self.signatures.iter().map(|signature| signature.idx).try_fold(0, |since, idx| Some(idx?.max(since)))
    }
}

/// Looks at the keyset changes that have just got a place, from index `from` on, as [`super::take_back_void`] does at releases.
/// `own` is the key that the registry signs with.
///
/// # Errors
/// Those of the database; 500 if a keyset can't be read.
pub(crate) async fn take_back_void(conn: &mut Conn, from: i64, own: &KeyId, now: Micros) -> Result<bool, Problem> {
    let mut void = Vec::new();
    for namespace in store::namespaces_placed(conn, from).await? {
        let changes = changes(conn, &namespace).await?;
        let revocations = store::placed_revocations(conn, &namespace).await?;
        let is_revoked = |key: &str, place: i64| {
            revocations.iter().any(|revoked| {
                revoked.key_id == key && revoked.idx < place && revoked.since_index.unwrap_or(0) <= place
            })
        };
        let holds = |before: &Change, change: &Change, place: i64| {
            let by = |key: &str| change.signatures.iter().any(|signature| signature.key_id == key);
            let keys = before.keyset.keys.iter().map(|key| key.id().to_string());
            let good = keys.filter(|key| by(key) && !is_revoked(key, place)).count();
            by(&own.to_string()) || u64::try_from(good).is_ok_and(|good| good >= before.keyset.threshold)
        };
        let first = changes.iter().zip(changes.iter().skip(1)).position(|(before, change)| {
            change.place().is_some_and(|place| place >= from && !holds(before, change, place))
        });
        let Some(before) = first else { continue };
        // Those that follow were signed by the keys of one that never was.
        let gone = &changes[before + 1..];
        void.extend(gone.iter().flat_map(|change| &change.signatures).map(|signature| signature.statement.clone()));
        keysets::take_back(conn, &namespace, gone[0].keyset.version, now).await?;
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

/// A namespace's versions, oldest first, as their statements say.
pub(super) async fn changes(conn: &mut Conn, namespace: &str) -> Result<Vec<Change>, Problem> {
    let mut changes: BTreeMap<u64, Change> = BTreeMap::new();
    for signature in store::keysets(conn, namespace).await? {
        let bundle = Bundle::parse(&signature.bundle)?;
        let keyset = KeysetStatement::from_verified_payload(bundle.envelope().unverified_payload())?;
        let change = changes.entry(keyset.version).or_insert(Change { keyset, signatures: Vec::new() });
        change.signatures.push(signature);
    }
    Ok(changes.into_values().collect())
}
