//! `jackfield log`: what a registry has said, in one order, for everybody the same.

use std::{sync::Arc, time::Duration};

use jackfield_package::{
    key::PublicKey,
    limits::{BUNDLE_BYTES, POLICY_BYTES},
    log::{KeyName, Policy, TlogProof, VerifierKey, leaf, proof::PROOF_BYTES},
    statement::Bundle,
};
use jackfield_registry::{clock::SystemClock, log::witness::Witness};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{prove, rebuild};
use crate::{
    believed_log::BelievedLog,
    context::{Context, read_bounded},
    error::{Done, Failed, Kind},
    flags::{self, LogCommand, LogKey},
    monitor::Monitor,
    store::KeyStore,
};

pub(crate) async fn run(flags: flags::Log, context: &Context) -> Done {
    match flags.command {
        LogCommand::Checkpoint { log } => checkpoint(&log, context).await,
        LogCommand::Prove { log, what, out } => prove::run(&log, what, out, context).await,
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
            let BelievedLog { remote, key, statements_key, .. } = BelievedLog::open(&log, context).await?;
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

async fn checkpoint(flags: &LogKey, context: &Context) -> Done {
    let log = BelievedLog::open(flags, context).await?;
    let (checkpoint, note) = log.newest().await?;
    let key = &log.key;
    let others: Vec<_> = note.signatures().iter().filter(|line| line.name != key.name).collect();
    let cosigned: Vec<_> = others.iter().map(|line| line.name.as_str()).collect();
    let answer = json!({
        "origin": checkpoint.origin.as_str(), "size": checkpoint.size, "root": checkpoint.root.to_string(), "log_key": key,
        "log_key_from": log.key_from, "cosigned_by": cosigned, "note": note.to_string(),
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
