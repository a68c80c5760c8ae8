//! The registry's state, made anew from what the log says, and held against the rows that are served.
//!
//! The log's entries are read from its tiles and must make the root of the newest published checkpoint; each entry's statement is
//! verified with the key in the entry. What follows from the statements, [`Rebuilt::state`] works out by itself, and in its own
//! way: it is what `status::settle` and `publish` are held against.

mod compare;

use std::collections::BTreeMap;

use jackfield_package::{
    Label, PackageName,
    key::{KeyId, PublicKey},
    log::{
        Checkpoint, Leaf, SignedNote,
        tile::{self, Edge, Kind, Tile, WIDTH},
    },
    statement::{
        Bundle, ChecksStatement, KeysetStatement, PublishStatement, StatusAction, StatusStatement, StatusSubject,
    },
};

pub use self::compare::compare;
use super::{
    read::{self, damaged},
    store,
};
use crate::{Problem, Registry, clock::Micros, publish::State};

/// A release: package and version.
pub type ReleaseName = (String, String);

/// What the log says there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Entries that were read.
    pub size: u64,
    /// By namespace, oldest first: each counts for the entries after its index.
    pub keysets: BTreeMap<Label, Vec<(u64, KeysetStatement)>>,
    releases: BTreeMap<ReleaseName, Claims>,
    /// In the log's order.
    statuses: Vec<Said>,
    /// Where the log contradicts itself or what is kept beside it, in words for an operator.
    pub faults: Vec<String>,
}

/// What is said of one release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Claims {
    component: String,
    /// Who claims it, at which index.
    signers: Vec<(KeyId, u64)>,
    /// Whether the registry says that it passed its checks.
    checked: bool,
}

/// A status, and who said it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    index: u64,
    status: StatusStatement,
    /// None: the registry.
    owner: Option<KeyId>,
}

/// Reads the whole log, up to the newest published checkpoint.
///
/// # Errors
/// Those of the database and the blob store; 500 if tiles can't be read.
pub async fn rebuild(registry: &Registry) -> Result<Rebuilt, Problem> {
    let mut rebuilt = Rebuilt::default();
    let Some(newest) = store::newest_published(&mut registry.db.read().await?).await? else { return Ok(rebuilt) };
    let note = SignedNote::parse(newest.note.as_bytes()).map_err(damaged)?;
    let checkpoint = Checkpoint::open(&note, &read::verifier(registry)?).map_err(damaged)?;
    let own = registry.keys.statements.public_key();
    let mut edge = Edge::empty();
    while edge.size() < checkpoint.size {
        let width = (checkpoint.size - edge.size()).min(WIDTH);
        let tile = Tile { kind: Kind::Entries, index: edge.size() / WIDTH, width };
        let entries = tile::decode_entries(tile, &read::read_tile(registry, tile).await?).map_err(damaged)?;
        for entry in entries {
            let index = edge.size();
            edge.push_entry(&entry);
            let bundle = store::bundle_of_entry(&mut registry.db.read().await?, &entry).await?;
            rebuilt.take_in(index, &entry, bundle.as_deref(), &own);
        }
    }
    if edge.root() != checkpoint.root {
        rebuilt.faults.push(format!("the log's {} entries do not make the root of its checkpoint", checkpoint.size));
    }
    rebuilt.size = checkpoint.size;
    Ok(rebuilt)
}

impl Rebuilt {
    fn take_in(&mut self, index: u64, entry: &[u8], bundle: Option<&[u8]>, own: &PublicKey) {
        let Some(bundle) = bundle else {
            return self.faults.push(format!("entry {index}: its statement is missing"));
        };
        let read = Leaf::parse(entry).and_then(|leaf| {
            let bundle = Bundle::parse(bundle)?;
            let payload = bundle.envelope().verified_payload(&leaf.key)?.to_vec();
            Ok((leaf.key, payload, Leaf::of(&bundle, &leaf.key) == leaf))
        });
        match read {
            Ok((key, payload, true)) => self.hear(index, &key, &payload, own),
            Ok(_) => self.faults.push(format!("entry {index}: what is kept for it is another statement")),
            Err(refusal) => self.faults.push(format!("entry {index}: {refusal}")),
        }
    }

    fn hear(&mut self, index: u64, key: &PublicKey, payload: &[u8], own: &PublicKey) {
        if let Ok(publish) = PublishStatement::from_verified_payload(payload) {
            let component = publish.component.to_string();
            let shown = format!("{}@{}", publish.name, publish.version);
            let claims = self.claims(&publish.name, publish.version.to_string());
            if claims.component.is_empty() {
                claims.component.clone_from(&component);
            }
            if claims.component == component {
                claims.signers.push((key.id(), index));
            } else {
                let message = format!("entry {index}: {shown} is {component}, and was {} before", claims.component);
                self.faults.push(message);
            }
        } else if let Ok(checks) = ChecksStatement::from_verified_payload(payload) {
            let component = checks.component.to_string();
            let claims = self.claims(&checks.name, checks.version.to_string());
            claims.checked |= key == own && claims.component == component;
        } else if let Ok(keyset) = KeysetStatement::from_verified_payload(payload) {
            let chain = self.keysets.entry(keyset.namespace.clone()).or_default();
            match chain.iter_mut().find(|(_, known)| known.version == keyset.version) {
                // Another signer of the same: it counts from the last of them on.
                Some((since, known)) if *known == keyset => *since = index,
                Some(_) => self.faults.push(format!(
                    "entry {index}: keyset {} of {} is not the one before",
                    keyset.version, keyset.namespace
                )),
                None => chain.push((index, keyset)),
            }
        } else if let Ok(status) = StatusStatement::from_verified_payload(payload) {
            self.statuses.push(Said { index, status, owner: (key != own).then(|| key.id()) });
        }
    }

