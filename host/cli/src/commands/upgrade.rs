//! `jackfield upgrade`: newer releases of what is installed. What asks for more waits for somebody's word.

use jackfield_host::{Host, Installation};
use jackfield_package::{
    Package, Refusal,
    admission::{LockedPackage, Query, Waiting},
    difference::{Change, Difference},
    statement::{Bundle, IndexStatement, ReleaseStatus},
};
use semver::{Version, VersionReq};
use serde_json::{Value, json};

use crate::{
    context::Context,
    error::{Done, Failed, Kind, not_installed},
    flags::{self, RegistryUrl},
    installed,
    page::Page,
    supply::{Good, Listed, Supply, Wanted, now},
    trusted::Trusted,
    words::nearest,
};

const HOUR_US: i64 = 3_600_000_000;

pub(crate) async fn run(flags: flags::Upgrade, context: &Context) -> Done {
    let lock = Trusted::of(context).lock()?;
    let locked: Vec<String> = lock.packages.iter().map(|package| package.name.to_string()).collect();
    let unknown = |name: &str| not_installed(name, locked.iter().map(String::as_str));
    let wanted = flags.name.as_deref().map(|name| Wanted::parse(name).unwrap_or_else(|| Err(unknown(name))));
    let wanted = wanted.transpose()?;
    let host = context.host()?;
    let chosen: Vec<&LockedPackage> = match &wanted {
        None => lock.packages.iter().collect(),
        Some(wanted) => vec![lock.package(&wanted.name).ok_or_else(|| {
            let name = &wanted.name;
            let near = nearest(&name.to_string(), locked.iter().map(String::as_str));
            Failed::new(Kind::NotFound, "not-from-registry", format!("`{name}` is not installed from a registry")).hint(
                near.map_or_else(|| format!("jackfield install {name}"), |near| format!("did you mean `{near}`?")),
            )
        })?],
    };
    let range = wanted.and_then(|wanted| wanted.range);
    let alone = flags.name.is_some();
    let (mut upgraded, mut waiting) = (Vec::new(), Vec::new());
    for package in chosen {
        let query = Query { name: package.name.clone(), range: range.clone(), locked: Some(package.digest) };
        match upgrade(package, &query, flags.yes, &host, context).await {
            Ok(Some(answer)) => upgraded.push(answer),
            Ok(None) => {}
            Err(failed) if alone => return Err(failed),
            // One that can't be upgraded keeps none of the others from it.
            Err(failed) => {
                context.ui.warn(&format!("`{}` stays at {}: {}", package.name, package.version, failed.message()));
                waiting.push(json!({ "name": package.name, "code": failed.code(), "message": failed.message() }));
            }
        }
    }
    context.ui.answer(&json!({ "upgraded": upgraded, "waiting": waiting }), |page| {
        for answer in &upgraded {
            let text = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
            page.line(&format!("Upgraded {} from {} to {}.", text("name"), text("replaced"), text("version")));
        }
    })?;
    for answer in upgraded.iter().filter(|answer| answer["enabled"] == json!(false)) {
        let name = answer["name"].as_str().unwrap_or_default();
        context.ui.warn(&format!("`{name}` is disabled, as it was before"));
        context.ui.hint(&format!("jackfield enable {name}"));
    }
    if upgraded.is_empty() && waiting.is_empty() {
        context.ui.note("Nothing to upgrade.");
    }
    Ok(())
}

