//! A registry's log, and whose signatures count for it: the key that a flag names, else the one that `jackfield registry add` has
//! pinned, else the one that the registry itself names, which proves nothing about the registry.

use jackfield_package::{
    admission::TrustedRegistry,
    key::PublicKey,
    limits::NOTE_BYTES,
    log::{Checkpoint, Policy, SignedNote, VerifierKey},
};
use serde::Serialize;

use crate::{
    commands::registry::keys_changed, context::Context, error::Failed, flags, remote::Remote, trusted::Trusted,
};

/// A log that can be asked, and held to its word.
pub(crate) struct BelievedLog {
    pub(crate) remote: Remote,
    /// What its checkpoints are verified with.
    pub(crate) key: VerifierKey,
    pub(crate) key_from: KeyFrom,
    /// That key, and the witnesses that the registry was believed with.
    pub(crate) policy: Policy,
    /// What the registry signs its indexes with.
    pub(crate) statements_key: PublicKey,
}

/// Who says that it is the log's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum KeyFrom {
    /// The command line.
    Flag,
    /// `policy.toml`.
    Pinned,
    /// The registry.
    Registry,
}

impl BelievedLog {
    /// Says which key counts, on stderr.
    ///
    /// # Errors
    /// `registry-key-changed` if the registry comes with other keys than those that are pinned, and no flag names one.
    pub(crate) async fn open(flags: &flags::LogKey, context: &Context) -> Result<Self, Failed> {
        let remote = Remote::open(&flags.registry, context)?;
        let policy = Trusted::of(context).policy()?;
        let pinned = policy.registry_at(remote.base());
        let about = remote.about().await?;
        let statements_key = pinned.map_or(about.statements_key, |registry| registry.statements_key);
        let (key, key_from, policy) = match (&flags.log_key, pinned) {
            (Some(key), _) => {
                context.ui.note(&format!("Verified with the log key that was given: {key}"));
                (key.clone(), KeyFrom::Flag, Policy::of_log(key.clone()))
            }
            (None, Some(registry)) => {
                if about.log_key != registry.log_key || about.statements_key != registry.statements_key {
                    return Err(keys_changed(registry, &about.log_key));
                }
                let TrustedRegistry { origin, log_key, .. } = registry;
                context.ui.note(&format!("Verified with the log key that is pinned for `{origin}`: {log_key}"));
                (log_key.clone(), KeyFrom::Pinned, registry.log_policy()?)
            }
            (None, None) => {
                let key = about.log_key;
                context.ui.warn(&format!("only the registry's own word says that this is its log's key: {key}"));
                context.ui.hint(&format!(
                    "compare it with what its operator gives out, then pin it: jackfield registry add {}",
                    remote.base()
                ));
                (key.clone(), KeyFrom::Registry, Policy::of_log(key))
            }
        };
        Ok(Self { remote, key, key_from, policy, statements_key })
    }

    /// The newest checkpoint.
    pub(crate) async fn newest(&self) -> Result<(Checkpoint, SignedNote), Failed> {
        newest(&self.remote, &self.key).await
    }
}

/// The newest checkpoint of a log, as this key has signed it.
pub(crate) async fn newest(remote: &Remote, key: &VerifierKey) -> Result<(Checkpoint, SignedNote), Failed> {
    let note = SignedNote::parse(&remote.get_bytes("/log/checkpoint", NOTE_BYTES).await?)?;
    Ok((Checkpoint::open(&note, key)?, note))
}
