//! `jackfield namespace recover`: other keys for a namespace that has lost its own. Its owner signs a keyset with the new ones, an
//! operator announces it, and it is in force after two weeks in public, unless an owner stops it.

use jackfield_package::limits::BUNDLE_BYTES;
use serde_json::{Value, json};

use super::{
    login::shown,
    namespace::{Change, signed_keyset},
};
use crate::{
    context::{Context, read_bounded},
    error::{Done, Failed},
    flags::{OneNamespace, RecoverCommand},
    remote::Remote,
    store::write_aside,
    values::parse_json,
};

/// Bytes of what `prepare` writes: a bundle for each key of a set.
const FILE_BYTES: u64 = 16 * BUNDLE_BYTES as u64;

pub(crate) async fn run(command: RecoverCommand, context: &Context) -> Done {
    match command {
        RecoverCommand::Prepare { one, keys, threshold, out, passphrase } => {
            let remote = Remote::open(&one.registry, context)?;
            // Each key of the set is new to it as far as anybody can tell, so each of them signs.
            let sign_with = keys.clone();
            let change = Change { keys, sign_with, threshold, reason: "the keys before are lost".to_owned() };
            let bundles = signed_keyset(&remote, &one, change, &passphrase, context).await?;
            let text = serde_json::to_vec_pretty(&json!({ "namespace": one.namespace, "bundles": bundles }))
                .map_err(|error| Failed::usage("json-fault", error.to_string()))?;
            write_aside(&out, &text, 0o644)?.replace()?;
            context.ui.answer(&json!({ "namespace": one.namespace, "file": out }), |page| {
                page.line(&format!("Wrote {}. Give it to an operator of the registry, who knows you.", out.display()));
            })
        }
        RecoverCommand::Announce { one, file, reason } => {
            let bytes = read_bounded(&file, "the recovery", FILE_BYTES)?;
            let prepared = parse_json(&String::from_utf8_lossy(&bytes), "the recovery")?;
            if prepared["namespace"] != one.namespace.as_str() {
                let message = format!("`{}` is a recovery of `{}`", file.display(), shown(&prepared["namespace"]));
                return Err(Failed::usage("recovery-mismatch", message).hint("name the namespace that it is for"));
            }
            let remote = Remote::signed_in(&one.registry, context)?;
            let body = json!({ "bundles": prepared["bundles"], "reason": reason });
            let announced: Value = remote.post(&at(&one), &body).await?;
            context.ui.answer(&announced, |page| {
                page.line(&format!(
                    "Announced: other keys for `{}`. Everybody sees it, and any owner can stop it.",
                    one.namespace
                ));
            })?;
            context.ui.note(&format!("In 14 days: jackfield namespace recover complete {}", one.namespace));
            Ok(())
        }
        RecoverCommand::Stop { one } => {
            Remote::signed_in(&one.registry, context)?.delete(&at(&one)).await?;
            context.ui.answer(&json!({ "namespace": one.namespace, "stopped": true }), |page| {
                page.line(&format!("Stopped: the keys of `{}` stay what they are.", one.namespace));
            })
        }
        RecoverCommand::Complete { one } => {
            let remote = Remote::signed_in(&one.registry, context)?;
            let keyset: Value = remote.post(&format!("{}/complete", at(&one)), &json!({})).await?;
            context.ui.answer(&keyset, |page| {
                page.line(&format!(
                    "Version {} of the keys of `{}` is in force.",
                    shown(&keyset["version"]),
                    one.namespace
                ));
            })
        }
    }
}

fn at(one: &OneNamespace) -> String {
    format!("/v1/namespaces/{}/recovery", one.namespace)
}
