//! The ordered admission of one release. Each step has a name, each refusal a code.

use serde::Serialize;

use super::{
    evidence::{Evidence, Logged},
    history::{self, EvidenceOfMisbehaviour, Head, Seen},
    keys::{self, Chain, Statuses},
    policy::{HostPolicy, KeysetPin, Rule, TrustedRegistry},
    resolve::{Resolved, same},
};
use crate::{
    Package, Refusal, Verified,
    key::KeyId,
    log::{Checkpoint, SignedNote},
    statement::{AuditStatement, ChecksStatement, PublishStatement, Verdict, quorum},
    verify::{Step, StepLog},
};

/// What admission looks at besides the evidence.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The registry it comes from.
    pub registry: &'a TrustedRegistry,
    /// What this host asks for.
    pub policy: &'a HostPolicy,
    /// What it has seen before.
    pub seen: &'a Seen,
    /// What the registry shows of its log now; none without a network.
    pub head: Option<&'a Head>,
    /// Microseconds since 1970.
    pub now: i64,
    /// Whether nobody asked for this release: then it must have been out for a while.
    pub automatic: bool,
}

/// What is to be admitted.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// The release that the index names.
    pub resolved: &'a Resolved,
    /// The bytes that were fetched for it.
    pub package: &'a Package,
    /// What the registry shows for it.
    pub evidence: &'a Evidence,
}

/// A release that may be installed, and what is to be remembered of it.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// It.
    pub verified: Verified,
    /// Every key that signed it.
    pub signers: Vec<KeyId>,
    /// Where its publish statement stands.
    pub log_index: u64,
    /// The version of the keyset that signed it.
    pub keyset_version: u64,
    /// The newest keyset of its namespace.
    pub pin: KeysetPin,
    /// The largest checkpoint that was accepted.
    pub checkpoint: SignedNote,
    /// What a person should know though it is no refusal.
    pub warnings: Vec<String>,
}

/// All steps in the order they were taken, and what follows from them.
#[derive(Clone, Debug, Serialize)]
pub struct Admission {
    /// What was looked at.
    pub steps: Vec<Step>,
    /// The release, or the first reason against it.
    #[serde(skip)]
    pub verdict: Result<Admitted, Refusal>,
    /// Where the registry was caught lying.
    #[serde(skip)]
    pub misbehaviour: Option<EvidenceOfMisbehaviour>,
}

/// Holds a release against its evidence and this host's policy, in the order of docs/spec/admission.md, which lists the
/// codes.
pub fn admit(offer: &Offer<'_>, context: &Context<'_>) -> Admission {
    let mut log = StepLog::default();
    let mut misbehaviour = None;
    let verdict = Admitting { offer, context, log: &mut log, misbehaviour: &mut misbehaviour }.run();
    Admission { steps: log.steps, verdict, misbehaviour }
}

struct Admitting<'a, 'b> {
    offer: &'a Offer<'a>,
    context: &'a Context<'a>,
    log: &'b mut StepLog,
    misbehaviour: &'b mut Option<EvidenceOfMisbehaviour>,
}

