//! `jackfield namespace`: whose packages they are, and which keys sign for them.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::ValueEnum as _;
use jackfield_package::{
    Label,
    key::{KeyId, PublicKey, SigningKey},
    statement::KeysetStatement,
};
use jackfield_registry::account::control::challenge;
use serde_json::{Value, json};

use super::login::shown;
use crate::{
    context::Context,
    error::{Done, Failed},
    flags::{self, MemberCommand, NamespaceCommand, OneNamespace, Passphrase, PublisherCommand},
    key_names::KeyNames,
    remote::Remote,
    store::KeyStore,
};

pub(crate) async fn run(flags: flags::Namespace, context: &Context) -> Done {
    match flags.command {
        NamespaceCommand::Create { one, generic } => create(one, generic, context).await,
        NamespaceCommand::Show { one } => show(one, context).await,
        NamespaceCommand::List { registry } => {
            let listed: Value = Remote::signed_in(&registry, context)?.get("/v1/namespaces").await?;
            rows(context, &listed, "namespaces", &["namespace", "role"])
        }
        NamespaceCommand::Member(command) => member(command, context).await,
        NamespaceCommand::Verify { one, dns, key, passphrase } => verify(one, dns, key, &passphrase, context).await,
        NamespaceCommand::Keyset { one, keys, sign_with, threshold, reason, passphrase } => {
            let change = Change { keys, sign_with, threshold, reason };
            keyset(one, change, &passphrase, context).await
        }
        NamespaceCommand::Recover(command) => super::recover::run(command, context).await,
        NamespaceCommand::RevokeKey(flags) => super::withdraw::revoke_key(flags, context).await,
        NamespaceCommand::Publisher(command) => publisher(command, context).await,
        NamespaceCommand::Held { registry } => {
            let held: Value = Remote::signed_in(&registry, context)?.get("/v1/moderation/namespaces").await?;
            rows(context, &held, "namespaces", &["name", "reason"])
        }
        NamespaceCommand::Decide { one, verdict, reason } => {
            let remote = Remote::signed_in(&one.registry, context)?;
            let verdict = verdict.to_possible_value().map(|word| word.get_name().to_owned());
            let body = json!({ "verdict": verdict, "reason": reason });
            let decided: Value = remote.post(&format!("/v1/moderation/namespaces/{}", one.namespace), &body).await?;
            context.ui.answer(&decided, |page| {
                page.line("Decided.");
            })
        }
    }
}

/// One column for each key, for a person.
fn rows(context: &Context, answer: &Value, list: &str, keys: &[&str]) -> Done {
    context.ui.answer(answer, |page| {
        let row = |row: &Value| keys.iter().map(|key| shown(&row[*key])).collect();
        let rows: Vec<Vec<String>> = answer[list].as_array().into_iter().flatten().map(row).collect();
        if !rows.is_empty() {
            page.table(keys, &rows);
        }
    })
}

async fn create(one: OneNamespace, generic: bool, context: &Context) -> Done {
    let remote = Remote::signed_in(&one.registry, context)?;
    let class = if generic { "generic" } else { "connector" };
    let made: Value = remote.post("/v1/namespaces", &json!({ "name": one.namespace, "class": class })).await?;
    let name = &one.namespace;
    context.ui.answer(&made, |page| {
        page.line(&format!("Made the namespace `{name}`."));
    })?;
    if made["state"] == "held" {
        context.ui.warn(&format!("it waits for a moderator: {}", shown(&made["reason"])));
    } else if !generic {
        context.ui.note(&format!("Say which key signs for it: jackfield namespace keyset {name} --key NAME"));
    }
    Ok(())
}

