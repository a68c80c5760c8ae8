//! An installed release that was taken back: what a person and a program are told of it, and the kill switch where that was asked
//! for.
//!
//! The index says what became of it; the statement in the log says why, and by whom. Only the statement switches anything off: an
//! index alone leaves no trace that others could see.

use jackfield_package::{
    PackageName, Refusal,
    admission::{Evidence, LockedPackage, TakenBack, WhenRevoked, taken_back},
    statement::{IndexRelease, IndexStatement, ReleaseStatus},
};
use jackfield_registry::clock::rfc3339;
use semver::Version;
use serde_json::{Value, json};

use crate::{
    context::Context,
    error::{Done, Failed},
    statements,
    supply::Supply,
    trusted::Trusted,
};

/// What is known against a release, most often one that is installed.
#[derive(Clone, Debug)]
pub(crate) struct Against {
    pub(crate) name: PackageName,
    pub(crate) version: Version,
    pub(crate) status: ReleaseStatus,
    /// The statement; none if the registry does not show one that counts, or was not asked.
    pub(crate) word: Option<Word>,
    /// Whether it is only what the registry said when it was asked last.
    remembered: bool,
    /// The newest release that stands, if there is one.
    instead: Option<Version>,
    /// Whether it may run here; none: it is not installed.
    enabled: Option<bool>,
    /// Whether this command has switched it off.
    pub(crate) disabled: bool,
}

/// Who took a release back, and why.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    pub(crate) said: TakenBack,
    /// When the registry accepted it (RFC 3339), by its own clock: the log knows an order, and no time.
    pub(crate) at: Option<String>,
}

impl Word {
    /// Who said it, when and why.
    pub(crate) fn words(&self) -> String {
        let TakenBack { by, by_registry, reason, revoked_key, log_index, expires, .. } = &self.said;
        let at = self.at.as_ref().map_or_else(|| format!("in entry {log_index} of the log"), |at| format!("on {at}"));
        let whose = if *by_registry { " for the registry" } else { "" };
        let until = expires.map_or_else(String::new, |end| format!(", until {}", rfc3339(end)));
        let key = revoked_key.map_or_else(String::new, |key| format!(" (the key {key}, which signed it)"));
        format!("by {by}{whose} {at}{until}{key}: {reason}")
    }

    fn to_json(&self) -> Value {
        let mut value = serde_json::to_value(&self.said).unwrap_or_default();
        value["at"] = json!(self.at);
        value
    }
}

impl Against {
    fn new(name: PackageName, release: &IndexRelease, word: Option<Word>, index: &IndexStatement) -> Self {
        let open = index.releases.iter().filter(|release| release.status == ReleaseStatus::Released);
        let open = open.filter(|other| other.version.pre.is_empty() && other.version != release.version);
        let instead = open.map(|release| release.version.clone()).max();
        // An index may keep silent about what the log says.
        let status = word.as_ref().map_or(release.status, |word| word.said.status.max(release.status));
        let version = release.version.clone();
        Self { name, version, status, word, remembered: false, instead, enabled: None, disabled: false }
    }

    /// The same without asking: by the last index that was seen here. Switches nothing off.
    pub(crate) fn remembered(package: &LockedPackage, context: &Context) -> Result<Option<Self>, Failed> {
        let trusted = Trusted::of(context);
        let policy = trusted.policy()?;
        let Some(registry) = policy.registry(&package.registry) else { return Ok(None) };
        let Some(index) = trusted.seen_index(registry, &package.name)? else { return Ok(None) };
        let taken = index
            .releases
            .iter()
            .find(|release| release.component == package.digest && release.status != ReleaseStatus::Released);
        let Some(release) = taken else { return Ok(None) };
        let enabled = is_enabled(&package.name, context)?;
        Ok(Some(Self { remembered: true, enabled, ..Self::new(package.name.clone(), release, None, &index) }))
    }

