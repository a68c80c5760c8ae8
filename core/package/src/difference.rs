//! What changes between two releases: what a connector may do, and what its callers rely on.
//!
//! One list serves three readers: the registry, which holds it against the version ([`Difference::needs`]); a host, which asks a
//! person before what it may do grows ([`Difference::widens`]); and whoever reads it. Nothing is guessed: a change of a schema
//! that can't be shown to be compatible counts as breaking.

mod schema;

use std::collections::BTreeSet;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::{
    Manifest,
    egress::{Egress, Methods, Ports},
    manifest::{Auth, LimitWishes, Operation},
    world,
};

/// By how much a version must grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bump {
    /// Nothing that a caller or an admin could notice.
    Patch,
    /// More than before: an operation, an input that is taken, a permission that is asked for.
    Minor,
    /// Callers may break.
    Major,
}

impl std::fmt::Display for Bump {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
        })
    }
}

/// One thing that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// A stable word, such as `host-added`.
    pub kind: String,
    /// What it is about, such as `api.example.com` or `operation list-issues, input`.
    pub subject: String,
    /// For a person.
    pub detail: String,
    /// By how much the version must grow for it.
    pub needs: Bump,
    /// Whether the connector may do more than before, so that an admin must agree.
    pub widens: bool,
}

/// Everything that changes from one release to another, in a fixed order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// What changes.
    pub changes: Vec<Change>,
}

impl Difference {
    /// Compares two releases: their manifests, and the interfaces that their components import.
    pub fn between(old: &Manifest, old_imports: &[String], new: &Manifest, new_imports: &[String]) -> Self {
        let mut found = Self::default();
        found.imports(old_imports, new_imports);
        found.egress(&old.egress, &new.egress);
        found.auth(&old.auth, &new.auth);
        found.operations(&old.operations, &new.operations);
        found.config(old, new);
        found.limits(&old.limits, &new.limits);
        if old.world != new.world {
            let detail = format!("was {}, is {}", old.world, new.world);
            found.add("world-changed", "world", detail, Bump::Minor, false);
        }
        found
    }

    /// By how much the version must grow.
    pub fn needs(&self) -> Bump {
        self.changes.iter().map(|change| change.needs).max().unwrap_or(Bump::Patch)
    }

    /// Whether the connector may do more than before: such an update never installs by itself.
    pub fn widens(&self) -> bool {
        self.changes.iter().any(|change| change.widens)
    }

    /// Those that need a larger step than the one from `old` to `new`.
    pub fn beyond(&self, old: &Version, new: &Version) -> Vec<&Change> {
        let allowed = step(old, new);
        self.changes.iter().filter(|change| allowed.is_none_or(|allowed| change.needs > allowed)).collect()
    }

    fn add(
        &mut self,
        kind: &str,
        subject: impl Into<String>,
        detail: impl Into<String>,
        needs: Bump,
        widens: bool,
    ) -> &mut Self {
        let (kind, subject, detail) = (kind.to_owned(), subject.into(), detail.into());
        self.changes.push(Change { kind, subject, detail, needs, widens });
        self
    }

    fn imports(&mut self, old: &[String], new: &[String]) {
        let names = |imports: &[String]| -> BTreeSet<String> {
            imports.iter().map(|import| world::without_version(import).to_owned()).collect()
        };
        let (old, new) = (names(old), names(new));
        for import in new.difference(&old) {
            self.add("import-added", import, "the component imports it now", Bump::Minor, true);
        }
        for import in old.difference(&new) {
            self.add("import-removed", import, "the component no longer imports it", Bump::Patch, false);
        }
    }

    fn egress(&mut self, old: &[Egress], new: &[Egress]) {
        let key = |entry: &Egress| (entry.host.clone(), entry.pattern.clone());
        for entry in new {
            let host = entry.host.to_string();
            let before: Vec<&Egress> = old.iter().filter(|before| key(before) == key(entry)).collect();
            if before.is_empty() {
                let methods = words_of_methods(&entry.methods);
                let detail = format!("{methods} to {host}: {}", entry.reason);
                self.add("host-added", host, detail, Bump::Minor, true);
                continue;
            }
            if !before.iter().any(|before| covers_methods(&before.methods, &entry.methods)) {
                let detail =
                    format!("was {}, is {}", words_of_methods(&before[0].methods), words_of_methods(&entry.methods));
                self.add("methods-widened", &host, detail, Bump::Minor, true);
            }
            if !before.iter().any(|before| covers_ports(&before.ports, &entry.ports)) {
                let detail = format!("was {}, is {}", words_of_ports(&before[0].ports), words_of_ports(&entry.ports));
                self.add("ports-widened", &host, detail, Bump::Minor, true);
            }
        }
        for entry in old.iter().filter(|entry| !new.iter().any(|after| key(after) == key(entry))) {
            self.add("host-removed", entry.host.to_string(), "it is no longer asked for", Bump::Patch, false);
        }
    }

