//! Calls: from an installation's record to an instance, and what came of it.

use std::{
    cell::RefCell,
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jackfield_package::{Digest, PackageName, Refusal, Verified};
use semver::Version;
use tokio::sync::SemaphorePermit;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span, field::Empty};

use super::{Host, now_s, source_of};
use crate::{
    bill::Bill,
    bindings::types,
    call::{self, Call, Ended, Entry, Prepared, either},
    egress::{CallEgress, Meter},
    engine::Use,
    error::Error,
    failure::{Failure, HostFault, LimitExceeded},
    files::Files,
    grant::Grant,
    installation::Installation,
    invocation::{Invocation, Outcome},
    limits::{Limit, STOP_CHECK_MS},
    live::Live,
    log::LogBook,
    usage::Counter,
};

impl Host {
    /// Asks a release what it is: its `describe`, in an empty sandbox with no destination granted. Nothing gets installed.
    ///
    /// # Errors
    /// As for an invocation.
    pub async fn describe(&self, verified: &Verified) -> Result<String, Failure> {
        let package = verified.package();
        let installation = Installation::new(verified, Grant::default(), 0);
        let egress = self.egress(package.manifest(), &Grant::default()).map_err(Error::from)?;
        let live = Live::new(None, installation, egress, 1, None);
        let shard = self.0.shards.here();
        let engine = self.0.shards.engine(shard)?;
        let source = source_of(package)?;
        let component = self.0.compiled.load(&self.0.home, engine, package.digest(), source.path()).await?;
        let prepared = Prepared::new(&call::linker(engine)?, &component)?;
        let _place = self.0.shards.place(shard, Use::Call, prepared.slots).await?;
        let call = self.call(&live, Entry::Describe, HashMap::new(), None, None, Instant::now());
        call::run(&prepared, call, std::future::pending()).await.result
    }

    /// Calls an operation in a fresh instance, and drops it. Always gives an outcome with its bill; whatever went wrong stands in
    /// [`Outcome::result`].
    pub async fn invoke(&self, name: &PackageName, invocation: Invocation) -> Outcome {
        let started = Instant::now();
        let operation = invocation.operation.as_str();
        let span = tracing::info_span!("invoke", connector = %name, operation, outcome = Empty, fuel = Empty);
        let outcome = match self.try_invoke(name, invocation, started).instrument(span.clone()).await {
            Ok(outcome) => outcome,
            Err(failure) => Outcome::before_it_ran(failure, started.elapsed()),
        };
        tell(&span, name, &outcome);
        outcome
    }

    async fn try_invoke(
        &self,
        name: &PackageName,
        invocation: Invocation,
        started: Instant,
    ) -> Result<Outcome, Failure> {
        let live = self.live(name)?;
        live.authorise(&invocation.operation)?;
        let allowed = live.limits.get(Limit::InputBytes);
        if invocation.input.len() as u64 > allowed {
            let used = invocation.input.len() as u64;
            return Err(Failure::Limit(LimitExceeded { limit: Limit::InputBytes, allowed, used }));
        }
        if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&invocation.input) {
            return Err(Failure::Refused(Refusal::new("input-not-json", format!("the input is not JSON: {error}"))));
        }
        let max_files = live.limits.get(Limit::Files);
        if invocation.files.len() as u64 > max_files {
            let used = invocation.files.len() as u64;
            return Err(Failure::Limit(LimitExceeded { limit: Limit::Files, allowed: max_files, used }));
        }

        // Waiting for a turn and for the compiler counts for the call's time, and can be cancelled like it.
        let deadline = Duration::from_millis(live.limits.get(Limit::TimeMs));
        let ready = async {
            let turn = live.turn().await?;
            let (place, prepared) = self.placed(&live, Use::Call).await?;
            Ok::<_, Failure>((turn, place, prepared))
        };
        let (turn, place, prepared) = tokio::select! {
            biased;
            ready = tokio::time::timeout(deadline, ready) => ready.unwrap_or_else(|_| {
                let allowed = live.limits.get(Limit::TimeMs);
                Err(Failure::Limit(LimitExceeded { limit: Limit::TimeMs, allowed, used: allowed }))
            })?,
            () = either(&invocation.cancel, &live.stop) => return Err(Failure::Cancelled),
        };

