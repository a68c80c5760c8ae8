//! `jackfield trust`: whose signatures count.

use std::path::Path;

use jackfield_package::{Label, key::PublicKey, verify::Namespaces};
use serde_json::json;

use crate::{
    context::Context,
    error::{Done, Failed, Kind},
    flags::{self, TrustCommand},
    store::{KeyStore, TrustEntry, TrustStore, read_public_key},
};

pub(crate) async fn run(flags: flags::Trust, context: &Context) -> Done {
    match flags.command {
        TrustCommand::Add { key, namespace, label } => add(&key, namespace, label, context),
        TrustCommand::List => list(context),
        TrustCommand::Remove { key } => remove(&key, context),
    }
}

fn add(named: &Path, namespaces: Vec<Label>, label: Option<String>, context: &Context) -> Done {
    let (key, own_name) = find_key(named, context)?;
    let keyid = key.id();
    let label = label.or(own_name);
    let entry = TrustStore::change(context, |store| {
        Ok(match store.keys.iter_mut().find(|entry| entry.keyid == keyid) {
            // Adding never takes away: a narrower trust is a removal first.
            Some(entry) => {
                entry.namespaces = union(&entry.namespaces, namespaces);
                entry.label = label.or(entry.label.take());
                entry.clone()
            }
            None => {
                let namespaces = if namespaces.is_empty() { Namespaces::All } else { Namespaces::List(namespaces) };
                let entry = TrustEntry { keyid, key, namespaces, label };
                store.keys.push(entry.clone());
                entry
            }
        })
    })?;
    context.ui.answer(&json!({ "trusted": entry }), |page| {
        page.line(&format!("Trusted for {}:", scope(&entry.namespaces)));
        page.fields([("keyid", keyid.to_string())]);
        if let Some(label) = &entry.label {
            page.fields([("label", label)]);
        }
    })
}

/// A file if there is one, else a key of this home: `trust add release` after `key new release`.
fn find_key(named: &Path, context: &Context) -> Result<(PublicKey, Option<String>), Failed> {
    let name = named.to_str().and_then(|text| text.parse::<Label>().ok());
    match name {
        Some(name) if !named.exists() => {
            let known = KeyStore::of(context).public(&name)?;
            Ok((known.public, Some(known.name)))
        }
        _ => Ok((read_public_key(named)?, None)),
    }
}

fn union(old: &Namespaces, added: Vec<Label>) -> Namespaces {
    match old {
        Namespaces::List(old) if !added.is_empty() => {
            let mut all = old.clone();
            all.extend(added);
            all.sort();
            all.dedup();
            Namespaces::List(all)
        }
        _ => Namespaces::All,
    }
}

fn scope(namespaces: &Namespaces) -> String {
    match namespaces {
        Namespaces::All => "every namespace".to_owned(),
        Namespaces::List(list) => list.iter().map(Label::as_str).collect::<Vec<_>>().join(", "),
    }
}

fn list(context: &Context) -> Done {
    let store = TrustStore::load(context)?;
    context.ui.answer(&store, |page| {
        let row = |entry: &TrustEntry| {
            vec![entry.label.clone().unwrap_or_default(), scope(&entry.namespaces), entry.keyid.to_string()]
        };
        let rows: Vec<_> = store.keys.iter().map(row).collect();
        if !rows.is_empty() {
            page.table(&["label", "namespaces", "keyid"], &rows);
        }
    })?;
    if store.keys.is_empty() {
        context.ui.note("No key is trusted, so nothing can be installed. Trust one: jackfield trust add PEM|NAME");
    }
    Ok(())
}

fn remove(named: &str, context: &Context) -> Done {
    let own = match named.parse::<Label>() {
        Ok(name) if KeyStore::of(context).contains(&name) => Some(KeyStore::of(context).public(&name)?.keyid),
        _ => None,
    };
    let is_meant = |entry: &TrustEntry| {
        Some(entry.keyid) == own
            || entry.label.as_deref() == Some(named)
            // Fewer digits than these could be meant for another key some day.
            || (named.len() >= 8 && entry.keyid.to_string().starts_with(named))
    };
    let entry = TrustStore::change(context, |store| {
        let meant: Vec<_> = store.keys.iter().filter(|entry| is_meant(entry)).cloned().collect();
        let [entry] = meant.as_slice() else {
            let (code, what) = match meant.len() {
                0 => ("key-not-trusted", "is not a trusted key"),
                _ => ("key-ambiguous", "names several trusted keys"),
            };
            return Err(Failed::new(Kind::NotFound, code, format!("`{named}` {what}"))
                .hint("name it by its keyid, or the first 8 digits at least: jackfield trust list"));
        };
        store.keys.retain(|known| known.keyid != entry.keyid);
        Ok(entry.clone())
    })?;
    context.ui.answer(&json!({ "removed": entry }), |page| {
        page.line(&format!("No longer trusted: {}", entry.keyid));
    })?;
    context.ui.note("What it has signed and is installed stays installed: see jackfield list");
    Ok(())
}
