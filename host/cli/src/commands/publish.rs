//! `jackfield publish`: checks, uploads, signs, hands in the statement, and stays until the release is out, showing every step.
//! The first half alone is `--stage`, for who has a token and no key; the second is `--staged`, for who has the key.

use std::path::Path;

use jackfield_package::{
    Digest, Label, Package, PackageName, Refusal,
    check::{Level, Outcome, State},
    key::{KeyId, PublicKey, SigningKey},
    limits::COMPONENT_BYTES,
    oci::{Artifact, MANIFEST_MEDIA_TYPE},
    statement::{BUNDLE_MEDIA_TYPE, PublishStatement},
};
use reqwest::{
    Method,
    header::{ACCEPT, CONTENT_TYPE},
};
use semver::Version;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    commands::check,
    context::Context,
    error::{Done, Failed, Kind},
    flags,
    key_names::KeyNames,
    packages::read_package,
    page::{Mark, Page, bytes},
    remote::{Outgoing, Remote},
    statements,
    store::KeyStore,
    upload,
    words::count,
};

/// Bytes of a manifest that another tool pushed.
const MANIFEST_BYTES: usize = 1 << 20;
/// Seconds that one look at the progress waits for news.
const WAIT_S: u64 = 20;

pub(crate) async fn run(flags: flags::Publish, context: &Context) -> Done {
    let remote = Remote::signed_in(&flags.registry, context)?;
    let about = remote.about().await?;
    // Before the checks and the upload, so that a wrong passphrase costs nothing.
    let key = match &flags.key {
        Some(name) => Some(KeyStore::of(context).secret(name, || flags.passphrase.read(name.as_str()))?),
        None => None,
    };
    let upload = match (&flags.component, &flags.staged) {
        (Some(component), _) => {
            let package = read_package(component, context)?;
            if let (Some(key), Some(name)) = (&key, &flags.key) {
                require_signer(&remote, &Place::of(&package), name, &key.key_id(), context).await?;
            }
            let artifact = Artifact::of(&package);
            require_checks(component, &package, context).await?;
            Upload { package, oci_manifest: artifact.manifest_digest, artifact: Some(artifact) }
        }
        (None, Some(staged)) => fetch_staged(&remote, staged, context).await?,
        (None, None) => return Err(Failed::usage("command-line", "a component, or --staged NAME@VERSION")),
    };
    let place = Place::of(&upload.package);
    if let Some(artifact) = &upload.artifact {
        push(&remote, &place, &upload.package, artifact, context).await?;
        context.ui.note(&format!("Uploaded {} as {}.", place.release(), upload.oci_manifest));
    }
    let Some(key) = key else { return staged(&remote, &place, context).await };
    let mut progress = hand_in(&remote, &place, &upload, &about.origin, &key).await?;
    if progress.state == "staged" {
        context.ui.note("Signed; it waits for the signatures of further keys of the namespace.");
    }
    if !flags.no_wait && progress.state != "staged" {
        progress = follow(&remote, &place, progress, context).await?;
    }
    report(&progress, &place, &remote, flags.no_wait, context).await
}

/// Uploaded, and not signed: where it stands, and how it goes on.
async fn staged(remote: &Remote, place: &Place, context: &Context) -> Done {
    let progress: Progress = remote.get(&place.api("progress")).await?;
    report(&progress, place, remote, true, context).await?;
    if progress.state == "staged" {
        let release = place.release();
        context.ui.note(&format!("Whoever has a key releases it: jackfield publish --staged {release} --key NAME"));
    }
    Ok(())
}

/// What is published.
struct Upload {
    package: Package,
    oci_manifest: Digest,
    /// None if it is there already.
    artifact: Option<Artifact>,
}

/// Where it stands at a registry.
struct Place {
    name: PackageName,
    version: Version,
}

impl Place {
    fn of(package: &Package) -> Self {
        let manifest = package.manifest();
        Self { name: manifest.name.clone(), version: manifest.version.clone() }
    }

