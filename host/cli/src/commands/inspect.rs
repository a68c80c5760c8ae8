//! `jackfield inspect`: what a component is and asks for. Reads it, and runs nothing.

use std::{collections::BTreeMap, path::Path};

use jackfield_package::{Package, manifest::Links};
use serde_json::json;

use crate::{
    asks,
    context::Context,
    error::Done,
    flags,
    packages::{bundle_path, read_bundle, read_package},
    page::{Page, bytes},
};

pub(crate) async fn run(flags: flags::Inspect, context: &Context) -> Done {
    let package = read_package(&flags.component, context)?;
    let answer = json!({
        "digest": package.digest(), "bytes": package.size(), "manifest_digest": package.manifest_digest(),
        "imports": package.imports(), "imports_denied": package.imports_denied_stubs(), "exports": package.exports(),
        "readme_bytes": package.readme().map(str::len), "icon_bytes": package.icon().map(<[u8]>::len),
        "manifest": package.manifest(),
    });
    context.ui.answer(&answer, |page| write(page, &package, &flags.component))
}

fn write(page: &mut Page, package: &Package, path: &Path) {
    let manifest = package.manifest();
    page.strong(&format!("{} {}: {}", manifest.name, manifest.version, manifest.title));
    page.paragraph(2, &manifest.summary);
    let mut fields = vec![
        ("file", format!("{}, {}", path.display(), bytes(package.size() as u64))),
        ("digest", package.digest().to_string()),
        ("contract", manifest.world.to_string()),
        ("licence", manifest.license.clone()),
        ("signature", signature(path)),
    ];
    let Links { homepage, repository, documentation, support } = &manifest.links;
    for (name, link) in
        [("homepage", homepage), ("repository", repository), ("documentation", documentation), ("support", support)]
    {
        fields.extend(link.as_ref().map(|link| (name, link.clone())));
    }
    if let Some(readme) = package.readme() {
        fields.push(("readme", bytes(readme.len() as u64)));
    }
    page.gap().fields(fields);
    if let Some(changes) = &manifest.changes {
        page.heading("What changed").paragraph(2, changes);
    }
    asks::write(page, manifest);
    page.heading("What its code can call").table(&[], &imports(package));
    page.heading("What it exports");
    for export in package.exports() {
        page.line(&format!("  {export}"));
    }
}

/// What the bundle beside it says. Whether that is true is `jackfield verify`'s matter.
fn signature(component: &Path) -> String {
    let path = bundle_path(component);
    if !path.exists() {
        return "none beside it".to_owned();
    }
    match read_bundle(&path) {
        Ok(bundle) => format!("said to be by key {}; see jackfield verify", bundle.key_hint()),
        Err(_) => format!("`{}` is not a bundle", path.display()),
    }
}

/// The imports by package, each with what it means for the person who runs it.
fn imports(package: &Package) -> Vec<Vec<String>> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for import in package.imports() {
        let name = import.split('@').next().unwrap_or(import);
        let group = if name.starts_with("jackfield:") { name } else { name.split('/').next().unwrap_or(name) };
        groups.entry(group).or_default().push(import);
    }
    if groups.is_empty() {
        return vec![vec!["nothing at all: it computes".to_owned()]];
    }
    groups.into_keys().map(|group| vec![group.to_owned(), meaning(group).to_owned()]).collect()
}

fn meaning(group: &str) -> &'static str {
    match group {
        "jackfield:connector/log" => "writes lines to the operator's log",
        "jackfield:connector/files" => "reads the files that a call hands in, and creates files that the call returns",
        "jackfield:connector/types" => "the words that the contract shares",
        "wasi:http" => "sends HTTP requests: only where its manifest asks and a grant allows",
        "wasi:clocks" => "reads the time",
        "wasi:random" => "draws random numbers",
        "wasi:io" => "streams and waiting, which the others are made of",
        "wasi:cli" => "arguments and environment, both empty; what it prints becomes log lines",
        "wasi:filesystem" => "files and folders, of which it is given none",
        "wasi:sockets" => "sockets and name look-up: every call is denied",
        _ => "not known to this version",
    }
}
