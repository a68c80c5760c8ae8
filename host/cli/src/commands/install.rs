//! `jackfield install`: verify or admit, show what it asks for, have that decided, pin it.

use std::path::Path;

use jackfield_host::{Error, Host, Installation, grant::Grant};
use jackfield_package::{Manifest, PackageName, Refusal, Verified, admission::Query, statement::Bundle};
use serde_json::Value;

use crate::{
    asks,
    context::Context,
    error::{Done, Failed, Kind},
    flags, installed,
    packages::Examined,
    page::Page,
    supply::{Supply, Wanted},
    trusted::Trusted,
    words::{shell, shell_path},
};

pub(crate) async fn run(flags: flags::Install, context: &Context) -> Done {
    let wanted = flags.component.to_str().filter(|_| !flags.component.exists()).and_then(Wanted::parse);
    if let Some(wanted) = wanted {
        return from_registry(&flags, wanted?, context).await;
    }
    let (verified, bundles) = Examined::read(&flags.component, &flags.evidence, context)?.verified()?;
    let host = context.host()?;
    let name = verified.package().manifest().name.clone();
    let previous = previous(&host, &name)?;
    if let Some(previous) = &previous {
        same_signer(previous, &verified)?;
    }
    put(&flags, verified, &bundles, previous, context).await?;
    // What a file put there is no registry's any more.
    Trusted::of(context).forget_locked(&name)
}

/// From a registry: the release that its index means, held against evidence and policy.
async fn from_registry(flags: &flags::Install, wanted: Wanted, context: &Context) -> Done {
    let supply = Supply::open(&flags.registry, None, context)?;
    let host = context.host()?;
    let previous = previous(&host, &wanted.name)?;
    let is_locked = supply.trusted.lock()?.package(&wanted.name).is_some();
    let query =
        Query { name: wanted.name, range: wanted.range, locked: previous.as_ref().map(|previous| previous.digest) };
    let progress = context.ui.progress(&format!("Asking {} for {}…", supply.registry.origin, query.name));
    let found = supply.find(&query, false).await?;
    drop(progress);
    let good = found.verdict?;
    if let Some(against) = &found.installed {
        against.tell(context);
    }
    if let Some(previous) = &previous {
        // Two releases of one registry are joined by the namespace's keysets. A file and a release are not.
        if !is_locked {
            same_signer(previous, &good.admitted.verified)?;
        }
    }
    for warning in &good.admitted.warnings {
        context.ui.warn(warning);
    }
    if let Some(message) = good.resolved.deprecated() {
        context.ui.warn(&format!("`{}` is deprecated: {message}", query.name));
    }
    let evidence = supply.keep(&good)?;
    let bundles: Vec<Bundle> = good.evidence.publish.iter().map(|logged| logged.bundle.clone()).collect();
    let is_first = previous.is_none();
    put(flags, good.admitted.verified.clone(), &bundles, previous, context).await?;
    supply.lock(&good, evidence)?;
    if is_first && supply.policy.report_installs {
        supply.report_install(&good).await;
    }
    Ok(())
}

async fn put(
    flags: &flags::Install,
    verified: Verified,
    bundles: &[Bundle],
    previous: Option<Installation>,
    context: &Context,
) -> Done {
    let host = context.host()?;
    if !context.ui.is_json() {
        context.ui.page_beside(&introduce(&verified, previous.as_ref()));
    }
    let grant = decide(flags, verified.package().manifest(), previous.as_ref(), context)?;

    let manifest = verified.package().manifest();
    let progress = context.ui.progress(&format!("Compiling {} {}…", manifest.name, manifest.version));
    let installation = host.install(verified, bundles, grant).await?;
    drop(progress);

    let mut answer = installed::as_json(&installation);
    if let Some(previous) = &previous {
        answer["replaced"] = Value::from(previous.version.to_string());
    }
    context.ui.answer(&answer, |page| {
        let Installation { name, version, digest, signer, grant, manifest, .. } = &installation;
        page.line(&format!("Installed {name} {version}, pinned by its digest. It may:"));
        installed::write(page, name, manifest, grant);
        page.gap().fields([("digest", digest.to_string()), ("signed by", signer.to_string())]);
    })?;
    if !installation.enabled {
        context.ui.warn(&format!("`{}` is disabled, as it was before", installation.name));
        context.ui.hint(&format!("jackfield enable {}", installation.name));
    } else if let Some(operation) = installation.manifest.operations.first() {
        let example = installation.manifest.examples.iter().find(|example| example.operation == operation.name);
        let input = match example {
            Some(example) => format!(" --input {}", shell(&example.input.to_string())),
            None => required_input(&operation.input),
        };
        context.ui.note(&format!("\nNext:\n  jackfield invoke {} {}{input}", installation.name, operation.name));
    }
    Ok(())
}