    /// Whether a statement in the log says that nobody is to run it.
    fn is_revoked_in_log(&self) -> bool {
        self.word.as_ref().is_some_and(|word| word.said.status == ReleaseStatus::Revoked)
    }

    /// What happened to it, after its name.
    fn happened(&self) -> String {
        let what = match self.status {
            ReleaseStatus::Quarantined => "put in quarantine",
            other => other.as_str(),
        };
        let word = match &self.word {
            Some(word) => word.words(),
            None if self.remembered => "when the registry was asked last".to_owned(),
            None => "and the registry does not show by whom and why".to_owned(),
        };
        format!("{} was {what} {word}", self.version)
    }

    /// The same of what is installed, with what that means for it.
    pub(crate) fn fate(&self) -> String {
        let runs = match (self.disabled, self.enabled) {
            (true, _) => " (it is switched off now)",
            (_, Some(false)) => " (it is disabled here)",
            (_, Some(true)) if self.status > ReleaseStatus::Yanked => " (it still runs here)",
            _ => "",
        };
        format!("{}{runs}", self.happened())
    }

    /// Why it is not installed.
    fn refusal(&self, refusal: Refusal) -> Failed {
        let meaning = match self.status {
            ReleaseStatus::Revoked => "nobody is to run it",
            ReleaseStatus::Quarantined => "nobody is to install it until somebody has looked",
            _ => "it is not for new installations",
        };
        let Refusal { code, hint, .. } = refusal;
        let hint = self.enabled.map(|_| self.hint()).or_else(|| self.other()).or(hint);
        let refusal = Refusal { hint, ..Refusal::new(code, format!("{} {} ({meaning})", self.name, self.happened())) };
        Failed::from(refusal).detail("taken_back", self.to_json())
    }

    /// The command that takes another release.
    fn other(&self) -> Option<String> {
        let Self { name, version, instead, enabled, .. } = self;
        instead.as_ref().map(|instead| match enabled.is_some() && instead > version {
            true => format!("jackfield upgrade {name}@{instead}"),
            false => format!("jackfield install {name}@{instead}"),
        })
    }

    /// The next commands.
    pub(crate) fn hint(&self) -> String {
        let name = &self.name;
        let stop = (self.enabled == Some(true)).then(|| format!("jackfield disable {name}"));
        // A yanked release does no harm to whoever has it: another one goes first, where there is one.
        let lines: Vec<String> = match (self.status, self.other()) {
            (ReleaseStatus::Yanked, Some(other)) => vec![other],
            (ReleaseStatus::Yanked, None) => {
                let nothing = "no other release stands yet, and this one goes on".to_owned();
                std::iter::once(nothing).chain(stop.map(|stop| format!("to stop it: {stop}"))).collect()
            }
            (_, other) => stop.into_iter().chain(other).collect(),
        };
        if lines.is_empty() { format!("no other release stands; see: jackfield info {name}") } else { lines.join("\n") }
    }

    pub(crate) fn to_json(&self) -> Value {
        let Self { name, version, status, word, remembered, instead, enabled, disabled } = self;
        json!({
            "name": name, "version": version, "status": status, "word": word.as_ref().map(Word::to_json), "remembered": remembered,
            "instead": instead, "enabled": enabled, "disabled": disabled,
        })
    }

    /// Tells a person beside the answer.
    pub(crate) fn tell(&self, context: &Context) {
        context.ui.warn(&format!("{} {}", self.name, self.fate()));
        context.ui.hint(&self.hint());
    }

    /// Uses the kill switch, unless it was used before.
    fn disable(&mut self, context: &Context) -> Done {
        if self.enabled == Some(true) {
            context.host()?.set_enabled(&self.name, false)?;
            (self.enabled, self.disabled) = (Some(false), true);
        }
        Ok(())
    }
}

