//! `jackfield audit`: a release as a reviewer sees it, and the verdict that he signs.

use std::path::PathBuf;

use jackfield_package::{
    Package,
    admission::Query,
    difference::Difference,
    key::PublicKey,
    statement::{AuditStatement, Bundle, Verdict},
};
use reqwest::{Method, header::HeaderName};
use semver::VersionReq;
use serde_json::json;

use crate::{
    asks,
    context::Context,
    error::{Done, Failed},
    flags::{self, AuditVerdict, RegistryUrl},
    page::Page,
    remote::{Outgoing, Remote},
    store::{KeyStore, write_aside},
    supply::{Supply, Wanted},
};

pub(crate) async fn run(flags: flags::Audit, context: &Context) -> Done {
    let wanted = Wanted::parse(&flags.name).unwrap_or_else(|| {
        Err(Failed::usage("name-malformed", format!("`{}` is not a package's name", flags.name))
            .hint("such as acme:crm@1.2.3"))
    })?;
    let supply = Supply::open(&flags.registry, None, context)?;
    if flags.push {
        // Before anybody reads and signs for nothing.
        Remote::signed_in(&RegistryUrl { registry: Some(supply.registry.url.clone()) }, context)?;
    }
    let query = Query { name: wanted.name, range: wanted.range, locked: None };
    let good = supply.find(&query, false).await?.verdict?;
    let package = good.admitted.verified.package();
    let before = match &flags.since {
        Some(version) => {
            let range = VersionReq::parse(&format!("={version}"))
                .map_err(|error| Failed::usage("range-malformed", error.to_string()))?;
            let query = Query { name: query.name.clone(), range: Some(range), locked: None };
            Some(supply.find(&query, false).await?.verdict?)
        }
        None => None,
    };
    let before = before.as_ref().map(|good| good.admitted.verified.package());
    let changes = before
        .map(|old| Difference::between(old.manifest(), old.imports(), package.manifest(), package.imports()).changes);
    if !context.ui.is_json() {
        context.ui.page_beside(&page(package, before));
    }
    let signed = match flags.verdict {
        Some(verdict) => Some(sign(&flags, verdict, package, before, context)?),
        None => None,
    };
    if let (Some((bundle, _)), true) = (&signed, flags.push) {
        let (name, version) = (&query.name, &package.manifest().version);
        let path = format!("/v1/packages/{}/{}/{version}/audits", name.namespace(), name.name());
        let name =
            flags.key.as_ref().ok_or_else(|| Failed::usage("key-not-found", "a verdict is signed: --key NAME"))?;
        let key = hex(&KeyStore::of(context).public(name)?.public);
        let outgoing = Outgoing { body: bundle.to_bytes(), ..Outgoing::default() };
        let outgoing = outgoing.header(HeaderName::from_static("jackfield-public-key"), &key);
        supply.remote().send(Method::POST, &path, outgoing).await?;
    }
    let answer = json!({
        "name": query.name, "version": package.manifest().version, "digest": package.digest(),
        "imports": package.imports(), "changes": changes, "verdict": flags.verdict.map(word),
        "bundle": signed.as_ref().map(|(_, path)| path), "pushed": signed.is_some() && flags.push,
    });
    context.ui.answer(&answer, |page| {
        if let (Some((_, path)), Some(verdict)) = (&signed, flags.verdict) {
            page.line(&format!("Signed `{}` by `{}`: {}", word(verdict), flags.criteria, path.display()));
        }
    })
}

fn hex(key: &PublicKey) -> String {
    key.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn word(verdict: AuditVerdict) -> &'static str {
    match verdict {
        AuditVerdict::Pass => "pass",
        AuditVerdict::Fail => "fail",
    }
}

fn sign(
    flags: &flags::Audit,
    verdict: AuditVerdict,
    package: &Package,
    before: Option<&Package>,
    context: &Context,
) -> Result<(Bundle, PathBuf), Failed> {
    let name = flags.key.as_ref().ok_or_else(|| Failed::usage("key-not-found", "a verdict is signed: --key NAME"))?;
    let key = KeyStore::of(context).secret(name, || flags.passphrase.read(name.as_str()))?;
    let manifest = package.manifest();
    let bundle = AuditStatement {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        component: package.digest(),
        criteria: flags.criteria.clone(),
        verdict: match verdict {
            AuditVerdict::Pass => Verdict::Pass,
            AuditVerdict::Fail => Verdict::Fail,
        },
        delta_from: before.map(Package::digest),
        notes: flags.notes.clone(),
        expires: None,
    }
    .sign(&key);
    let default = || PathBuf::from(format!("{}-{}.audit.sigstore.json", manifest.name.name(), manifest.version));
    let path = flags.out.clone().unwrap_or_else(default);
    write_aside(&path, &bundle.to_bytes(), 0o644)?.replace()?;
    Ok((bundle, path))
}

/// What it can reach, in plain words, and what is new.
fn page(package: &Package, before: Option<&Package>) -> Page {
    let manifest = package.manifest();
    let mut page = Page::new();
    page.strong(&format!("{} {}: {}", manifest.name, manifest.version, manifest.title));
    page.line(&format!("  {}", package.digest()));
    page.heading("Its code can use");
    for import in package.imports() {
        page.line(&format!("  {import}: {}", means(import)));
    }
    asks::write(&mut page, manifest);
    if let Some(before) = before {
        let difference = Difference::between(before.manifest(), before.imports(), manifest, package.imports());
        page.heading(&format!("What changed since {}", before.manifest().version));
        if difference.changes.is_empty() {
            page.line("  nothing in what it may do or in its contract; the code may still differ");
        }
        for change in &difference.changes {
            page.line(&format!("  {} {}", change.kind, change.subject)).paragraph(6, &change.detail);
        }
    }
    page.gap();
    page
}

/// What an interface is for.
fn means(import: &str) -> &'static str {
    let name = import.split('@').next().unwrap_or(import);
    let rows = [
        ("wasi:http/", "requests, each judged by manifest and grant"),
        ("wasi:sockets/", "nothing: every call is denied"),
        ("wasi:filesystem/", "no folder is open to it"),
        ("wasi:clocks/", "the time"),
        ("wasi:random/", "randomness"),
        ("wasi:cli/", "its log; no environment, no arguments"),
        ("wasi:io/", "streams and waiting"),
        ("jackfield:connector/", "the host's own services: files of a call, its log"),
    ];
    rows.iter().find(|(prefix, _)| name.starts_with(prefix)).map_or("unknown", |(_, words)| words)
}