        // Asked here, since a call that runs is watched only once it waits.
        if invocation.cancel.is_cancelled() || live.stop.is_cancelled() {
            return Err(Failure::Cancelled);
        }
        let entry = Entry::Operation {
            context: types::Context {
                config: live.config.clone(),
                connection: live.egress.connection().map(ToString::to_string),
                idempotency_key: invocation.idempotency_key.map_or_else(random_key, Ok)?,
                deadline_ms: u32::try_from(deadline.saturating_sub(started.elapsed()).as_millis()).unwrap_or(u32::MAX),
            },
            name: invocation.operation,
            input: invocation.input,
        };
        let call = self.call(&live, entry, invocation.files, invocation.output_directory, invocation.log_sink, started);
        let sandbox = tracing::info_span!("sandbox");
        let ended = call::run(prepared, call, self.stopped(&live, &invocation.cancel)).instrument(sandbox).await;
        drop((place, turn));
        let outcome = outcome(ended, live.installation.version.clone());
        if let (Ok(_), Some(usage)) = (&outcome.result, &live.usage) {
            usage.count(now_s());
        }
        Ok(outcome)
    }

    pub(crate) fn call(
        &self,
        live: &Live,
        entry: Entry,
        files: HashMap<String, crate::files::FileSource>,
        output_directory: Option<PathBuf>,
        log_sink: Option<crate::log::LogSink>,
        started: Instant,
    ) -> Call {
        let meter = Arc::new(Meter::default());
        let operation: Arc<str> = match &entry {
            Entry::Describe => "describe".into(),
            Entry::Operation { name, .. } => name.as_str().into(),
            Entry::Hook(_) => "auth-hook".into(),
        };
        Call {
            entry,
            egress: CallEgress::new(live.egress.clone(), operation, &live.limits, meter.clone()),
            meter,
            files: Files::new(files, output_directory, &live.limits),
            log: Arc::new(Mutex::new(LogBook::new(&live.limits, log_sink))),
            limits: live.limits.clone(),
            started,
        }
    }

    /// Ends when the call shall: the caller cancels, this process stops the installation, or another one has.
    pub(crate) async fn stopped(&self, live: &Live, cancel: &CancellationToken) {
        let elsewhere = async {
            loop {
                tokio::time::sleep(Duration::from_millis(STOP_CHECK_MS)).await;
                let stopped = match self.0.home.stamp(&live.installation.name) {
                    Ok(stamp) if stamp == live.stamp => false,
                    Ok(None) => true,
                    Ok(Some(_)) => self.installation(&live.installation.name).is_ok_and(|now| !now.enabled),
                    Err(_) => false,
                };
                if stopped {
                    return;
                }
            }
        };
        tokio::select! {
            () = either(cancel, &live.stop) => {}
            () = elsewhere => {}
        }
    }

    /// The installation as its record stands now.
    pub(crate) fn live(&self, name: &PackageName) -> Result<Arc<Live>, Error> {
        let stamp = self.0.home.stamp(name)?;
        if let Some(live) = self.0.live.read().unwrap_or_else(PoisonError::into_inner).get(name)
            && live.stamp == stamp
            && stamp.is_some()
        {
            return Ok(live.clone());
        }
        let installation = self.installation(name)?;
        let egress = self.egress(&installation.manifest, &installation.grant)?;
        let usage = Counter::new(self.0.usage.clone(), installation.digest);
        let live = Arc::new(Live::new(stamp, installation, egress, self.0.shards.len(), Some(usage)));
        self.0.live.write().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), live.clone());
        Ok(live)
    }

    /// Room on this thread's engine, and the code that runs there.
    pub(crate) async fn placed<'a>(
        &'a self,
        live: &'a Live,
        wanted: Use,
    ) -> Result<(SemaphorePermit<'a>, &'a Prepared), Failure> {
        let shard = self.0.shards.here();
        let prepared = self.prepared(live, shard).await?;
        Ok((self.0.shards.place(shard, wanted, prepared.slots).await?, prepared))
    }

    async fn prepared<'a>(&self, live: &'a Live, shard: usize) -> Result<&'a Prepared, Failure> {
        let prepare = async {
            let engine = self.0.shards.engine(shard)?;
            let digest = live.installation.digest;
            let source = self.0.home.component_path(digest);
            self.intact(digest, &source)?;
            let component = self.0.compiled.load(&self.0.home, engine, digest, &source).await?;
            Prepared::new(&call::linker(engine)?, &component)
        };
        // Once for each record; what each call waits for is to stay small.
        Ok(live.prepared[shard].get_or_try_init(|| Box::pin(prepare)).await?)
    }

    /// That the component in the home is still the one that was verified.
    fn intact(&self, digest: Digest, source: &std::path::Path) -> Result<(), HostFault> {
        let bytes = crate::home::read(source).map_err(crate::home::at(source))?;
        if Digest::of(&bytes) != digest {
            return Err(HostFault::new(format!(
                "`{}` was changed since it was installed: it no longer is {digest}",
                source.display()
            ))
            .hint("install the release again, and find out who writes into this folder"));
        }
        Ok(())
    }
}

