//! `jackfield status`: what is installed from registries, verified once more.

use jackfield_package::{
    Package, Refusal,
    admission::{Context as Admitting, LockedPackage, Offer, Seen, admit, resolve},
    advisory::Advisory,
};
use serde_json::{Value, json};

use crate::{
    context::Context,
    error::{Done, Failed, Kind},
    flags::{self, RegistryUrl},
    page::{Mark, Page},
    standing::{Since, exactly},
    supply::Supply,
    taken_back::Against,
    trusted::Trusted,
};

pub(crate) async fn run(flags: flags::Status, context: &Context) -> Done {
    let trusted = Trusted::of(context);
    let lock = trusted.lock()?;
    let mut found = Vec::new();
    for package in &lock.packages {
        let kept = by_what_is_kept(package, &trusted, context);
        let since = match (&kept, flags.offline) {
            (Ok(()), false) => {
                let supply = Supply::open(&RegistryUrl { registry: None }, Some(&package.registry), context);
                Some(Since::ask(package, supply, flags.disable_revoked).await)
            }
            _ => None,
        };
        let mut looked = Looked { package, kept, since, remembered: None };
        if looked.kept.is_ok() && !looked.is_reached() {
            looked.remembered = Against::remembered(package, context)?;
        }
        found.push(looked);
    }
    let rows: Vec<Value> = found.iter().map(Looked::to_json).collect();
    context.ui.answer(&json!({ "packages": rows }), |page| found.iter().for_each(|looked| looked.write(page)))?;
    for looked in &found {
        looked.tell(context);
    }
    if lock.packages.is_empty() {
        context.ui.note("Nothing is installed from a registry.");
    }
    let bad: Vec<&Looked<'_>> = found.iter().filter(|looked| !looked.is_good()).collect();
    let Some(first) = bad.first() else {
        // Who wants it switched off must know that nobody could be asked whether to.
        let unreached = found.into_iter().find_map(|looked| looked.since?.verdict.err());
        return unreached.filter(|_| flags.disable_revoked).map_or(Ok(()), Err);
    };
    let names: Vec<String> = bad.iter().map(|looked| looked.package.name.to_string()).collect();
    let hint = first.against().map_or_else(|| format!("jackfield disable {}", first.package.name), Against::hint);
    Err(Refusal::new("status-bad", format!("what is installed was taken back or does not hold: {}", names.join(", ")))
        .hint(hint)
        .into())
}

/// A package that was looked at once more.
struct Looked<'l> {
    package: &'l LockedPackage,
    /// By the evidence that is kept here.
    kept: Result<(), Failed>,
    /// By what the registry says now; none if it was not asked.
    since: Option<Since>,
    /// What it said against the package when it was asked last, if it could not be asked now.
    remembered: Option<Against>,
}

impl Looked<'_> {
    fn against(&self) -> Option<&Against> {
        let since = self.since.as_ref().and_then(|since| since.against.as_ref());
        self.remembered.as_ref().or(since)
    }

    fn is_reached(&self) -> bool {
        self.since.as_ref().is_some_and(Since::is_reached)
    }

    fn is_good(&self) -> bool {
        let stands = !self.is_reached() || self.since.as_ref().is_none_or(|since| since.verdict.is_ok());
        self.kept.is_ok() && self.against().is_none() && stands
    }

    fn to_json(&self) -> Value {
        let word = |result: &Result<(), Failed>| match result {
            Ok(()) => json!({ "ok": true }),
            Err(failed) => json!({ "ok": false, "code": failed.code(), "message": failed.message() }),
        };
        let LockedPackage { name, version, registry, .. } = self.package;
        json!({
            "name": name, "version": version, "registry": registry, "ok": self.is_good(), "kept": word(&self.kept),
            "since": self.since.as_ref().map(|since| word(&since.verdict)), "reached": self.is_reached(),
            "taken_back": self.against().map(Against::to_json),
            "advisories": self.since.as_ref().map(|since| &since.advisories).into_iter().flatten().collect::<Vec<_>>(),
        })
    }

    fn write(&self, page: &mut Page) {
        let LockedPackage { name, version, registry, .. } = self.package;
        let unasked = self.since.as_ref().and_then(|since| since.verdict.as_ref().err());
        let failed = self.kept.as_ref().err().or(unasked).filter(|_| !self.is_good());
        let against = self.against().map(Against::fate).or(failed.map(|failed| failed.message().to_owned()));
        let (mark, detail) = match (against, self.is_reached(), unasked) {
            (Some(why), ..) => (Mark::Bad, why),
            (None, true, _) => (Mark::Good, format!("{version}, nothing against it at {registry}")),
            (None, false, None) => (Mark::Good, format!("{version}, by what is kept here; {registry} was not asked")),
            (None, false, Some(failed)) => {
                (Mark::Warning, format!("{version}, by what is kept here; {}", failed.message()))
            }
        };
        page.mark(0, mark, &name.to_string(), &detail);
        for line in self.against().map(Against::hint).iter().flat_map(|hint| hint.lines()) {
            page.line(&format!("    {line}"));
        }
    }

    fn tell(&self, context: &Context) {
        // A person has it in the answer.
        if let Some(against) = self.against().filter(|_| context.ui.is_json()) {
            against.tell(context);
        }
        let name = &self.package.name;
        for Advisory { id, severity, title, .. } in self.since.iter().flat_map(|since| &since.advisories) {
            context.ui.warn(&format!("{name} has a known fault: {id} ({}): {title}", severity.as_str()));
            context.ui.hint(&format!("jackfield advisory show {name} {id}"));
        }
    }
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
