//! `jackfield outdated`: what has a newer release.

use jackfield_package::admission::Query;
use serde_json::json;

use crate::{
    context::Context,
    error::Done,
    flags::{self, RegistryUrl},
    supply::Supply,
    trusted::Trusted,
};

pub(crate) async fn run(_flags: flags::Outdated, context: &Context) -> Done {
    let lock = Trusted::of(context).lock()?;
    let mut outdated = Vec::new();
    for package in &lock.packages {
        let supply = Supply::open(&RegistryUrl { registry: None }, Some(&package.registry), context)?;
        let query = Query { name: package.name.clone(), range: None, locked: Some(package.digest) };
        let newest = supply.resolve(&query).await?;
        let release = newest.release();
        if release.version > package.version {
            outdated.push(json!({
                "name": package.name, "version": package.version, "newest": release.version,
                "released_at": release.released_at, "deprecated": newest.deprecated(),
            }));
        }
    }
    context.ui.answer(&json!({ "outdated": outdated }), |page| {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let rows: Vec<_> =
            outdated.iter().map(|row| vec![text(&row["name"]), text(&row["version"]), text(&row["newest"])]).collect();
        if !rows.is_empty() {
            page.table(&["name", "installed", "newest"], &rows);
        }
    })?;
    if outdated.is_empty() {
        context.ui.note("Everything that is installed from a registry is its newest release.");
    }
    Ok(())
}
