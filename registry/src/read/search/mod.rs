//! Finding packages: by words, by what they are and ask for, in four orders, page by page.
//!
//! A *card* is what a list shows of a package; it exists while the package has a version to install. A *facet* is
//! something that many packages have in common, such as `category=crm`. [`reindex`] makes both anew from the rows of the
//! package; [`find`] reads them.

mod dialect;
mod query;
pub mod routes;
pub mod store;
mod words;

use jackfield_db::{Conn, Result};
use jackfield_package::{Manifest, PackageName};
use semver::Version;

pub use query::{Parameters, Query, Sort};
pub use store::{Card, Counted};

use self::words::words;
use crate::limits::{SEARCH_FACET_VALUES, SEARCH_INDEXED_WORDS};

/// Makes what is found of a package equal to what its rows say now. Call it in the transaction that changed them.
///
/// # Errors
/// The database's.
pub async fn reindex(conn: &mut Conn, package: &PackageName) -> Result<()> {
    let name = package.to_string();
    let Some(row) = store::package(conn, &name).await? else { return Ok(()) };
    let newest = newest(store::releases(conn, &name).await?);
    let (Some(release), true) = (newest, row.state == "active") else {
        return store::remove(conn, &name).await;
    };
    // It was read by the validator before it was stored; if it can't be read now, the package is found by name alone.
    let manifest = release.manifest.as_deref().and_then(|text| Manifest::parse(text.as_bytes()).ok());
    if manifest.is_none() {
        tracing::error!(package = name, version = release.version, "the manifest of a released version can't be read");
    }
    let rating = crate::review::store::rating(conn, &name).await?;
    let card = store::NewCard {
        package: name.clone(),
        version: release.version,
        title: manifest.as_ref().map_or_else(|| name.clone(), |manifest| manifest.title.clone()),
        summary: manifest.as_ref().map_or_else(String::new, |manifest| manifest.summary.clone()),
        categories: manifest
            .as_ref()
            .map_or_else(String::new, |manifest| manifest.categories.iter().map(kebab).collect::<Vec<_>>().join(" ")),
        released_at: release.released_at.unwrap_or_default(),
        installs: row.installs,
        reviews: rating.count,
        mean_milli: rating.mean_milli(),
        rating_milli: rating.bayesian_milli(),
    };
    let id = store::put_card(conn, &card).await?;
    store::put_text(conn, id, &text(package, manifest.as_ref(), release.readme.as_deref())).await?;
    store::put_facets(conn, id, &facets(package, manifest.as_ref(), release.facts.as_deref())).await
}

/// The version that a person means who names none: the highest that is no pre-release, or the highest.
fn newest(releases: Vec<store::Release>) -> Option<store::Release> {
    releases
        .into_iter()
        .filter_map(|release| Some((Version::parse(&release.version).ok()?, release)))
        .max_by(|(a, _), (b, _)| (a.pre.is_empty(), a).cmp(&(b.pre.is_empty(), b)))
        .map(|(_, release)| release)
}

/// The words of a package by weight: its name and title; how it is called; what it does; all else.
fn text(package: &PackageName, manifest: Option<&Manifest>, readme: Option<&str>) -> [String; 4] {
    let bounded =
        |parts: &[&str]| words(parts.iter().copied()).take(SEARCH_INDEXED_WORDS).collect::<Vec<_>>().join(" ");
    let name = package.to_string();
    let Some(manifest) = manifest else { return [bounded(&[&name]), String::new(), String::new(), String::new()] };
    let called: Vec<&str> = manifest
        .keywords
        .iter()
        .map(|keyword| keyword.as_str())
        .chain(manifest.operations.iter().flat_map(|operation| [operation.name.as_str(), operation.title.as_str()]))
        .collect();
    let categories: Vec<String> = manifest.categories.iter().map(kebab).collect();
    let hosts: Vec<String> = manifest.egress.iter().map(|egress| egress.host.to_string()).collect();
    let rest: Vec<&str> = categories
        .iter()
        .chain(&hosts)
        .map(String::as_str)
        .chain(manifest.operations.iter().map(|operation| operation.description.as_str()))
        .chain(readme)
        .collect();
    [bounded(&[&name, &manifest.title]), bounded(&called), bounded(&[&manifest.summary]), bounded(&rest)]
}

/// What it has in common with others: `category`, `operation`, `host`, `publisher`, `import`, `auth`, `effect`.
fn facets(package: &PackageName, manifest: Option<&Manifest>, facts: Option<&str>) -> Vec<(&'static str, String)> {
    let mut facets = vec![("publisher", package.namespace().to_string())];
    if let Some(manifest) = manifest {
        facets.extend(manifest.categories.iter().map(|category| ("category", kebab(category))));
        facets.extend(manifest.operations.iter().map(|operation| ("operation", operation.name.to_string())));
        facets.extend(manifest.operations.iter().map(|operation| ("effect", kebab(&operation.effect))));
        facets.extend(manifest.egress.iter().map(|egress| ("host", egress.host.to_string())));
        facets.extend(manifest.auth.iter().map(|auth| ("auth", kebab(&auth.r#type))));
    }
    // Without the version: who looks for `wasi:http/outgoing-handler` means any.
    let imports = crate::read::facts::imports(facts);
    facets.extend(imports.iter().map(|import| ("import", import.split('@').next().unwrap_or(import).to_owned())));
    facets.sort();
    facets.dedup();
    facets.truncate(SEARCH_FACET_VALUES);
    facets
}

/// A plain word of the manifest as it is written in JSON.
fn kebab<T: serde::Serialize>(word: &T) -> String {
    match serde_json::to_value(word) {
        Ok(serde_json::Value::String(text)) => text,
        _ => String::new(),
    }
}
