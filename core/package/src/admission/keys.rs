//! Whose keys count, and when: a namespace's chain of keysets and the revocations of its keys, with the log's index as the
//! clock.

use super::{
    evidence::{Evidence, Logged},
    policy::{KeysetPin, TrustedRegistry},
    taken_back::TakenBack,
};
use crate::{
    Digest, Label, PackageName, Refusal,
    key::{KeyId, PublicKey},
    log::Checkpoint,
    statement::{
        Bundle, KeysetStatement, ReleaseStatus, StatusAction, StatusStatement, StatusSubject, accept_keyset,
        accept_recovery, quorum,
    },
};

/// A namespace's keysets, each from an index on.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    links: Vec<Link>,
}

#[derive(Clone, Debug)]
struct Link {
    keyset: KeysetStatement,
    digest: Digest,
    /// The index of the last of its bundles: it counts for what follows.
    since: u64,
    /// The registry signed it in the place of keys that were lost.
    recovered: bool,
}

impl Chain {
    /// Reads the chain from version 1 on: each follows from the one before, in the log too. Where the keys before were lost, the
    /// registry may have signed in their place; that everybody can see it is all there is against it.
    ///
    /// # Errors
    /// `keyset-missing`, those of [`accept_keyset`], `log-inclusion-invalid`, `keyset-order`.
    pub(super) fn read(
        namespace: &Label,
        evidence: &Evidence,
        registry: &TrustedRegistry,
        checkpoint: &Checkpoint,
    ) -> Result<Self, Refusal> {
        let mut links: Vec<Link> = Vec::new();
        for logged in &evidence.keysets {
            let bundles: Vec<Bundle> = logged.iter().map(|logged| logged.bundle.clone()).collect();
            let previous = links.last().map(|link| &link.keyset);
            let (keyset, recovered) = match (accept_keyset(previous, &bundles), previous) {
                (Err(refusal), Some(previous)) if refusal.code == "keyset-threshold" => {
                    (accept_recovery(previous, &bundles, &registry.statements_key).map_err(|_| refusal)?, true)
                }
                (accepted, _) => (accepted?, false),
            };
            let mut keys = keyset.keys.clone();
            keys.extend(previous.iter().flat_map(|previous| &previous.keys));
            keys.extend(recovered.then_some(registry.statements_key));
            let mut since = 0;
            for logged in logged {
                // A signature of a stranger helps nobody, and need not be in the log.
                let Some(key) = by_hint(&keys, &logged.bundle) else { continue };
                logged.included(key, checkpoint)?;
                since = since.max(logged.index);
            }
            if links.last().is_some_and(|before| before.since >= since) {
                return Err(Refusal::new(
                    "keyset-order",
                    format!("version {} of the keyset stands in the log before the one it follows", keyset.version),
                ));
            }
            let payload = bundles.first().map(|bundle| bundle.envelope().unverified_payload()).unwrap_or_default();
            links.push(Link { digest: Digest::of(payload), keyset, since, recovered });
        }
        match links.last() {
            Some(link) if link.keyset.namespace == *namespace => Ok(Self { links }),
            Some(link) => Err(Refusal::new(
                "keyset-namespace",
                format!("the keyset is one of `{}`: expected `{namespace}`", link.keyset.namespace),
            )),
            None => Err(Refusal::new("keyset-missing", format!("the evidence has no keyset of `{namespace}`"))),
        }
    }

    /// Whether the chain goes on from the keyset that was seen before.
    ///
    /// # Errors
    /// `keyset-rollback`, `keyset-discontinuity`, `keyset-recovered`.
    pub(super) fn continues(&self, pin: &KeysetPin) -> Result<(), Refusal> {
        let link = self.links.iter().find(|link| link.keyset.version == pin.version).ok_or_else(|| {
            Refusal::new(
                "keyset-rollback",
                format!("version {} of the keyset was seen before, and {} is the last now", pin.version, self.newest()),
            )
        })?;
        let replaced = self.recovered().find(|version| *version > pin.version);
        if let Some(version) = replaced {
            return Err(Refusal::new(
                "keyset-recovered",
                format!("version {version} of the keyset is the registry's word, and not that of the keys that were seen before"),
            )
            .hint("ask its owner, by another way, whether he lost his keys; then remove the pin from policy.toml"));
        }
        if link.digest == pin.digest {
            return Ok(());
        }
        Err(Refusal::new(
            "keyset-discontinuity",
            format!("version {} of the keyset is not the one that was seen before", pin.version),
        )
        .hint(
            "the namespace changed hands without its keys: find out why from its owner before you remove the pin from policy.toml",
        ))
    }

