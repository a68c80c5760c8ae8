//! What the text of a flag means: parsed once, here, into values that can't be wrong.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
    str::FromStr,
};

use jackfield_host::{
    grant::{EgressGrant, Source},
    limits::Limit,
};
use jackfield_package::{Digest, Label, PackageName, Refusal};
use semver::Version;

use crate::error::Failed;

/// Bytes of JSON read from a file or stdin: what the host may take at most (`limits::HOSTCALL_BYTES`). Without a bound
/// a wrong path such as /dev/zero would fill the memory.
const TEXT_BYTES: u64 = jackfield_host::limits::HOSTCALL_BYTES as u64;

/// JSON on the command line, in a file, or on stdin.
#[derive(Clone, Debug)]
pub(crate) enum TextSource {
    Inline(String),
    File(PathBuf),
    Stdin,
}

impl FromStr for TextSource {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.strip_prefix('@') {
            Some(path) => Self::File(path.into()),
            None if text == "-" => Self::Stdin,
            None => Self::Inline(text.to_owned()),
        })
    }
}

impl TextSource {
    /// The text, at most [`TEXT_BYTES`] of it. `what` names it in errors, such as `the input`.
    pub(crate) fn read(&self, what: &str) -> Result<String, Failed> {
        let read = |reader: &mut dyn std::io::Read, from: &str| {
            let mut text = String::new();
            reader
                .take(TEXT_BYTES + 1)
                .read_to_string(&mut text)
                .map_err(|error| Failed::file(format!("cannot read {what} from {from}"), &error))?;
            if text.len() as u64 > TEXT_BYTES {
                return Err(Failed::usage(
                    "text-too-long",
                    format!("{what} from {from} is longer than {TEXT_BYTES} bytes, the most that a connector takes"),
                )
                .hint("hand large data in as a file: --file ID=PATH, and {\"$file\": \"ID\"} in the input"));
            }
            Ok(text)
        };
        match self {
            Self::Inline(text) => Ok(text.clone()),
            Self::Stdin => read(&mut std::io::stdin().lock(), "stdin"),
            Self::File(path) => {
                let from = format!("`{}`", path.display());
                let mut file = std::fs::File::open(path)
                    .map_err(|error| Failed::file(format!("cannot read {what} from {from}"), &error))?;
                read(&mut file, &from)
            }
        }
    }

    /// The text, which must be JSON, parsed.
    pub(crate) fn read_json(&self, what: &str) -> Result<serde_json::Value, Failed> {
        parse_json(&self.read(what)?, what)
    }
}

/// Parses JSON that a person wrote, with an error that says where it is wrong.
pub(crate) fn parse_json(text: &str, what: &str) -> Result<serde_json::Value, Failed> {
    serde_json::from_str(text).map_err(|error| {
        Failed::usage("json-malformed", format!("{what} is not JSON: {error}"))
            .hint("quote it for the shell, such as '{\"key\": \"value\"}', or read it from a file with @FILE")
    })
}

/// `LIMIT=VALUE`, or `LIMIT=default`, which takes it back.
#[derive(Clone, Debug)]
pub(crate) struct LimitSetting {
    pub(crate) limit: Limit,
    pub(crate) value: Option<u64>,
}

impl FromStr for LimitSetting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("expected LIMIT=VALUE, such as fuel=2000000000")?;
        let limit: Limit = name.parse()?;
        if value == "default" {
            return Ok(Self { limit, value: None });
        }
        let value = number(value)
            .ok_or_else(|| format!("`{value}` is not a number of {}, nor the word `default`", limit.unit()))?;
        if value > limit.ceiling() {
            return Err(format!("`{limit}` can be at most {} {}", limit.ceiling(), limit.unit()));
        }
        Ok(Self { limit, value: Some(value) })
    }
}

/// A whole number, `1_000` included, or with KiB, MiB or GiB after it.
fn number(text: &str) -> Option<u64> {
    let (digits, factor) = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1_u64 << 30)]
        .into_iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))
        .unwrap_or((text, 1));
    // The unit's own parser takes a `+`, which nobody means here.
    if !digits.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
        return None;
    }
    digits.replace('_', "").parse::<u64>().ok()?.checked_mul(factor)
}

/// `ID=PATH`, or `ID=`, which takes it back. The path is made absolute: the host may stand elsewhere when it reads it.
#[derive(Clone, Debug)]
pub(crate) struct CredentialSetting {
    pub(crate) id: Label,
    pub(crate) source: Option<Source>,
}

