//! `jackfield search` and `jackfield info`: what a registry has, for a person to choose from.

use std::collections::BTreeSet;

use jackfield_package::{PackageName, limits::VERSIONS_SHOWN};
use reqwest::Url;
use serde_json::Value;

use super::login::shown;
use crate::{
    context::Context,
    error::{Done, Failed},
    flags, near,
    page::Page,
    remote::Remote,
    statements,
    words::count,
};

/// Packages of a search whose versions are looked at for what was taken back: a request each.
const LOOKED_INTO: usize = 3;

pub(crate) async fn search(flags: flags::Search, context: &Context) -> Done {
    let remote = Remote::open(&flags.registry, context)?;
    let limit = flags.limit.to_string();
    let mut pairs = vec![("q", flags.text.as_str()), ("limit", &limit)];
    let facets = [
        ("category", &flags.category),
        ("operation", &flags.operation),
        ("host", &flags.host),
        ("publisher", &flags.publisher),
        ("auth", &flags.auth),
    ];
    pairs.extend(facets.iter().flat_map(|(name, values)| values.iter().map(|value| (*name, value.as_str()))));
    if let Some(sort) = &flags.sort {
        pairs.push(("sort", sort));
    }
    // Only for its encoding.
    let mut url = Url::parse("http://registry").map_err(|error| Failed::usage("json-fault", error.to_string()))?;
    url.query_pairs_mut().extend_pairs(pairs);
    let found: Value = remote.get(&format!("/v1/packages?{}", url.query().unwrap_or_default())).await?;
    let items = found["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    context.ui.answer(&found, |page| {
        let row = |item: &Value| {
            let name = match &item["deprecated"] {
                Value::Null => shown(&item["name"]),
                _ => format!("{} (deprecated)", shown(&item["name"])),
            };
            vec![
                name,
                shown(&item["version"]),
                stars(&item["rating"]),
                item["installs"].to_string(),
                shown(&item["summary"]),
            ]
        };
        if !items.is_empty() {
            page.table(&["name", "version", "stars", "installs", "what"], &items.iter().map(row).collect::<Vec<_>>());
        }
    })?;
    for (name, version, state, reason) in also_known(&flags.text, items, &remote).await {
        context.ui.note(&format!("{name} {version} is {state}: {reason}"));
    }
    for item in items.iter().filter(|item| item["deprecated"].is_string()) {
        context.ui.note(&format!("{} is deprecated: {}", shown(&item["name"]), shown(&item["deprecated"])));
    }
    match (items.first(), found["next"].is_string()) {
        (None, _) => context.ui.note("Nothing was found. Fewer words find more."),
        (Some(_), true) => context.ui.note("There are more: --limit, or another word."),
        (Some(first), false) => context.ui.note(&format!("See one: jackfield info {}", shown(&first["name"]))),
    }
    Ok(())
}

/// What was taken back is found by nobody: of a package that was asked for by its name, and of few that were found, it is said.
async fn also_known(text: &str, items: &[Value], remote: &Remote) -> Vec<(String, String, String, String)> {
    let named = text.parse::<PackageName>().ok().map(|name| name.to_string());
    let few = if items.len() <= LOOKED_INTO { items } else { &[] };
    let names: BTreeSet<String> = named.into_iter().chain(few.iter().map(|item| shown(&item["name"]))).collect();
    let mut known = Vec::new();
    for name in names {
        // Only for what is said beside the answer: whatever is wrong with it, what was found stands.
        let found: Result<Value, Failed> = remote.get(&format!("/v1/packages/{}", name.replacen(':', "/", 1))).await;
        let package = found.unwrap_or_default();
        known.extend(taken_back(&package).map(|(version, state, reason)| (name.clone(), version, state, reason)));
    }
    known
}

fn stars(rating: &Value) -> String {
    match (rating["count"].as_u64(), rating["mean"].as_f64()) {
        (Some(count), Some(mean)) if count > 0 => format!("{mean:.1} ({count})"),
        _ => "-".to_owned(),
    }
}

pub(crate) async fn info(flags: flags::Info, context: &Context) -> Done {
    let remote = Remote::open(&flags.registry, context)?;
    let (name, version) = parse(&flags.name)?;
    let at = format!("/v1/packages/{}/{}", name.namespace(), name.name());
    let package: Value = match remote.get(&at).await {
        Ok(package) => package,
        Err(failed) => return Err(near::unknown(failed, &name, &remote).await),
    };
    let version = version.or_else(|| package["latest"].as_str()?.parse().ok());
    let Some(version) = version else {
        return context.ui.answer(&serde_json::json!({ "package": package }), |page| write_package(page, &package));
    };
    let release: Result<Value, Failed> = remote.get(&format!("{at}/{version}")).await;
    let release = release.map_err(|failed| match failed.is_not_found() {
        true => failed.hint(format!("there is {}", listed(&package))),
        false => failed,
    })?;
    let permissions: Value = remote.get(&format!("{at}/{version}/permissions")).await?;
    let statements = statements::of(&remote, &name, &version).await?;
    let answer = serde_json::json!({
        "package": package, "release": release, "permissions": permissions, "statements": statements,
    });
    context.ui.answer(&answer, |page| {
        write_package(page, &package);
        write_release(page, &release, &permissions);
        if !statements.is_empty() {
            page.heading(&format!("What the log says of {version}"));
            statements::write(page, &statements);
        }
    })?;
    if !statements.is_empty() {
        context.ui.note(&format!("Hold it to that: jackfield log prove {name}@{version}"));
    }
    Ok(())
}

