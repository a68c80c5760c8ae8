//! `jackfield outdated`: what has a newer release, and what is known against the one that is installed. One that was taken back
//! is no success.

use jackfield_package::{
    Refusal,
    admission::{LockedPackage, Query},
    statement::{IndexStatement, ReleaseStatus},
};
use serde_json::{Value, json};

use crate::{
    context::Context,
    error::{Done, Failed},
    flags::{self, RegistryUrl},
    supply::{Listed, Supply},
    taken_back::Against,
    trusted::Trusted,
};

pub(crate) async fn run(_flags: flags::Outdated, context: &Context) -> Done {
    let lock = Trusted::of(context).lock()?;
    let (mut outdated, mut against, mut advisories, mut unknown) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for package in &lock.packages {
        let LockedPackage { name, version, .. } = package;
        match ask(package, context).await {
            Ok(Listed { index, installed, .. }) => {
                against.extend(installed);
                outdated.extend(newer(package, &index));
                advisories.extend(index.advisories_of(version).into_iter().map(|known| {
                    json!({ "name": name, "version": version, "id": known.id, "severity": known.severity, "title": known.title })
                }));
            }
            // One that can't be asked about keeps nobody from hearing of the others.
            Err(failed) => {
                context.ui.warn(&format!("`{name}`: {}", failed.message()));
                unknown.push(json!({ "name": name, "code": failed.code(), "message": failed.message() }));
            }
        }
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let taken_back: Vec<Value> = against.iter().map(Against::to_json).collect();
    let answer =
        json!({ "outdated": outdated, "taken_back": taken_back, "advisories": advisories, "unknown": unknown });
    context.ui.answer(&answer, |page| {
        let rows: Vec<_> =
            outdated.iter().map(|row| vec![text(&row["name"]), text(&row["version"]), text(&row["newest"])]).collect();
        if !rows.is_empty() {
            page.table(&["name", "installed", "newest"], &rows);
        }
    })?;
    for known in &advisories {
        let [name, version, id, severity, title] =
            ["name", "version", "id", "severity", "title"].map(|key| text(&known[key]));
        context.ui.warn(&format!("{name} {version} has a known fault: {id} ({severity}): {title}"));
    }
    for against in &against {
        against.tell(context);
    }
    if !against.is_empty() {
        let names: Vec<String> = against.iter().map(|against| against.name.to_string()).collect();
        let message = format!("what is installed was taken back: {}", names.join(", "));
        return Err(Refusal::new("status-bad", message).into());
    }
    match (lock.packages.is_empty(), outdated.first()) {
        (true, _) => context.ui.note("Nothing is installed from a registry."),
        (false, Some(_)) => context.ui.note("Take what is compatible: jackfield upgrade"),
        (false, None) if unknown.is_empty() => {
            context.ui.note("Everything that is installed from a registry is its newest release.");
        }
        _ => {}
    }
    Ok(())
}

async fn ask(package: &LockedPackage, context: &Context) -> Result<Listed, Failed> {
    let supply = Supply::open(&RegistryUrl { registry: None }, Some(&package.registry), context)?;
    let query = Query { name: package.name.clone(), range: None, locked: Some(package.digest) };
    supply.list(&query, false).await
}

/// The newest release that is no pre-release, if it is newer than the one that is installed.
fn newer(package: &LockedPackage, index: &IndexStatement) -> Option<Value> {
    let open = index.releases.iter().filter(|release| release.status == ReleaseStatus::Released);
    let newest = open.filter(|release| release.version.pre.is_empty()).max_by(|a, b| a.version.cmp(&b.version))?;
    (newest.version > package.version).then(|| {
        json!({
            "name": package.name, "version": package.version, "newest": newest.version,
            "released_at": newest.released_at, "deprecated": index.deprecated,
        })
    })
}