impl Admitting<'_, '_> {
    fn run(self) -> Result<Admitted, Refusal> {
        let Self { offer, context, log, misbehaviour } = self;
        let Offer { resolved, package, evidence } = *offer;
        let (release, name, registry) = (resolved.release(), resolved.name(), context.registry);
        let namespace = name.namespace();

        log.step("component", format!("{} bytes, {}", package.size(), package.digest()), || {
            let (digest, size) = (release.component.to_string(), release.size.to_string());
            same("component-mismatch", "the component's digest", &digest, &package.digest().to_string())?;
            same("component-mismatch", "the component's size", &size, &package.size().to_string())
        })?;
        let checkpoint = history::follow(evidence, context, log, misbehaviour)?;

        let keysets = format!("{} versions of `{namespace}`", evidence.keysets.len());
        let chain = log.step("keysets", keysets, || Chain::read(namespace, evidence, registry, &checkpoint))?;
        match context.policy.keysets.get(namespace) {
            Some(pin) => log.step("keyset-pin", format!("version {} of `{}`", pin.version, pin.registry), || {
                same("keyset-registry", "the registry of the namespace's keyset", &pin.registry, &registry.origin)?;
                chain.continues(pin)
            })?,
            None => log.pass("keyset-pin", format!("`{namespace}` was not seen before")),
        }
        let said = format!("{} about the release or its keys", evidence.statuses.len());
        let statuses = log.step("statuses", said, || Statuses::read(&chain, evidence, registry, &checkpoint))?;

        let count = format!("{} signatures", evidence.publish.len());
        let published = log.step("publish-signatures", count, || {
            keys::published(namespace, &chain, &statuses, &evidence.publish, &checkpoint)
        })?;
        let statement = log.step("statement", format!("entry {} of the log", published.index), || {
            PublishStatement::from_verified_payload(published.payload)
        })?;
        log.step("oci-manifest", release.oci_manifest.to_string(), || match statement.oci_manifest {
            Some(signed) => {
                same("subject-mismatch", "the OCI manifest", &signed.to_string(), &release.oci_manifest.to_string())
            }
            None => Ok(()),
        })?;
        // A release that was signed for no registry in particular could be shown by one it was never given to.
        log.step("audience", format!("`{}`", registry.origin), || match &statement.registry {
            Some(signed) => same("audience-mismatch", "the statement's registry", &registry.origin, signed),
            None => Err(Refusal::new("audience-missing", "the publish statement names no registry")),
        })?;
        let signer = published.signers.first().copied().unwrap_or(*evidence.publish[0].bundle.key_hint());
        let verified = Verified::hold(package, signer, statement, log)?;
        log.step("release", format!("{name} {}", release.version), || {
            let manifest = package.manifest();
            same("name-mismatch", "the component's name", &name.to_string(), &manifest.name.to_string())?;
            same("version-mismatch", "its version", &release.version.to_string(), &manifest.version.to_string())
        })?;

        log.step("checks", format!("{} by key {}", evidence.checks.len(), registry.statements_key.id()), || {
            checked(offer, context, &checkpoint)
        })?;
        audits(offer, context, &chain, &checkpoint, log)?;
        log.step("status", format!("{} statuses", statuses.len()), || {
            statuses.release_is_good(name, release.component, resolved.is_locked(), context.now)
        })?;
        age(offer, context, log)?;
        imports(offer, context, log)?;

        let pin = chain.pin(registry).ok_or_else(|| Refusal::new("keyset-missing", "there is no keyset"))?;
        let replaced: Vec<String> = chain
            .recovered()
            .map(|version| {
                format!("version {version} of the keys of `{namespace}` is the registry's word: those before were lost")
            })
            .collect();
        let newest = context.head.map_or(&evidence.checkpoint, |head| &head.checkpoint);
        Ok(Admitted {
            verified,
            signers: published.signers,
            log_index: published.index,
            keyset_version: published.keyset_version,
            pin,
            checkpoint: newest.clone(),
            warnings: [resolved.warnings(), &replaced].concat(),
        })
    }
}

/// The registry says that it has checked exactly this.
fn checked(offer: &Offer<'_>, context: &Context<'_>, checkpoint: &Checkpoint) -> Result<(), Refusal> {
    let (release, name, registry) = (offer.resolved.release(), offer.resolved.name(), context.registry);
    let key = &registry.statements_key;
    let mut ours = offer.evidence.checks.iter().filter(|logged| *logged.bundle.key_hint() == key.id()).peekable();
    if ours.peek().is_none() {
        return Err(Refusal::new("checks-missing", format!("`{}` does not say that it checked this", registry.origin)));
    }
    let mut refusal = None;
    for logged in ours {
        let checks = ChecksStatement::from_verified_payload(quorum::verified(&logged.bundle, key)?)?;
        logged.included(key, checkpoint)?;
        let held = same("audience-mismatch", "the checks' registry", &registry.origin, &checks.registry)
            .and_then(|()| same("checks-mismatch", "what was checked", &name.to_string(), &checks.name.to_string()))
            .and_then(|()| {
                let (wanted, found) = (release.version.to_string(), checks.version.to_string());
                same("checks-mismatch", "the version that was checked", &wanted, &found)
            })
            .and_then(|()| {
                let (wanted, found) = (release.component.to_string(), checks.component.to_string());
                same("checks-mismatch", "the component that was checked", &wanted, &found)
            });
        match held {
            Ok(()) => return Ok(()),
            Err(found) => refusal = refusal.or(Some(found)),
        }
    }
    refusal.map_or(Ok(()), Err)
}

