//! Trust policies (c2sp.org/tlog-policy): which logs, which witnesses, and how many of them make a checkpoint count.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use super::{
    checkpoint::Checkpoint,
    decimal,
    note::{SignatureType, SignedNote, VerifierKey},
};
use crate::{
    Refusal,
    key::PublicKey,
    limits::{POLICY_BYTES, POLICY_ITEMS},
};

/// The quorum that asks for nobody.
const NONE: &[u8] = b"none";

/// Whose signatures make a checkpoint count.
#[derive(Clone, Debug)]
pub struct Policy {
    logs: Vec<Party>,
    witnesses: Vec<Party>,
    /// Witnesses and groups, in the order of the file: members stand before their group.
    rules: Vec<Rule>,
    /// None: no cosignature is asked for.
    quorum: Option<usize>,
}

/// A log or a witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// Its key and name.
    pub key: VerifierKey,
    /// Where to reach it.
    pub url: Option<String>,
}

#[derive(Clone, Debug)]
enum Rule {
    Witness(usize),
    Group { needed: usize, members: Vec<usize> },
}

/// A checkpoint that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// It.
    pub checkpoint: Checkpoint,
    /// The log that signed it.
    pub log: VerifierKey,
    /// The witnesses that cosigned, and when, in seconds since 1970.
    pub cosigned: Vec<(VerifierKey, u64)>,
}

impl Policy {
    /// One log, no witness.
    pub fn of_log(key: VerifierKey) -> Self {
        Self { logs: vec![Party { key, url: None }], witnesses: Vec::new(), rules: Vec::new(), quorum: None }
    }

    /// Reads a policy file.
    ///
    /// # Errors
    /// `log-policy-malformed` with the line; those of a vkey.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        Parser::default().parse(bytes)
    }

    /// The logs.
    pub fn logs(&self) -> &[Party] {
        &self.logs
    }

    /// The witnesses.
    pub fn witnesses(&self) -> &[Party] {
        &self.witnesses
    }

    /// The checkpoint, if one of the logs signed it and enough witnesses cosigned it.
    ///
    /// # Errors
    /// `note-signature-missing`, `note-signature-invalid`, `checkpoint-origin`, `checkpoint-malformed`, `log-quorum`.
    pub fn accept(&self, note: &SignedNote) -> Result<Accepted, Refusal> {
        let mut opened = None;
        for log in &self.logs {
            // A line under a log's name and id that is not the log's spoils the note.
            if note.verify(&log.key)?.is_some() {
                opened.get_or_insert(&log.key);
            }
        }
        let log = opened.ok_or_else(|| {
            let names: Vec<_> = self.logs.iter().map(|log| format!("`{}`", log.key.name)).collect();
            Refusal::new(
                "note-signature-missing",
                format!("the checkpoint is signed by none of the trusted logs ({})", names.join(", ")),
            )
        })?;
        let checkpoint = Checkpoint::open(note, log)?;
        let mut cosigned = Vec::new();
        let mut holds: Vec<bool> = Vec::with_capacity(self.rules.len());
        for rule in &self.rules {
            holds.push(match rule {
                Rule::Witness(witness) => {
                    let key = &self.witnesses[*witness].key;
                    let signed = note.verify(key)?;
                    cosigned.extend(signed.and_then(|signed| signed.time).map(|time| (key.clone(), time)));
                    signed.is_some()
                }
                Rule::Group { needed, members } => members.iter().filter(|member| holds[**member]).count() >= *needed,
            });
        }
        if self.quorum.is_some_and(|quorum| !holds[quorum]) {
            return Err(Refusal::new(
                "log-quorum",
                format!(
                    "the checkpoint of size {} is cosigned by {} of the {} witnesses, and those are not enough",
                    checkpoint.size,
                    cosigned.len(),
                    self.witnesses.len()
                ),
            )
            .hint("fetch the proof again later; a log that witnesses refuse may be lying"));
        }
        Ok(Accepted { checkpoint, log: log.clone(), cosigned })
    }
}

#[derive(Default)]
struct Parser {
    logs: Vec<Party>,
    witnesses: Vec<Party>,
    rules: Vec<Rule>,
    names: HashMap<Vec<u8>, usize>,
    grouped: HashSet<usize>,
    quorum: Option<Option<usize>>,
}

