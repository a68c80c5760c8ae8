//! The in-toto Statement v1 (in-toto/attestation, spec/v1/statement.md) around every predicate: written one way, read strictly.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    Digest, Refusal,
    limits::{STATEMENT_BYTES, SUBJECTS},
    strict_json::{self, Floats},
};

/// `_type` of every statement.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// The subject that is the component's bytes.
pub(super) const COMPONENT: &str = "component";
/// The subject that is the OCI image manifest which holds the component.
pub(super) const OCI_MANIFEST: &str = "oci-manifest";
/// The subject that is a key: its digest is the key id.
pub(super) const KEY: &str = "key";
/// The subject that is a name, where a statement is about no bytes: the digest of its text.
pub(super) const NAME: &str = "name";

/// A statement's JSON, the same bytes for the same statement.
pub(super) fn write<P: Serialize>(predicate_type: &str, subjects: &[(&str, Digest)], predicate: &P) -> Vec<u8> {
    let subject = |(name, digest): &(&str, Digest)| SubjectForm {
        name: (*name).to_owned(),
        digest: DigestForm { sha256: digest.hex() },
    };
    let form = WriteForm {
        r#type: STATEMENT_TYPE,
        subject: subjects.iter().map(subject).collect(),
        predicate_type,
        predicate,
    };
    strict_json::to_canonical_string(&form).into_bytes()
}

/// Reads a payload whose signature has been checked.
///
/// # Errors
/// The codes of [`strict_json::parse_with`], `statement-type`, `statement-malformed`, `digest-malformed`.
pub(super) fn read<P: DeserializeOwned>(payload: &[u8], predicate_type: &str) -> Result<(Subjects, P), Refusal> {
    read_within(payload, predicate_type, STATEMENT_BYTES)
}

/// The same with a bound of its own.
pub(super) fn read_within<P: DeserializeOwned>(
    payload: &[u8],
    predicate_type: &str,
    bytes_at_most: usize,
) -> Result<(Subjects, P), Refusal> {
    if payload.len() > bytes_at_most {
        return Err(malformed(format!("the statement has more than {bytes_at_most} bytes")));
    }
    let value = strict_json::parse_with(payload, Floats::Refused)?;
    check_type(&value, "_type", STATEMENT_TYPE)?;
    check_type(&value, "predicateType", predicate_type)?;
    let form: ReadForm<P> = strict_json::from_value(value, "statement-malformed")?;
    Ok((Subjects::new(form.subject)?, form.predicate))
}

/// The `predicateType` of a payload, if it is a statement at all.
pub(super) fn predicate_type(payload: &[u8]) -> Option<String> {
    let value = strict_json::parse_with(payload, Floats::Refused).ok()?;
    check_type(&value, "_type", STATEMENT_TYPE).ok()?;
    value.get("predicateType")?.as_str().map(ToOwned::to_owned)
}

/// Says that a signed statement is of another shape.
pub(super) fn malformed(message: impl Into<String>) -> Refusal {
    Refusal::new("statement-malformed", message)
}

/// A text that a person reads, bounded.
pub(super) fn bounded(what: &str, text: &str, chars_at_most: usize) -> Result<(), Refusal> {
    if text.chars().count() > chars_at_most {
        return Err(malformed(format!("the statement's `{what}` has more than {chars_at_most} characters")));
    }
    Ok(())
}

/// What a statement is about: digests by name. Each is taken once, and none may be left over, since a reader would not
/// know what else was signed.
pub(super) struct Subjects(Vec<(String, Digest)>);

impl Subjects {
    fn new(forms: Vec<SubjectForm>) -> Result<Self, Refusal> {
        if forms.len() > SUBJECTS {
            return Err(malformed(format!("the statement has more than {SUBJECTS} subjects")));
        }
        let mut subjects: Vec<(String, Digest)> = Vec::with_capacity(forms.len());
        for form in forms {
            if subjects.iter().any(|(name, _)| *name == form.name) {
                return Err(malformed(format!("the statement has two subjects named `{}`", shown(&form.name))));
            }
            subjects.push((form.name, Digest::from_hex(&form.digest.sha256)?));
        }
        Ok(Self(subjects))
    }

    pub(super) fn optional(&mut self, name: &str) -> Option<Digest> {
        let index = self.0.iter().position(|(found, _)| found == name)?;
        Some(self.0.swap_remove(index).1)
    }

    pub(super) fn required(&mut self, name: &str) -> Result<Digest, Refusal> {
        self.optional(name).ok_or_else(|| malformed(format!("the statement has no subject named `{name}`")))
    }

    /// Takes the subject that names what the predicate names: they must agree.
    pub(super) fn name(&mut self, text: &str) -> Result<(), Refusal> {
        if self.required(NAME)? == Digest::of(text.as_bytes()) {
            return Ok(());
        }
        Err(malformed(format!("the statement's subject `{NAME}` is not the digest of `{text}`")))
    }

    pub(super) fn nothing_left(self) -> Result<(), Refusal> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => {
                Err(malformed(format!("a statement of its kind has no subject named `{}`", shown(name))))
            }
        }
    }
}

fn check_type(value: &serde_json::Value, key: &str, expected: &str) -> Result<(), Refusal> {
    let found = value.get(key).and_then(serde_json::Value::as_str).unwrap_or_default();
    if found == expected {
        return Ok(());
    }
    Err(Refusal::new("statement-type", format!("the statement's `{key}` is `{}`: expected `{expected}`", shown(found))))
}

fn shown(text: &str) -> String {
    text.chars().take(120).collect::<String>().escape_debug().to_string()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WriteForm<'a, P> {
    #[serde(rename = "_type")]
    r#type: &'a str,
    subject: Vec<SubjectForm>,
    predicate_type: &'a str,
    predicate: &'a P,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ReadForm<P> {
    #[serde(rename = "_type")]
    _type: serde::de::IgnoredAny,
    subject: Vec<SubjectForm>,
    #[serde(rename = "predicateType")]
    _predicate_type: serde::de::IgnoredAny,
    predicate: P,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubjectForm {
    name: String,
    digest: DigestForm,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DigestForm {
    sha256: String,
}
