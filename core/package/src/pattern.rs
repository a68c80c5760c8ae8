//! Some packages, by a pattern: what a token is good for, or a publisher trusted for.

use std::{fmt, str::FromStr};

use crate::{Label, PackageName, Refusal};

/// Which packages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// `*`
    All,
    /// `acme:*`
    Namespace(Label),
    /// `acme:crm`
    Package(PackageName),
}

impl Pattern {
    /// Whether that one is among them.
    pub fn covers(&self, package: &PackageName) -> bool {
        self.includes(&Self::Package(package.clone()))
    }

    /// Whether whatever the other one covers is covered.
    pub fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, _) => true,
            (Self::Namespace(own), Self::Namespace(asked)) => own == asked,
            (Self::Namespace(own), Self::Package(asked)) => own == asked.namespace(),
            (Self::Package(own), Self::Package(asked)) => own == asked,
            _ => false,
        }
    }
}

impl FromStr for Pattern {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        if text == "*" {
            return Ok(Self::All);
        }
        match text.strip_suffix(":*") {
            Some(namespace) => namespace.parse().map(Self::Namespace),
            None => text.parse().map(Self::Package),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wider_pattern_includes_a_narrower_one_and_never_the_other_way() {
        let all = ["*", "acme:*", "acme:crm"].map(|text| text.parse::<Pattern>().unwrap());
        for (wide, pattern) in all.iter().enumerate() {
            for (narrow, other) in all.iter().enumerate() {
                assert_eq!(pattern.includes(other), wide <= narrow, "{pattern} and {other}");
            }
        }
        let (crm, other): (PackageName, PackageName) = ("acme:crm".parse().unwrap(), "acne:crm".parse().unwrap());
        assert!(all.iter().all(|pattern| pattern.covers(&crm)));
        assert_eq!(all.map(|pattern| pattern.covers(&other)), [true, false, false]);
        for bad in ["", "acme", "*:crm", "acme:", "acme:*:x", "Acme:*"] {
            assert!(bad.parse::<Pattern>().is_err(), "{bad}");
        }
    }
}