impl FromStr for CredentialSetting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (id, source) = text
            .split_once('=')
            .ok_or("expected ID=PATH or ID=connection:CONNECTION; the secret itself never stands here")?;
        let id = label(id)?;
        if source.is_empty() {
            return Ok(Self { id, source: None });
        }
        let source = match source.parse() {
            Ok(Source::File(path)) => Source::File(std::path::absolute(path).map_err(|error| error.to_string())?),
            Ok(connection) => connection,
            Err(never) => match never {},
        };
        Ok(Self { id, source: Some(source) })
    }
}

/// `ID=PATH` of a file that a call hands in.
#[derive(Clone, Debug)]
pub(crate) struct FileArgument {
    pub(crate) id: String,
    pub(crate) path: PathBuf,
}

impl FromStr for FileArgument {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((id, path)) if !id.is_empty() && !path.is_empty() => {
                Ok(Self { id: id.to_owned(), path: Path::new(path).to_owned() })
            }
            _ => Err("expected ID=PATH"),
        }
    }
}

/// `NAME=VALUE` that a provider is told.
#[derive(Clone, Debug)]
pub(crate) struct ParameterSetting {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl FromStr for ParameterSetting {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE, such as shop=acme")?;
        Ok(Self { name: name.to_owned(), value: value.to_owned() })
    }
}

/// The name of an operation, or `*` for all.
#[derive(Clone, Debug)]
pub(crate) enum OperationName {
    All,
    One(Label),
}

impl FromStr for OperationName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::All);
        }
        label(text).map(Self::One)
    }
}

/// A name. Its refusal is shown without its code, which is not for a person.
pub(crate) fn label(text: &str) -> Result<Label, String> {
    text.parse().map_err(|refusal: Refusal| refusal.message)
}

/// What a log can show: one statement, or all of a release.
#[derive(Clone, Debug)]
pub(crate) enum Provable {
    Statement(Digest),
    Release(PackageName, Version),
}

impl FromStr for Provable {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let said = |refusal: Refusal| refusal.message;
        if text.starts_with("sha256:") {
            return text.parse().map(Self::Statement).map_err(said);
        }
        let (name, version) = text
            .split_once('@')
            .ok_or("expected a statement's digest, sha256:…, or NAME@VERSION, such as acme:crm@1.2.0")?;
        let version = version.parse().map_err(|error| format!("`{version}` is not a version: {error}"))?;
        Ok(Self::Release(name.parse().map_err(said)?, version))
    }
}

/// A package's name.
pub(crate) fn package(text: &str) -> Result<PackageName, String> {
    text.parse().map_err(|refusal: Refusal| refusal.message)
}

/// How bad a fault is.
pub(crate) fn severity(text: &str) -> Result<jackfield_package::advisory::Severity, String> {
    text.parse().map_err(|refusal: Refusal| refusal.message)
}

/// A public key, 64 hex digits.
pub(crate) fn public_key(text: &str) -> Result<jackfield_package::key::PublicKey, String> {
    serde_json::from_value(serde_json::Value::from(text)).map_err(|error| error.to_string())
}

/// A destination. Its refusal carries a hint, which clap would drop.
pub(crate) fn egress(text: &str) -> Result<EgressGrant, String> {
    text.parse().map_err(|refusal: Refusal| match refusal.hint {
        Some(hint) => format!("{}; {hint}", refusal.message),
        None => refusal.message,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_units() {
        for (text, value) in [
            ("0", Some(0)),
            ("1_000", Some(1_000)),
            ("128MiB", Some(128 << 20)),
            ("4GiB", Some(4 << 30)),
            ("", None),
            ("+1", None),
            ("-1", None),
            ("1.5", None),
            ("MiB", None),
            ("1MB", None),
            ("99999999999999999999", None),
            ("18446744073709551615GiB", None),
        ] {
            assert_eq!(number(text), value, "{text}");
        }
    }

    #[test]
    fn a_limit_stays_below_what_the_host_can_give() {
        assert!("memory-bytes=4GiB".parse::<LimitSetting>().is_ok());
        let error = "memory-bytes=5GiB".parse::<LimitSetting>().unwrap_err();
        assert_eq!(error, "`memory-bytes` can be at most 4294967296 bytes");
        assert!("memory=1".parse::<LimitSetting>().unwrap_err().contains("expected one of fuel, "));
        assert_eq!("fuel=default".parse::<LimitSetting>().unwrap().value, None);
    }
}