/// Required audits are there, and nobody who is asked says no.
fn audits(
    offer: &Offer<'_>,
    context: &Context<'_>,
    chain: &Chain,
    checkpoint: &Checkpoint,
    log: &mut StepLog,
) -> Result<(), Refusal> {
    let (policy, name, release) = (context.policy, offer.resolved.name(), offer.resolved.release());
    let mut said = Vec::new();
    let known = format!("{}, {} auditors are known", offer.evidence.audits.len(), policy.auditors.len());
    log.step("audits", known, || {
        for logged in &offer.evidence.audits {
            said.extend(trusted_audit(logged, offer, context, checkpoint)?);
        }
        // Of one auditor and one set of criteria, what was said last counts.
        said.sort_by_key(|(index, ..)| *index);
        let veto = said.iter().enumerate().find(|(at, (_, auditor, audit))| {
            let later = |(_, by, other): &(u64, &crate::Label, AuditStatement)| {
                by == auditor && other.criteria == audit.criteria
            };
            audit.verdict == Verdict::Fail && !said[at + 1..].iter().any(later)
        });
        match veto {
            Some((_, (_, auditor, audit))) => Err(Refusal::new(
                "audit-veto",
                format!("`{auditor}` says no, by `{}`: {}", audit.criteria, crate::refusal::shown(&audit.notes)),
            )),
            None => Ok(()),
        }
    })?;
    for required in policy.audits.iter().filter(|required| required.packages.contains(name)) {
        let detail = format!("`{}` by {} of {}", required.criteria, required.count, required.from.len());
        if let Some(exemption) = policy.exemption(Rule::Audit, name, &release.version, context.now) {
            log.pass("audit-required", format!("{detail}; exempt until {}: {}", exemption.expires, exemption.reason));
            continue;
        }
        log.step("audit-required", detail, || {
            let passed = required.from.iter().filter(|auditor| {
                // The publisher's own word adds nothing.
                let own = policy.auditors.get(*auditor).is_none_or(|key| chain.ever_had(&key.id()));
                !own && said.iter().any(|(_, by, audit)| {
                    by == auditor && audit.criteria == required.criteria && audit.verdict == Verdict::Pass
                })
            });
            let found = passed.count();
            if found >= required.count {
                return Ok(());
            }
            Err(Refusal::new(
                "audit-missing",
                format!("{found} of {} required audits by `{}` are there", required.count, required.criteria),
            )
            .hint("wait for one, or exempt the package in policy.toml, with a reason and a last day"))
        })?;
    }
    Ok(())
}

/// An audit of exactly this by somebody this host knows, that has not expired.
fn trusted_audit<'a>(
    logged: &Logged,
    offer: &Offer<'_>,
    context: &Context<'a>,
    checkpoint: &Checkpoint,
) -> Result<Option<(u64, &'a crate::Label, AuditStatement)>, Refusal> {
    let hint = logged.bundle.key_hint();
    let Some((auditor, key)) = context.policy.auditors.iter().find(|(_, key)| key.id() == *hint) else {
        return Ok(None);
    };
    let audit = AuditStatement::from_verified_payload(quorum::verified(&logged.bundle, key)?)?;
    logged.included(key, checkpoint)?;
    if audit.component != offer.package.digest() || audit.name != *offer.resolved.name() {
        return Err(Refusal::new("audit-mismatch", format!("the audit of `{auditor}` is about something else")));
    }
    if audit.expires.is_some_and(|expires| expires <= context.now) {
        return Ok(None);
    }
    Ok(Some((logged.index, auditor, audit)))
}

/// An update that nobody asked for has been out for a while: long enough for somebody to notice.
fn age(offer: &Offer<'_>, context: &Context<'_>, log: &mut StepLog) -> Result<(), Refusal> {
    let (policy, name, release) = (context.policy, offer.resolved.name(), offer.resolved.release());
    let hours = context.now.saturating_sub(release.released_at) / 3_600_000_000;
    let detail = format!("out for {hours} hours, {} are asked of updates by themselves", policy.minimum_age_hours);
    if !context.automatic {
        log.pass("age", format!("out for {hours} hours; somebody asked for it"));
        return Ok(());
    }
    if let Some(exemption) = policy.exemption(Rule::Age, name, &release.version, context.now) {
        log.pass("age", format!("{detail}; exempt until {}: {}", exemption.expires, exemption.reason));
        return Ok(());
    }
    log.step("age", detail, || {
        if context.now.saturating_sub(release.released_at) >= policy.minimum_age() {
            return Ok(());
        }
        Err(Refusal::new(
            "release-too-young",
            format!(
                "{name} {} has been out for {hours} hours: {} are asked for",
                release.version, policy.minimum_age_hours
            ),
        )
        .hint(format!("ask for it by its version: jackfield upgrade {name}@{}", release.version)))
    })
}

/// It imports nothing that this host does without.
fn imports(offer: &Offer<'_>, context: &Context<'_>, log: &mut StepLog) -> Result<(), Refusal> {
    let (policy, name, release) = (context.policy, offer.resolved.name(), offer.resolved.release());
    let imports = offer.package.imports();
    let denied = imports.iter().find(|import| policy.denied_imports.iter().any(|denied| is_denied(import, denied)));
    let exemption = policy.exemption(Rule::Import, name, &release.version, context.now);
    match (denied, exemption) {
        (Some(import), Some(exemption)) => {
            log.pass("imports", format!("`{import}`; exempt until {}: {}", exemption.expires, exemption.reason));
            Ok(())
        }
        _ => {
            log.step("imports", format!("{}, {} denied", imports.len(), policy.denied_imports.len()), || match denied {
                None => Ok(()),
                Some(import) => Err(Refusal::new(
                    "import-denied-by-policy",
                    format!("the component imports `{import}`, which this host's policy denies"),
                )),
            })
        }
    }
}

/// Whether `wasi:sockets/tcp@0.2.6` is meant by `wasi:sockets`, `wasi:sockets/tcp` or its whole name.
fn is_denied(import: &str, denied: &str) -> bool {
    import.strip_prefix(denied).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '@']))
}