/// What came of a call, for whoever watches the host.
fn tell(span: &Span, name: &PackageName, outcome: &Outcome) {
    let word = outcome.result.as_ref().err().map_or("ok", Failure::word);
    let Bill { fuel, wall_us, .. } = outcome.bill;
    span.record("outcome", word).record("fuel", fuel);
    // A name that is not installed is the caller's word: it makes no series.
    let connector = match &outcome.result {
        Err(Failure::Refused(refusal)) if refusal.code == "not-installed" => "none".to_owned(),
        _ => name.to_string(),
    };
    let seconds = Duration::from_micros(wall_us);
    metrics::histogram!("jackfield_invocation_seconds", "outcome" => word).record(seconds);
    metrics::counter!("jackfield_invocations_total", "connector" => connector.clone(), "outcome" => word).increment(1);
    metrics::counter!("jackfield_invocation_fuel_total", "connector" => connector).increment(fuel);
}

fn outcome(ended: Ended, version: Version) -> Outcome {
    let Ended { mut result, bill, denials, log, files } = ended;
    let (mut created, mut staging) = (Vec::new(), None);
    // A failed call leaves no files behind: half a file under a whole one's name is a trap for whoever reads it.
    if result.is_ok() {
        match files.finish() {
            Ok((files, directory)) => (created, staging) = (files, directory),
            Err(error) => {
                result = Err(Failure::Host(
                    HostFault::new(format!("a created file could not be written: {error}"))
                        .hint("is there room, and may this process write there?"),
                ));
            }
        }
    }
    Outcome { version: Some(version), result, bill, denials, log, files: created, _staging: staging }
}

/// 128 random bits. They are drawn for many calls at a time, since asking the system for each is a good part of what a short
/// call costs.
fn random_key() -> Result<String, HostFault> {
    const KEY_BYTES: usize = 16;
    thread_local!(static DRAWN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });
    DRAWN.with_borrow_mut(|drawn| {
        if drawn.is_empty() {
            let mut fresh = vec![0; 64 * KEY_BYTES];
            getrandom::fill(&mut fresh).map_err(|error| HostFault::new(format!("no randomness: {error}")))?;
            *drawn = fresh;
        }
        Ok(hex::encode(drawn.split_off(drawn.len() - KEY_BYTES)))
    })
}
