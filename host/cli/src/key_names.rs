//! What this home calls a key: by its own keys, and by the labels of those that it trusts.

use std::collections::BTreeMap;

use jackfield_package::key::KeyId;

use crate::{
    context::Context,
    store::{KeyStore, TrustStore},
};

/// Names by key.
#[derive(Debug, Default)]
pub(crate) struct KeyNames(BTreeMap<KeyId, String>);

impl KeyNames {
    /// A name is only for a person's eyes: what can't be read here names nothing.
    pub(crate) fn of(context: &Context) -> Self {
        let trusted = TrustStore::load(context).unwrap_or_default().keys;
        let labels = trusted.into_iter().filter_map(|entry| Some((entry.keyid, entry.label?)));
        let own = KeyStore::of(context).list().unwrap_or_default();
        // Its own name goes before a label, since it is what `--key` takes.
        Self(labels.chain(own.into_iter().map(|key| (key.keyid, key.name))).collect())
    }

    /// A key's id, with its name where it has one.
    pub(crate) fn shown(&self, key: &KeyId) -> String {
        self.0.get(key).map_or_else(|| key.to_string(), |name| format!("{key} ({name})"))
    }
}
