//! A host's policy: whose word counts, and what is asked for beyond it. One TOML file, `policy.toml`.

use std::{collections::BTreeMap, fmt, str::FromStr};

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::{
    Digest, Label, PackageName, Refusal,
    advisory::Severity,
    key::PublicKey,
    log::{KeyName, Policy as LogPolicy, VerifierKey},
};

/// Microseconds of an hour.
const HOUR: i64 = 3_600_000_000;
/// Microseconds of a day.
const DAY: i64 = 24 * HOUR;

/// What this host asks of a release before it is installed. Unknown keys are refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostPolicy {
    /// Hours that a release must have been out before an update installs it by itself.
    pub minimum_age_hours: u32,
    /// Interfaces that nothing installed here may import: `wasi:sockets` or `wasi:http/outgoing-handler`.
    pub denied_imports: Vec<String>,
    /// The least severity of an advisory with which nothing is installed; below, it is a warning.
    pub refuse_advisories: RefuseAdvisories,
    /// What is done about a release that is installed, when a command learns that it was revoked.
    pub when_revoked: WhenRevoked,
    /// Whether a registry is told which of its releases is installed here, for its count. It learns the release, and what it
    /// learns of whoever asks for anything: an address.
    pub report_installs: bool,
    /// How old the registry's word may be.
    pub freshness: Freshness,
    /// The registries that are believed.
    pub registries: Vec<TrustedRegistry>,
    /// The keysets that were seen last, by namespace. Written by `install` and `upgrade`.
    pub keysets: BTreeMap<Label, KeysetPin>,
    /// Reviewers by a name of one's own.
    pub auditors: BTreeMap<Label, PublicKey>,
    /// What they must have said.
    pub audits: Vec<RequiredAudit>,
    /// Where a rule does not hold, for a while and for a reason.
    pub exemptions: Vec<Exemption>,
}

impl Default for HostPolicy {
    fn default() -> Self {
        Self {
            minimum_age_hours: 72,
            denied_imports: Vec::new(),
            refuse_advisories: RefuseAdvisories::High,
            when_revoked: WhenRevoked::Tell,
            report_installs: true,
            freshness: Freshness::default(),
            registries: Vec::new(),
            keysets: BTreeMap::new(),
            auditors: BTreeMap::new(),
            audits: Vec::new(),
            exemptions: Vec::new(),
        }
    }
}

impl HostPolicy {
    /// The registry of this origin.
    pub fn registry(&self, origin: &str) -> Option<&TrustedRegistry> {
        self.registries.iter().find(|registry| registry.origin == origin)
    }

    /// The registry that is reached at this address; a slash at the end makes no difference.
    pub fn registry_at(&self, url: &str) -> Option<&TrustedRegistry> {
        self.registries.iter().find(|registry| registry.url.trim_end_matches('/') == url.trim_end_matches('/'))
    }

    /// Microseconds that a release must have been out.
    pub fn minimum_age(&self) -> i64 {
        i64::from(self.minimum_age_hours) * HOUR
    }

    /// The exemption from a rule, if there is one that has not ended.
    pub fn exemption(&self, rule: Rule, name: &PackageName, version: &Version, now: i64) -> Option<&Exemption> {
        self.exemptions.iter().find(|exemption| {
            exemption.rule == rule
                && exemption.packages.contains(name)
                && exemption.version.as_ref().is_none_or(|only| only == version)
                && now < exemption.expires.end()
        })
    }

    /// What can't be seen by shape alone.
    ///
    /// # Errors
    /// `policy-invalid`; the codes of a witness policy.
    pub fn check(&self) -> Result<(), Refusal> {
        for registry in &self.registries {
            registry.log_policy()?;
        }
        for audit in &self.audits {
            let unknown = audit.from.iter().find(|name| !self.auditors.contains_key(*name));
            if let Some(unknown) = unknown {
                return Err(invalid(format!("`[[audits]]` asks `{unknown}`, who has no key under `[auditors]`")));
            }
            if audit.count == 0 || audit.count > audit.from.len() {
                return Err(invalid(format!(
                    "`[[audits]]` asks for {} of {} auditors for `{}`",
                    audit.count,
                    audit.from.len(),
                    audit.criteria
                )));
            }
        }
        Ok(())
    }
}

