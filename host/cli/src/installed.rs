//! Installations by the name that a person typed, and what an admin sees of a grant.

use std::collections::BTreeSet;

use jackfield_host::{
    Host, Installation,
    grant::{Grant, OperationGrant},
};
use jackfield_package::{Manifest, PackageName};
use serde_json::{Value, json};

use crate::{
    asks,
    error::{Failed, not_installed},
    flags::GrantEdits,
    page::Page,
    values::OperationName,
    words::shell,
};

/// The installation that `name` names.
pub(crate) fn find(host: &Host, name: &str) -> Result<Installation, Failed> {
    let Ok(name) = name.parse::<PackageName>() else {
        let installed: Vec<String> = host.installations()?.iter().map(|known| known.name.to_string()).collect();
        return Err(not_installed(name, installed.iter().map(String::as_str)));
    };
    Ok(host.installation(&name)?)
}

/// An installation as JSON: its record without the manifest, which `inspect` shows.
pub(crate) fn as_json(installation: &Installation) -> Value {
    let Installation { name, version, digest, signer, installed_at_s, enabled, grant, .. } = installation;
    json!({
        "name": name, "version": version, "digest": digest, "signer": signer, "installed_at_s": installed_at_s,
        "enabled": enabled, "grant": grant,
    })
}

/// Applies what `install` and `grant` both can set.
pub(crate) fn edit(grant: &mut Grant, edits: &GrantEdits) -> Result<(), Failed> {
    for allowed in &edits.allow {
        if !grant.egress.contains(allowed) {
            grant.egress.push(allowed.clone());
        }
    }
    if !edits.operation.is_empty() {
        let mut named = BTreeSet::new();
        let mut all = false;
        for operation in &edits.operation {
            match operation {
                OperationName::All => all = true,
                OperationName::One(name) => {
                    named.insert(name.clone());
                }
            }
        }
        grant.operations = if all { OperationGrant::All } else { OperationGrant::Only(named) };
    }
    for setting in &edits.limit {
        match setting.value {
            Some(value) => grant.limits.insert(setting.limit, value),
            None => grant.limits.remove(&setting.limit),
        };
    }
    for setting in &edits.credential {
        match &setting.source {
            Some(source) => grant.credentials.insert(setting.id.clone(), source.clone()),
            None => grant.credentials.remove(&setting.id),
        };
    }
    if let Some(config) = &edits.config {
        grant.config = match config.read_json("the config")? {
            Value::Object(settings) => settings,
            _ => {
                return Err(Failed::usage("config-no-object", "the config is not a JSON object")
                    .hint("name each setting: --config '{\"name\": \"value\"}'"));
            }
        };
    }
    Ok(())
}

/// Whether anything is to be set.
pub(crate) fn is_empty(edits: &GrantEdits) -> bool {
    let GrantEdits { allow, operation, limit, credential, config } = edits;
    allow.is_empty() && operation.is_empty() && limit.is_empty() && credential.is_empty() && config.is_none()
}

/// A grant, one thing a line: what kind, and what. Two grants differ where their lines do.
pub(crate) fn lines(grant: &Grant) -> Vec<(&'static str, String)> {
    let mut lines: Vec<_> = grant.egress.iter().map(|egress| ("send", egress.to_string())).collect();
    match &grant.operations {
        OperationGrant::All => lines.push(("operation", "all".to_owned())),
        OperationGrant::Only(names) => lines.extend(names.iter().map(|name| ("operation", name.to_string()))),
    }
    lines.extend(
        grant
            .limits
            .iter()
            .map(|(limit, value)| ("limit", format!("{limit}={value} ({})", asks::amount(*limit, *value)))),
    );
    lines.extend(grant.credentials.iter().map(|(id, source)| ("credential", format!("{id} from {source}"))));
    lines.extend(grant.config.iter().map(|(name, value)| ("config", format!("{name} = {value}"))));
    lines
}

/// Writes a grant, and what the manifest asks beyond it with the command that would grant it.
pub(crate) fn write(page: &mut Page, name: &PackageName, manifest: &Manifest, grant: &Grant) {
    page.fields(lines(grant));
    if grant.egress.is_empty() {
        page.line("  It may send no request.");
    }
    let missing: Vec<_> = manifest
        .egress
        .iter()
        .filter(|asked| !grant.egress.iter().any(|granted| asks::covers(granted, asked)))
        .collect();
    if !missing.is_empty() {
        page.heading("It asks for more, which is not granted");
        for asked in missing {
            let line = asks::as_grant(asked).to_string();
            page.line(&format!("  {line}")).paragraph(6, &asked.reason);
            page.line(&format!("      jackfield grant {name} --allow {}", shell(&line)));
        }
    }
    let unbound: Vec<_> = manifest.auth.iter().filter(|auth| !grant.credentials.contains_key(&auth.id)).collect();
    if !unbound.is_empty() {
        page.heading("It asks for credentials, which are not there");
        for auth in unbound {
            page.line(&format!("  jackfield grant {name} --credential {}=FILE", auth.id));
        }
    }
    let useless: Vec<_> = grant.egress.iter().filter(|granted| !is_asked(manifest, granted)).collect();
    if !useless.is_empty() {
        page.heading("Granted, and of no use: its manifest does not ask for it");
        for granted in useless {
            page.line(&format!("  {granted}"));
        }
    }
}

/// Whether a grant can meet anything that the manifest asks for. Says yes where the hosts alone can't tell: a template's
/// values stand in the config.
fn is_asked(manifest: &Manifest, granted: &jackfield_host::grant::EgressGrant) -> bool {
    use jackfield_package::egress::HostPattern::{Exact, Suffix, Template};
    manifest.egress.iter().any(|asked| match (&asked.host, &granted.host) {
        (Template(_), _) | (_, Template(_)) => true,
        (asked, Exact(host)) => asked.matches(host),
        (Exact(host), granted) => granted.matches(host),
        (Suffix(a), Suffix(b)) => a == b || a.ends_with(&format!(".{b}")) || b.ends_with(&format!(".{a}")),
    })
}
