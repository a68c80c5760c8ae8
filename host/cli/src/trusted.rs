//! What this home keeps about registries: whom it believes, what it saw last, what it installed for which reasons.
//!
//! ```text
//! policy.toml                            whom to believe, and what is asked for; a person's file, edited with care
//! jackfield.lock                         what was installed from registries
//! registries/<origin>/checkpoint         the largest checkpoint of its log that was accepted
//! registries/<origin>/index/<ns>.<name>.json   the last index of a package
//! admitted/<digest>/{index,evidence}.json      what a release was admitted by
//! evidence/<time>-<kind>/                lies of registries, signed by themselves
//! ```

use std::path::PathBuf;

use jackfield_package::{
    Digest, Label, PackageName, Refusal,
    admission::{Evidence, EvidenceOfMisbehaviour, HostPolicy, KeysetPin, Lock, LockedPackage, Seen, TrustedRegistry},
    limits::{EVIDENCE_BYTES, INDEX_BUNDLE_BYTES, NOTE_BYTES},
    log::{Checkpoint, SignedNote},
    statement::{Bundle, IndexStatement},
};

use crate::{
    context::{Context, read_bounded},
    error::{Done, Failed, Kind},
    store::{Editing, private_folder, write_aside},
};

/// Bytes of policy.toml and of jackfield.lock: thousands of entries.
const TOML_BYTES: u64 = 4 << 20;

/// The files above.
#[derive(Debug)]
pub(crate) struct Trusted {
    home: PathBuf,
}

impl Trusted {
    pub(crate) fn of(context: &Context) -> Self {
        Self { home: context.home().to_owned() }
    }

    fn text(&self, file: &str) -> Result<String, Failed> {
        let path = self.home.join(file);
        if !path.exists() {
            return Ok(String::new());
        }
        let bytes = read_bounded(&path, "the file", TOML_BYTES)?;
        String::from_utf8(bytes).map_err(|_| malformed(file, "it is not UTF-8"))
    }

    fn write(&self, file: &str, bytes: &[u8]) -> Done {
        let path = self.home.join(file);
        private_folder(path.parent().unwrap_or(&self.home))?;
        write_aside(&path, bytes, 0o600)?.replace()
    }

    /// The policy; without a file nobody is believed.
    pub(crate) fn policy(&self) -> Result<HostPolicy, Failed> {
        let policy: HostPolicy = toml::from_str(&self.text("policy.toml")?)
            .map_err(|error| malformed("policy.toml", error.to_string().trim()))?;
        policy.check()?;
        Ok(policy)
    }

    /// While it is held, nobody else changes what stands here.
    fn editing(&self) -> Result<Editing, Failed> {
        Editing::begin(&self.home)
    }

    /// Changes the policy as a whole, from what it is now.
    pub(crate) fn change_policy(&self, change: impl FnOnce(&HostPolicy) -> Result<HostPolicy, Failed>) -> Done {
        let _editing = self.editing()?;
        let policy = change(&self.policy()?)?;
        policy.check()?;
        self.write_policy(&to_toml(&policy)?)
    }

    /// Adds a registry at the end of the policy; the rest of the file stays as its author wrote it. One of that name that is there
    /// already stays, and is given back.
    pub(crate) fn add_registry(&self, registry: &TrustedRegistry) -> Result<Option<TrustedRegistry>, Failed> {
        #[derive(serde::Serialize)]
        struct Form<'a> {
            registries: [&'a TrustedRegistry; 1],
        }
        let _editing = self.editing()?;
        if let Some(known) = self.policy()?.registry(&registry.origin) {
            return Ok(Some(known.clone()));
        }
        self.append(&self.text("policy.toml")?, &to_toml(&Form { registries: [registry] })?)?;
        Ok(None)
    }