    fn claims(&mut self, name: &PackageName, version: String) -> &mut Claims {
        self.releases.entry((name.to_string(), version)).or_default()
    }

    /// The keyset that counts for an entry.
    fn keyset(&self, namespace: &Label, index: u64) -> Option<&KeysetStatement> {
        let chain = self.keysets.get(namespace)?;
        chain.iter().rev().find(|(since, _)| *since < index).map(|(_, keyset)| keyset)
    }

    /// The releases that the log makes public, each with its component and its state at that time.
    pub fn releases(&self, now: Micros) -> BTreeMap<ReleaseName, (String, State)> {
        let state = |(name, claims): (&ReleaseName, &Claims)| {
            Some((name.clone(), (claims.component.clone(), self.state(name, claims, now)?)))
        };
        self.releases.iter().filter_map(state).collect()
    }

    /// None: it did not get out.
    fn state(&self, (package, version): &ReleaseName, claims: &Claims, now: Micros) -> Option<State> {
        let package: PackageName = package.parse().ok()?;
        let namespace = package.namespace();
        // Who could sign at that place, and of those, whom nobody has disowned since.
        let could =
            |(key, index): &&(KeyId, u64)| self.keyset(namespace, *index).is_some_and(|set| set.key(key).is_some());
        let (good, void): (Vec<_>, Vec<_>) =
            claims.signers.iter().filter(could).partition(|(key, index)| !self.is_revoked(namespace, key, *index));
        let enough = |signers: &[&(KeyId, u64)]| {
            let last = signers.iter().map(|(_, index)| *index).max();
            let keyset = last.and_then(|last| self.keyset(namespace, last));
            keyset.is_some_and(|keyset| {
                let counted = signers.iter().filter(|(key, _)| keyset.key(key).is_some()).count();
                u64::try_from(counted).is_ok_and(|counted| counted >= keyset.threshold)
            })
        };
        let all: Vec<_> = good.iter().chain(&void).copied().collect();
        if !claims.checked || !enough(&all) {
            return None;
        }
        if !enough(&good) {
            return Some(State::Revoked);
        }
        let is_it = |subject: &StatusSubject| matches!(subject, StatusSubject::Release { name, version: of, .. } if *name == package && of.to_string() == *version);
        let standing = self.standing(is_it).into_iter().filter(|said| said.expires.is_none_or(|end| end > now));
        let states = standing.map(|status| match status.action {
            StatusAction::Yank => State::Yanked,
            StatusAction::Quarantine => State::Quarantined,
            StatusAction::Revoke | StatusAction::Lift => State::Revoked,
        });
        // The states are in the order of their gravity.
        Some(states.max().unwrap_or(State::Released))
    }

    /// What of all that was said about a subject nobody has lifted.
    fn standing(&self, is_about: impl Fn(&StatusSubject) -> bool) -> Vec<&StatusStatement> {
        let about: Vec<&Said> = self.statuses.iter().filter(|said| is_about(&said.status.subject)).collect();
        let lifts = |later: &Said, earlier: &Said| match (&later.owner, &earlier.owner) {
            (None, _) => true,
            (Some(key), Some(_)) => !self.was_revoked(key, later.index),
            (Some(_), None) => false,
        };
        about
            .iter()
            .enumerate()
            .filter(|(_, said)| said.status.action != StatusAction::Lift)
            .filter(|(at, said)| {
                !about[at + 1..].iter().any(|later| later.status.action == StatusAction::Lift && lifts(later, said))
            })
            .map(|(_, said)| &said.status)
            .collect()
    }

    fn is_revoked(&self, namespace: &Label, key: &KeyId, index: u64) -> bool {
        let is_it = |subject: &StatusSubject| matches!(subject, StatusSubject::Key { namespace: of, key: id } if of == namespace && id == key);
        self.standing(is_it).iter().any(|said| said.since_index.unwrap_or(0) <= index)
    }

    /// Whether anybody has ever revoked this key for that place: what was lifted since does not make its lifts good.
    fn was_revoked(&self, key: &KeyId, index: u64) -> bool {
        self.statuses.iter().any(|said| {
            matches!(&said.status.subject, StatusSubject::Key { key: id, .. } if id == key)
                && said.status.action == StatusAction::Revoke
                && said.status.since_index.unwrap_or(0) <= index
        })
    }
}
