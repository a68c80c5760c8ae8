//! `jackfield export-evidence`: what an installation was admitted by, in pieces that other people's tools read.

use std::path::Path;

use jackfield_package::{
    admission::{Evidence, Logged, TrustedRegistry},
    key::PublicKey,
    log::TlogProof,
    statement::{Bundle, KeysetStatement},
};
use serde_json::json;

use crate::{
    context::Context,
    error::{Done, Failed, Kind},
    flags,
    store::{private_folder, write_aside},
    trusted::Trusted,
    words::count,
};

pub(crate) async fn run(flags: flags::ExportEvidence, context: &Context) -> Done {
    let trusted = Trusted::of(context);
    let lock = trusted.lock()?;
    let package = flags.name.parse().ok().and_then(|name| lock.package(&name)).ok_or_else(|| {
        Failed::new(Kind::NotFound, "not-from-registry", format!("`{}` is not installed from a registry", flags.name))
            .hint("see: jackfield status")
    })?;
    let policy = trusted.policy()?;
    let registry = policy.registry(&package.registry).ok_or_else(|| {
        Failed::new(Kind::Refused, "registry-not-trusted", format!("`{}` is no longer believed here", package.registry))
    })?;
    let (index, evidence, _) = trusted.kept(package.digest)?;
    let keys = keys(&evidence, registry, policy.auditors.values().copied());
    let folder = &flags.folder;
    write(folder, "index.sigstore.json", &index.to_bytes())?;
    write(folder, "checkpoint", evidence.checkpoint.to_string().as_bytes())?;
    write(folder, "log.vkey", format!("{}\n", registry.log_key).as_bytes())?;
    if let Some(component) = trusted.component(package.digest) {
        write(folder, "component.wasm", &component)?;
    }
    let kinds = [
        ("publish", evidence.publish.iter().collect::<Vec<_>>()),
        ("keyset", evidence.keysets.iter().flatten().collect()),
        ("checks", evidence.checks.iter().collect()),
        ("audit", evidence.audits.iter().collect()),
        ("status", evidence.statuses.iter().collect()),
    ];
    let mut written = Vec::new();
    for (kind, statements) in kinds {
        for (at, logged) in statements.into_iter().enumerate() {
            let name = format!("{kind}-{at}");
            statement(&folder.join(&name), logged, &evidence, find(&keys, &logged.bundle))?;
            written.push(name);
        }
    }
    context.ui.answer(&json!({ "folder": folder, "statements": written }), |page| {
        page.line(&format!("Wrote {} to {}.", count(written.len(), "statement"), folder.display()));
    })
}

fn statement(folder: &Path, logged: &Logged, evidence: &Evidence, key: Option<&PublicKey>) -> Done {
    let envelope = logged.bundle.envelope();
    write(folder, "bundle.sigstore.json", &logged.bundle.to_bytes())?;
    write(folder, "payload.json", envelope.unverified_payload())?;
    write(folder, "pae.bin", &envelope.pae())?;
    write(folder, "sig.bin", envelope.signature())?;
    let proof = TlogProof {
        index: logged.index,
        hashes: logged.proof.clone(),
        checkpoint: evidence.checkpoint.clone(),
        extra: None,
    };
    write(folder, "proof.tlog-proof", proof.to_string().as_bytes())?;
    match key {
        Some(key) => {
            write(folder, "public.pem", key.to_pem().as_bytes())?;
            write(folder, "entry.json", &jackfield_package::log::leaf(&logged.bundle, key))
        }
        None => Ok(()),
    }
}

/// Every key that may have signed something here. They were held against it at admission; here they only get a name.
fn keys(evidence: &Evidence, registry: &TrustedRegistry, auditors: impl Iterator<Item = PublicKey>) -> Vec<PublicKey> {
    let mut keys = vec![registry.statements_key];
    keys.extend(auditors);
    for logged in evidence.keysets.iter().flatten() {
        if let Ok(keyset) = KeysetStatement::from_verified_payload(logged.bundle.envelope().unverified_payload()) {
            keys.extend(keyset.keys);
        }
    }
    keys
}

fn find<'k>(keys: &'k [PublicKey], bundle: &Bundle) -> Option<&'k PublicKey> {
    keys.iter().find(|key| key.id() == *bundle.key_hint())
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Done {
    private_folder(folder)?;
    write_aside(&folder.join(name), bytes, 0o644)?.replace()
}
