//! Why a release was taken back: the word that stands against it in the log, by whom, and where.
//!
//! An index says what became of a release, and nothing of why. The evidence has the statement; here it is held as admission holds
//! it, so that who acts on it, such as a host that switches the release off, acts on what everybody can see in the log.

use serde::Serialize;

use super::{
    admit::Context,
    evidence::Evidence,
    history,
    keys::{Chain, Statuses},
};
use crate::{Digest, PackageName, Refusal, key::KeyId, statement::ReleaseStatus, verify::StepLog};

/// A word against a release that stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TakenBack {
    /// What became of the release: anything but released.
    pub status: ReleaseStatus,
    /// Why, in the words of whoever said so. A stranger's text.
    pub reason: String,
    /// Who said so, as the registry knows them, such as `user:alice`. A stranger's text.
    pub by: String,
    /// Whether the registry signed it, and not a key of the namespace.
    pub by_registry: bool,
    /// The key that signed it.
    pub signer: KeyId,
    /// The key that was revoked, if it is the release's signature that is void and not the release itself.
    pub revoked_key: Option<KeyId>,
    /// The statement's digest.
    pub statement: Digest,
    /// Its place in the log.
    pub log_index: u64,
    /// When it ends by itself, in microseconds since 1970.
    pub expires: Option<i64>,
}

/// What stands against a release: the strongest of what was said about it; else the revocation of a key that signed it; else
/// nothing.
///
/// # Errors
/// Those of the steps `checkpoint` to `statuses` of admission: then the evidence shows nothing at all.
pub fn taken_back(
    name: &PackageName,
    component: Digest,
    evidence: &Evidence,
    context: &Context<'_>,
) -> Result<Option<TakenBack>, Refusal> {
    let checkpoint = history::follow(evidence, context, &mut StepLog::default(), &mut None)?;
    let chain = Chain::read(name.namespace(), evidence, context.registry, &checkpoint)?;
    if let Some(pin) = context.policy.keysets.get(name.namespace()) {
        chain.continues(pin)?;
    }
    let statuses = Statuses::read(&chain, evidence, context.registry, &checkpoint)?;
    let of_release = statuses.against_release(name, component, false, context.now);
    Ok(of_release.or_else(|| {
        let signatures = evidence.publish.iter().map(|logged| (logged.bundle.key_hint(), logged.index));
        signatures.filter_map(|(key, index)| statuses.against_key(name.namespace(), key, index)).next()
    }))
}