/// The keys that an input must have, with their values left to the reader; nothing where `{}` will do.
fn required_input(schema: &Value) -> String {
    let keys: Vec<_> = schema["required"].as_array().into_iter().flatten().map(|key| format!("{key}: …")).collect();
    if keys.is_empty() { String::new() } else { format!(" --input {}", shell(&format!("{{{}}}", keys.join(", ")))) }
}

fn previous(host: &Host, name: &PackageName) -> Result<Option<Installation>, Failed> {
    match host.installation(name) {
        Ok(installation) => Ok(Some(installation)),
        Err(Error::NotInstalled { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A release by another key may be a rotation or a theft. Who can't tell must not be led past it by habit.
fn same_signer(previous: &Installation, verified: &Verified) -> Done {
    if previous.signer == *verified.signer() {
        return Ok(());
    }
    let name = &previous.name;
    let message = format!(
        "`{name}` {} was signed by key {}, and this release by key {}",
        previous.version,
        previous.signer,
        verified.signer()
    );
    Err(Refusal::new("signer-changed", message)
        .hint(format!(
            "if its publisher told you so, start anew; the grant goes with the old one: jackfield uninstall {name}"
        ))
        .into())
}

fn introduce(verified: &Verified, previous: Option<&Installation>) -> Page {
    let manifest = verified.package().manifest();
    let mut page = Page::new();
    page.strong(&format!("{} {}: {}", manifest.name, manifest.version, manifest.title));
    page.paragraph(2, &manifest.summary);
    page.line(&format!("  signed by {}", verified.signer()));
    if let Some(previous) = previous {
        page.line(&format!("  in place of {}", previous.version));
        if let Some(changes) = &manifest.changes {
            page.heading("What changed").paragraph(2, changes);
        }
    }
    asks::write(&mut page, manifest);
    page.gap();
    page
}

/// The grant: by flags, or as the installed release has it, or as the person at the terminal says.
fn decide(
    flags: &flags::Install,
    manifest: &Manifest,
    previous: Option<&Installation>,
    context: &Context,
) -> Result<Grant, Failed> {
    let mut grant = if flags.grant_all {
        all_of(manifest, previous)
    } else if flags.grant_none || !flags.edits.allow.is_empty() {
        as_set(previous)
    } else if let Some(previous) = previous {
        // What the new release asks beyond it stays denied until somebody grants it.
        previous.grant.clone()
    } else if asks::asks_for_nothing(manifest) {
        Grant::default()
    } else if context.ui.can_ask() {
        match context.ui.ask("What of this is granted?", &["cancel", "all", "none"])?.as_str() {
            "all" => all_of(manifest, previous),
            "none" => as_set(previous),
            _ => return Err(Failed::new(Kind::Cancelled, "cancelled", "cancelled: nothing was installed")),
        }
    } else {
        return Err(undecided(&flags.component, manifest));
    };
    installed::edit(&mut grant, &flags.edits)?;
    Ok(grant)
}

/// All that is asked for; what only an admin knows stays as he has set it.
pub(crate) fn all_of(manifest: &Manifest, previous: Option<&Installation>) -> Grant {
    let mut grant = as_set(previous);
    let asked = Grant::all_of(manifest);
    grant.limits.extend(asked.limits);
    Grant { egress: asked.egress, operations: asked.operations, ..grant }
}

/// No destination, and what only an admin knows as he has set it.
fn as_set(previous: Option<&Installation>) -> Grant {
    let grant = previous.map(|previous| previous.grant.clone()).unwrap_or_default();
    Grant { egress: Vec::new(), ..grant }
}

fn undecided(component: &Path, manifest: &Manifest) -> Failed {
    let component = shell_path(component);
    let mut hint = format!("say what to grant:\njackfield install {component} --grant-all");
    if !manifest.egress.is_empty() {
        let allowed: Vec<_> = manifest
            .egress
            .iter()
            .map(|asked| format!("--allow {}", shell(&asks::as_grant(asked).to_string())))
            .collect();
        hint.push_str(&format!("\njackfield install {component} {}", allowed.join(" ")));
    }
    hint.push_str(&format!("\njackfield install {component} --grant-none"));
    Failed::usage(
        "grant-undecided",
        format!("`{}` asks for more than computing, and there is no terminal to ask at", manifest.name),
    )
    .hint(hint)
}
