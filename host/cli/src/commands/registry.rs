//! `jackfield registry`: which registries this host believes.

use jackfield_package::{admission::TrustedRegistry, key::PublicKey, log::VerifierKey};
use serde_json::json;

use crate::{
    context::Context,
    error::{Done, Failed, Kind},
    flags::{self, RegistryCommand, RegistryUrl},
    remote::{About, Remote},
    trusted::Trusted,
};

pub(crate) async fn run(flags: flags::Registry, context: &Context) -> Done {
    match flags.command {
        RegistryCommand::Add { url, log_key, statements_key } => add(url, log_key, statements_key, context).await,
        RegistryCommand::List => list(context),
        RegistryCommand::Remove { origin } => remove(&origin, context),
    }
}

async fn add(url: String, log_key: Option<VerifierKey>, statements_key: Option<PublicKey>, context: &Context) -> Done {
    let trusted = Trusted::of(context);
    let remote = Remote::open(&RegistryUrl { registry: Some(url) }, context)?;
    let about = remote.about().await?;
    let said_otherwise = |what: &str, found: &dyn std::fmt::Display| {
        Failed::new(Kind::Refused, "registry-key-differs", format!("{} says that its {what} is {found}", remote.base()))
            .hint("you were given another: ask whoever gave it to you, and don't trust this registry until then")
    };
    if log_key.is_some_and(|expected| expected != about.log_key) {
        return Err(said_otherwise("log key", &about.log_key));
    }
    let hex = |key: &PublicKey| key.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    if statements_key.is_some_and(|expected| expected != about.statements_key) {
        return Err(said_otherwise("statements key", &hex(&about.statements_key)));
    }
    let About { origin, log_key, statements_key, witness_policy, .. } = about;
    let registry = TrustedRegistry { url: remote.base().to_owned(), origin, log_key, statements_key, witness_policy };
    registry.log_policy()?;
    match trusted.add_registry(&registry)? {
        None => {}
        // The witness policy may grow; the keys are what was decided about.
        Some(known) if known.log_key == registry.log_key && known.statements_key == registry.statements_key => {}
        Some(known) => return Err(keys_changed(&known, &registry.log_key)),
    }
    context.ui.answer(&json!({ "registry": registry }), |page| {
        page.line(&format!("Believed from now on: {}", registry.origin));
        page.fields([
            ("url", registry.url.clone()),
            ("log key", registry.log_key.to_string()),
            ("statements key", hex(&registry.statements_key)),
            ("keyid", registry.statements_key.id().to_string()),
        ]);
    })?;
    context.ui.note("Compare the keys with those that its operator gives out by another way.");
    Ok(())
}

/// A registry that is believed names other keys than those that are pinned.
pub(crate) fn keys_changed(known: &TrustedRegistry, now: &VerifierKey) -> Failed {
    let TrustedRegistry { origin, url, log_key, .. } = known;
    let message = format!("`{origin}` is believed with the log key {log_key}, and {url} comes with other keys: {now}");
    Failed::new(Kind::Refused, "registry-key-changed", message)
        .hint(format!("find out why; then start anew: jackfield registry remove {origin}"))
}

fn list(context: &Context) -> Done {
    let policy = Trusted::of(context).policy()?;
    context.ui.answer(&json!({ "registries": policy.registries }), |page| {
        let rows: Vec<_> = policy
            .registries
            .iter()
            .map(|registry| vec![registry.origin.clone(), registry.url.clone(), registry.log_key.to_string()])
            .collect();
        if !rows.is_empty() {
            page.table(&["origin", "url", "log key"], &rows);
        }
    })?;
    if policy.registries.is_empty() {
        context.ui.note("No registry is believed. Add one: jackfield registry add URL");
    }
    Ok(())
}

fn remove(origin: &str, context: &Context) -> Done {
    let trusted = Trusted::of(context);
    if trusted.policy()?.registry(origin).is_none() {
        return Err(Failed::new(Kind::NotFound, "registry-not-trusted", format!("`{origin}` is not believed here"))
            .hint("see: jackfield registry list"));
    }
    trusted.remove_registry(origin)?;
    context.ui.answer(&json!({ "removed": origin }), |page| {
        page.line(&format!("No longer believed: {origin}. What is installed from there stays."));
    })
}