    /// Versions that the registry signed in the place of lost keys.
    pub(super) fn recovered(&self) -> impl Iterator<Item = u64> {
        self.links.iter().filter(|link| link.recovered).map(|link| link.keyset.version)
    }

    fn newest(&self) -> u64 {
        self.links.last().map_or(0, |link| link.keyset.version)
    }

    /// The pin of the newest.
    pub(super) fn pin(&self, registry: &TrustedRegistry) -> Option<KeysetPin> {
        let link = self.links.last()?;
        Some(KeysetPin { registry: registry.origin.clone(), version: link.keyset.version, digest: link.digest })
    }

    /// The keyset that counts for an entry.
    pub(super) fn at(&self, index: u64) -> Option<&KeysetStatement> {
        self.links.iter().rev().find(|link| link.since < index).map(|link| &link.keyset)
    }

    /// Whether any version has this key.
    pub(super) fn ever_had(&self, key: &KeyId) -> bool {
        self.links.iter().any(|link| link.keyset.key(key).is_some())
    }
}

fn by_hint<'k>(keys: &'k [PublicKey], bundle: &Bundle) -> Option<&'k PublicKey> {
    keys.iter().find(|key| key.id() == *bundle.key_hint())
}

/// Who has said a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Authority {
    Owner(KeyId),
    Registry,
}

/// What was said since, in the order of the log.
#[derive(Clone, Debug)]
pub(super) struct Statuses {
    all: Vec<Said>,
}

#[derive(Clone, Debug)]
struct Said {
    index: u64,
    authority: Authority,
    signer: KeyId,
    /// The statement's.
    digest: Digest,
    status: StatusStatement,
}

impl Said {
    /// What became of a release by it; nothing by what gives it back.
    fn of_release(&self) -> Option<ReleaseStatus> {
        match self.status.action {
            StatusAction::Yank => Some(ReleaseStatus::Yanked),
            StatusAction::Quarantine => Some(ReleaseStatus::Quarantined),
            StatusAction::Revoke => Some(ReleaseStatus::Revoked),
            StatusAction::Lift => None,
        }
    }

    fn against(&self, status: ReleaseStatus) -> TakenBack {
        let StatusStatement { subject, reason, by, expires, .. } = &self.status;
        TakenBack {
            status,
            reason: reason.clone(),
            by: by.clone(),
            by_registry: self.authority == Authority::Registry,
            signer: self.signer,
            revoked_key: match subject {
                StatusSubject::Key { key, .. } => Some(*key),
                StatusSubject::Release { .. } => None,
            },
            statement: self.digest,
            log_index: self.index,
            expires: *expires,
        }
    }
}