    fn auth(&mut self, old: &[Auth], new: &[Auth]) {
        for auth in new {
            let subject = format!("credential {}", auth.id);
            let Some(before) = old.iter().find(|before| before.id == auth.id) else {
                self.add("credential-added", subject, "it is asked for now", Bump::Minor, true);
                continue;
            };
            if (before.r#type, &before.attach, &before.provider) != (auth.r#type, &auth.attach, &auth.provider) {
                let detail = "its type, its provider or the way it is attached differs";
                self.add("credential-changed", &subject, detail, Bump::Minor, true);
            }
            match (&before.hook, &auth.hook) {
                (None, Some(_)) => {
                    let detail = "its own code words the requests for tokens now; it sees no secret";
                    self.add("credential-hook-added", &subject, detail, Bump::Minor, true);
                }
                (Some(before), Some(after)) => {
                    for pointer in after.reads.iter().filter(|pointer| !before.reads.contains(pointer)) {
                        let detail = format!("its hook is shown {} of the provider's answers too", shown(pointer));
                        self.add("credential-hook-reads-added", &subject, detail, Bump::Minor, true);
                    }
                }
                (_, None) => {}
            }
            for host in auth.hosts.iter().filter(|host| !before.hosts.contains(host)) {
                self.add("credential-host-added", &subject, format!("it goes to {host} too"), Bump::Minor, true);
            }
            for scope in auth.scopes.iter().filter(|scope| !before.scopes.iter().any(|old| old.name == scope.name)) {
                let detail = format!("{}: {}", shown(&scope.name), scope.reason);
                self.add("scope-added", &subject, detail, Bump::Minor, true);
            }
            for scope in before.scopes.iter().filter(|scope| !auth.scopes.iter().any(|new| new.name == scope.name)) {
                self.add("scope-removed", &subject, shown(&scope.name), Bump::Patch, false);
            }
        }
        for auth in old.iter().filter(|auth| !new.iter().any(|after| after.id == auth.id)) {
            let subject = format!("credential {}", auth.id);
            self.add("credential-removed", subject, "it is no longer asked for", Bump::Patch, false);
        }
    }

    fn operations(&mut self, old: &[Operation], new: &[Operation]) {
        for operation in old {
            let subject = format!("operation {}", operation.name);
            match new.iter().find(|after| after.name == operation.name) {
                Some(after) => self.operation(&subject, operation, after),
                None => drop(self.add("operation-removed", subject, "callers may rely on it", Bump::Major, false)),
            }
        }
        for operation in new.iter().filter(|after| !old.iter().any(|before| before.name == after.name)) {
            let subject = format!("operation {}", operation.name);
            // A new operation is granted by name, so it can do nothing yet; what it may change is new all the same.
            let most = old.iter().map(|before| before.effect).max();
            let widens = most.is_none_or(|most| operation.effect > most);
            self.add("operation-added", subject, format!("effect: {}", word(&operation.effect)), Bump::Minor, widens);
        }
    }

    fn operation(&mut self, subject: &str, old: &Operation, new: &Operation) {
        if old.kind != new.kind {
            let detail = format!("was {}, is {}", word(&old.kind), word(&new.kind));
            self.add("operation-kind-changed", subject, detail, Bump::Major, false);
        }
        if old.effect != new.effect {
            let (kind, needs, widens) = match new.effect > old.effect {
                true => ("effect-widened", Bump::Minor, true),
                false => ("effect-narrowed", Bump::Patch, false),
            };
            self.add(kind, subject, format!("was {}, is {}", word(&old.effect), word(&new.effect)), needs, widens);
        }
        if old.idempotent && !new.idempotent {
            let detail = "doing it twice is no longer the same as doing it once, and callers may repeat it";
            self.add("idempotence-lost", subject, detail, Bump::Major, false);
        }
        for scope in new.scopes.iter().filter(|scope| !old.scopes.contains(scope)) {
            self.add("operation-scope-added", subject, shown(scope), Bump::Minor, true);
        }
        self.schema(&format!("{subject}, input"), &old.input, &new.input, Side::Input);
        self.schema(&format!("{subject}, output"), &old.output, &new.output, Side::Output);
    }

