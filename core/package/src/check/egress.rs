//! Where the connector asks to send requests, and what it imports for that.

use serde_json::Value;

use super::{Level, Rule, quote};
use crate::{
    Manifest,
    egress::{Egress, HostPattern, template_pattern},
    world::OUTGOING_HANDLER,
};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "import-egress-undeclared",
        title: "a connector that can send requests says where to",
        level: Level::Error,
        hint: "add an `egress` entry with the host and the reason, or build without an HTTP client",
        faults: |package| {
            let undeclared = package.needs(OUTGOING_HANDLER) && package.manifest().egress.is_empty();
            if undeclared {
                vec![format!("the component imports `{OUTGOING_HANDLER}`, and the manifest has no `egress`")]
            } else {
                Vec::new()
            }
        },
    },
    Rule {
        id: "egress-unused",
        title: "egress is asked for by what can use it",
        level: Level::Warning,
        hint: "remove `egress`: what is asked for and not needed makes people distrust the rest",
        faults: |package| {
            let unused = !package.needs(OUTGOING_HANDLER) && !package.manifest().egress.is_empty();
            if unused {
                vec![format!("the manifest has `egress`, and the component does not import `{OUTGOING_HANDLER}`")]
            } else {
                Vec::new()
            }
        },
    },
    Rule {
        id: "import-stubs",
        title: "no import that only fails",
        level: Level::Warning,
        hint: "nothing to do if the language's runtime brings it along; every call of it is denied",
        faults: |package| {
            package
                .imports_denied_stubs()
                .iter()
                .map(|import| format!("{} is served by a stub that denies every call", quote(import)))
                .collect()
        },
    },
    Rule {
        id: "egress-hosts",
        title: "egress hosts are named: no address, no whole domain ending",
        level: Level::Error,
        hint: "name the host, such as `api.example.com` or `*.example.com`; for hosts that users run, `{field}` of the config",
        faults: |package| each_egress(package.manifest(), host_fault),
    },
    Rule {
        id: "egress-template",
        title: "a host from the config is held to an anchored pattern",
        level: Level::Error,
        hint: "give the entry a `pattern` such as `^[a-z0-9-]+\\.example\\.com$`, and the config schema a string property of that name",
        faults: |package| {
            let manifest = package.manifest();
            each_egress(manifest, |egress| template_fault(manifest, egress))
        },
    },
    Rule {
        id: "egress-template-wide",
        title: "a host from the config can't be just any host",
        level: Level::Warning,
        hint: "fine for services that people run themselves; otherwise narrow the pattern",
        faults: |package| each_egress(package.manifest(), wide_fault),
    },
    Rule {
        id: "egress-plain-http",
        title: "no port of unencrypted HTTP",
        level: Level::Warning,
        hint: "leave `ports` out: the default is 443",
        faults: |package| {
            each_egress(package.manifest(), |egress| egress.ports.contains(80).then(|| "port 80 is covered".to_owned()))
        },
    },
];

fn each_egress(manifest: &Manifest, fault: impl Fn(&Egress) -> Option<String>) -> Vec<String> {
    manifest
        .egress
        .iter()
        .enumerate()
        .filter_map(|(index, egress)| {
            Some(format!("egress[{index}], {}: {}", quote(&egress.host.to_string()), fault(egress)?))
        })
        .collect()
}

/// An honest rule and a short one: which endings are public (`*.github.io`) is a list that changes weekly, and the
/// registry, which can keep one, applies it.
fn host_fault(egress: &Egress) -> Option<String> {
    let name = match &egress.host {
        HostPattern::Template(_) => return None,
        HostPattern::Exact(name) | HostPattern::Suffix(name) => name,
    };
    if name.parse::<std::net::IpAddr>().is_ok() {
        return Some("an IP address, which says nothing about who is behind it".to_owned());
    }
    if !name.contains('.') {
        return Some("a single label is no host of the internet".to_owned());
    }
    let reserved = ["localhost", "local", "internal", "home.arpa", "localdomain"];
    let ends_in = |ending: &&str| name.strip_suffix(*ending).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    reserved.iter().find(|ending| ends_in(ending)).map(|ending| format!("`{ending}` is a private network's name"))
}

fn template_fault(manifest: &Manifest, egress: &Egress) -> Option<String> {
    let HostPattern::Template(field) = &egress.host else {
        return egress.pattern.as_ref().map(|_| "a `pattern` belongs to a `{field}` only".to_owned());
    };
    let Some(pattern) = &egress.pattern else { return Some("it has no `pattern`".to_owned()) };
    if let Err(refusal) = template_pattern(pattern) {
        return Some(refusal.message);
    }
    let property = manifest.config.as_ref().and_then(|config| config.get("properties")?.get(field));
    let is_string = |schema: &Value| schema.get("type").and_then(Value::as_str) == Some("string");
    match property {
        None => Some(format!("the config schema has no property {}", quote(field))),
        Some(schema) if is_string(schema) || schema.get("items").is_some_and(is_string) => None,
        Some(_) => Some(format!("the config's {} is neither a string nor a list of strings", quote(field))),
    }
}

fn wide_fault(egress: &Egress) -> Option<String> {
    let HostPattern::Template(_) = &egress.host else { return None };
    let pattern = template_pattern(egress.pattern.as_deref()?).ok()?;
    // Two hosts that no narrow pattern covers.
    let probes = ["anything-at-all.invalid", "jackfield-probe.example"];
    probes.iter().all(|probe| pattern.is_match(probe)).then(|| "its pattern covers any host".to_owned())
}