fn invalid(message: String) -> Refusal {
    Refusal::new("policy-invalid", message).hint("docs/spec/policy.md shows every key")
}

/// How old the registry's word may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Freshness {
    /// Hours after which an index is stale, whatever it says itself.
    pub index_hours: u32,
    /// What to do then.
    pub when_stale: WhenStale,
}

impl Freshness {
    /// Microseconds after which an index is stale.
    pub fn index_age(&self) -> i64 {
        i64::from(self.index_hours) * HOUR
    }
}

impl Default for Freshness {
    fn default() -> Self {
        Self { index_hours: 14 * 24, when_stale: WhenStale::Refuse }
    }
}

/// What to do about a stale index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenStale {
    /// Install nothing.
    Refuse,
    /// Say so and go on: for a host that is often cut off.
    Warn,
}

/// What to do about an installed release that was revoked. To tell is the default: a kill list that names the wrong release
/// stops every host that heeds it at once, and an admin who is told can still switch it off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenRevoked {
    /// Say so; it goes on running.
    Tell,
    /// Switch the installation off as well.
    Disable,
}

/// From which severity on an advisory refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "plain words")]
pub enum RefuseAdvisories {
    Low,
    Medium,
    High,
    Critical,
    /// All of them are warnings.
    Never,
}

impl RefuseAdvisories {
    /// Whether a release with such a fault is refused.
    pub fn refuses(self, severity: Severity) -> bool {
        match self {
            Self::Low => true,
            Self::Medium => severity >= Severity::Medium,
            Self::High => severity >= Severity::High,
            Self::Critical => severity >= Severity::Critical,
            Self::Never => false,
        }
    }
}

/// A registry, and the keys it was seen with when somebody decided to believe it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedRegistry {
    /// Where it is reached.
    pub url: String,
    /// Its name: the log's origin, and the audience of statements.
    pub origin: String,
    /// The key of its log's checkpoints, as a vkey.
    pub log_key: VerifierKey,
    /// The key of its own statements: checks, index, status.
    pub statements_key: PublicKey,
    /// Which witnesses must have cosigned a checkpoint: a C2SP tlog-policy, with this log in it. None: no witness is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness_policy: Option<String>,
}

impl TrustedRegistry {
    /// Whose signatures make a checkpoint of this registry's log count.
    ///
    /// # Errors
    /// `log-policy-malformed` and the like, `policy-invalid` if the log's key is another than the policy's.
    pub fn log_policy(&self) -> Result<LogPolicy, Refusal> {
        // It names folders of the home too, and a registry says it of itself.
        let good = |b: u8| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b);
        if self.origin.starts_with('.') || self.origin.contains("..") || !self.origin.bytes().all(good) {
            return Err(invalid(format!("`{}` is not a host name", self.origin.escape_debug())));
        }
        let name: KeyName = self.origin.parse()?;
        if self.log_key.name != name {
            return Err(invalid(format!("the log key of `{}` is that of `{}`", self.origin, self.log_key.name)));
        }
        let Some(text) = &self.witness_policy else { return Ok(LogPolicy::of_log(self.log_key.clone())) };
        let policy = LogPolicy::parse(text.as_bytes())?;
        let [log] = policy.logs() else {
            return Err(invalid(format!("the witness policy of `{}` must name one log", self.origin)));
        };
        if log.key != self.log_key {
            return Err(invalid(format!("the witness policy of `{}` names another log key", self.origin)));
        }
        Ok(policy)
    }
}

/// A namespace's keyset as it was seen last. The next must follow from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysetPin {
    /// The registry where it was seen, by origin.
    pub registry: String,
    /// Its version.
    pub version: u64,
    /// SHA-256 of its statement.
    pub digest: Digest,
}

