//! `jackfield status`: what is installed from registries, verified once more.

use jackfield_package::{
    Package, Refusal,
    admission::{Context as Admitting, LockedPackage, Offer, Query, Seen, admit, resolve},
    advisory::Advisory,
};
use semver::VersionReq;
use serde_json::{Value, json};

use crate::{
    context::Context,
    error::{Done, Failed, Kind},
    flags::{self, RegistryUrl},
    page::Mark,
    supply::Supply,
    trusted::Trusted,
};

pub(crate) async fn run(flags: flags::Status, context: &Context) -> Done {
    let trusted = Trusted::of(context);
    let lock = trusted.lock()?;
    let mut rows = Vec::new();
    let mut bad = Vec::new();
    for package in &lock.packages {
        let kept = by_what_is_kept(package, &trusted, context);
        let (since, advisories) = match (&kept, flags.offline) {
            (Ok(()), false) => {
                let (since, advisories) = since(package, context).await;
                (Some(since), advisories)
            }
            _ => (None, Vec::new()),
        };
        let word = |result: &Result<(), Failed>| match result {
            Ok(()) => json!({ "ok": true }),
            Err(failed) => json!({ "ok": false, "code": failed.code(), "message": failed.message() }),
        };
        // Not being able to ask is no verdict.
        let unknown = since.as_ref().is_some_and(|since| since.as_ref().is_err_and(Failed::is_fault));
        let verdict = kept.is_ok() && (unknown || since.as_ref().is_none_or(Result::is_ok));
        if !verdict {
            bad.push(package.name.to_string());
        }
        rows.push(json!({
            "name": package.name, "version": package.version, "registry": package.registry, "ok": verdict,
            "kept": word(&kept), "since": since.as_ref().map(word), "reached": since.is_some() && !unknown,
            "advisories": advisories,
        }));
    }
    context.ui.answer(&json!({ "packages": rows }), |page| {
        for row in &rows {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let why = [&row["kept"], &row["since"]]
                .into_iter()
                .map(|part| text(&part["message"]))
                .find(|why| !why.is_empty());
            let mark = if row["ok"] == json!(true) { Mark::Good } else { Mark::Bad };
            let detail = why.unwrap_or_else(|| match row["reached"] == json!(true) {
                true => format!("{}, nothing against it at {}", text(&row["version"]), text(&row["registry"])),
                false => {
                    format!("{}, by what is kept here; {} was not asked", text(&row["version"]), text(&row["registry"]))
                }
            });
            page.mark(0, mark, &text(&row["name"]), &detail);
        }
    })?;
    for row in &rows {
        for known in row["advisories"].as_array().into_iter().flatten() {
            let [id, severity, title] = ["id", "severity", "title"].map(|key| known[key].as_str().unwrap_or_default());
            let name = row["name"].as_str().unwrap_or_default();
            context.ui.warn(&format!("{name} has a known fault: {id} ({severity}): {title}"));
            context.ui.hint(&format!("jackfield advisory show {name} {id}"));
        }
    }
    if lock.packages.is_empty() {
        context.ui.note("Nothing is installed from a registry.");
    }
    let Some(first) = bad.first() else { return Ok(()) };
    Err(Refusal::new("status-bad", format!("what is installed should not be run: {}", bad.join(", ")))
        .hint(format!("jackfield disable {first}"))
        .into())
}

/// The evidence of its admission still holds for the bytes that are installed, as of that time.
fn by_what_is_kept(package: &LockedPackage, trusted: &Trusted, context: &Context) -> Result<(), Failed> {
    let policy = trusted.policy()?;
    let registry = policy.registry(&package.registry).ok_or_else(|| {
        Failed::new(Kind::Refused, "registry-not-trusted", format!("`{}` is no longer believed here", package.registry))
    })?;
    let installed = context.host()?.installation(&package.name)?;
    if installed.digest != package.digest {
        let message =
            format!("`{}` is locked as {}, and {} is installed", package.name, package.digest, installed.digest);
        return Err(Refusal::new("lock-differs", message).hint(format!("jackfield install {}", package.name)).into());
    }
    let bytes = trusted.component(package.digest).ok_or_else(|| {
        let message = format!("the component of `{}` is missing, or not what it was", package.name);
        Refusal::new("component-mismatch", message).hint(format!("jackfield install {}", package.name))
    })?;
    let component = Package::parse(bytes)?;
    let (index, evidence, digest) = trusted.kept(package.digest)?;
    if digest != package.evidence {
        return Err(Refusal::new("lock-differs", "the evidence that is kept is not the one that is locked").into());
    }
    let seen = Seen::default();
    let now = package.admitted_at;
    let admitting = Admitting { registry, policy: &policy, seen: &seen, head: None, now, automatic: false };
    let resolved = resolve(&index, &exactly(package)?, &admitting).verdict?;
    let offer = Offer { resolved: &resolved, package: &component, evidence: &evidence };
    admit(&offer, &admitting).verdict?;
    Ok(())
}

/// What the registry says now, and which faults of it are known.
async fn since(package: &LockedPackage, context: &Context) -> (Result<(), Failed>, Vec<Advisory>) {
    let found = async {
        let supply = Supply::open(&RegistryUrl { registry: None }, Some(&package.registry), context)?;
        supply.find(&exactly(package)?, false).await
    };
    match found.await {
        Ok(found) => {
            let advisories = found.index.map(|index| index.advisories_of(&package.version)).unwrap_or_default();
            (found.verdict.map(drop), advisories)
        }
        Err(failed) => (Err(failed), Vec::new()),
    }
}

fn exactly(package: &LockedPackage) -> Result<Query, Failed> {
    let range = VersionReq::parse(&format!("={}", package.version))
        .map_err(|error| Failed::usage("range-malformed", error.to_string()))?;
    Ok(Query { name: package.name.clone(), range: Some(range), locked: Some(package.digest) })
}
