//! `jackfield log prove`: what shows that a statement, or each of those about a release, is in a log; fetched and verified.

use std::path::{Path, PathBuf};

use jackfield_package::{
    Digest, PackageName,
    key::KeyId,
    limits::BUNDLE_BYTES,
    log::{Leaf, TlogProof, leaf, proof::PROOF_BYTES},
    statement::{AuditStatement, Bundle, ChecksStatement, PublishStatement, StatusStatement, StatusSubject},
};
use semver::Version;
use serde_json::{Value, json};

use crate::{
    believed_log::BelievedLog,
    context::Context,
    error::{Done, Failed, Kind},
    flags,
    key_names::KeyNames,
    statements,
    store::{private_folder, write_aside},
    ui::write_stdout,
    values::Provable,
    words::count,
};

pub(crate) async fn run(log: &flags::LogKey, what: Provable, out: Option<PathBuf>, context: &Context) -> Done {
    let log = BelievedLog::open(log, context).await?;
    match what {
        Provable::Statement(digest) => one(&log, digest, out, context).await,
        Provable::Release(name, version) => all(&log, &name, &version, out.as_deref(), context).await,
    }
}

async fn one(log: &BelievedLog, statement: Digest, out: Option<PathBuf>, context: &Context) -> Done {
    let Proven { carried, proof, size, signer, .. } = prove(log, statement).await?;
    let Some(out) = out else { return write_stdout(&proof.to_string()) };
    let as_bundle = out.extension().is_some_and(|extension| extension == "json");
    let bytes = if as_bundle { carried } else { proof.to_string().into_bytes() };
    write_aside(&out, &bytes, 0o644)?.replace()?;
    let answer = json!({
        "statement": statement, "index": proof.index, "size": size, "signer": signer, "log_key": log.key,
        "log_key_from": log.key_from, "file": out,
    });
    context.ui.answer(&answer, |page| {
        page.line(&format!("Entry {} of {size}: {}", proof.index, out.display()));
    })
}

/// Every statement about a release that the registry lists.
async fn all(log: &BelievedLog, name: &PackageName, version: &Version, out: Option<&Path>, context: &Context) -> Done {
    let release = format!("{name}@{version}");
    let listed = statements::of(&log.remote, name, version).await?;
    if listed.is_empty() {
        let message = format!("the log has no statement about {release} yet");
        return Err(Failed::new(Kind::NotFound, "log-entry-unknown", message)
            .hint(format!("is it out? See: jackfield info {release}")));
    }
    let mut rows: Vec<Value> = Vec::new();
    for line in listed {
        let Proven { carried, bundle, proof, size, signer } = prove(log, line.digest).await?;
        let kind = about(&bundle, name, version).ok_or_else(|| {
            let message = format!("statement {} is not about {release}, though the registry lists it so", line.digest);
            Failed::new(Kind::Refused, "log-entry-unrelated", message)
        })?;
        let file = out.map(|folder| folder.join(format!("{}-{kind}.sigstore.json", proof.index)));
        if let (Some(folder), Some(file)) = (out, &file) {
            private_folder(folder)?;
            write_aside(file, &carried, 0o644)?.replace()?;
        }
        rows.push(json!({
            "statement": line.digest, "kind": kind, "index": proof.index, "size": size, "signer": signer, "file": file,
        }));
    }
    let answer = json!({
        "name": name, "version": version, "log_key": log.key, "log_key_from": log.key_from, "statements": rows,
    });
    let names = KeyNames::of(context);
    context.ui.answer(&answer, |page| {
        page.line(&format!(
            "Proven: {} about {release}, each in the log of {}",
            count(rows.len(), "statement"),
            log.key.name
        ));
        for row in &rows {
            let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
            page.heading(&format!("Entry {} of {}: {}", row["index"], row["size"], text("kind"))).fields([
                ("statement", text("statement")),
                ("signed by", text("signer").parse().map_or_else(|_| text("signer"), |key| names.shown(&key))),
            ]);
            if row["file"].is_string() {
                page.fields([("written to", text("file"))]);
            }
        }
    })
}

/// What kind of statement it is, if it is about this release.
fn about(bundle: &Bundle, name: &PackageName, version: &Version) -> Option<&'static str> {
    let payload = bundle.envelope().unverified_payload();
    let (kind, of, at) = if let Ok(publish) = PublishStatement::from_verified_payload(payload) {
        ("publish", publish.name, publish.version)
    } else if let Ok(checks) = ChecksStatement::from_verified_payload(payload) {
        ("checks", checks.name, checks.version)
    } else if let Ok(audit) = AuditStatement::from_verified_payload(payload) {
        ("audit", audit.name, audit.version)
    } else if let Ok(status) = StatusStatement::from_verified_payload(payload)
        && let StatusSubject::Release { name, version, .. } = status.subject
    {
        (status.action.as_str(), name, version)
    } else {
        return None;
    };
    (of == *name && at == *version).then_some(kind)
}

/// A statement that is in the log.
struct Proven {
    /// The statement with its proof inside, byte for byte.
    carried: Vec<u8>,
    /// The same, read; its signature holds.
    bundle: Bundle,
    proof: TlogProof,
    /// Entries of the log that the proof speaks of.
    size: u64,
    signer: KeyId,
}

/// Whatever the registry says it is: the statement asked for, under a key that is named in the entry itself.
async fn prove(log: &BelievedLog, statement: Digest) -> Result<Proven, Failed> {
    let path = format!("/v1/log/proof/{statement}");
    let proof = TlogProof::parse(&log.remote.get_bytes(&path, PROOF_BYTES).await?)?;
    let carried = log.remote.get_bytes(&format!("{path}?form=sigstore"), BUNDLE_BYTES).await?;
    let bundle = Bundle::parse(&carried)?;
    let found = Digest::of(&bundle.clone().without_log_entries().to_bytes());
    let entries = bundle.log_entries()?;
    let entry = entries.first().map(|entry| entry.body.clone()).unwrap_or_default();
    let signer = Leaf::parse(&entry)?.key;
    bundle.envelope().verified_payload(&signer)?;
    if found != statement {
        let message = format!("the registry answered with statement {found}");
        return Err(Failed::new(Kind::Refused, "log-entry-unknown", message));
    }
    let accepted = proof.verify(&leaf(&bundle, &signer), &log.policy)?;
    Ok(Proven { carried, bundle, proof, size: accepted.checkpoint.size, signer: signer.id() })
}