    /// Takes a registry out.
    pub(crate) fn remove_registry(&self, origin: &str) -> Done {
        let _editing = self.editing()?;
        let text = self.text("policy.toml")?;
        let wanted = format!("origin = \"{origin}\"");
        let kept: Vec<&str> = sections(&text)
            .into_iter()
            .filter(|section| !(section.starts_with("[[registries]]") && section.lines().any(|line| line == wanted)))
            .collect();
        self.write_policy(&kept.concat())?;
        // What was seen of it says nothing about another registry of that name.
        let seen = self.home.join("registries").join(origin);
        match std::fs::remove_dir_all(&seen) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Failed::unwritable(&seen, &error)),
            _ => Ok(()),
        }
    }

    /// Pins a namespace's keyset, in the place of an earlier one. Another command may have seen a later one meanwhile: that stays.
    pub(crate) fn pin(&self, namespace: &Label, pin: &KeysetPin) -> Done {
        let _editing = self.editing()?;
        let policy = self.policy()?;
        if policy
            .keysets
            .get(namespace)
            .is_some_and(|known| known.registry == pin.registry && known.version >= pin.version)
        {
            return Ok(());
        }
        let text = self.text("policy.toml")?;
        let head = format!("[keysets.{namespace}]");
        let kept: String =
            sections(&text).into_iter().filter(|section| section.lines().next() != Some(&head)).collect();
        self.append(&kept, &format!("{head}\n{}", to_toml(pin)?))
    }

    fn append(&self, text: &str, section: &str) -> Done {
        let gap = if text.is_empty() || text.ends_with("\n\n") { "" } else { "\n" };
        self.write_policy(&format!("{text}{gap}{section}"))
    }

    fn write_policy(&self, text: &str) -> Done {
        // What is written must be readable again: a file in a style that the edit did not understand stays as it is.
        toml::from_str::<HostPolicy>(text).map_err(|error| {
            malformed("policy.toml", format!("it can't be changed by this program: {error}").trim())
        })?;
        self.write("policy.toml", text.as_bytes())
    }

    /// What is installed from registries.
    pub(crate) fn lock(&self) -> Result<Lock, Failed> {
        toml::from_str(&self.text("jackfield.lock")?)
            .map_err(|error| malformed("jackfield.lock", error.to_string().trim()))
    }

    /// Writes down what is installed from a registry.
    pub(crate) fn put_locked(&self, package: LockedPackage) -> Done {
        let _editing = self.editing()?;
        let mut lock = self.lock()?;
        lock.put(package);
        self.write("jackfield.lock", to_toml(&lock)?.as_bytes())
    }

    /// What is not installed any more, or not from a registry, is not locked.
    pub(crate) fn forget_locked(&self, name: &PackageName) -> Done {
        let _editing = self.editing()?;
        let mut lock = self.lock()?;
        if lock.package(name).is_none() {
            return Ok(());
        }
        lock.remove(name);
        self.write("jackfield.lock", to_toml(&lock)?.as_bytes())
    }

    fn index_file(origin: &str, name: &PackageName) -> String {
        format!("registries/{origin}/index/{}.{}.json", name.namespace(), name.name())
    }

    /// What was seen of a registry and a package.
    pub(crate) fn seen(&self, registry: &TrustedRegistry, name: &PackageName) -> Result<Seen, Failed> {
        let checkpoint = self.seen_checkpoint(&registry.origin)?;
        let index_log_size = self.seen_index(registry, name)?.map_or(0, |index| index.log_size);
        Ok(Seen { checkpoint, index_log_size })
    }

    /// The last index of a package that was resolved by.
    pub(crate) fn seen_index(
        &self,
        registry: &TrustedRegistry,
        name: &PackageName,
    ) -> Result<Option<IndexStatement>, Failed> {
        let path = self.home.join(Self::index_file(&registry.origin, name));
        if !path.exists() {
            return Ok(None);
        }
        let bundle = Bundle::parse_index(&read_bounded(&path, "the index", INDEX_BUNDLE_BYTES as u64)?)?;
        let payload = bundle.envelope().verified_payload(&registry.statements_key)?;
        Ok(Some(IndexStatement::from_verified_payload(payload)?))
    }

    fn seen_checkpoint(&self, origin: &str) -> Result<Option<SignedNote>, Failed> {
        let path = self.home.join(format!("registries/{origin}/checkpoint"));
        match path.exists() {
            true => Ok(Some(SignedNote::parse(&read_bounded(&path, "the checkpoint", NOTE_BYTES as u64)?)?)),
            false => Ok(None),
        }
    }

    /// Remembers the index that was resolved by, unless another command has seen a later one meanwhile.
    pub(crate) fn saw_index(&self, registry: &TrustedRegistry, index: &IndexStatement, bundle: &Bundle) -> Done {
        let _editing = self.editing()?;
        if index.log_size < self.seen(registry, &index.name)?.index_log_size {
            return Ok(());
        }
        self.write(&Self::index_file(&registry.origin, &index.name), &bundle.to_bytes())
    }

    /// Remembers a checkpoint, unless another command has seen a larger one meanwhile.
    pub(crate) fn saw_checkpoint(&self, origin: &str, checkpoint: &SignedNote) -> Done {
        let _editing = self.editing()?;
        let size = |note: &SignedNote| Checkpoint::parse(note.text()).map(|checkpoint| checkpoint.size);
        if let Some(seen) = self.seen_checkpoint(origin)?
            && size(&seen)? > size(checkpoint)?
        {
            return Ok(());
        }
        self.write(&format!("registries/{origin}/checkpoint"), checkpoint.to_string().as_bytes())
    }

    /// Keeps what a release was admitted by; gives the evidence's digest.
    pub(crate) fn keep(&self, component: Digest, index: &Bundle, evidence: &Evidence) -> Result<Digest, Failed> {
        let bytes = evidence.to_bytes();
        self.write(&format!("admitted/{}/index.json", component.hex()), &index.to_bytes())?;
        self.write(&format!("admitted/{}/evidence.json", component.hex()), &bytes)?;
        Ok(Digest::of(&bytes))
    }

    /// What a release was admitted by.
    pub(crate) fn kept(&self, component: Digest) -> Result<(Bundle, Evidence, Digest), Failed> {
        let folder = self.home.join("admitted").join(component.hex());
        let index = read_bounded(&folder.join("index.json"), "the index", INDEX_BUNDLE_BYTES as u64)?;
        let evidence = read_bounded(&folder.join("evidence.json"), "the evidence", EVIDENCE_BYTES as u64)?;
        Ok((Bundle::parse_index(&index)?, Evidence::parse(&evidence)?, Digest::of(&evidence)))
    }

    /// A component that the host holds.
    pub(crate) fn component(&self, digest: Digest) -> Option<Vec<u8>> {
        let path = self.home.join("components").join(format!("{}.wasm", digest.hex()));
        let bytes = std::fs::read(path).ok()?;
        (Digest::of(&bytes) == digest).then_some(bytes)
    }

    /// Keeps a lie; says where.
    pub(crate) fn keep_lie(&self, lie: &EvidenceOfMisbehaviour, now: i64) -> Result<PathBuf, Failed> {
        let folder = format!("evidence/{now}-{}", lie.kind.as_str());
        for (name, bytes) in &lie.files {
            self.write(&format!("{folder}/{name}"), bytes)?;
        }
        self.write(&format!("{folder}/what.txt"), format!("{}: {}\n", lie.registry, lie.message).as_bytes())?;
        Ok(self.home.join(folder))
    }
}

