//! Which release a name and a range mean, by the registry's signed index and nothing else: never by tags.

use semver::{Version, VersionReq};
use serde::Serialize;

use super::{
    admit::Context,
    history::{EvidenceOfMisbehaviour, Misbehaviour},
    policy::{Rule, WhenStale},
};
use crate::{
    Digest, PackageName, Refusal,
    advisory::Advisory,
    limits::VERSIONS_SHOWN,
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
    advisories: Vec<Advisory>,
    waiting: Option<Waiting>,
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

    /// Known faults of this version, refused or not.
    pub fn advisories(&self) -> &[Advisory] {
        &self.advisories
    }

    /// The newer release that is still too young for an update nobody asked for, if this one was taken in its place.
    pub fn waiting(&self) -> Option<&Waiting> {
        self.waiting.as_ref()
    }

    /// What a person should know though it is no refusal.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    pub(super) fn is_locked(&self) -> bool {
        self.locked
    }
}

/// A newer release that is not old enough yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// It.
    pub version: Version,
    /// When it will have been out for long enough, in microseconds since 1970.
    pub until: i64,
}

/// The steps of resolving, and what came of them.
#[derive(Clone, Debug)]
pub struct Resolution {
    /// What was looked at.
    pub steps: Vec<Step>,
    /// The index, once its signature, its age and its growth are found right.
    pub index: Option<IndexStatement>,
    /// The release that is meant, whether or not it may be installed.
    pub meant: Option<IndexRelease>,
    /// The release, or the first reason against it.
    pub verdict: Result<Resolved, Refusal>,
    /// Where the registry contradicts itself.
    pub misbehaviour: Option<EvidenceOfMisbehaviour>,
}

/// Reads the index and picks the newest release of the range. An update that nobody asked for ([`Context::automatic`]) takes the
/// newest that has been out for long enough, if there is one above the release that is installed.
///
/// Verdict codes: those of [`quorum::verified`] and [`IndexStatement::from_verified_payload`], `audience-mismatch`,
/// `name-mismatch`, `index-not-yet`, `index-stale`, `index-rollback`, `release-not-found`, `release-yanked`,
/// `release-quarantined`, `release-revoked`, `release-affected`.
pub fn resolve(index: &Bundle, query: &Query, context: &Context<'_>) -> Resolution {
    let mut log = StepLog::default();
    let (mut misbehaviour, mut warnings) = (None, Vec::new());
    let (index, meant, verdict) = match read(index, query, context, &mut log, &mut misbehaviour, &mut warnings) {
        Ok(index) => match choose(&index, query, context, &mut log) {
            Ok(release) => {
                let verdict = judge(&index, &release, query, context, &mut log, warnings);
                (Some(index), Some(release), verdict)
            }
            Err(refusal) => (Some(index), None, Err(refusal)),
        },
        Err(refusal) => (None, None, Err(refusal)),
    };
    Resolution { steps: log.steps, index, meant, verdict, misbehaviour }
}

