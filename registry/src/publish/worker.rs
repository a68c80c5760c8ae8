//! What happens to a release without anybody asking: it is examined, its statements go into the log, it comes out.
//!
//! Any number of processes may do this at once. Who examines a release holds a lease on it, and writes what came of it only
//! while the lease is his; every other step moves the release out of one state into the next in one transaction, so that it
//! happens once, whoever takes it. A crash anywhere leaves the release in the state it was in, and the next one to look goes on.
//!
//! It fails closed: whatever keeps a rule from being answered (no validator, a dead one, the database, the disk) is no verdict.
//! The release is tried again, later and later, and then waits for a person.

use std::time::Duration;

use jackfield_db::Conn;
use jackfield_package::{
    Label, Manifest, PackageName,
    check::{Outcome, State as Came},
    key::PublicKey,
    statement::{Bundle, ChecksStatement},
};
use tokio_util::sync::CancellationToken;

use super::{
    State, Why, change,
    examination::{Examined, examine},
    rules::{self, Case, RULESET, StoredFacts, Verdict},
    signers,
    statements::Keys,
    store::{self, Found, Release},
};
use crate::{
    Problem, Shared,
    account::{names, namespaces},
    clock::{Micros, SECOND},
    fault::{self, Point},
    limits::{CHECK_ATTEMPTS, CHECK_LEASE_S, CHECK_RETRY_S, CHECKS_AT_ONCE, CONFUSABLE_PAGE, RELEASES_A_ROUND},
    log::{self, NewStatement, StatementKind},
    oci::{self, Repository},
    validator::{Examination, Facts},
};

/// How long it rests when there is nothing to do.
const REST: Duration = Duration::from_millis(200);

/// Works until it is told to stop.
pub(crate) async fn run(registry: Shared, stop: CancellationToken) {
    let holder = match Worker::new() {
        Ok(worker) => worker,
        Err(problem) => return tracing::error!(%problem, "publishing can't start"),
    };
    let checks = (0..CHECKS_AT_ONCE).map(|_| async {
        while !stop.is_cancelled() {
            match holder.check_next(&registry).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(problem) => tracing::error!(%problem, "a release could not be checked"),
            }
            rest(&stop).await;
        }
    });
    let releases = async {
        while !stop.is_cancelled() {
            if let Err(problem) = holder.release_passed(&registry).await {
                tracing::error!(%problem, "releases could not be brought out");
            }
            rest(&stop).await;
        }
    };
    tokio::join!(futures_util::future::join_all(checks), releases);
}

async fn rest(stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(REST) => {}
    }
}

/// One process's hand in publishing.
#[derive(Clone, Debug)]
pub struct Worker {
    /// What its leases say.
    holder: String,
}

impl Worker {
    /// A new one, with a name that no other has.
    ///
    /// # Errors
    /// 500 if the system has no randomness.
    pub fn new() -> Result<Self, Problem> {
        Ok(Self { holder: hex::encode(crate::keys::random::<16>()?) })
    }

    /// Examines the release that has waited longest. False: none waits.
    ///
    /// # Errors
    /// What kept it from writing down what came of it; the release stays as it was, and another try is made when the lease ends.
    pub async fn check_next(&self, registry: &Shared) -> Result<bool, Problem> {
        let now = registry.now();
        let until = now.saturating_add(CHECK_LEASE_S.saturating_mul(SECOND));
        let mut tx = registry.db.begin().await?;
        let Some(release) = store::claim(&mut tx, &self.holder, until, now).await? else { return Ok(false) };
        tx.commit().await?;
        fault::reach(Point::Claimed);
        // One that has taken the process down so often is not asked again.
        if release.attempts > CHECK_ATTEMPTS {
            self.put_off(registry, &release, "every examination of it ended before it was over").await?;
            return Ok(true);
        }
        let examined = tokio::select! {
            examined = examine(registry, &release) => examined,
            () = self.keep(registry, &release) => return Ok(true),
        };
        match examined {
            Ok(examined) => {
                fault::reach(Point::Examined);
                self.decide(registry, &release, examined).await?;
            }
            Err(fault) => self.put_off(registry, &release, &fault).await?,
        }
        Ok(true)
    }