    fn config(&mut self, old: &Manifest, new: &Manifest) {
        let none = serde_json::json!({"type": "object", "additionalProperties": false});
        let (before, after) = (old.config.as_ref().unwrap_or(&none), new.config.as_ref().unwrap_or(&none));
        self.schema("config", before, after, Side::Input);
    }

    /// What goes in may only be more, what comes out only less.
    fn schema(&mut self, subject: &str, old: &serde_json::Value, new: &serde_json::Value, side: Side) {
        if schema::same(old, new) {
            return;
        }
        let (kinds, broken) = match side {
            Side::Input => (["input-widened", "input-narrowed"], schema::contains(new, old).err()),
            Side::Output => (["output-narrowed", "output-widened"], schema::contains(old, new).err()),
        };
        match broken {
            None => self.add(kinds[0], subject, "callers of before still fit", Bump::Minor, false),
            Some(place) => self.add(kinds[1], subject, place, Bump::Major, false),
        };
    }

    fn limits(&mut self, old: &LimitWishes, new: &LimitWishes) {
        let rows = [
            ("memory_bytes", old.memory_bytes, new.memory_bytes),
            ("fuel", old.fuel, new.fuel),
            ("time_ms", old.time_ms, new.time_ms),
            ("response_bytes", old.response_bytes, new.response_bytes),
        ];
        for (name, old, new) in rows.into_iter().filter(|(_, old, new)| old != new) {
            let said = |limit: Option<u64>| limit.map_or_else(|| "the host's default".to_owned(), |n| n.to_string());
            let detail = format!("was {}, is {}", said(old), said(new));
            // The admin's ceiling wins whatever is asked for, so this is no permission.
            self.add("limit-changed", name, detail, Bump::Patch, false);
        }
    }
}

#[derive(Clone, Copy)]
enum Side {
    Input,
    Output,
}

/// How large the step from one version to a greater one is, in what it promises: below 1.0.0 the second number counts as the
/// first and the third as the second (as Cargo reads versions). None: not greater at all.
pub fn step(old: &Version, new: &Version) -> Option<Bump> {
    if new <= old {
        return None;
    }
    // A pre-release promises nothing to the next.
    if !old.pre.is_empty() || line(old) != line(new) {
        return Some(Bump::Major);
    }
    let minor = old.major == 0 || old.minor != new.minor;
    Some(if minor { Bump::Minor } else { Bump::Patch })
}

/// What versions must share to be compatible: the first number that is not zero, and what stands before it.
pub fn line(version: &Version) -> (u64, u64, u64) {
    match (version.major, version.minor) {
        (0, 0) => (0, 0, version.patch),
        (0, minor) => (0, minor, 0),
        (major, _) => (major, 0, 0),
    }
}

fn covers_methods(old: &Methods, new: &Methods) -> bool {
    match (old, new) {
        (Methods::Any(_), _) => true,
        (Methods::List(_), Methods::Any(_)) => false,
        (Methods::List(old), Methods::List(new)) => new.iter().all(|method| old.contains(method)),
    }
}

fn covers_ports(old: &Ports, new: &Ports) -> bool {
    match (old, new) {
        (Ports::Any(_), _) => true,
        (Ports::List(_), Ports::Any(_)) => false,
        (Ports::List(old), Ports::List(new)) => new.iter().all(|port| old.contains(port)),
    }
}

fn words_of_methods(methods: &Methods) -> String {
    match methods {
        Methods::Any(_) => "any method".to_owned(),
        Methods::List(list) => list.iter().map(|method| method.as_str()).collect::<Vec<_>>().join(", "),
    }
}

fn words_of_ports(ports: &Ports) -> String {
    match ports {
        Ports::Any(_) => "any port".to_owned(),
        Ports::List(list) => list.iter().map(u16::to_string).collect::<Vec<_>>().join(", "),
    }
}

/// The word that a value has in JSON.
fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => "?".to_owned(),
    }
}

fn shown(text: &str) -> String {
    crate::check::quote(text)
}

#[cfg(test)]
mod tests;
