//! Evidence: all that a registry has to show for one release, in one JSON document.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    Refusal,
    key::PublicKey,
    limits::{BUNDLES, EVIDENCE_BYTES, KEYSET_VERSIONS, PROOF_HASHES},
    log::{Checkpoint, SignedNote, leaf, merkle},
    statement::Bundle,
    strict_json::{self, Floats},
};

/// What a registry shows for one release. Nothing in it is believed until [`super::admit()`] has held it.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The head of the tree that every statement below is in.
    pub checkpoint: SignedNote,
    /// The publish statement, one bundle a signer.
    pub publish: Vec<Logged>,
    /// The namespace's keysets from version 1 on; of each, one bundle a signer.
    pub keysets: Vec<Vec<Logged>>,
    /// What the registry checked.
    pub checks: Vec<Logged>,
    /// What reviewers said about it.
    pub audits: Vec<Logged>,
    /// What was said about it, and about the namespace's keys, since.
    pub statuses: Vec<Logged>,
}

/// A statement and its place in the log.
#[derive(Clone, Debug)]
pub struct Logged {
    /// The statement.
    pub bundle: Bundle,
    /// Its index.
    pub index: u64,
    /// The way from there to the checkpoint.
    pub proof: Vec<merkle::Hash>,
}

impl Logged {
    /// Whether this statement, signed by this key, is in the tree of the checkpoint. The entry is made anew.
    ///
    /// # Errors
    /// `log-inclusion-invalid`.
    pub fn included(&self, key: &PublicKey, checkpoint: &Checkpoint) -> Result<(), Refusal> {
        let hash = merkle::leaf_hash(&leaf(&self.bundle, key));
        merkle::verify_inclusion(&hash, self.index, checkpoint.size, &self.proof, &checkpoint.root)
    }
}

impl Evidence {
    /// Reads the document.
    ///
    /// # Errors
    /// `evidence-too-large`, `evidence-malformed`, the codes of [`strict_json::parse_with`], [`Bundle::parse`] and
    /// [`SignedNote::parse`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > EVIDENCE_BYTES {
            return Err(Refusal::new(
                "evidence-too-large",
                format!("the evidence has {} bytes: at most {EVIDENCE_BYTES}", bytes.len()),
            ));
        }
        let form: ReadForm = strict_json::from_slice(bytes, Floats::Refused, "evidence-malformed")?;
        if form.keysets.len() > KEYSET_VERSIONS {
            return Err(malformed(format!("there are more than {KEYSET_VERSIONS} keysets")));
        }
        let keysets = form.keysets.into_iter().map(statements).collect::<Result<_, _>>()?;
        Ok(Self {
            checkpoint: SignedNote::parse(form.checkpoint.as_bytes())?,
            publish: statements(form.publish)?,
            keysets,
            checks: statements(form.checks)?,
            audits: statements(form.audits)?,
            statuses: statements(form.statuses)?,
        })
    }

    /// The document.
    pub fn to_bytes(&self) -> Vec<u8> {
        let write = |statements: &Vec<Logged>| statements.iter().map(write).collect::<Vec<_>>();
        let form = WriteForm {
            checkpoint: self.checkpoint.to_string(),
            publish: write(&self.publish),
            keysets: self.keysets.iter().map(write).collect(),
            checks: write(&self.checks),
            audits: write(&self.audits),
            statuses: write(&self.statuses),
        };
        match serde_json::to_vec(&form) {
            Ok(bytes) => bytes,
            Err(error) => unreachable!("a type that is not JSON: {error}"),
        }
    }
}

fn malformed(message: String) -> Refusal {
    Refusal::new("evidence-malformed", message)
}

fn statements(forms: Vec<ReadLogged>) -> Result<Vec<Logged>, Refusal> {
    if forms.len() > BUNDLES {
        return Err(malformed(format!("there are more than {BUNDLES} statements of one kind")));
    }
    forms.into_iter().map(statement).collect()
}

fn statement(form: ReadLogged) -> Result<Logged, Refusal> {
    if form.proof.len() > PROOF_HASHES {
        return Err(malformed(format!("a proof has more than {PROOF_HASHES} hashes")));
    }
    let hash = |text: &String| {
        let bytes = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(merkle::Hash).ok_or_else(|| malformed("a proof holds what is not the base64 of 32 bytes".to_owned()))
    };
    let proof = form.proof.iter().map(hash).collect::<Result<_, _>>()?;
    Ok(Logged { bundle: Bundle::parse(form.bundle.to_string().as_bytes())?, index: form.index, proof })
}

fn write(logged: &Logged) -> WriteLogged {
    let text = String::from_utf8(logged.bundle.to_bytes()).unwrap_or_default();
    let bundle = match RawValue::from_string(text) {
        Ok(bundle) => bundle,
        Err(error) => unreachable!("a bundle is JSON: {error}"),
    };
    WriteLogged { bundle, index: logged.index, proof: logged.proof.iter().map(ToString::to_string).collect() }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadForm {
    checkpoint: String,
    publish: Vec<ReadLogged>,
    keysets: Vec<Vec<ReadLogged>>,
    checks: Vec<ReadLogged>,
    audits: Vec<ReadLogged>,
    statuses: Vec<ReadLogged>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadLogged {
    bundle: serde_json::Value,
    index: u64,
    proof: Vec<String>,
}

#[derive(Serialize)]
struct WriteForm {
    checkpoint: String,
    publish: Vec<WriteLogged>,
    keysets: Vec<Vec<WriteLogged>>,
    checks: Vec<WriteLogged>,
    audits: Vec<WriteLogged>,
    statuses: Vec<WriteLogged>,
}

#[derive(Serialize)]
struct WriteLogged {
    bundle: Box<RawValue>,
    index: u64,
    proof: Vec<String>,
}
