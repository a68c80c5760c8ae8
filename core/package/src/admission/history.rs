//! The log as this host has seen it: it only grows, and shows everybody the same.

use super::{admit::Context, evidence::Evidence};
use crate::{
    Refusal,
    log::{Checkpoint, SignedNote, merkle},
    verify::StepLog,
};

/// What this host has seen of a registry before. Nothing yet: the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The largest checkpoint, as a note.
    pub checkpoint: Option<SignedNote>,
    /// The `log_size` of the last index of the package.
    pub index_log_size: u64,
}

/// What the registry shows of its log now, beside the evidence; none without a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The newest checkpoint.
    pub checkpoint: SignedNote,
    /// The consistency proof from what this host saw last to there.
    pub from_seen: Vec<merkle::Hash>,
    /// The consistency proof from the evidence's checkpoint to there.
    pub from_evidence: Vec<merkle::Hash>,
}

/// How a registry was caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Misbehaviour {
    /// Its log shrank.
    Rollback,
    /// Its log has two roots for one size: two faces for two people.
    SplitView,
    /// It can't show that its log only grew.
    Inconsistent,
    /// Its index goes back behind an earlier one.
    IndexRollback,
}

impl Misbehaviour {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rollback => "rollback",
            Self::SplitView => "split-view",
            Self::Inconsistent => "inconsistent",
            Self::IndexRollback => "index-rollback",
        }
    }
}

/// What proves it: signed by the registry itself. To be saved, and shown to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceOfMisbehaviour {
    /// How.
    pub kind: Misbehaviour,
    /// Who, by origin.
    pub registry: String,
    /// What happened, for a person.
    pub message: String,
    /// The signed documents, by file name.
    pub files: Vec<(String, Vec<u8>)>,
}

/// Holds the evidence's checkpoint against the log's policy, and against what was seen before.
///
/// # Errors
/// Those of [`crate::log::Policy::accept`], `log-rollback`, `log-split-view`, `log-consistency-invalid`.
pub(super) fn follow(
    evidence: &Evidence,
    context: &Context<'_>,
    log: &mut StepLog,
    misbehaviour: &mut Option<EvidenceOfMisbehaviour>,
) -> Result<Checkpoint, Refusal> {
    let registry = context.registry;
    let accepted = log.step("checkpoint", format!("of `{}`", registry.origin), || {
        registry.log_policy()?.accept(&evidence.checkpoint)
    })?;
    log.pass("witnesses", format!("size {}, cosigned by {}", accepted.checkpoint.size, accepted.cosigned.len()));
    let shown = accepted.checkpoint;
    let (head_note, head) = match context.head {
        Some(head) => {
            let opened = log.step("log-head", format!("of `{}`", registry.origin), || {
                Checkpoint::open(&head.checkpoint, &registry.log_key)
            })?;
            let pair = Pair { old: (&evidence.checkpoint, &shown), new: (&head.checkpoint, &opened), registry };
            log.step("log-one-face", format!("size {} in size {}", shown.size, opened.size), || {
                pair.only_grew(&head.from_evidence, misbehaviour)
            })?;
            (&head.checkpoint, opened)
        }
        None => (&evidence.checkpoint, shown.clone()),
    };
    match &context.seen.checkpoint {
        None => log.pass("log-growth", "nothing was seen before".to_owned()),
        Some(note) => {
            let old = Checkpoint::open(note, &registry.log_key)?;
            let pair = Pair { old: (note, &old), new: (head_note, &head), registry };
            let proof = context.head.map_or(&[][..], |head| &head.from_seen);
            log.step("log-growth", format!("size {} seen before, {} now", old.size, head.size), || {
                // Without a network there is nobody to prove what lies between; equal sizes still can contradict.
                if context.head.is_none() && old.size != head.size {
                    return Ok(());
                }
                pair.only_grew(proof, misbehaviour)
            })?;
        }
    }
    Ok(shown)
}

/// Two checkpoints of one log.
struct Pair<'a> {
    old: (&'a SignedNote, &'a Checkpoint),
    new: (&'a SignedNote, &'a Checkpoint),
    registry: &'a super::TrustedRegistry,
}

impl Pair<'_> {
    fn only_grew(
        &self,
        proof: &[merkle::Hash],
        misbehaviour: &mut Option<EvidenceOfMisbehaviour>,
    ) -> Result<(), Refusal> {
        let (old, new) = (self.old.1, self.new.1);
        let origin = &self.registry.origin;
        let (kind, refusal) = if new.size < old.size {
            let message = format!("the log of `{origin}` went back from size {} to {}", old.size, new.size);
            (Misbehaviour::Rollback, Refusal::new("log-rollback", message))
        } else if new.size == old.size && new.root != old.root {
            let message =
                format!("the log of `{origin}` has two roots for size {}: {} and {}", old.size, old.root, new.root);
            (Misbehaviour::SplitView, Refusal::new("log-split-view", message))
        } else if new.size == old.size {
            return Ok(());
        } else {
            match merkle::verify_consistency(old.size, &old.root, new.size, &new.root, proof) {
                Ok(()) => return Ok(()),
                Err(refusal) => (Misbehaviour::Inconsistent, refusal),
            }
        };
        *misbehaviour = Some(EvidenceOfMisbehaviour {
            kind,
            registry: origin.clone(),
            message: refusal.message.clone(),
            files: vec![
                ("checkpoint-before".to_owned(), self.old.0.to_string().into_bytes()),
                ("checkpoint-now".to_owned(), self.new.0.to_string().into_bytes()),
            ],
        });
        Err(refusal.hint("install nothing from there; the signed checkpoints are kept, show them to others"))
    }
}