/// Versions of a package that were taken back: version, state, reason.
fn taken_back(package: &Value) -> impl Iterator<Item = (String, String, String)> {
    let releases = package["releases"].as_array().into_iter().flatten();
    releases
        .filter(|release| release["reason"].is_string())
        .map(|release| (shown(&release["version"]), shown(&release["state"]), shown(&release["reason"])))
}

/// The versions of a package, for a person who named none of them.
fn listed(package: &Value) -> String {
    let releases = package["releases"].as_array().map(Vec::as_slice).unwrap_or_default();
    let word = |release: &Value| match release["state"].as_str() {
        Some("released") | None => shown(&release["version"]),
        Some(state) => format!("{} ({state})", shown(&release["version"])),
    };
    let shown: Vec<_> = releases.iter().take(VERSIONS_SHOWN).map(word).collect();
    match releases.len().saturating_sub(VERSIONS_SHOWN) {
        0 => shown.join(", "),
        more => format!("{}, and {more} before", shown.join(", ")),
    }
}

/// `acme:crm` or `acme:crm@1.2.3`.
pub(crate) fn parse(text: &str) -> Result<(PackageName, Option<semver::Version>), Failed> {
    let (name, version) = text.split_once('@').map_or((text, None), |(name, version)| (name, Some(version)));
    let malformed = |error: semver::Error| Failed::usage("version-malformed", format!("`{text}`: {error}"));
    Ok((name.parse()?, version.map(semver::Version::parse).transpose().map_err(malformed)?))
}

fn write_package(page: &mut Page, package: &Value) {
    page.strong(&format!("{}: {}", shown(&package["name"]), shown(&package["title"])));
    page.paragraph(2, &shown(&package["summary"]));
    if let Some(message) = package["deprecated"].as_str() {
        page.paragraph(2, &format!("DEPRECATED: {message}"));
    }
    let trust = &package["trust"];
    let control = match trust["namespace_control"]["proof"].as_str() {
        Some(proof) => {
            let kind = shown(&trust["namespace_control"]["kind"]);
            match trust["namespace_control"]["missing_since"].as_str() {
                Some(since) => format!("{kind} {proof}, whose record has been missing since {since}"),
                None => format!("{kind} {proof}"),
            }
        }
        None => "nothing was proven".to_owned(),
    };
    let audits = trust["audits"].as_array().map_or(0, Vec::len);
    page.gap().fields([
        ("namespace control", control),
        ("service owner", shown(&trust["service_owner"]["words"])),
        ("audits", count(audits, "statement")),
        ("stars", stars(&package["rating"])),
        ("installs", package["installs"].to_string()),
        ("downloads", package["downloads"].to_string()),
    ]);
    for advisory in package["advisories"].as_array().into_iter().flatten().filter(|a| a["withdrawn_at"].is_null()) {
        let [id, severity, affected, title] = ["id", "severity", "affected", "title"].map(|key| shown(&advisory[key]));
        page.heading(&format!("{id}, {severity}: {title}")).paragraph(2, &format!("affects {affected}"));
        page.paragraph(2, &shown(&advisory["body"]));
    }
    page.heading("Its versions");
    let row =
        |release: &Value| ["version", "state", "released_at", "component"].map(|key| shown(&release[key])).to_vec();
    let rows: Vec<_> = package["releases"].as_array().into_iter().flatten().map(row).collect();
    page.table(&["version", "state", "released", "component"], &rows);
    for (version, state, reason) in taken_back(package) {
        page.paragraph(2, &format!("{version} is {state}: {reason}"));
    }
}

fn write_release(page: &mut Page, release: &Value, permissions: &Value) {
    page.heading(&format!("What {} asks for", shown(&release["version"])));
    page.paragraph(2, &shown(&permissions["summary"]));
    let rows = |list: &Value, keys: &[&str]| -> Vec<Vec<String>> {
        let row = |entry: &Value| keys.iter().map(|key| shown(&entry[*key])).collect();
        list.as_array().into_iter().flatten().map(row).collect()
    };
    page.table(&[], &rows(&permissions["hosts"], &["words", "reason"]));
    page.table(&[], &rows(&permissions["credentials"], &["id", "words"]));
    page.heading("Its operations")
        .table(&["name", "effect", "what"], &rows(&permissions["operations"], &["name", "effect", "title"]));
    if let Some(changes) = release["changes"].as_str() {
        page.heading("What changed").paragraph(2, changes);
    }
}