/// An audit without which nothing is installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequiredAudit {
    /// Held against what.
    pub criteria: Label,
    /// By whom: names of `[auditors]`.
    pub from: Vec<Label>,
    /// How many of them.
    #[serde(default = "one")]
    pub count: usize,
    /// For which packages.
    #[serde(default)]
    pub packages: Pattern,
}

fn one() -> usize {
    1
}

/// Where a rule does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exemption {
    /// For which packages.
    pub packages: Pattern,
    /// For this version only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// Which rule.
    pub rule: Rule,
    /// Why.
    pub reason: String,
    /// Its last day.
    pub expires: Date,
}

/// A rule that one can be exempted from. What proves where a release comes from is none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// Required audits. A veto stands.
    Audit,
    /// The minimum age.
    Age,
    /// Denied imports.
    Import,
    /// Advisories; they stay warnings.
    Advisory,
}

/// Packages: `*`, `acme:*` or `acme:weather`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Pattern {
    /// Any.
    #[default]
    All,
    /// Of this namespace.
    Namespace(Label),
    /// This one.
    Package(PackageName),
}

impl Pattern {
    /// Whether it covers this one.
    pub fn contains(&self, name: &PackageName) -> bool {
        match self {
            Self::All => true,
            Self::Namespace(namespace) => namespace == name.namespace(),
            Self::Package(package) => package == name,
        }
    }
}

impl FromStr for Pattern {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match text.strip_suffix(":*") {
            _ if text == "*" => Ok(Self::All),
            Some(namespace) => Ok(Self::Namespace(namespace.parse()?)),
            None => Ok(Self::Package(text.parse()?)),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Namespace(namespace) => write!(f, "{namespace}:*"),
            Self::Package(package) => package.fmt(f),
        }
    }
}

/// A day, `YYYY-MM-DD`, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    year: i64,
    month: i64,
    day: i64,
}

impl Date {
    /// Microseconds since 1970 at which the day is over.
    pub fn end(self) -> i64 {
        // Howard Hinnant, "chrono-compatible low-level date algorithms": days_from_civil.
        let year = self.year - i64::from(self.month <= 2);
        let era = year.div_euclid(400);
        let of_era = year.rem_euclid(400);
        let of_year = (153 * ((self.month + 9) % 12) + 2) / 5 + self.day - 1;
        let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
        (days + 1) * DAY
    }
}

impl FromStr for Date {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let malformed = || invalid(format!("`{}` is not a day: expected YYYY-MM-DD", text.escape_debug()));
        let part = |range: std::ops::Range<usize>| -> Option<i64> {
            let digits = text.get(range)?;
            digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
        };
        let dashes = text.len() == 10 && text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-';
        let (Some(year), Some(month), Some(day), true) = (part(0..4), part(5..7), part(8..10), dashes) else {
            return Err(malformed());
        };
        let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        let days = match month {
            4 | 6 | 9 | 11 => 30,
            2 => 28 + i64::from(leap),
            1..=12 => 31,
            _ => 0,
        };
        if !(1..=days).contains(&day) {
            return Err(malformed());
        }
        Ok(Self { year, month, day })
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

macro_rules! as_text {
    ($($type:ty),*) => {$(
        impl Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(|refusal: Refusal| serde::de::Error::custom(refusal.message))
            }
        }
    )*};
}
as_text!(Pattern, Date);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_end_when_they_do() {
        for (text, end) in [("1970-01-01", DAY), ("2000-02-29", 11_017 * DAY), ("2026-11-21", 20_779 * DAY)] {
            let date: Date = text.parse().expect("a day");
            assert_eq!((date.end(), date.to_string().as_str()), (end, text));
        }
        for text in ["2026-02-29", "2026-13-01", "2026-1-01", "2026-01-00", "26-01-01", "2026/01/01", "+026-01-01", ""]
        {
            assert_eq!(text.parse::<Date>().expect_err(text).code, "policy-invalid");
        }
    }
}