async fn show(one: OneNamespace, context: &Context) -> Done {
    let remote = Remote::open(&one.registry, context)?;
    let mut found: Value = remote.get(&format!("/v1/namespaces/{}", one.namespace)).await?;
    let keys: Vec<PublicKey> = serde_json::from_value(found["keyset"]["keys"].clone()).unwrap_or_default();
    let keyids: Vec<KeyId> = keys.iter().map(PublicKey::id).collect();
    if found["keyset"].is_object() {
        found["keyset"]["keyids"] = json!(keyids);
    }
    let names = KeyNames::of(context);
    context.ui.answer(&found, |page| {
        page.strong(one.namespace.as_str());
        page.fields([
            ("class", shown(&found["class"])),
            ("state", shown(&found["state"])),
            ("reason", shown(&found["reason"])),
            ("proven", shown(&found["control"])),
        ]);
        if !keyids.is_empty() {
            let title = format!(
                "Keys, version {}, {} must sign",
                shown(&found["keyset"]["version"]),
                shown(&found["keyset"]["threshold"])
            );
            page.heading(&title).table(&[], &keyids.iter().map(|key| vec![names.shown(key)]).collect::<Vec<_>>());
        }
        if found["recovery"].is_object() {
            page.heading("A recovery is announced").fields([
                ("by", shown(&found["recovery"]["requested_by"])),
                ("reason", shown(&found["recovery"]["reason"])),
            ]);
        }
        if let Some(members) = found["members"].as_array() {
            let rows: Vec<_> = members.iter().map(|row| vec![shown(&row["user"]), shown(&row["role"])]).collect();
            page.heading("Members").table(&[], &rows);
        }
    })
}

async fn member(command: MemberCommand, context: &Context) -> Done {
    match command {
        MemberCommand::Add { one, user, role } => {
            let role = role.to_possible_value().map(|word| word.get_name().to_owned());
            let remote = Remote::signed_in(&one.registry, context)?;
            let path = format!("/v1/namespaces/{}/members/{user}", one.namespace);
            let _: Value = remote.put(&path, &json!({ "role": role })).await?;
            context.ui.answer(&json!({ "namespace": one.namespace, "user": user, "role": role }), |page| {
                page.line(&format!("`{user}` is a member of `{}`.", one.namespace));
            })
        }
        MemberCommand::Remove { one, user } => {
            let remote = Remote::signed_in(&one.registry, context)?;
            remote.delete(&format!("/v1/namespaces/{}/members/{user}", one.namespace)).await?;
            context.ui.answer(&json!({ "namespace": one.namespace, "user": user, "role": null }), |page| {
                page.line(&format!("`{user}` is no longer a member of `{}`.", one.namespace));
            })
        }
    }
}

async fn verify(
    one: OneNamespace,
    dns: Option<String>,
    key: Option<Label>,
    passphrase: &Passphrase,
    context: &Context,
) -> Done {
    let remote = Remote::signed_in(&one.registry, context)?;
    let proof = match (dns, key) {
        (Some(domain), _) => json!({ "method": "dns", "domain": domain }),
        (None, Some(name)) => {
            let me: Value = remote.get("/v1/me").await?;
            let about = remote.about().await?;
            let key = KeyStore::of(context).secret(&name, || passphrase.read(name.as_str()))?;
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let at = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
            let text = challenge(&about.origin, &one.namespace, &shown(&me["user"]), at);
            let signature = STANDARD.encode(key.sign(text.as_bytes()));
            json!({ "method": "key", "key": key.public_key(), "at": at, "signature": signature })
        }
        (None, None) => return Err(Failed::usage("command-line", "say what to prove: --dns DOMAIN or --key NAME")),
    };
    let proven: Value = remote.post(&format!("/v1/namespaces/{}/control", one.namespace), &proof).await?;
    context.ui.answer(&proven, |page| {
        page.line(&format!("Proven: {}", shown(&proven["control"])));
    })
}

/// What a keyset shall become.
pub(super) struct Change {
    pub(super) keys: Vec<Label>,
    pub(super) sign_with: Vec<Label>,
    pub(super) threshold: u64,
    pub(super) reason: String,
}