/// The text in pieces that each begin with a table's head, comments before a head included with what precedes.
fn sections(text: &str) -> Vec<&str> {
    let mut starts = vec![0];
    let mut at = 0;
    let mut quoted = false;
    for line in text.split_inclusive('\n') {
        if !quoted && line.starts_with('[') && at > 0 {
            starts.push(at);
        }
        quoted ^= line.matches("\"\"\"").count() % 2 == 1;
        at += line.len();
    }
    starts.push(text.len());
    starts.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

fn to_toml(value: &impl serde::Serialize) -> Result<String, Failed> {
    toml::to_string(value)
        .map_err(|error| Failed::new(Kind::Fault, "json-fault", format!("cannot write the file: {error}")))
}

fn malformed(file: &str, why: &str) -> Failed {
    Refusal::new("home-file-malformed", format!("`{file}` is not as it should be: {why}"))
        .hint("docs/spec/policy.md shows every key")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_leaves_the_rest_as_it_was() {
        let text = "# mine\nminimum_age_hours = 5\n\n[keysets.a]\nversion = 1\n\n# of b\n[keysets.b]\nx = \"\"\"\n[not a head]\n\"\"\"\n";
        let found = sections(text);
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(found.concat(), text);
        assert!(found[1].starts_with("[keysets.a]") && found[2].starts_with("[keysets.b]"));
    }
}