impl Parser {
    fn parse(mut self, bytes: &[u8]) -> Result<Policy, Refusal> {
        if bytes.len() > POLICY_BYTES {
            return Err(Refusal::new("log-policy-malformed", format!("the policy has more than {POLICY_BYTES} bytes")));
        }
        if bytes.iter().any(|b| matches!(b, 0..=8 | 11..=31 | 127)) {
            return Err(Refusal::new("log-policy-malformed", "the policy holds control characters"));
        }
        for (number, line) in bytes.split(|b| *b == b'\n').enumerate() {
            let words: Vec<&[u8]> = line.split(|b| matches!(b, b' ' | b'\t')).filter(|word| !word.is_empty()).collect();
            if words.first().is_none_or(|word| word.starts_with(b"#")) {
                continue;
            }
            self.line(&words).map_err(|refusal| Refusal {
                message: format!("line {} of the policy: {}", number + 1, refusal.message),
                ..refusal
            })?;
        }
        let quorum = self.quorum.ok_or_else(|| malformed("the policy has no line `quorum`"))?;
        Ok(Policy { logs: self.logs, witnesses: self.witnesses, rules: self.rules, quorum })
    }

    fn line(&mut self, words: &[&[u8]]) -> Result<(), Refusal> {
        match words {
            [b"log", vkey, url @ ..] if url.len() <= 1 => {
                let party = party(vkey, url, SignatureType::Ed25519)?;
                add(&mut self.logs, party)
            }
            [b"witness", name, vkey, url @ ..] if url.len() <= 1 => {
                let party = party(vkey, url, SignatureType::Cosignature)?;
                add(&mut self.witnesses, party)?;
                self.define(name, Rule::Witness(self.witnesses.len() - 1))
            }
            [b"group", name, needed, members @ ..] => {
                let count = members.len();
                let needed = match *needed {
                    b"all" => count,
                    b"any" => 1,
                    number => std::str::from_utf8(number)
                        .ok()
                        .and_then(decimal)
                        .and_then(|number| usize::try_from(number).ok())
                        .ok_or_else(|| malformed("a group needs `all`, `any` or a number"))?,
                };
                if needed < 1 || needed > count {
                    return Err(malformed(format!("a group of {count} can't need {needed}")));
                }
                if self.rules.iter().filter(|rule| matches!(rule, Rule::Group { .. })).count() == POLICY_ITEMS {
                    return Err(malformed(format!("more than {POLICY_ITEMS} groups")));
                }
                let members = members.iter().map(|name| self.member(name)).collect::<Result<Vec<_>, _>>()?;
                self.define(name, Rule::Group { needed, members })
            }
            [b"quorum", _] if self.quorum.is_some() => Err(malformed("a second quorum")),
            [b"quorum", name] if *name == NONE => {
                self.quorum = Some(None);
                Ok(())
            }
            [b"quorum", name] => {
                self.quorum = Some(Some(self.find(name)?));
                Ok(())
            }
            _ => Err(malformed("expected `log`, `witness`, `group` or `quorum`, with what belongs to it")),
        }
    }

    fn define(&mut self, name: &[u8], rule: Rule) -> Result<(), Refusal> {
        if name == NONE || self.names.insert(name.to_vec(), self.rules.len()).is_some() {
            return Err(malformed(format!("the name `{}` is taken", shown(name))));
        }
        self.rules.push(rule);
        Ok(())
    }

    fn find(&self, name: &[u8]) -> Result<usize, Refusal> {
        let found = self.names.get(name).copied();
        found.ok_or_else(|| malformed(format!("`{}` is not defined on a line before", shown(name))))
    }

    /// A witness counts once, by one way: so each name is in one group at the most.
    fn member(&mut self, name: &[u8]) -> Result<usize, Refusal> {
        let member = self.find(name)?;
        if !self.grouped.insert(member) {
            return Err(malformed(format!("`{}` is in a group already", shown(name))));
        }
        Ok(member)
    }
}

fn add(parties: &mut Vec<Party>, party: Party) -> Result<(), Refusal> {
    if parties.len() == POLICY_ITEMS {
        return Err(malformed(format!("more than {POLICY_ITEMS} logs or witnesses")));
    }
    let same = |key: &PublicKey| *key == party.key.key;
    if parties.iter().any(|other| same(&other.key.key)) {
        return Err(malformed("a second line for the same key"));
    }
    parties.push(party);
    Ok(())
}

fn party(vkey: &[u8], url: &[&[u8]], expected: SignatureType) -> Result<Party, Refusal> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| malformed("a key or URL is not UTF-8"));
    let key: VerifierKey = text(vkey)?.parse()?;
    if key.signature_type != expected {
        return Err(malformed("the key's type is not one for this: logs have type 1, witnesses type 4"));
    }
    Ok(Party { key, url: url.first().map(|url| text(url)).transpose()? })
}

fn malformed(what: impl fmt::Display) -> Refusal {
    Refusal::new("log-policy-malformed", what.to_string())
}

fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).chars().take(80).collect::<String>().escape_debug().to_string()
}