    /// Keeps the lease while the examination goes on, so that a dead process's one ends soon. Ends when it is lost.
    async fn keep(&self, registry: &Shared, release: &Release) {
        loop {
            tokio::time::sleep(Duration::from_secs(CHECK_LEASE_S.unsigned_abs() / 3)).await;
            let until = registry.now().saturating_add(CHECK_LEASE_S.saturating_mul(SECOND));
            let kept = async {
                let mut tx = registry.db.begin().await?;
                let kept = store::hold_lease(&mut tx, &release.id, &self.holder, until).await?;
                tx.commit().await?;
                Ok::<_, jackfield_db::DbError>(kept)
            };
            // A database that does not answer ends the lease by itself, in time.
            if let Ok(false) = kept.await {
                return;
            }
        }
    }

    /// No verdict this time: later, or a person's turn.
    async fn put_off(&self, registry: &Shared, release: &Release, fault: &str) -> Result<(), Problem> {
        let now = registry.now();
        tracing::warn!(package = release.package, version = release.version, fault, "no verdict on a release");
        let mut tx = registry.db.begin().await?;
        if release.attempts >= CHECK_ATTEMPTS {
            if store::hold_lease(&mut tx, &release.id, &self.holder, now).await? {
                let reason =
                    format!("it could not be checked, {CHECK_ATTEMPTS} times in a row; the last time: {fault}");
                let why = Why { actor: "system", reason: Some(&reason) };
                change(&mut tx, &release.id, State::Checking, State::Held, why, now).await?;
            }
        } else {
            let reason = format!("attempt {} came to no verdict: {fault}", release.attempts);
            let exponent = u32::try_from(release.attempts.saturating_sub(1)).unwrap_or(0).min(8);
            let wait = CHECK_RETRY_S.saturating_mul(4i64.saturating_pow(exponent)).saturating_mul(SECOND);
            store::put_off(&mut tx, &release.id, &self.holder, &reason, now.saturating_add(wait)).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Holds what was found against the registry's own rules, and takes the release to what follows, all in one transaction.
    async fn decide(&self, registry: &Shared, release: &Release, examined: Examined) -> Result<(), Problem> {
        let now = registry.now();
        let until = now.saturating_add(CHECK_LEASE_S.saturating_mul(SECOND));
        let package: PackageName = release.package.parse()?;
        let version = release.version()?;
        let mut tx = registry.db.begin().await?;
        if !store::hold_lease(&mut tx, &release.id, &self.holder, until).await? {
            return Ok(());
        }
        store::lock_package(&mut tx, &release.package, now).await?;
        if let Some(other) = store::about_to_release(&mut tx, &release.package, &release.id).await? {
            // Its statement must name that one as the release before, or fail for not doing so.
            let reason = format!("{package}@{other} goes first");
            store::not_counted(&mut tx, &release.id).await?;
            store::put_off(&mut tx, &release.id, &self.holder, &reason, now.saturating_add(SECOND)).await?;
            return Ok(tx.commit().await?);
        }
        let Examined { examination, oci_manifest, oci_config } = examined;
        let Examination { mut outcomes, facts } = examination;
        let mut bundles = Vec::new();
        if let Some(facts) = &facts {
            let manifest = Manifest::parse(facts.manifest.as_bytes())?;
            bundles = parse_bundles(&mut tx, &release.id).await?;
            let keys = Keys::of(&mut tx, package.namespace().as_str()).await;
            let statement = match keys {
                Ok(keys) => keys.quorum(&bundles.iter().map(|(_, bundle)| bundle.clone()).collect::<Vec<_>>()),
                Err(problem) if problem.status.is_server_error() => return Err(problem),
                Err(problem) => Err(problem),
            };
            let earlier = store::released(&mut tx, &release.package).await?;
            let row = store::package(&mut tx, &release.package)
                .await?
                .ok_or_else(|| Problem::internal(&std::io::Error::other("a release without its package")))?;
            let namespace = namespaces::find(&mut tx, package.namespace()).await?;
            let case = Case {
                release,
                package: &package,
                version: &version,
                facts,
                manifest: &manifest,
                oci: (&oci_manifest, &oci_config),
                statement,
                origin: &registry.config.origin,
                earlier: &earlier,
                row: &row,
                suspicion: suspicion(&mut tx, &package).await?,
                namespace_active: namespace.is_some_and(|namespace| namespace.is_active()),
            };
            outcomes.extend(rules::judge(&case));
            let stored = StoredFacts { imports: facts.imports.clone(), exports: facts.exports.clone() };
            let stored = serde_json::to_string(&stored).map_err(|error| Problem::internal(&error))?;
            let found = Found {
                manifest: &facts.manifest,
                manifest_digest: &facts.manifest_digest.to_string(),
                facts: &stored,
                readme: facts.readme.as_deref(),
                ruleset: RULESET,
            };
            store::set_found(&mut tx, &release.id, &found).await?;
        }
        store::clear_checks(&mut tx, &release.id).await?;
        for (seq, outcome) in (0..).zip(&outcomes) {
            store::add_check(&mut tx, &release.id, seq, outcome, now).await?;
        }
        let (next, reason) = match rules::verdict(&outcomes) {
            Verdict::Unknown(fault) => {
                tx.commit().await?;
                return self.put_off(registry, release, &fault).await;
            }
            Verdict::Held(reason) => (State::Held, Some(reason)),
            Verdict::Rejected(reason) => (State::Rejected, Some(reason)),
            Verdict::Passed => {
                let Some(facts) = &facts else {
                    return Err(Problem::internal(&std::io::Error::other("a pass without facts")));
                };
                submit(registry, &mut tx, release, &package, facts, &outcomes, &bundles, now).await?;
                (State::Ready, None)
            }
        };
        let why = Why { actor: "system", reason: reason.as_deref() };
        change(&mut tx, &release.id, State::Checking, next, why, now).await?;
        fault::reach(Point::Judged);
        tx.commit().await?;
        fault::reach(Point::Passed);
        Ok(())
    }

    /// Takes every release that has passed as far as the log allows. Tells how many came out.
    ///
    /// # Errors
    /// 503 if rows can't be read. What fails with one release keeps no other back.
    pub async fn release_passed(&self, registry: &Shared) -> Result<usize, Problem> {
        let passed = store::passed(&mut registry.db.read().await?, RELEASES_A_ROUND).await?;
        let mut out = 0;
        for release in passed {
            match step(registry, &release).await {
                Ok(true) => out += 1,
                Ok(false) => {}
                Err(problem) => {
                    let (package, version) = (&release.package, &release.version);
                    tracing::error!(%problem, package, version, "a release could not be brought out");
                }
            }
        }
        Ok(out)
    }
}

async fn parse_bundles(conn: &mut Conn, release: &str) -> Result<Vec<(String, Bundle)>, Problem> {
    let handed_in = store::bundles(conn, release).await?;
    handed_in.into_iter().map(|one| Ok((one.payload, Bundle::parse(&one.bundle)?))).collect()
}

/// Why a new package's name could be taken for another's, if so.
async fn suspicion(conn: &mut Conn, package: &PackageName) -> Result<Option<String>, Problem> {
    let joined = |name: &str| name.replacen(':', "-", 1);
    let own = package.to_string();
    let mut after = String::new();
    loop {
        let page = store::active_packages(conn, &after, CONFUSABLE_PAGE).await?;
        let Some(last) = page.last() else { return Ok(None) };
        after.clone_from(last);
        // Who has a namespace may give its packages names that are alike.
        let prefix = format!("{}:", package.namespace());
        let others: Vec<(String, String)> =
            page.into_iter().filter(|name| !name.starts_with(&prefix)).map(|name| (joined(&name), name)).collect();
        let found = others.iter().find_map(|(other, name)| {
            let alike = joined(&own) == *other || names::suspicion(&joined(&own), [other.as_str()]).is_some();
            alike.then(|| format!("`{own}` could be taken for `{name}`"))
        });
        if found.is_some() {
            return Ok(found);
        }
    }
}

/// Hands the statements to the log: those of the publisher, over one payload, and the registry's own on what it has checked.
#[expect(clippy::too_many_arguments, reason = "what a pass consists of")]
async fn submit(
    registry: &Shared,
    conn: &mut Conn,
    release: &Release,
    package: &PackageName,
    facts: &Facts,
    outcomes: &[Outcome],
    bundles: &[(String, Bundle)],
    now: Micros,
) -> Result<(), Problem> {
    let ids = |came: fn(Came) -> bool| -> Result<Vec<Label>, Problem> {
        outcomes.iter().filter(|outcome| came(outcome.state)).map(|outcome| Ok(outcome.id.parse()?)).collect()
    };
    let checks = ChecksStatement {
        registry: registry.config.origin.clone(),
        name: package.clone(),
        version: release.version()?,
        component: facts.digest,
        ruleset: RULESET.to_owned(),
        passed: ids(|state| state == Came::Pass)?,
        warnings: ids(|state| state != Came::Pass)?,
    };
    let keys = Keys::of(conn, package.namespace().as_str()).await?;
    // The payload that most keys signed is the one that made the quorum.
    let count = |payload: &str| bundles.iter().filter(|(other, _)| other == payload).count();
    let signed = bundles.iter().map(|(payload, _)| payload.as_str()).max_by_key(|payload| count(payload));
    let mut statements: Vec<(Bundle, StatementKind, PublicKey)> = bundles
        .iter()
        .filter(|(payload, _)| Some(payload.as_str()) == signed)
        .filter_map(|(_, bundle)| {
            let key = keys.good.iter().find(|key| key.id() == *bundle.key_hint())?;
            Some((bundle.clone(), StatementKind::Publish, *key))
        })
        .collect();
    let own = &registry.keys.statements;
    statements.push((checks.sign(own), StatementKind::Checks, own.public_key()));
    // A microsecond apart, which is their order in the log: first what is claimed, then what was checked.
    for (at, (bundle, kind, key)) in (now..).zip(statements) {
        let new = NewStatement {
            bundle,
            kind,
            key,
            namespace: package.namespace().to_string(),
            package: Some(package.clone()),
            version: Some(release.version.clone()),
            component: Some(facts.digest),
        };
        let digest = log::submit(conn, new, at).await?;
        store::await_statement(conn, &release.id, &digest.to_string()).await?;
    }
    Ok(())
}

/// One step of a release that has passed. True: it came out.
async fn step(registry: &Shared, release: &Release) -> Result<bool, Problem> {
    if release.state()? == State::Ready && !enter_log(registry, release).await? {
        return Ok(false);
    }
    bring_out(registry, release).await
}

/// Whether every statement is in the log for all to see. A key that was revoked since, for its place there, stops the release.
async fn enter_log(registry: &Shared, release: &Release) -> Result<bool, Problem> {
    let package: PackageName = release.package.parse()?;
    let now = registry.now();
    let mut tx = registry.db.begin().await?;
    // Its statements may have lost their place since it was listed.
    if store::by_id(&mut tx, &release.id).await?.is_none_or(|now| now.state != State::Ready.as_str()) {
        return Ok(false);
    }
    let awaited = store::awaited(&mut tx, &release.id).await?;
    let has = |kind: StatementKind| awaited.iter().any(|statement| statement.kind == kind.as_str());
    if !has(StatementKind::Publish) || !has(StatementKind::Checks) {
        return Err(Problem::internal(&std::io::Error::other("a release that has passed waits for no statement")));
    }
    for statement in &awaited {
        if log::published_index(&mut tx, &statement.digest.parse()?).await?.is_none() {
            return Ok(false);
        }
    }
    let stopped = signers::judge(&mut tx, &release.id, package.namespace().as_str()).await?.refused;
    let next = if stopped.is_some() { State::Held } else { State::Logged };
    let why = Why { actor: "system", reason: stopped.as_deref() };
    let changed = change(&mut tx, &release.id, State::Ready, next, why, now).await?;
    tx.commit().await?;
    fault::reach(Point::Logged);
    Ok(changed && next == State::Logged)
}

/// Everybody sees it, from one moment on and with all its statements.
async fn bring_out(registry: &Shared, release: &Release) -> Result<bool, Problem> {
    let package: PackageName = release.package.parse()?;
    let repository = Repository::of(&package);
    let now = registry.now();
    let mut tx = registry.db.begin().await?;
    let why = Why { actor: "system", reason: None };
    if !change(&mut tx, &release.id, State::Logged, State::Released, why, now).await? {
        return Ok(false);
    }
    store::set_released(&mut tx, &release.id, &release.package, now).await?;
    oci::reveal(&mut tx, &repository, &release.version).await?;
    let subject = release.oci_manifest.parse()?;
    for statement in store::awaited(&mut tx, &release.id).await? {
        oci::attach_statement(&mut tx, &repository, &subject, &statement.bundle, now).await?;
    }
    crate::read::search::reindex(&mut tx, &package).await?;
    fault::reach(Point::Shown);
    tx.commit().await?;
    fault::reach(Point::Released);
    tracing::info!(package = release.package, version = release.version, "released");
    // After a crash here, or a fault, the index's own worker sees that it is older than the release.
    if let Err(problem) = crate::index::refresh(registry, &package).await {
        tracing::warn!(%problem, package = release.package, "the index is signed anew later");
    }
    Ok(true)
}
