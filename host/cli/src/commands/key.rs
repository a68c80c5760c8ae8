//! `jackfield key`: make and show signing keys.

use jackfield_package::{Label, key::SigningKey};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    context::Context,
    error::Done,
    flags::{self, KeyCommand, Passphrase},
    store::{KeyStore, random, taken},
    ui,
};

pub(crate) async fn run(flags: flags::Key, context: &Context) -> Done {
    match flags.command {
        KeyCommand::New { name, passphrase } => new(&name, &passphrase, context),
        KeyCommand::List => list(context),
        KeyCommand::Show { name } => show(&name, context),
    }
}

fn new(name: &Label, passphrase: &Passphrase, context: &Context) -> Done {
    let store = KeyStore::of(context);
    // Before a person types a passphrase twice for nothing.
    if store.contains(name) {
        return Err(taken(name));
    }
    let passphrase = passphrase.read_new(name.as_str())?;
    let mut seed = Zeroizing::new([0; 32]);
    random(&mut *seed)?;
    let key = store.add(name, &SigningKey::from_seed(*seed), &passphrase)?;
    let path = store.secret_path(name);
    context.ui.answer(
        &json!({ "name": name, "keyid": key.keyid, "path": path, "public_pem": key.public_pem }),
        |page| {
            page.line(&format!("Made the key `{name}`."));
            page.fields([("keyid", key.keyid.to_string()), ("file", path.display().to_string())]);
        },
    )?;
    context.ui.note(&format!("Nobody trusts it yet. On this machine: jackfield trust add {name}"));
    context.ui.note(&format!("For others: jackfield key show {name} > {name}.pub.pem"));
    context.ui.note(&format!("For a namespace of a registry: jackfield namespace keyset NAMESPACE --key {name}"));
    Ok(())
}

fn list(context: &Context) -> Done {
    let keys = KeyStore::of(context).list()?;
    context.ui.answer(&json!({ "keys": keys }), |page| {
        let rows: Vec<_> = keys.iter().map(|key| vec![key.name.clone(), key.keyid.to_string()]).collect();
        if !rows.is_empty() {
            page.table(&["name", "keyid"], &rows);
        }
    })?;
    if keys.is_empty() {
        context.ui.note("There is no key here. Make one: jackfield key new NAME");
    }
    Ok(())
}

/// The PEM alone on stdout, so that `> key.pub.pem` gives a file that every tool reads; the id beside it.
fn show(name: &Label, context: &Context) -> Done {
    let key = KeyStore::of(context).public(name)?;
    if context.ui.is_json() {
        return context.ui.answer(&key, |_| {});
    }
    ui::write_stdout(&key.public_pem)?;
    context.ui.note(&format!("keyid {}", key.keyid));
    Ok(())
}
