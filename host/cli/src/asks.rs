//! What a connector asks for, in plain words and with its reasons: the page that an admin decides by.

use jackfield_host::{grant::EgressGrant, limits::Limit};
use jackfield_package::{
    Manifest,
    egress::{Egress, HostPattern, Methods, Ports},
    manifest::Effect,
};

use crate::page::{Page, bytes, grouped};

/// Writes everything that `manifest` asks for.
pub(crate) fn write(page: &mut Page, manifest: &Manifest) {
    if asks_for_nothing(manifest) {
        page.heading("It asks for nothing").line("  It computes, and reaches nobody.");
    }
    if !manifest.egress.is_empty() {
        page.heading("It asks to send requests to");
        for egress in &manifest.egress {
            page.line(&format!("  {}", as_grant(egress)));
            if let Some(pattern) = &egress.pattern {
                page.paragraph(6, &format!("what is configured there must match {pattern}"));
            }
            page.paragraph(6, &egress.reason);
        }
    }
    if !manifest.auth.is_empty() {
        page.heading("It asks for credentials, which it never sees");
        for auth in &manifest.auth {
            page.line(&format!("  {}: {}", auth.id, auth.in_words()));
            if let Some(hook) = &auth.hook {
                page.paragraph(6, &hook.in_words());
            }
            for scope in &auth.scopes {
                page.paragraph(6, &format!("scope {}: {}", scope.name, scope.reason));
            }
        }
    }
    let wishes = limits(manifest);
    if !wishes.is_empty() {
        page.heading("It asks for other limits than the defaults").table(&["limit", "asked", "default"], &wishes);
    }
    page.heading("Its operations").table(&["name", "kind", "effect", "what"], &operations(manifest));
    let settings = settings(manifest);
    if !settings.is_empty() {
        page.heading("Its settings").table(&["name", "type", "", "what"], &settings);
    }
}

/// Whether there is nothing for an admin to decide: less than a default harms nobody.
pub(crate) fn asks_for_nothing(manifest: &Manifest) -> bool {
    let above = |limit: &Limit| limit.wish(&manifest.limits).is_some_and(|wish| wish > limit.default_value());
    manifest.egress.is_empty() && manifest.auth.is_empty() && !Limit::ALL.iter().any(above)
}

/// The grant that an entry asks for, as `--allow` takes it.
pub(crate) fn as_grant(egress: &Egress) -> EgressGrant {
    EgressGrant {
        host: egress.host.clone(),
        ports: egress.ports.clone(),
        methods: egress.methods.clone(),
        plaintext: false,
        addresses: Vec::new(),
    }
}

/// Whether a grant gives all that an entry asks for. Errs on the side of no: several grants that together cover an
/// entry are not added up.
pub(crate) fn covers(grant: &EgressGrant, asked: &Egress) -> bool {
    let hosts = grant.host == asked.host || matches!(&asked.host, HostPattern::Exact(host) if grant.host.matches(host));
    let ports = match (&grant.ports, &asked.ports) {
        (Ports::Any(_), _) => true,
        (Ports::List(granted), Ports::List(asked)) => asked.iter().all(|port| granted.contains(port)),
        (Ports::List(_), Ports::Any(_)) => false,
    };
    let methods = match (&grant.methods, &asked.methods) {
        (Methods::Any(_), _) => true,
        (Methods::List(granted), Methods::List(asked)) => asked.iter().all(|method| granted.contains(method)),
        (Methods::List(_), Methods::Any(_)) => false,
    };
    hosts && ports && methods
}

fn limits(manifest: &Manifest) -> Vec<Vec<String>> {
    let asked = Limit::ALL.into_iter().filter_map(|limit| Some((limit, limit.wish(&manifest.limits)?)));
    asked
        .filter(|(limit, value)| *value != limit.default_value())
        .map(|(limit, value)| vec![limit.to_string(), amount(limit, value), amount(limit, limit.default_value())])
        .collect()
}

/// A limit's value with its unit.
pub(crate) fn amount(limit: Limit, value: u64) -> String {
    match limit.unit() {
        "bytes" => bytes(value),
        unit => format!("{} {unit}", grouped(value)),
    }
}

fn operations(manifest: &Manifest) -> Vec<Vec<String>> {
    let row = |operation: &jackfield_package::manifest::Operation| {
        let effect = match operation.effect {
            Effect::Read => "reads",
            Effect::Write => "writes",
            Effect::Destructive => "DESTROYS",
        };
        vec![operation.name.to_string(), operation.kind.as_str().to_owned(), effect.to_owned(), operation.title.clone()]
    };
    manifest.operations.iter().map(row).collect()
}

/// The properties of the config's schema: the first level, which is what people set.
fn settings(manifest: &Manifest) -> Vec<Vec<String>> {
    let Some(schema) = &manifest.config else { return Vec::new() };
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(|name| name.as_str()).collect();
    let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties
        .map(|(name, property)| {
            let need = if required.contains(&name.as_str()) { "required" } else { "" };
            let what = if property["description"].is_string() { &property["description"] } else { &property["title"] };
            vec![name.clone(), word(&property["type"]), need.to_owned(), word(what)]
        })
        .collect()
}
