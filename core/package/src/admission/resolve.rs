//! Which release a name and a range mean, by the registry's signed index and nothing else: never by tags.

use semver::VersionReq;
use serde::Serialize;

use super::{
    admit::Context,
    history::{EvidenceOfMisbehaviour, Misbehaviour},
    policy::WhenStale,
};
use crate::{
    Digest, PackageName, Refusal,
    statement::{Bundle, IndexRelease, IndexStatement, ReleaseStatus, quorum},
    verify::{Step, StepLog},
};

/// How far the registry's clock may be ahead, in microseconds.
const SKEW: i64 = 600_000_000;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The package.
    pub name: PackageName,
    /// Which versions will do. None: the newest that is no pre-release.
    pub range: Option<VersionReq>,
    /// The component that is installed or locked already, which may be installed again though it was yanked.
    pub locked: Option<Digest>,
}

/// A release that the index names. Only [`resolve()`] makes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Resolved {
    name: PackageName,
    release: IndexRelease,
    log_size: u64,
    deprecated: Option<String>,
    locked: bool,
    warnings: Vec<String>,
}

impl Resolved {
    /// The package.
    pub fn name(&self) -> &PackageName {
        &self.name
    }

    /// The release.
    pub fn release(&self) -> &IndexRelease {
        &self.release
    }

    /// Entries of the log that the index takes into account.
    pub fn log_size(&self) -> u64 {
        self.log_size
    }

    /// The author's message, if the package is deprecated.
    pub fn deprecated(&self) -> Option<&str> {
        self.deprecated.as_deref()
    }

    /// What a person should know though it is no refusal.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    pub(super) fn is_locked(&self) -> bool {
        self.locked
    }
}

/// The steps of resolving, and what came of them.
#[derive(Clone, Debug)]
pub struct Resolution {
    /// What was looked at.
    pub steps: Vec<Step>,
    /// The release, or the first reason against it.
    pub verdict: Result<Resolved, Refusal>,
    /// Where the registry contradicts itself.
    pub misbehaviour: Option<EvidenceOfMisbehaviour>,
}

/// Reads the index and picks the newest release of the range.
///
/// Verdict codes: those of [`quorum::verified`] and [`IndexStatement::from_verified_payload`], `audience-mismatch`,
/// `name-mismatch`, `index-not-yet`, `index-stale`, `index-rollback`, `release-not-found`, `release-yanked`,
/// `release-quarantined`, `release-revoked`.
pub fn resolve(index: &Bundle, query: &Query, context: &Context<'_>) -> Resolution {
    let mut log = StepLog::default();
    let mut misbehaviour = None;
    let verdict = pick(index, query, context, &mut log, &mut misbehaviour);
    Resolution { steps: log.steps, verdict, misbehaviour }
}

