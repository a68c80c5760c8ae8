//! `jackfield log`: what a registry has said, in one order, for everybody the same.

use std::{sync::Arc, time::Duration};

use jackfield_package::{
    key::PublicKey,
    limits::{BUNDLE_BYTES, NOTE_BYTES, POLICY_BYTES},
    log::{Checkpoint, KeyName, Policy, SignedNote, TlogProof, VerifierKey, leaf, proof::PROOF_BYTES},
    statement::Bundle,
};
use jackfield_registry::{clock::SystemClock, log::witness::Witness};
use serde::Deserialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::rebuild;
use crate::{
    context::{Context, read_bounded},
    error::{Done, Failed, Kind},
    flags::{self, LogCommand, LogKey},
    monitor::Monitor,
    remote::Remote,
    store::{KeyStore, write_aside},
    ui::write_stdout,
};

pub(crate) async fn run(flags: flags::Log, context: &Context) -> Done {
    match flags.command {
        LogCommand::Checkpoint { log } => checkpoint(&log, context).await,
        LogCommand::Prove { log, statement, out } => {
            let Asked { remote, key, .. } = Asked::open(&log, context).await?;
            let path = format!("/v1/log/proof/{statement}");
            let proof = TlogProof::parse(&remote.get_bytes(&path, PROOF_BYTES).await?)?;
            let carried = remote.get_bytes(&format!("{path}?form=sigstore"), BUNDLE_BYTES).await?;
            let bundle = Bundle::parse(&carried)?;
            // Whatever the registry says it is: the statement asked for, under a key that is named in the entry itself.
            let found = jackfield_package::Digest::of(&bundle.clone().without_log_entries().to_bytes());
            let entries = bundle.log_entries()?;
            let entry = entries.first().map(|entry| entry.body.clone()).unwrap_or_default();
            let signer = jackfield_package::log::Leaf::parse(&entry)?.key;
            bundle.envelope().verified_payload(&signer)?;
            if found != statement {
                let message = format!("the registry answered with statement {found}");
                return Err(Failed::new(Kind::Refused, "log-entry-unknown", message));
            }
            let accepted = proof.verify(&leaf(&bundle, &signer), &Policy::of_log(key))?;
            let Some(out) = out else { return write_stdout(&proof.to_string()) };
            let as_bundle = out.extension().is_some_and(|extension| extension == "json");
            let bytes = if as_bundle { carried } else { proof.to_string().into_bytes() };
            write_aside(&out, &bytes, 0o644)?.replace()?;
            let answer = json!({
                "statement": statement, "index": proof.index, "size": accepted.checkpoint.size, "signer": signer.id(), "file": out,
            });
            context.ui.answer(&answer, |page| {
                page.line(&format!("Entry {} of {}: {}", proof.index, accepted.checkpoint.size, out.display()));
            })
        }
        LogCommand::Verify { bundle, key, proof, log_key, policy } => {
            let policy = match (policy, log_key) {
                (Some(path), _) => Policy::parse(&read_bounded(&path, "the policy", POLICY_BYTES as u64)?)?,
                (None, Some(key)) => Policy::of_log(key),
                (None, None) => return Err(Failed::usage("command-line", "neither --log-key nor --policy is given")),
            };
            let bundle = Bundle::parse(&read_bounded(&bundle, "the bundle", BUNDLE_BYTES as u64)?)?;
            let proof = match proof {
                Some(path) => TlogProof::parse(&read_bounded(&path, "the proof", PROOF_BYTES as u64)?)?,
                None => {
                    let carried = bundle.log_entries()?.into_iter().next();
                    let missing = || {
                        Failed::new(Kind::Refused, "log-proof-missing", "the bundle carries no proof")
                            .hint("give one: --proof FILE, from `jackfield log prove`")
                    };
                    carried.ok_or_else(missing)?.proof
                }
            };
            verify(&bundle, &key, &proof, &policy, context)
        }
        LogCommand::Monitor { log, state, once, every } => {
            let Asked { remote, key, statements_key } = Asked::open(&log, context).await?;
            let mut monitor = Monitor::open(&state, key, statements_key)?;
            loop {
                let report = monitor.look(&remote).await;
                match report {
                    Ok(report) => {
                        report.show(context)?;
                        if once {
                            return report.verdict();
                        }
                    }
                    Err(failed) if once => return Err(failed),
                    Err(failed) => {
                        failed.report(if context.ui.is_json() { flags::Format::Json } else { flags::Format::Human });
                    }
                }
                tokio::time::sleep(Duration::from_secs(every.max(1))).await;
            }
        }
        LogCommand::Rebuild { configured, compare } => rebuild::run(configured, compare, context).await,
        LogCommand::Witness { name, key, passphrase, logs, state, listen } => {
            let key = KeyStore::of(context).secret(&key, || passphrase.read(key.as_str()))?;
            witness(name, key, logs, &state, listen, context).await
        }
    }
}