async fn upgrade(
    package: &LockedPackage,
    query: &Query,
    yes: bool,
    host: &Host,
    context: &Context,
) -> Result<Option<Value>, Failed> {
    let supply = Supply::open(&RegistryUrl { registry: None }, Some(&package.registry), context)?;
    let automatic = query.range.is_none();
    // What may break its callers is not taken by itself, so that is looked for only among what can't.
    let query = &match automatic {
        true => Query { range: Some(compatible(&package.version)?), ..query.clone() },
        false => query.clone(),
    };
    let Listed { index, resolved, installed } = supply.list(query, automatic).await?;
    if let Some(against) = &installed {
        against.tell(context);
    }
    if automatic {
        tell_of_what_breaks(package, &index, context);
    }
    if resolved?.release().version <= package.version {
        return Ok(None);
    }
    let good = supply.find(query, automatic).await?.verdict?;
    let previous = host.installation(&package.name)?;
    let changes = more(&previous, &good, &supply)?;
    consent(&previous, &good, &changes, yes, context)?;
    for warning in &good.admitted.warnings {
        context.ui.warn(warning);
    }
    let evidence = supply.keep(&good)?;
    let bundles: Vec<Bundle> = good.evidence.publish.iter().map(|logged| logged.bundle.clone()).collect();
    let progress = context.ui.progress(&format!("Compiling {} {}…", package.name, good.resolved.release().version));
    let installation = host.install(good.admitted.verified.clone(), &bundles, previous.grant.clone()).await?;
    drop(progress);
    supply.lock(&good, evidence)?;
    let mut answer = installed::as_json(&installation);
    answer["replaced"] = json!(previous.version.to_string());
    answer["changes"] = json!(changes);
    if let Some(Waiting { version, until }) = good.resolved.waiting() {
        answer["newer"] = json!({ "version": version, "until": until });
        let hours = until.saturating_sub(now()?).max(0) / HOUR_US + 1;
        context.ui.note(&format!(
            "{} {version} is out, and waits {hours} more hours to be old enough. Now: jackfield upgrade {}@{version}",
            package.name, package.name
        ));
    }
    Ok(Some(answer))
}

/// Releases that keep the promises of the one that is installed.
fn compatible(version: &Version) -> Result<VersionReq, Failed> {
    VersionReq::parse(&format!("^{version}")).map_err(|error| Failed::usage("range-malformed", error.to_string()))
}

/// A newer release that is not compatible is for a person to take.
fn tell_of_what_breaks(package: &LockedPackage, index: &IndexStatement, context: &Context) {
    let open = index.releases.iter().filter(|release| release.status == ReleaseStatus::Released);
    let newest = open.filter(|release| release.version.pre.is_empty()).map(|release| &release.version).max();
    if let Some(newest) = newest
        && *newest > package.version
        && !compatible(&package.version).is_ok_and(|range| range.matches(newest))
    {
        context.ui.note(&format!(
            "{} {newest} is out, and may break what calls it: jackfield upgrade {}@{newest}",
            package.name, package.name
        ));
    }
}

/// What the new release may do that the installed one may not.
pub(crate) fn more(previous: &Installation, good: &Good, supply: &Supply<'_>) -> Result<Vec<Change>, Failed> {
    let new = good.admitted.verified.package();
    let old = supply.trusted.component(previous.digest).ok_or_else(|| {
        Failed::new(
            Kind::Fault,
            "component-missing",
            format!("the component of `{}` is not in the home", previous.name),
        )
        .hint(format!("jackfield install {}", previous.name))
    })?;
    let old = Package::parse(old)?;
    let difference = Difference::between(old.manifest(), old.imports(), new.manifest(), new.imports());
    Ok(difference.changes.into_iter().filter(|change| change.widens).collect())
}

/// A release that asks for more, or that another key signed, is never installed by itself.
fn consent(previous: &Installation, good: &Good, changes: &[Change], yes: bool, context: &Context) -> Done {
    let signer_changed = !good.admitted.signers.contains(&previous.signer);
    if changes.is_empty() && !signer_changed {
        return Ok(());
    }
    let release = good.resolved.release();
    let mut page = Page::new();
    page.strong(&format!("{} {} → {}", previous.name, previous.version, release.version));
    if signer_changed {
        let signers: Vec<_> = good.admitted.signers.iter().map(ToString::to_string).collect();
        page.line(&format!("  signed by {}, before by {}", signers.join(", "), previous.signer));
    }
    for change in changes {
        page.line(&format!("  {} {}", change.kind, change.subject)).paragraph(6, &change.detail);
    }
    if !context.ui.is_json() {
        context.ui.page_beside(&page);
    }
    if yes {
        return Ok(());
    }
    if context.ui.can_ask() {
        return match context
            .ui
            .ask("Install it? What it asks for beyond the grant stays denied.", &["no", "yes"])?
            .as_str()
        {
            "yes" => Ok(()),
            _ => Err(Failed::new(Kind::Cancelled, "cancelled", "cancelled: nothing was upgraded")),
        };
    }
    let mut why: Vec<String> = changes.iter().map(|change| format!("{} {}", change.kind, change.subject)).collect();
    if signer_changed {
        why.push("signed by another key".to_owned());
    }
    let message = format!("{} {} does more than before: {}", previous.name, release.version, why.join(", "));
    Err(Refusal::new("consent-needed", message)
        .hint(format!("if you agree: jackfield upgrade {}@{} --yes", previous.name, release.version))
        .into())
}