fn pick(
    bundle: &Bundle,
    query: &Query,
    context: &Context<'_>,
    log: &mut StepLog,
    misbehaviour: &mut Option<EvidenceOfMisbehaviour>,
) -> Result<Resolved, Refusal> {
    let registry = context.registry;
    let key = &registry.statements_key;
    let index = log.step("index-signature", format!("key {} of `{}`", key.id(), registry.origin), || {
        IndexStatement::from_verified_payload(quorum::verified(bundle, key)?)
    })?;
    log.step("index-audience", format!("`{}`", registry.origin), || {
        same("audience-mismatch", "the index's registry", &registry.origin, &index.registry)
    })?;
    log.step("index-name", query.name.to_string(), || {
        same("name-mismatch", "the index's package", &query.name.to_string(), &index.name.to_string())
    })?;
    let mut warnings = Vec::new();
    log.step(
        "index-freshness",
        format!("issued {}, expires {}, now {}", index.issued, index.expires, context.now),
        || fresh(&index, context, &mut warnings),
    )?;
    let seen = context.seen.index_log_size;
    log.step("index-growth", format!("entry {} of the log, {seen} seen before", index.log_size), || {
        if index.log_size >= seen {
            return Ok(());
        }
        let message = format!(
            "the index of {} takes {} entries of the log into account, and an earlier one took {seen}",
            query.name, index.log_size
        );
        *misbehaviour = Some(EvidenceOfMisbehaviour {
            kind: Misbehaviour::IndexRollback,
            registry: registry.origin.clone(),
            message: message.clone(),
            files: vec![("index.json".to_owned(), bundle.to_bytes())],
        });
        Err(Refusal::new("index-rollback", message).hint("somebody shows you the past: ask over another network"))
    })?;
    let locked = |release: &IndexRelease| query.locked == Some(release.component);
    let wanted = query.range.as_ref().map_or_else(|| "the newest".to_owned(), ToString::to_string);
    let release = log.step("resolve", format!("{wanted} of {} releases", index.releases.len()), || {
        let in_range = |release: &&IndexRelease| match &query.range {
            Some(range) => range.matches(&release.version),
            None => release.version.pre.is_empty(),
        };
        let candidates = || index.releases.iter().filter(in_range);
        let open = candidates().filter(|release| release.status == ReleaseStatus::Released || locked(release));
        let newest = open.max_by(|a, b| a.version.cmp(&b.version));
        // Nothing to be had: then say what became of the newest.
        newest.or_else(|| candidates().max_by(|a, b| a.version.cmp(&b.version))).cloned().ok_or_else(|| {
            Refusal::new("release-not-found", format!("{} has no release for {wanted}", query.name))
                .hint(format!("see what there is: jackfield info {}", query.name))
        })
    })?;
    let is_locked = locked(&release);
    log.step("index-status", format!("{} is {}", release.version, release.status.as_str()), || {
        available(&query.name, &release, is_locked)
    })?;
    if release.status == ReleaseStatus::Yanked {
        warnings.push(format!("{} {} was yanked", query.name, release.version));
    }
    let IndexStatement { name, log_size, deprecated, .. } = index;
    Ok(Resolved { name, release, log_size, deprecated, locked: is_locked, warnings })
}

fn fresh(index: &IndexStatement, context: &Context<'_>, warnings: &mut Vec<String>) -> Result<(), Refusal> {
    if index.issued > context.now.saturating_add(SKEW) {
        return Err(Refusal::new("index-not-yet", "the index is dated in the future").hint("set this machine's clock"));
    }
    let freshness = context.policy.freshness;
    let ends = index.expires.min(index.issued.saturating_add(freshness.index_age()));
    if context.now < ends {
        return Ok(());
    }
    let hours = context.now.saturating_sub(index.issued) / 3_600_000_000;
    let message = format!("the index of {} is {hours} hours old, and stale", index.name);
    match freshness.when_stale {
        WhenStale::Refuse => Err(Refusal::new("index-stale", message)
            .hint("what was revoked since can't be known; if you must: `when_stale = \"warn\"` in policy.toml")),
        WhenStale::Warn => {
            warnings.push(message);
            Ok(())
        }
    }
}

/// Whether a release of this status may be installed.
pub(super) fn available(name: &PackageName, release: &IndexRelease, locked: bool) -> Result<(), Refusal> {
    let (code, word) = match release.status {
        ReleaseStatus::Released => return Ok(()),
        ReleaseStatus::Yanked if locked => return Ok(()),
        ReleaseStatus::Yanked => ("release-yanked", "was yanked: it is not for new installations"),
        ReleaseStatus::Quarantined => ("release-quarantined", "is in quarantine, until somebody has looked at it"),
        ReleaseStatus::Revoked => ("release-revoked", "was revoked: nobody is to run it"),
    };
    Err(Refusal::new(code, format!("{name} {} {word}", release.version)))
}

pub(super) fn same(code: &'static str, what: &str, expected: &str, found: &str) -> Result<(), Refusal> {
    if expected == found {
        return Ok(());
    }
    let shown = found.chars().take(120).collect::<String>();
    Err(Refusal::new(code, format!("{what} is `{}`: expected `{expected}`", shown.escape_debug())))
}