/// Whether an installation may run; none: there is none.
fn is_enabled(name: &PackageName, context: &Context) -> Result<Option<bool>, Failed> {
    match context.host()?.installation(name) {
        Ok(installation) => Ok(Some(installation.enabled)),
        Err(jackfield_host::Error::NotInstalled { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl Supply<'_> {
    /// What is known against the release of this package that is installed from here, by the index; switches it off if it was revoked
    /// and the policy says so.
    pub(crate) async fn against_installed(&self, index: &IndexStatement) -> Result<Option<Against>, Failed> {
        let lock = self.trusted.lock()?;
        let here = |release: &&IndexRelease| {
            lock.package(&index.name)
                .is_some_and(|package| package.registry == self.registry.origin && package.digest == release.component)
        };
        match index.releases.iter().find(here) {
            Some(release) if release.status != ReleaseStatus::Released => {
                let word = self.word(&index.name, release).await;
                self.heed(Against::new(index.name.clone(), release, word, index))
            }
            _ => Ok(None),
        }
    }

    /// The same by evidence that admission has refused, of a release that the index has nothing against.
    pub(crate) fn against_silently(
        &self,
        release: &IndexRelease,
        evidence: &Evidence,
        index: &IndexStatement,
    ) -> Result<Option<Against>, Failed> {
        let installed = self.trusted.lock()?;
        if installed.package(&index.name).is_none_or(|package| package.digest != release.component) {
            return Ok(None);
        }
        let seen = self.trusted.seen(&self.registry, &index.name)?;
        let said = taken_back(&index.name, release.component, evidence, &self.admitting(&seen, None, false)?);
        let Ok(Some(said)) = said else { return Ok(None) };
        self.heed(Against::new(index.name.clone(), release, Some(Word { said, at: None }), index))
    }

    /// A refusal of what was taken back, with the reason.
    pub(crate) async fn explained(
        &self,
        refusal: Refusal,
        meant: Option<&IndexRelease>,
        installed: Option<&Against>,
        index: Option<&IndexStatement>,
    ) -> Failed {
        let taken = meant.filter(|release| release.status != ReleaseStatus::Released);
        let (Some(release), Some(index)) = (taken, index) else { return refusal.into() };
        match installed.filter(|against| against.version == release.version) {
            Some(against) => against.refusal(refusal),
            None => {
                let word = self.word(&index.name, release).await;
                Against::new(index.name.clone(), release, word, index).refusal(refusal)
            }
        }
    }

    /// What is locked may be installed no more: then there is nothing to tell of and to switch off.
    fn heed(&self, mut against: Against) -> Result<Option<Against>, Failed> {
        against.enabled = is_enabled(&against.name, self.context)?;
        if self.policy.when_revoked == WhenRevoked::Disable && against.is_revoked_in_log() {
            against.disable(self.context)?;
        }
        Ok(Some(against).filter(|against| against.enabled.is_some()))
    }

    /// The statement that took a release back; none if the registry shows none that counts.
    async fn word(&self, name: &PackageName, release: &IndexRelease) -> Option<Word> {
        let found = self.find_word(name, release).await;
        found.unwrap_or_else(|failed| {
            self.context.ui.note(&format!("What the log says of {name} {}: {}", release.version, failed.message()));
            None
        })
    }

    async fn find_word(&self, name: &PackageName, release: &IndexRelease) -> Result<Option<Word>, Failed> {
        let seen = self.trusted.seen(&self.registry, name)?;
        let evidence = self.evidence(name, &release.version).await?;
        let said = taken_back(name, release.component, &evidence, &self.admitting(&seen, None, false)?)?;
        let Some(said) = said else { return Ok(None) };
        // Only for the time, without which the word stands as well.
        let listed = statements::of(self.remote(), name, &release.version).await.unwrap_or_default();
        let at = listed.into_iter().find(|line| line.digest == said.statement).and_then(|line| line.accepted_at);
        Ok(Some(Word { said, at }))
    }
}
