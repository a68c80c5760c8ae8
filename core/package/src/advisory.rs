//! Advisories: known faults, and the versions that have them.

use std::{fmt, str::FromStr};

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

use crate::{
    Refusal,
    limits::{AFFECTED_CHARS, AFFECTED_RANGES},
};

/// A known fault, as a registry's index tells hosts of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advisory {
    /// Such as `JFA-2026-0001`.
    pub id: String,
    /// How bad it is.
    pub severity: Severity,
    /// Which versions have it.
    pub affected: Affected,
    /// In one line.
    pub title: String,
}

impl fmt::Display for Advisory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.id, self.severity.as_str(), self.title)
    }
}

/// How bad a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "plain words")]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    /// All of them, the least first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word in statements and in rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl FromStr for Severity {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == text).ok_or_else(|| {
            Refusal::new("advisory-severity", format!("`{}` is no severity", text.escape_debug()))
                .hint("low, medium, high or critical")
        })
    }
}

/// Versions that have a fault: ranges with `||` between them, such as `>=1.2.0, <1.2.5 || =2.0.0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Affected {
    ranges: Vec<VersionReq>,
    text: String,
}

impl Affected {
    /// Whether that version has the fault. A pre-release has what the version that it leads to would have: who runs
    /// `1.2.0-rc.1` is told of a fault of `<1.2.5`.
    pub fn contains(&self, version: &Version) -> bool {
        let whole = Version::new(version.major, version.minor, version.patch);
        self.ranges.iter().any(|range| range.matches(version) || range.matches(&whole))
    }
}

impl FromStr for Affected {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refuse = |what: String| {
            Refusal::new("advisory-range", format!("the affected versions {what}"))
                .hint("such as: >=1.2.0, <1.2.5 || =2.0.0")
        };
        if text.len() > AFFECTED_CHARS {
            return Err(refuse(format!("have more than {AFFECTED_CHARS} characters")));
        }
        let ranges = text.split("||").map(|range| range.trim().parse()).collect::<Result<Vec<VersionReq>, _>>();
        let ranges = ranges.map_err(|error| refuse(format!("are no list of ranges: {error}")))?;
        if ranges.len() > AFFECTED_RANGES {
            return Err(refuse(format!("are more than {AFFECTED_RANGES} ranges")));
        }
        Ok(Self { ranges, text: text.to_owned() })
    }
}

impl fmt::Display for Affected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Affected {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Affected {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|refusal: Refusal| serde::de::Error::custom(refusal.message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_say_which_versions() {
        let affected: Affected = ">=1.1.0, <1.3.0 || =2.0.0".parse().expect("ranges");
        for (version, has) in [
            ("1.0.9", false),
            ("1.1.0", true),
            ("1.2.9-rc.1", true),
            ("1.3.0", false),
            ("1.3.0-rc.1", false),
            ("2.0.0", true),
            ("2.0.1", false),
        ] {
            assert_eq!(affected.contains(&version.parse().expect("a version")), has, "{version}");
        }
        for text in ["", "everything", "1.0 ||", &"=1.0.0 || ".repeat(60), &"a".repeat(500)] {
            assert_eq!(text.parse::<Affected>().expect_err(text).code, "advisory-range");
        }
    }
}