    fn release(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    fn oci(&self, rest: &str) -> String {
        format!("/v2/{}/{}/{rest}", self.name.namespace(), self.name.name())
    }

    fn api(&self, rest: &str) -> String {
        // A version's letters stand for themselves in a path.
        format!("/v1/packages/{}/{}/{}/{rest}", self.name.namespace(), self.name.name(), self.version)
    }
}

/// What the registry says about a release.
#[derive(Clone, Debug, Deserialize)]
struct Progress {
    state: String,
    reason: Option<String>,
    retry_at: Option<i64>,
    previous: Option<Digest>,
    #[serde(default)]
    events: Vec<Value>,
    #[serde(default)]
    checks: Vec<Outcome>,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

/// Nothing is checked and uploaded that nobody here can sign for: the registry would say so last of all.
async fn require_signer(remote: &Remote, place: &Place, name: &Label, key: &KeyId, context: &Context) -> Done {
    let namespace = place.name.namespace();
    let found: Result<Value, Failed> = remote.get(&format!("/v1/namespaces/{namespace}")).await;
    let found = found.map_err(|failed| match failed.is_not_found() {
        true => failed.hint(format!("make it first: jackfield namespace create {namespace}")),
        false => failed,
    })?;
    let keys: Option<Vec<PublicKey>> = serde_json::from_value(found["keyset"]["keys"].clone()).ok();
    let Some(keys) = keys else {
        let message = format!("the namespace `{namespace}` has no keys yet, so nobody can sign for it");
        return Err(Failed::new(Kind::Refused, "keyset-missing", message)
            .hint(format!("say that this one signs for it: jackfield namespace keyset {namespace} --key {name}")));
    };
    if keys.iter().any(|known| known.id() == *key) {
        return Ok(());
    }
    let names = KeyNames::of(context);
    let known: Vec<String> = keys.iter().map(|known| names.shown(&known.id())).collect();
    let message = format!("the key `{name}` is none of the keys of `{namespace}`");
    Err(Failed::new(Kind::Refused, "signer-unknown", message)
        .hint(format!("its keys are {}; another one: jackfield namespace keyset {namespace} --help", known.join(", "))))
}

/// Nothing is uploaded that the registry would turn away: the same rules, here.
async fn require_checks(component: &Path, package: &Package, context: &Context) -> Done {
    let shown = context.ui.progress(&format!("Checking {}…", Place::of(package).release()));
    let outcomes = check::examined(component).await?;
    drop(shown);
    let broken: Vec<_> =
        outcomes.iter().filter(|outcome| outcome.level == Level::Error && outcome.state != State::Pass).collect();
    if broken.is_empty() {
        context.ui.note(&format!("{} held here.", count(outcomes.len(), "check")));
        return Ok(());
    }
    let mut page = Page::new();
    for outcome in &broken {
        check::write(&mut page, outcome);
    }
    context.ui.page_beside(&page);
    let failed: Failed =
        Refusal::new("check-failed", format!("{} of `{}` failed", count(broken.len(), "check"), component.display()))
            .hint("mend what is listed above, and build again")
            .into();
    Err(failed.detail("outcomes", json!(outcomes)))
}

/// Fetches what another tool has pushed, byte for byte, and checks it as if it had been built here.
async fn fetch_staged(remote: &Remote, staged: &str, context: &Context) -> Result<Upload, Failed> {
    let malformed =
        || Failed::usage("staged-malformed", format!("`{staged}` is not NAME@VERSION")).hint("such as acme:crm@1.2.0");
    let (name, version) = staged.split_once('@').ok_or_else(malformed)?;
    let place = Place { name: name.parse()?, version: version.parse().map_err(|_| malformed())? };
    let path = place.oci(&format!("manifests/{}", place.version));
    let ask = Outgoing { answer_bytes: MANIFEST_BYTES, ..Outgoing::default() }.header(ACCEPT, MANIFEST_MEDIA_TYPE);
    let manifest = remote.send(Method::GET, &path, ask).await.map_err(|failed| match failed.is_not_found() {
        true => failed.hint(format!("members of the namespace see what is staged; is {staged} at {}?", remote.base())),
        false => failed,
    });
    let manifest = manifest?.body;
    let read: Value = serde_json::from_slice(&manifest).unwrap_or_default();
    let layer = read["layers"][0]["digest"].as_str().unwrap_or_default();
    let layer: Digest = layer.parse()?;
    let path = place.oci(&format!("blobs/{layer}"));
    let fetched = remote.get_bytes(&path, COMPONENT_BYTES).await?;
    if Digest::of(&fetched) != layer {
        let message = format!("{} gave other bytes than those of {layer}", remote.base());
        return Err(
            Failed::new(Kind::Refused, "staged-differs", message).hint("don't sign it; tell the registry's operator")
        );
    }
    let file = tempfile::NamedTempFile::new().map_err(|error| Failed::file("cannot keep what was fetched", &error))?;
    std::fs::write(file.path(), &fetched).map_err(|error| Failed::unwritable(file.path(), &error))?;
    let package = Package::parse(fetched)?;
    if Place::of(&package).release() != place.release() {
        let message =
            format!("what is staged as {} says that it is {}", place.release(), Place::of(&package).release());
        return Err(Failed::new(Kind::Refused, "name-mismatch", message));
    }
    require_checks(file.path(), &package, context).await?;
    Ok(Upload { package, oci_manifest: Digest::of(&manifest), artifact: None })
}

/// Uploads what the registry lacks, and then the manifest that names it.
async fn push(remote: &Remote, place: &Place, package: &Package, artifact: &Artifact, context: &Context) -> Done {
    let shown = context.ui.progress(&format!("Uploading {}…", bytes(package.size() as u64)));
    let repository = place.oci("blobs");
    upload::blob(remote, &repository, artifact.component, package.bytes(), context).await?;
    upload::blob(remote, &repository, artifact.config_digest, &artifact.config, context).await?;
    let path = place.oci(&format!("manifests/{}", place.version));
    let body =
        Outgoing { body: artifact.manifest.clone(), ..Outgoing::default() }.header(CONTENT_TYPE, MANIFEST_MEDIA_TYPE);
    remote.send(Method::PUT, &path, body).await?;
    drop(shown);
    Ok(())
}

/// Signs, over all that ties the statement to this release on this registry, and hands it in.
async fn hand_in(
    remote: &Remote,
    place: &Place,
    upload: &Upload,
    origin: &str,
    key: &SigningKey,
) -> Result<Progress, Failed> {
    let before: Progress = remote.get(&place.api("progress")).await?;
    // Signed before, by this command that was interrupted: to sign again would change nothing.
    if !matches!(before.state.as_str(), "staged" | "rejected") {
        return Ok(before);
    }
    let statement = PublishStatement {
        registry: Some(origin.to_owned()),
        oci_manifest: Some(upload.oci_manifest),
        previous: before.previous,
        ..PublishStatement::of(&upload.package)
    };
    let bundle = Outgoing { body: statement.sign(key).to_bytes(), ..Outgoing::default() }
        .header(CONTENT_TYPE, BUNDLE_MEDIA_TYPE);
    let path = place.api("statements");
    let answer = remote.send(Method::POST, &path, bundle).await?;
    read(&answer.body)
}

fn read(body: &[u8]) -> Result<Progress, Failed> {
    serde_json::from_slice(body).map_err(|error| {
        let message = format!("the registry answered with what this version does not read: {error}");
        Failed::new(Kind::Fault, "registry-answer-malformed", message)
    })
}

/// Shows what happens until nothing more happens by itself.
async fn follow(remote: &Remote, place: &Place, mut progress: Progress, context: &Context) -> Result<Progress, Failed> {
    let (mut told_events, mut told_checks, mut told_reason) = (0, 0, None);
    loop {
        for event in progress.events.iter().skip(told_events) {
            let state = event["state"].as_str().unwrap_or_default();
            let reason = event["reason"].as_str().map(|reason| format!(": {reason}")).unwrap_or_default();
            if told_events > 0 || state != "staged" {
                context.ui.note(&format!("{state}{reason}"));
            }
        }
        told_events = progress.events.len();
        let mut page = Page::new();
        for outcome in progress.checks.iter().skip(told_checks) {
            check::write(&mut page, outcome);
        }
        if progress.checks.len() > told_checks {
            context.ui.page_beside(&page);
        }
        told_checks = progress.checks.len();
        if progress.retry_at.is_some() && progress.reason != told_reason {
            context.ui.warn(&format!("not yet: {}", progress.reason.as_deref().unwrap_or("no verdict yet")));
            told_reason.clone_from(&progress.reason);
        }
        if !matches!(progress.state.as_str(), "checking" | "ready" | "logged") {
            return Ok(progress);
        }
        let since = progress.events.last().and_then(|event| event["seq"].as_i64()).unwrap_or(0);
        progress = remote.get(&place.api(&format!("progress?wait={WAIT_S}&since={since}"))).await?;
    }
}

/// The end: where it stands, or why not.
async fn report(progress: &Progress, place: &Place, remote: &Remote, no_wait: bool, context: &Context) -> Done {
    let release = place.release();
    let reason = progress.reason.clone().unwrap_or_else(|| "no reason is given".to_owned());
    let failed = match progress.state.as_str() {
        "held" => Some(
            Failed::new(Kind::Refused, "release-held", format!("{release} waits for a moderator: {reason}")).hint(format!(
                "nothing is lost. Say why it should come out: POST {}{} with {{\"message\": \"…\"}}; watch it at {}{}",
                remote.base(),
                place.api("appeal"),
                remote.base(),
                place.api("progress")
            )),
        ),
        "rejected" => Some(
            Failed::new(Kind::Refused, "release-rejected", format!("{release} was rejected: {reason}"))
                .hint("mend what is listed above and publish it again: the version is free"),
        ),
        "revoked" | "quarantined" => {
            Some(Failed::new(Kind::Refused, "release-stopped", format!("{release} is {}: {reason}", progress.state)))
        }
        _ => None,
    };
    if let Some(failed) = failed {
        return Err(failed.detail("state", progress.state.as_str()).detail("checks", json!(progress.checks)));
    }
    let statements = statements::of(remote, &place.name, &place.version).await?;
    let answer = json!({
        "name": place.name, "version": place.version, "state": progress.state, "registry": remote.base(),
        "component": progress.rest.get("component"), "oci_manifest": progress.rest.get("oci_manifest"),
        "statements": statements, "checks": progress.checks, "events": progress.events,
    });
    context.ui.answer(&answer, |page| {
        let text = if progress.state == "released" { "is released" } else { &*format!("is {}", progress.state) };
        page.mark(0, if no_wait { Mark::Warning } else { Mark::Good }, &release, text);
        if !statements.is_empty() {
            statements::write(page, &statements);
        }
    })?;
    if progress.state == "released" {
        context
            .ui
            .note(&format!("Everybody can see it: jackfield info {release}; proven: jackfield log prove {release}"));
    }
    Ok(())
}