impl Statuses {
    /// Reads all statuses: each is in the log, and signed by who may.
    ///
    /// # Errors
    /// `status-signer`, `audience-mismatch`, `log-inclusion-invalid`, those of [`StatusStatement::from_verified_payload`].
    pub(super) fn read(
        chain: &Chain,
        evidence: &Evidence,
        registry: &TrustedRegistry,
        checkpoint: &Checkpoint,
    ) -> Result<Self, Refusal> {
        let mut all = Vec::with_capacity(evidence.statuses.len());
        for logged in &evidence.statuses {
            let hint = logged.bundle.key_hint();
            let owner = chain.at(logged.index).and_then(|keyset| keyset.key(hint));
            let (key, authority) = match owner {
                _ if registry.statements_key.id() == *hint => (&registry.statements_key, Authority::Registry),
                Some(key) => (key, Authority::Owner(*hint)),
                None => {
                    return Err(Refusal::new(
                        "status-signer",
                        format!(
                            "a status is signed by key {hint}, neither the namespace's at that time nor the registry's"
                        ),
                    ));
                }
            };
            let status = StatusStatement::from_verified_payload(quorum::verified(&logged.bundle, key)?)?;
            super::resolve::same("audience-mismatch", "the status's registry", &registry.origin, &status.registry)?;
            logged.included(key, checkpoint)?;
            let digest = Digest::of(&logged.bundle.clone().without_log_entries().to_bytes());
            all.push(Said { index: logged.index, authority, signer: *hint, digest, status });
        }
        all.sort_by_key(|said| said.index);
        Ok(Self { all })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// What counts of what was said about a subject. What an owner lifts is what owners said; a registry lifts all; and who
    /// signs with a revoked key lifts nothing.
    fn standing(&self, is_about: impl Fn(&StatusSubject) -> bool) -> Vec<&Said> {
        let mut standing: Vec<&Said> = Vec::new();
        for said in self.all.iter().filter(|said| is_about(&said.status.subject)) {
            match (said.status.action, said.authority) {
                (StatusAction::Lift, Authority::Registry) => standing.clear(),
                (StatusAction::Lift, Authority::Owner(key)) => {
                    if !self.is_revoked_plainly(&key, said.index) {
                        standing.retain(|before| before.authority == Authority::Registry);
                    }
                }
                _ => standing.push(said),
            }
        }
        standing
    }

    /// Whether somebody has ever revoked this key for that index, whatever was lifted since.
    fn is_revoked_plainly(&self, key: &KeyId, at: u64) -> bool {
        self.all.iter().any(|said| {
            matches!(&said.status.subject, StatusSubject::Key { key: revoked, .. } if revoked == key)
                && said.status.action == StatusAction::Revoke
                && said.status.since_index.unwrap_or(0) <= at
        })
    }

    /// The revocation that makes void what this key signed at that index.
    fn revocation(&self, namespace: &Label, key: &KeyId, at: u64) -> Option<&Said> {
        let is_it = |subject: &StatusSubject| matches!(subject, StatusSubject::Key { namespace: of, key: id } if of == namespace && id == key);
        let reaches =
            |said: &&Said| said.status.action == StatusAction::Revoke && said.status.since_index.unwrap_or(0) <= at;
        self.standing(is_it).into_iter().find(reaches)
    }

    /// The same as a word against what the key signed.
    pub(super) fn against_key(&self, namespace: &Label, key: &KeyId, at: u64) -> Option<TakenBack> {
        self.revocation(namespace, key, at).map(|said| said.against(ReleaseStatus::Revoked))
    }

    /// Whether what this key signed at that index is void.
    ///
    /// # Errors
    /// `key-revoked`.
    pub(super) fn key_is_good(&self, namespace: &Label, key: &KeyId, at: u64) -> Result<(), Refusal> {
        let Some(Said { status, .. }) = self.revocation(namespace, key, at) else { return Ok(()) };
        let (since, reason) = (status.since_index.unwrap_or(0), crate::refusal::shown(&status.reason));
        let message = format!("key {key} signed entry {at}, and is revoked since entry {since}: {reason}");
        Err(Refusal::new("key-revoked", message))
    }

    /// The strongest word that stands against a release, and of two as strong the later. A yank is none against one that is
    /// `locked`.
    pub(super) fn against_release(
        &self,
        name: &PackageName,
        component: Digest,
        locked: bool,
        now: i64,
    ) -> Option<TakenBack> {
        let is_it = |subject: &StatusSubject| matches!(subject, StatusSubject::Release { name: of, component: digest, .. } if of == name && *digest == component);
        let standing = self.standing(is_it).into_iter().filter(|said| said.status.expires.is_none_or(|end| end > now));
        let words = standing.filter_map(|said| Some(said.against(said.of_release()?)));
        words
            .filter(|said| !(locked && said.status == ReleaseStatus::Yanked))
            .max_by_key(|said| (said.status, said.log_index))
    }

    /// Whether a release may be installed.
    ///
    /// # Errors
    /// `release-revoked`, `release-quarantined`, `release-yanked`.
    pub(super) fn release_is_good(
        &self,
        name: &PackageName,
        component: Digest,
        locked: bool,
        now: i64,
    ) -> Result<(), Refusal> {
        let Some(TakenBack { status, by, reason, .. }) = self.against_release(name, component, locked, now) else {
            return Ok(());
        };
        let (code, word) = match status {
            ReleaseStatus::Released => return Ok(()),
            ReleaseStatus::Yanked => ("release-yanked", "yanked"),
            ReleaseStatus::Quarantined => ("release-quarantined", "put in quarantine"),
            ReleaseStatus::Revoked => ("release-revoked", "revoked"),
        };
        let (by, reason) = (crate::refusal::shown(&by), crate::refusal::shown(&reason));
        Err(Refusal::new(code, format!("the release was {word} by {by}: {reason}")))
    }
}

/// The publish statement's payload, and who signed it where, by the keyset that counted then.
#[derive(Clone, Debug)]
pub(super) struct Published<'e> {
    pub(super) payload: &'e [u8],
    pub(super) signers: Vec<KeyId>,
    pub(super) index: u64,
    pub(super) keyset_version: u64,
}

