//! What a path below `/v2/` names. Parsed once, so that nothing behind it meets a name that leads elsewhere.

use std::{fmt, str::FromStr};

use jackfield_package::{Label, PackageName};

use super::digest::ContentDigest;
use crate::{Problem, limits::REPOSITORY_BYTES};

/// A repository: components of lower-case letters and digits, joined by `.`, `_`, `__` or `-`, below a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Repository(String);

impl Repository {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its first component: whose it is.
    pub fn namespace(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }

    /// The package it is in a connector namespace: exactly `namespace/name`, both labels.
    pub fn package(&self) -> Option<PackageName> {
        let (namespace, name) = self.0.split_once('/')?;
        let (namespace, name): (Label, Label) = (namespace.parse().ok()?, name.parse().ok()?);
        format!("{namespace}:{name}").parse().ok()
    }

    /// The repository of a package.
    pub fn of(package: &PackageName) -> Self {
        Self(format!("{}/{}", package.namespace(), package.name()))
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Repository {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        if text.len() <= REPOSITORY_BYTES && text.split('/').all(is_component) {
            return Ok(Self(text.to_owned()));
        }
        Err(Problem::bad_request(
            "name-invalid",
            format!(
                "`{}` is not a repository: expected lower-case letters and digits, joined by `.`, `_`, `__` or `-`, in \
                 components joined by `/`, at most {REPOSITORY_BYTES} bytes",
                text.chars().take(80).collect::<String>().escape_debug()
            ),
        ))
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends_well = bytes.first().is_some_and(|b| word(*b)) && bytes.last().is_some_and(|b| word(*b));
    ends_well
        && bytes
            .split(|b| word(*b))
            .all(|separator| matches!(separator, b"" | b"." | b"_" | b"__") || separator.iter().all(|b| *b == b'-'))
}

/// What a manifest is asked for by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// A name that may move.
    Tag(Tag),
    /// The bytes themselves.
    Digest(ContentDigest),
}

/// `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag(String);

impl Tag {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Tag {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let good = text.len() <= 128
            && text.bytes().next().is_some_and(word)
            && text.bytes().all(|b| word(b) || matches!(b, b'.' | b'-'));
        if good {
            return Ok(Self(text.to_owned()));
        }
        Err(Problem::bad_request(
            "tag-invalid",
            format!(
                "`{}` is not a tag: expected letters, digits, `_`, `.` and `-`, at most 128, not beginning with `.` or `-`",
                text.chars().take(80).collect::<String>().escape_debug()
            ),
        ))
    }
}

impl FromStr for Reference {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        if text.contains(':') { text.parse().map(Self::Digest) } else { text.parse().map(Self::Tag) }
    }
}

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Uploads,
    Upload(String),
    Blob(ContentDigest),
    Manifest(Reference),
    Tags,
    Referrers(ContentDigest),
}

/// Reads what follows `/v2/`, as it came over the wire. Nothing is decoded but a colon in the last part.
pub(crate) fn parse(path: &str) -> Result<(Repository, Endpoint), Problem> {
    let parts: Vec<&str> = path.split('/').collect();
    let name = |parts: &[&str]| parts.join("/").parse::<Repository>();
    match parts.as_slice() {
        [before @ .., "blobs", "uploads"] | [before @ .., "blobs", "uploads", ""] => {
            Ok((name(before)?, Endpoint::Uploads))
        }
        [before @ .., "blobs", "uploads", id] => {
            let good = id.len() == 36 && id.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f' | b'-'));
            let repository = name(before)?;
            if good { Ok((repository, Endpoint::Upload((*id).to_owned()))) } else { Err(unknown_upload()) }
        }
        [before @ .., "tags", "list"] => Ok((name(before)?, Endpoint::Tags)),
        [before @ .., "blobs", digest] => Ok((name(before)?, Endpoint::Blob(colon(digest).parse()?))),
        [before @ .., "manifests", reference] => Ok((name(before)?, Endpoint::Manifest(colon(reference).parse()?))),
        [before @ .., "referrers", digest] => Ok((name(before)?, Endpoint::Referrers(colon(digest).parse()?))),
        _ => Err(Problem::not_found("no-such-route", "there is nothing of that form below /v2/")),
    }
}

/// The answer for uploads that never were, that have ended, and that are somebody else's.
pub(crate) fn unknown_upload() -> Problem {
    Problem::not_found("blob-upload-unknown", "there is no such upload, or it has ended; begin another")
}

fn colon(text: &str) -> String {
    text.replace("%3A", ":").replace("%3a", ":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for good in ["a", "a/b", "conformance/repo1", "a/b.c_d__e-f--g/h", "0a/blobs/x"] {
            assert!(good.parse::<Repository>().is_ok(), "{good}");
        }
        for bad in [
            "", "/", "a/", "/a", "a//b", "A/b", "a/B", "..", "a/..", "a/../b", ".a", "a.", "a..b", "a___b", "a._b",
            "-a", "a%2fb", "a b", "a\\b", "ä", "a/\u{0}b",
        ] {
            assert_eq!(bad.parse::<Repository>().unwrap_err().code, "name-invalid", "{bad}");
        }
        assert!("a".repeat(256).parse::<Repository>().is_err());
    }

    #[test]
    fn tags_and_digests_are_told_apart() {
        let hex = "a".repeat(64);
        assert!(matches!(format!("sha256:{hex}").parse(), Ok(Reference::Digest(_))));
        assert!(matches!(format!("sha512:{hex}{hex}").parse(), Ok(Reference::Digest(_))));
        assert!(matches!("1.2.3-rc.1".parse(), Ok(Reference::Tag(_))));
        for bad in [
            "sha256:baddigeststring",
            "md5:0123",
            "sha256:",
            &format!("sha256:{}", hex.to_uppercase()),
            &format!("sha512:{hex}"),
            "sha256:../../etc/passwd",
            &format!("sha256:{hex}/.."),
        ] {
            assert_eq!(bad.parse::<Reference>().unwrap_err().code, "digest-invalid", "{bad}");
        }
        for bad in ["", ".", "..", "-x", "a/b", "a%2fb", "ä", &"a".repeat(129)] {
            assert_eq!(bad.parse::<Reference>().unwrap_err().code, "tag-invalid", "{bad}");
        }
    }
}