/// The index, if it is this registry's word about this package, of today, and no older than an earlier one.
fn read(
    bundle: &Bundle,
    query: &Query,
    context: &Context<'_>,
    log: &mut StepLog,
    misbehaviour: &mut Option<EvidenceOfMisbehaviour>,
    warnings: &mut Vec<String>,
) -> Result<IndexStatement, Refusal> {
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
    log.step(
        "index-freshness",
        format!("issued {}, expires {}, now {}", index.issued, index.expires, context.now),
        || fresh(&index, context, warnings),
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
    Ok(index)
}

/// The release that a query means.
fn choose(
    index: &IndexStatement,
    query: &Query,
    context: &Context<'_>,
    log: &mut StepLog,
) -> Result<IndexRelease, Refusal> {
    let locked = |release: &IndexRelease| query.locked == Some(release.component);
    let wanted = query.range.as_ref().map_or_else(|| "the newest".to_owned(), ToString::to_string);
    log.step("resolve", format!("{wanted} of {} releases", index.releases.len()), || {
        let in_range = |release: &&IndexRelease| match &query.range {
            Some(range) => range.matches(&release.version),
            None => release.version.pre.is_empty(),
        };
        let candidates = || index.releases.iter().filter(in_range);
        let open = || candidates().filter(|release| release.status == ReleaseStatus::Released || locked(release));
        let older = context.automatic.then(|| open().filter(|release| ripe(&query.name, release, index, context)));
        let here = index.releases.iter().find(|release| locked(release)).map(|release| &release.version);
        let older = older.and_then(newest).filter(|release| here.is_none_or(|here| release.version > *here));
        // Nothing to be had: then say what became of the newest.
        older.or_else(|| newest(open())).or_else(|| newest(candidates())).cloned().ok_or_else(|| {
            Refusal::new("release-not-found", format!("{} has no release for {wanted}", query.name)).hint(format!(
                "there is {}\nsee: jackfield info {}",
                listed(index),
                query.name
            ))
        })
    })
}

/// Whether the release may be taken, by what the index alone says.
fn judge(
    index: &IndexStatement,
    release: &IndexRelease,
    query: &Query,
    context: &Context<'_>,
    log: &mut StepLog,
    mut warnings: Vec<String>,
) -> Result<Resolved, Refusal> {
    let waiting = index.releases.iter().filter(|other| {
        let in_range = query.range.as_ref().map_or(other.version.pre.is_empty(), |range| range.matches(&other.version));
        context.automatic && in_range && other.version > release.version && is_young(&query.name, other, context)
    });
    let waiting = newest(waiting.filter(|other| other.status == ReleaseStatus::Released)).map(|other| Waiting {
        version: other.version.clone(),
        until: other.released_at.saturating_add(context.policy.minimum_age()),
    });
    let is_locked = query.locked == Some(release.component);
    log.step("index-status", format!("{} is {}", release.version, release.status.as_str()), || {
        available(&query.name, release, is_locked)
    })?;
    let advisories = index.advisories_of(&release.version);
    let exempt = context.policy.exemption(Rule::Advisory, &query.name, &release.version, context.now);
    let refused =
        |advisory: &&Advisory| exempt.is_none() && context.policy.refuse_advisories.refuses(advisory.severity);
    let said = match exempt {
        Some(exemption) => format!("; exempt until {}: {}", exemption.expires, exemption.reason),
        None => String::new(),
    };
    log.step("advisories", format!("{} about {}{said}", advisories.len(), release.version), || {
        let Some(worst) = advisories.iter().filter(refused).max_by_key(|advisory| advisory.severity) else {
            return Ok(());
        };
        let message = format!("{} {} has a known fault: {worst}", query.name, release.version);
        Err(Refusal::new("release-affected", message).hint(format!(
            "affected are {}; what to do: jackfield advisory show {} {}",
            worst.affected, query.name, worst.id
        )))
    })?;
    warnings.extend(
        advisories.iter().map(|known| format!("{} {} has a known fault: {known}", query.name, release.version)),
    );
    let IndexStatement { name, log_size, deprecated, .. } = index;
    Ok(Resolved {
        name: name.clone(),
        release: release.clone(),
        log_size: *log_size,
        deprecated: deprecated.clone(),
        advisories,
        waiting,
        locked: is_locked,
        warnings,
    })
}

/// The newest versions of a package, for a person who named none of them.
fn listed(index: &IndexStatement) -> String {
    let mut releases: Vec<&IndexRelease> = index.releases.iter().collect();
    releases.sort_by(|a, b| b.version.cmp(&a.version));
    let word = |release: &&IndexRelease| match release.status {
        ReleaseStatus::Released => release.version.to_string(),
        other => format!("{} ({})", release.version, other.as_str()),
    };
    let shown: Vec<String> = releases.iter().take(VERSIONS_SHOWN).map(word).collect();
    match releases.len().saturating_sub(VERSIONS_SHOWN) {
        _ if shown.is_empty() => "none at all".to_owned(),
        0 => shown.join(", "),
        more => format!("{}, and {more} before", shown.join(", ")),
    }
}

fn newest<'r>(releases: impl Iterator<Item = &'r IndexRelease>) -> Option<&'r IndexRelease> {
    releases.max_by(|a, b| a.version.cmp(&b.version))
}

/// Whether an update may take it by itself: it has been out for a while, and nothing is known against it that this host minds.
fn ripe(name: &PackageName, release: &IndexRelease, index: &IndexStatement, context: &Context<'_>) -> bool {
    let policy = context.policy;
    let minded = |advisory: &Advisory| policy.refuse_advisories.refuses(advisory.severity);
    let exempt = policy.exemption(Rule::Advisory, name, &release.version, context.now).is_some();
    !is_young(name, release, context) && (exempt || !index.advisories_of(&release.version).iter().any(minded))
}