async fn keyset(one: OneNamespace, change: Change, passphrase: &Passphrase, context: &Context) -> Done {
    let remote = Remote::signed_in(&one.registry, context)?;
    let bundles = signed_keyset(&remote, &one, change, passphrase, context).await?;
    let path = format!("/v1/namespaces/{}/keyset", one.namespace);
    let accepted: Result<Value, Failed> = remote.post(&path, &json!({ "bundles": bundles })).await;
    let accepted = accepted.map_err(|failed| match failed.code() {
        "keyset-threshold" => failed.hint(format!(
            "keys of the set until now must sign it too: --sign-with NAME; which they are: jackfield namespace show {}",
            one.namespace
        )),
        _ => failed,
    })?;
    context.ui.answer(&accepted, |page| {
        page.line(&format!("Version {} of the keys of `{}` is accepted.", shown(&accepted["version"]), one.namespace));
    })
}

/// The statement that follows from the keyset of now, a bundle for each key that signs.
pub(super) async fn signed_keyset(
    remote: &Remote,
    one: &OneNamespace,
    change: Change,
    passphrase: &Passphrase,
    context: &Context,
) -> Result<Vec<Value>, Failed> {
    let found: Value = remote.get(&format!("/v1/namespaces/{}", one.namespace)).await?;
    let now = &found["keyset"];
    let old: Vec<PublicKey> = serde_json::from_value(now["keys"].clone()).unwrap_or_default();
    let store = KeyStore::of(context);
    let mut keys = Vec::new();
    for name in &change.keys {
        keys.push(store.public(name)?.public);
    }
    let statement = KeysetStatement {
        namespace: one.namespace.clone(),
        version: now["version"].as_u64().unwrap_or(0) + 1,
        threshold: change.threshold,
        keys: keys.clone(),
        reason: change.reason,
    };
    // Each new key proves that it is held; keys of the set until now sign as they are told.
    let mut signers: Vec<Label> = change.sign_with;
    for (name, key) in change.keys.into_iter().zip(&keys) {
        if (!old.contains(key) || old.is_empty()) && !signers.contains(&name) {
            signers.push(name);
        }
    }
    let mut bundles: Vec<Value> = Vec::new();
    for name in &signers {
        let key: SigningKey = store.secret(name, || passphrase.read(name.as_str()))?;
        let bundle = serde_json::from_slice(&statement.sign(&key).to_bytes())
            .map_err(|error| Failed::new(crate::error::Kind::Fault, "json-fault", error.to_string()))?;
        bundles.push(bundle);
    }
    Ok(bundles)
}

async fn publisher(command: PublisherCommand, context: &Context) -> Done {
    match command {
        PublisherCommand::Add { one, issuer, claims, packages } => {
            let mut exact = serde_json::Map::new();
            for claim in &claims {
                let (name, value) = claim.split_once('=').ok_or_else(|| {
                    Failed::usage("claim-malformed", format!("`{claim}` is not a claim: expected NAME=VALUE"))
                })?;
                exact.insert(name.to_owned(), value.into());
            }
            let remote = Remote::signed_in(&one.registry, context)?;
            let pattern = packages.unwrap_or_else(|| format!("{}:*", one.namespace));
            let body = json!({ "issuer": issuer, "claims": exact, "pattern": pattern });
            let path = format!("/v1/namespaces/{}/publishers", one.namespace);
            let added: Value = remote.post(&path, &body).await?;
            context.ui.answer(&added, |page| {
                page.line(&format!("Trusted to publish `{pattern}`: {}", shown(&added["id"])));
            })
        }
        PublisherCommand::List { one } => {
            let remote = Remote::signed_in(&one.registry, context)?;
            let listed: Value = remote.get(&format!("/v1/namespaces/{}/publishers", one.namespace)).await?;
            rows(context, &listed, "publishers", &["id", "pattern", "issuer", "claims"])
        }
        PublisherCommand::Remove { one, id } => {
            let remote = Remote::signed_in(&one.registry, context)?;
            remote.delete(&format!("/v1/namespaces/{}/publishers/{id}", one.namespace)).await?;
            context.ui.answer(&json!({ "removed": id }), |page| {
                page.line("Removed.");
            })
        }
    }
}
