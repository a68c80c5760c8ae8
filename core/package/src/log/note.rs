//! Signed notes (c2sp.org/signed-note): a text, a blank line, signature lines. Keys are written as vkeys,
//! `name+<key id>+<base64 of type and key>`.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use crate::{
    Refusal,
    key::{PublicKey, SigningKey},
    limits::{LOG_NAME_BYTES, NOTE_BYTES, NOTE_SIGNATURES},
};

/// What begins a signature line.
const DASH: &str = "\u{2014} ";

/// The name in a signature line, which is also a log's origin: not empty, without spaces and `+`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyName(String);

impl KeyName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyName {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        if text.is_empty() || text.len() > LOG_NAME_BYTES || text.contains(bad) {
            return Err(Refusal::new(
                "log-name-malformed",
                format!("the name of a log or a witness has 1 to {LOG_NAME_BYTES} bytes, without spaces and `+`"),
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// How a key signs notes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignatureType {
    /// Ed25519 over the note's text: logs.
    Ed25519 = 0x01,
    /// Ed25519 over a time and the note's text (c2sp.org/tlog-cosignature): witnesses.
    Cosignature = 0x04,
}

/// Whose signatures count under which name.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    /// The name in signature lines.
    pub name: KeyName,
    /// How it signs.
    pub signature_type: SignatureType,
    /// The key.
    pub key: PublicKey,
}

impl VerifierKey {
    /// A log's key.
    pub fn of_log(name: KeyName, key: PublicKey) -> Self {
        Self { name, signature_type: SignatureType::Ed25519, key }
    }

    /// A witness's key.
    pub fn of_witness(name: KeyName, key: PublicKey) -> Self {
        Self { name, signature_type: SignatureType::Cosignature, key }
    }

    /// What the key id is the beginning of; Sigstore calls the whole of it a log's id.
    pub fn log_id(&self) -> [u8; 32] {
        let hash = Sha256::new().chain_update(self.name.as_str()).chain_update([b'\n', self.signature_type as u8]);
        hash.chain_update(self.key.to_bytes()).finalize().into()
    }

    /// What tells keys of one name apart. Short: the signature decides.
    pub fn id(&self) -> [u8; 4] {
        let [a, b, c, d, ..] = self.log_id();
        [a, b, c, d]
    }

    fn is_named_by(&self, signature: &NoteSignature) -> bool {
        self.name == signature.name && self.id() == signature.key_id
    }
}

impl FromStr for VerifierKey {
    type Err = Refusal;

    /// Reads a vkey.
    fn from_str(text: &str) -> Result<Self, Refusal> {
        let malformed = |why: &str| {
            Refusal::new("log-key-malformed", format!("the key of a log or a witness {why}"))
                .hint("it is written `name+<8 hex digits>+<base64>`, as `jackfield log checkpoint` shows it")
        };
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(malformed("is not three parts between `+`"));
        };
        let bytes = STANDARD.decode(key).map_err(|_| malformed("is not base64"))?;
        let (signature_type, key) = bytes.split_first().ok_or_else(|| malformed("is empty"))?;
        let signature_type = match signature_type {
            0x01 => SignatureType::Ed25519,
            0x04 => SignatureType::Cosignature,
            other => return Err(malformed(&format!("is of type {other}: expected Ed25519 (1) or a cosigner's (4)"))),
        };
        let verifier = Self { name: name.parse()?, signature_type, key: PublicKey::from_bytes(key)? };
        if hex::encode(verifier.id()) != id {
            return Err(malformed("has another key id than it says: it was miscopied, or the name was changed"));
        }
        Ok(verifier)
    }
}

/// As a vkey.
impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![self.signature_type as u8];
        bytes.extend_from_slice(&self.key.to_bytes());
        write!(f, "{}+{}+{}", self.name, hex::encode(self.id()), STANDARD.encode(bytes))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for VerifierKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for VerifierKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|refusal: Refusal| serde::de::Error::custom(refusal.message))
    }
}

/// What signs notes as a log does.
#[derive(Debug)]
pub struct NoteSigner<'a> {
    verifier: VerifierKey,
    key: &'a SigningKey,
}

impl<'a> NoteSigner<'a> {
    /// A log's key under the log's name.
    pub fn new(name: KeyName, key: &'a SigningKey) -> Self {
        Self { verifier: VerifierKey::of_log(name, key.public_key()), key }
    }