/// A registry's log, and whose signatures count.
struct Asked {
    remote: Remote,
    key: VerifierKey,
    /// What the registry signs its index with, by its own word.
    statements_key: PublicKey,
}

#[derive(Deserialize)]
struct About {
    log_key: VerifierKey,
    statements_key: PublicKey,
}

impl Asked {
    async fn open(flags: &LogKey, context: &Context) -> Result<Self, Failed> {
        let remote = Remote::open(&flags.registry, context)?;
        let about: About = remote.get("/.well-known/jackfield.json").await?;
        let key = match &flags.log_key {
            Some(key) => key.clone(),
            None => {
                context.ui.note(&format!("Taking the registry's word for the log's key: {}", about.log_key));
                about.log_key
            }
        };
        Ok(Self { remote, key, statements_key: about.statements_key })
    }
}

/// The newest checkpoint of a log.
pub(crate) async fn newest(remote: &Remote, key: &VerifierKey) -> Result<(Checkpoint, SignedNote), Failed> {
    let note = SignedNote::parse(&remote.get_bytes("/log/checkpoint", NOTE_BYTES).await?)?;
    Ok((Checkpoint::open(&note, key)?, note))
}

async fn checkpoint(flags: &LogKey, context: &Context) -> Done {
    let Asked { remote, key, .. } = Asked::open(flags, context).await?;
    let (checkpoint, note) = newest(&remote, &key).await?;
    let others: Vec<_> = note.signatures().iter().filter(|line| line.name != key.name).collect();
    let cosigned: Vec<_> = others.iter().map(|line| line.name.as_str()).collect();
    let answer = json!({
        "origin": checkpoint.origin.as_str(), "size": checkpoint.size, "root": checkpoint.root.to_string(), "log_key": key,
        "cosigned_by": cosigned, "note": note.to_string(),
    });
    context.ui.answer(&answer, |page| {
        page.line(&format!("{}: {} entries", checkpoint.origin, checkpoint.size));
        page.fields([
            ("root", checkpoint.root.to_string()),
            ("log key", key.to_string()),
            ("lines of others", if cosigned.is_empty() { "none".to_owned() } else { cosigned.join(", ") }),
        ]);
    })
}

fn verify(bundle: &Bundle, key: &PublicKey, proof: &TlogProof, policy: &Policy, context: &Context) -> Done {
    bundle.envelope().verified_payload(key)?;
    let accepted = proof.verify(&leaf(bundle, key), policy)?;
    let cosigned: Vec<_> = accepted.cosigned.iter().map(|(witness, _)| witness.name.as_str()).collect();
    let answer = json!({
        "verified": true, "index": proof.index, "size": accepted.checkpoint.size, "log": accepted.log, "signer": key.id(),
        "cosigned_by": cosigned,
    });
    context.ui.answer(&answer, |page| {
        page.line(&format!(
            "Verified: entry {} of {} in the log of {}",
            proof.index, accepted.checkpoint.size, accepted.checkpoint.origin
        ));
        page.fields([("signed by", key.id().to_string()), ("cosigned by", cosigned.join(", "))]);
    })
}

async fn witness(
    name: KeyName,
    key: jackfield_package::key::SigningKey,
    logs: Vec<VerifierKey>,
    state: &std::path::Path,
    listen: std::net::SocketAddr,
    context: &Context,
) -> Done {
    let witness = Witness::open(name, key, logs, state, Arc::new(SystemClock))
        .map_err(|problem| Failed::new(Kind::Fault, problem.code, problem.message))?;
    let cannot = |error: &std::io::Error| Failed::file(format!("cannot listen on {listen}"), error);
    let listener = tokio::net::TcpListener::bind(listen).await.map_err(|error| cannot(&error))?;
    let url = format!("http://{}", listener.local_addr().map_err(|error| cannot(&error))?);
    let vkey = witness.verifier();
    context.ui.answer(&json!({ "listening": url, "witness_key": vkey, "pid": std::process::id() }), |page| {
        page.line(&format!("listening on {url}"));
        page.fields([("witness key", vkey.to_string())]);
    })?;
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move {
        let _ = tokio::signal::ctrl_c().await;
        stopped.cancel();
    });
    witness.serve(listener, stop).await.map_err(|error| cannot(&error))
}