fn is_young(name: &PackageName, release: &IndexRelease, context: &Context<'_>) -> bool {
    let policy = context.policy;
    context.now.saturating_sub(release.released_at) < policy.minimum_age()
        && policy.exemption(Rule::Age, name, &release.version, context.now).is_none()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        admission::{
            history::Seen,
            policy::{HostPolicy, RefuseAdvisories, TrustedRegistry},
        },
        key::SigningKey,
        log::VerifierKey,
    };

    const HOUR: i64 = 3_600_000_000;
    const NOW: i64 = 1_000 * HOUR;

    fn key() -> SigningKey {
        SigningKey::from_seed([3; 32])
    }

    fn release(version: &str, hours_ago: i64, status: ReleaseStatus) -> IndexRelease {
        IndexRelease {
            version: version.parse().expect("a version"),
            component: Digest::of(version.as_bytes()),
            oci_manifest: Digest::of(b"manifest"),
            size: 1,
            released_at: NOW - hours_ago * HOUR,
            status,
        }
    }

    fn advisory(severity: &str, affected: &str) -> Advisory {
        Advisory {
            id: "JFA-2026-0001".into(),
            severity: severity.parse().expect("a severity"),
            affected: affected.parse().expect("ranges"),
            title: "Leaks rows".into(),
        }
    }

    /// What an update of 1.0.0 takes by itself, or the code of its refusal; and what waits.
    fn update(releases: &[IndexRelease], advisories: &[Advisory], policy: &str) -> (String, Option<String>) {
        let registry = TrustedRegistry {
            url: "https://registry.example".into(),
            origin: "registry.example".into(),
            log_key: VerifierKey::of_log("registry.example".parse().expect("a name"), key().public_key()),
            statements_key: key().public_key(),
            witness_policy: None,
        };
        let name: PackageName = "acme:crm".parse().expect("a name");
        let index = IndexStatement {
            registry: registry.origin.clone(),
            name: name.clone(),
            log_size: 1,
            issued: NOW,
            expires: NOW + HOUR,
            deprecated: None,
            advisories: advisories.to_vec(),
            releases: [&[release("1.0.0", 900, ReleaseStatus::Released)], releases].concat(),
        };
        let policy: HostPolicy = serde_json::from_str(policy).expect("a policy");
        let seen = Seen::default();
        let context =
            Context { registry: &registry, policy: &policy, seen: &seen, head: None, now: NOW, automatic: true };
        let range = Some(VersionReq::parse("^1.0.0").expect("a range"));
        let query = Query { name, range, locked: Some(Digest::of(b"1.0.0")) };
        match resolve(&index.sign(&key()), &query, &context).verdict {
            Ok(found) => {
                let waiting = found.waiting().map(|waiting| {
                    assert!(waiting.until > NOW);
                    waiting.version.to_string()
                });
                (found.release().version.to_string(), waiting)
            }
            Err(refusal) => (refusal.code.to_string(), None),
        }
    }

    #[test]
    fn an_update_by_itself_takes_the_newest_that_is_old_enough() {
        use ReleaseStatus::{Released, Yanked};
        let old = release("1.1.0", 100, Released);
        let young = release("1.2.0", 2, Released);
        let took = |version: &str, waiting: Option<&str>| (version.to_owned(), waiting.map(str::to_owned));
        let both = [old.clone(), young.clone()];
        assert_eq!(update(&both, &[], "{}"), took("1.1.0", Some("1.2.0")));
        assert_eq!(update(&both, &[], r#"{"minimum_age_hours": 1}"#), took("1.2.0", None));
        // Nothing that is newer is old enough: the newest is named, and admission says how young it is.
        assert_eq!(update(std::slice::from_ref(&young), &[], "{}"), took("1.2.0", None));
        let yanked = release("1.1.0", 100, Yanked);
        assert_eq!(update(&[yanked, young.clone()], &[], "{}"), took("1.2.0", None));
        // Another major version, and a pre-release, are nobody's update.
        let far = [old.clone(), release("2.0.0", 100, Released), release("1.3.0-rc.1", 100, Released)];
        assert_eq!(update(&far, &[], "{}"), took("1.1.0", None));
        let exempt = r#"{"exemptions": [{"packages": "acme:crm", "version": "1.2.0", "rule": "age", "reason": "a fix", "expires": "2999-01-01"}]}"#;
        assert_eq!(update(&both, &[], exempt), took("1.2.0", None));
    }

    #[test]
    fn a_known_fault_is_passed_over_warned_of_or_refused() {
        let both = [release("1.1.0", 100, ReleaseStatus::Released), release("1.2.0", 90, ReleaseStatus::Released)];
        let took = |word: &str| (word.to_owned(), None);
        let found =
            |severity: &str, affected: &str, policy: &str| update(&both, &[advisory(severity, affected)], policy);
        assert_eq!(found("critical", "=1.2.0", "{}"), took("1.1.0"));
        assert_eq!(found("critical", "<2", "{}"), took("release-affected"));
        assert_eq!(found("high", "<2", "{}"), took("release-affected"));
        assert_eq!(found("medium", "<2", "{}"), took("1.2.0"));
        for (policy, severity, refused) in [
            ("low", "low", true),
            ("medium", "low", false),
            ("critical", "high", false),
            ("critical", "critical", true),
            ("never", "critical", false),
        ] {
            let word = if refused { "release-affected" } else { "1.2.0" };
            assert_eq!(found(severity, "<2", &format!(r#"{{"refuse_advisories": "{policy}"}}"#)), took(word));
        }
        assert!(RefuseAdvisories::Low.refuses(crate::advisory::Severity::Low));
        let exempt = r#"{"exemptions": [{"packages": "*", "rule": "advisory", "reason": "not reached", "expires": "2999-01-01"}]}"#;
        assert_eq!(found("critical", "<2", exempt), took("1.2.0"));
    }
}