    /// Its public half.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Signs a text. Ed25519 draws nothing: the same text has the same signature for ever.
    ///
    /// # Errors
    /// `note-malformed` if the text can't be a note's.
    pub fn sign(&self, text: String) -> Result<SignedNote, Refusal> {
        check_text(&text)?;
        let signature = NoteSignature {
            name: self.verifier.name.clone(),
            key_id: self.verifier.id(),
            bytes: self.key.sign(text.as_bytes()).to_vec(),
        };
        Ok(SignedNote { text, signatures: vec![signature] })
    }
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    /// Who is said to have signed.
    pub name: KeyName,
    /// Which of the keys of that name.
    pub key_id: [u8; 4],
    /// What the key made.
    pub bytes: Vec<u8>,
}

impl NoteSignature {
    /// Reads a line, without its newline.
    ///
    /// # Errors
    /// `note-malformed`, `log-name-malformed`.
    pub fn parse(line: &str) -> Result<Self, Refusal> {
        let (name, encoded) =
            line.strip_prefix(DASH).and_then(|rest| rest.split_once(' ')).ok_or_else(|| malformed("signature line"))?;
        let bytes = STANDARD.decode(encoded).map_err(|_| malformed("signature line"))?;
        let (key_id, bytes) = bytes.split_first_chunk::<4>().ok_or_else(|| malformed("signature line"))?;
        if bytes.is_empty() {
            return Err(malformed("signature line"));
        }
        Ok(Self { name: name.parse()?, key_id: *key_id, bytes: bytes.to_vec() })
    }
}

/// The line, without its newline.
impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&self.key_id[..], &self.bytes].concat();
        write!(f, "{DASH}{} {}", self.name, STANDARD.encode(bytes))
    }
}

/// A text and whoever is said to have signed it. Nobody's word until [`Self::verify`] says whose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

fn malformed(what: &str) -> Refusal {
    Refusal::new("note-malformed", format!("the signed note's {what} is not as c2sp.org/signed-note says"))
}

fn check_text(text: &str) -> Result<(), Refusal> {
    if text.ends_with('\n') && text.chars().all(|c| c == '\n' || c >= ' ') { Ok(()) } else { Err(malformed("text")) }
}

impl SignedNote {
    /// Reads a note.
    ///
    /// # Errors
    /// `note-malformed`, `note-too-large`, `log-name-malformed`.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > NOTE_BYTES {
            return Err(Refusal::new("note-too-large", format!("the signed note has more than {NOTE_BYTES} bytes")));
        }
        let note = std::str::from_utf8(bytes).map_err(|_| malformed("encoding"))?;
        // The last blank line: a text may have its own.
        let split = note.rfind("\n\n").ok_or_else(|| malformed("blank line"))?;
        let (text, lines) = (&note[..=split], &note[split + 2..]);
        check_text(text)?;
        let lines = lines.strip_suffix('\n').ok_or_else(|| malformed("end"))?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            if signatures.len() == NOTE_SIGNATURES {
                return Err(Refusal::new(
                    "note-too-large",
                    format!("the signed note has more than {NOTE_SIGNATURES} signatures"),
                ));
            }
            signatures.push(NoteSignature::parse(line)?);
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The text that is signed, with its last newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines, none of them verified.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a signature line, in place of one of the same key.
    pub fn add(&mut self, signature: NoteSignature) {
        self.signatures.retain(|other| other.name != signature.name || other.key_id != signature.key_id);
        self.signatures.push(signature);
    }

    /// Whether this key signed; and when, if it is a witness's key, in seconds since 1970. `None`: no line of this key.
    /// Lines of other keys are passed over.
    ///
    /// # Errors
    /// `note-signature-invalid` if a line of this key does not hold: then no line of the note should be believed.
    pub fn verify(&self, key: &VerifierKey) -> Result<Option<Signed>, Refusal> {
        let mut found = None;
        for signature in self.signatures.iter().filter(|signature| key.is_named_by(signature)) {
            let at = super::witness::check(key, &self.text, &signature.bytes).ok_or_else(|| {
                Refusal::new("note-signature-invalid", format!("the note's signature is not one of `{}`", key.name))
            })?;
            found = Some(at);
        }
        Ok(found)
    }
}

/// That a key signed a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed {
    /// When, in seconds since 1970, if the signature says so.
    pub time: Option<u64>,
}

/// The note's bytes.
impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}
