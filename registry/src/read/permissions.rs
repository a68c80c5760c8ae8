//! What a connector may do, in plain words: the page that a person decides by.

use jackfield_package::{
    Manifest,
    egress::{Egress, HostPattern, Methods, Ports},
    manifest::{Auth, Effect, Hook, Operation},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a release asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Permissions {
    /// The whole in one sentence.
    pub summary: String,
    /// Where it asks to send requests.
    pub hosts: Vec<HostPermission>,
    /// Which credentials it asks the host to attach. It never sees one.
    pub credentials: Vec<CredentialPermission>,
    /// What it does.
    pub operations: Vec<OperationPermission>,
    /// What its code can call.
    pub imports: Vec<ImportPermission>,
}

/// A destination.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HostPermission {
    /// As the manifest says it.
    pub host: String,
    /// What may happen there.
    pub words: String,
    /// Why, in the author's words.
    pub reason: String,
}

/// A credential.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CredentialPermission {
    /// What it is called.
    pub id: String,
    /// What kind.
    pub r#type: String,
    /// What it is, where it goes and how.
    pub words: String,
    /// What it must be allowed to do, and why.
    pub scopes: Vec<ScopePermission>,
}

/// A scope of a credential.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScopePermission {
    /// As the provider spells it.
    pub name: String,
    /// Why, in the author's words.
    pub reason: String,
}

/// An operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OperationPermission {
    /// What callers call it.
    pub name: String,
    /// Its name for a person.
    pub title: String,
    /// `action`, `poll` or `webhook`.
    pub kind: String,
    /// `read`, `write` or `destructive`.
    pub effect: String,
    /// What that means.
    pub words: String,
    /// Scopes that it needs.
    pub scopes: Vec<String>,
}

/// A group of interfaces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImportPermission {
    /// Such as `wasi:http`.
    pub name: String,
    /// What it lets the code do.
    pub words: String,
}

impl Permissions {
    /// Of a manifest, and of a component with these imports.
    pub fn of(manifest: &Manifest, imports: &[String]) -> Self {
        Self {
            summary: summary(manifest),
            hosts: manifest.egress.iter().map(host).collect(),
            credentials: manifest.auth.iter().map(credential).collect(),
            operations: manifest.operations.iter().map(operation).collect(),
            imports: import_groups(imports),
        }
    }
}

fn summary(manifest: &Manifest) -> String {
    let hosts: Vec<_> = manifest.egress.iter().map(|egress| egress.host.to_string()).collect();
    let reach = match hosts.as_slice() {
        [] => "reaches nobody".to_owned(),
        [one] => format!("sends requests to {one}"),
        [one, two] => format!("sends requests to {one} and {two}"),
        [one, rest @ ..] => format!("sends requests to {one} and {} other hosts", rest.len()),
    };
    let credentials = match manifest.auth.len() {
        0 => String::new(),
        1 => ", uses one credential without seeing it".to_owned(),
        many => format!(", uses {many} credentials without seeing them"),
    };
    let worst = manifest.operations.iter().map(|operation| operation.effect).max().unwrap_or(Effect::Read);
    let effect = match worst {
        Effect::Read => "changes nothing there",
        Effect::Write => "may add and change things there",
        Effect::Destructive => "may remove things there for good",
    };
    let effect = if hosts.is_empty() { "and computes".to_owned() } else { format!("and {effect}") };
    format!("It {reach}{credentials}, {effect}.")
}

fn host(egress: &Egress) -> HostPermission {
    let methods = match &egress.methods {
        Methods::Any(_) => "requests of every method".to_owned(),
        Methods::List(list) => {
            format!("{} requests", list.iter().map(|method| method.as_str()).collect::<Vec<_>>().join(", "))
        }
    };
    let place = match &egress.host {
        HostPattern::Exact(host) => host.clone(),
        HostPattern::Suffix(suffix) => format!("any host below {suffix}"),
        HostPattern::Template(field) => match &egress.pattern {
            Some(pattern) => format!("the host that the setting `{field}` names, which must match {pattern}"),
            None => format!("the host that the setting `{field}` names"),
        },
    };
    let ports = match &egress.ports {
        Ports::Any(_) => " on every port".to_owned(),
        Ports::List(list) if list.as_slice() == [443] => String::new(),
        Ports::List(list) => format!(" on port {}", list.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")),
    };
    HostPermission {
        host: egress.host.to_string(),
        words: format!("{methods} to {place}{ports}"),
        reason: egress.reason.clone(),
    }
}

fn credential(auth: &Auth) -> CredentialPermission {
    CredentialPermission {
        id: auth.id.to_string(),
        r#type: auth.r#type.as_str().to_owned(),
        words: [Some(auth.in_words()), auth.hook.as_ref().map(Hook::in_words)]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join("; "),
        scopes: auth
            .scopes
            .iter()
            .map(|scope| ScopePermission { name: scope.name.clone(), reason: scope.reason.clone() })
            .collect(),
    }
}

fn operation(operation: &Operation) -> OperationPermission {
    let words = match operation.effect {
        Effect::Read => "looks, and changes nothing at the service",
        Effect::Write => "adds or changes something at the service",
        Effect::Destructive => "removes something at the service, or does what can't be undone",
    };
    let again = match (operation.effect, operation.idempotent) {
        (Effect::Read, _) => "",
        (_, true) => "; twice is the same as once",
        (_, false) => "; twice is not the same as once",
    };
    OperationPermission {
        name: operation.name.to_string(),
        title: operation.title.clone(),
        kind: operation.kind.as_str().to_owned(),
        effect: operation.effect.as_str().to_owned(),
        words: format!("{words}{again}"),
        scopes: operation.scopes.clone(),
    }
}

fn import_groups(imports: &[String]) -> Vec<ImportPermission> {
    let mut groups: Vec<&str> = imports
        .iter()
        .map(|import| {
            let name = import.split('@').next().unwrap_or(import);
            if name.starts_with("jackfield:") { name } else { name.split('/').next().unwrap_or(name) }
        })
        .collect();
    groups.sort_unstable();
    groups.dedup();
    groups.into_iter().map(|name| ImportPermission { name: name.to_owned(), words: meaning(name).to_owned() }).collect()
}

fn meaning(group: &str) -> &'static str {
    match group {
        "jackfield:connector/log" => "writes lines to the operator's log",
        "jackfield:connector/files" => "reads the files that a call hands in, and creates files that the call returns",
        "jackfield:connector/types" => "the words that the contract shares",
        "wasi:http" => "sends HTTP requests: only where its manifest asks and a grant allows",
        "wasi:clocks" => "reads the time",
        "wasi:random" => "draws random numbers",
        "wasi:io" => "streams and waiting, which the others are made of",
        "wasi:cli" => "arguments and environment, both empty; what it prints becomes log lines",
        "wasi:filesystem" => "files and folders, of which it is given none",
        "wasi:sockets" => "sockets and name look-up: every call is denied",
        _ => "not known to this registry",
    }
}
