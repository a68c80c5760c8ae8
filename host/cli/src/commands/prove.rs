//! `jackfield log prove`: what shows that a statement is in a log, fetched and verified.

use std::path::PathBuf;

use jackfield_package::{
    Digest,
    key::KeyId,
    limits::BUNDLE_BYTES,
    log::{Leaf, TlogProof, leaf, proof::PROOF_BYTES},
    statement::Bundle,
};
use serde_json::json;

use crate::{
    believed_log::BelievedLog,
    context::Context,
    error::{Done, Failed, Kind},
    flags,
    store::write_aside,
    ui::write_stdout,
};

pub(crate) async fn run(log: &flags::LogKey, statement: Digest, out: Option<PathBuf>, context: &Context) -> Done {
    let log = BelievedLog::open(log, context).await?;
    let Proven { bundle, proof, size, signer } = prove(&log, statement).await?;
    let Some(out) = out else { return write_stdout(&proof.to_string()) };
    let as_bundle = out.extension().is_some_and(|extension| extension == "json");
    let bytes = if as_bundle { bundle } else { proof.to_string().into_bytes() };
    write_aside(&out, &bytes, 0o644)?.replace()?;
    let answer = json!({
        "statement": statement, "index": proof.index, "size": size, "signer": signer, "log_key": log.key,
        "log_key_from": log.key_from, "file": out,
    });
    context.ui.answer(&answer, |page| {
        page.line(&format!("Entry {} of {size}: {}", proof.index, out.display()));
    })
}

/// A statement that is in the log.
struct Proven {
    /// The statement with its proof inside.
    bundle: Vec<u8>,
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
    Ok(Proven { bundle: carried, proof, size: accepted.checkpoint.size, signer: signer.id() })
}