/// Counts the publish statement's signers: each stands in the log, was the namespace's key at its index, and is not revoked
/// for it; and there are as many as the keyset asks for that counted when the last of them signed.
///
/// # Errors
/// `signature-missing`, `bundle-too-many`, `log-inclusion-invalid`, `key-not-in-keyset`, `signature-invalid`,
/// `statement-type`, `key-revoked`, `threshold-not-met`.
pub(super) fn published<'e>(
    namespace: &Label,
    chain: &Chain,
    statuses: &Statuses,
    publish: &'e [Logged],
    checkpoint: &Checkpoint,
) -> Result<Published<'e>, Refusal> {
    if publish.is_empty() {
        return Err(Refusal::new("signature-missing", "the evidence has no publish statement"));
    }
    let mut found: Vec<Published<'e>> = Vec::new();
    let mut void = None;
    for logged in publish {
        let hint = logged.bundle.key_hint();
        let keyset = chain.at(logged.index).filter(|keyset| keyset.key(hint).is_some());
        let Some((keyset, key)) = keyset.and_then(|keyset| Some((keyset, keyset.key(hint)?))) else {
            let ever = if chain.ever_had(hint) { "not at that time" } else { "at no time" };
            return Err(Refusal::new(
                "key-not-in-keyset",
                format!("key {hint} signed entry {}, and was {ever} one of the namespace `{namespace}`", logged.index),
            ));
        };
        let payload = quorum::verified(&logged.bundle, key)?;
        logged.included(key, checkpoint)?;
        // What a revoked key signed counts for nothing; the others may still be enough.
        if let Err(refusal) = statuses.key_is_good(namespace, hint, logged.index) {
            void = void.or(Some(refusal));
            continue;
        }
        let version = keyset.version;
        match found.iter_mut().find(|published| published.payload == payload) {
            Some(published) if published.signers.contains(hint) => {}
            Some(published) => {
                published.signers.push(*hint);
                published.index = published.index.max(logged.index);
                published.keyset_version = published.keyset_version.max(version);
            }
            None => {
                found.push(Published { payload, signers: vec![*hint], index: logged.index, keyset_version: version })
            }
        }
    }
    let best = found.into_iter().max_by_key(|published| published.signers.len());
    let Some(best) = best else {
        return Err(void.unwrap_or_else(|| Refusal::new("signature-missing", "the evidence has no publish statement")));
    };
    let keyset = chain.at(best.index);
    let needed = keyset.map_or(1, |keyset| keyset.threshold);
    let counted =
        best.signers.iter().filter(|signer| keyset.is_some_and(|keyset| keyset.key(signer).is_some())).count();
    if (counted as u64) < needed {
        return Err(void.unwrap_or_else(|| {
            Refusal::new(
                "threshold-not-met",
                format!("{counted} keys of `{namespace}` signed the release: its keyset asks for {needed}"),
            )
        }));
    }
    Ok(best)
}
