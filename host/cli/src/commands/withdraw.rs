//! `jackfield yank`, `quarantine`, `revoke`, `lift` and `deprecate`: taking a release back, and giving it back.
//!
//! The owner signs a statement with a key of the namespace; an operator orders one, and the registry signs it. Either counts
//! once it is in the log. And `jackfield withdraw`, for what is not out yet and thus in no log: a token is enough.

use jackfield_package::{
    Label, PackageName,
    statement::{StatusAction, StatusStatement, StatusSubject},
};
use reqwest::Method;
use semver::Version;
use serde_json::{Value, json};

use super::{login::shown, search::parse};
use crate::{
    context::Context,
    error::{Done, Failed},
    flags,
    remote::{Outgoing, Remote},
    store::KeyStore,
};

/// A quarantine without `--days`.
const DAYS: i64 = 7;
const DAY_US: i64 = 86_400 * 1_000_000;

pub(crate) async fn run(flags: flags::TakeBack, action: StatusAction, context: &Context) -> Done {
    let remote = Remote::signed_in(&flags.registry, context)?;
    let (name, version) = release(&flags.release)?;
    let at = path(&name, &version);
    let body = match &flags.key {
        Some(key) => {
            let release: Value = remote.get(&at).await?;
            let component = shown(&release["component"]).parse()?;
            let statement = StatusStatement {
                expires: match action {
                    StatusAction::Quarantine => {
                        Some(now_us().saturating_add(flags.days.unwrap_or(DAYS).saturating_mul(DAY_US)))
                    }
                    _ => None,
                },
                ..statement(&remote, StatusSubject::Release { name, version, component }, action, &flags.reason).await?
            };
            signed(&statement, key, &flags.passphrase, context)?
        }
        None => json!({ "order": { "action": action, "reason": flags.reason, "days": flags.days } }),
    };
    let taken: Result<Value, Failed> = remote.post(&format!("{at}/status"), &body).await;
    let taken = taken.map_err(|failed| match (&flags.key, failed.code()) {
        // Without a key it is an operator's order.
        (None, "forbidden") => failed.hint(format!(
            "as its owner, sign it with a key of the namespace: jackfield {} {} --reason … --key NAME",
            action.as_str(),
            flags.release
        )),
        _ => failed,
    })?;
    context.ui.answer(&taken, |page| {
        page.line(&format!("Taken in: {} {}.", action.as_str(), flags.release));
        page.fields([("statement", shown(&taken["statement"]))]);
    })?;
    context.ui.note(&format!("It counts once it is in the log: jackfield info {}", flags.release));
    Ok(())
}

/// `jackfield withdraw`.
pub(crate) async fn withdraw(flags: flags::Withdrawal, context: &Context) -> Done {
    let remote = Remote::signed_in(&flags.registry, context)?;
    let (name, version) = release(&flags.release)?;
    let reason = json!({ "reason": flags.reason });
    let progress: Value = remote.post(&format!("{}/withdrawal", path(&name, &version)), &reason).await?;
    let answer = json!({ "name": name, "version": version, "state": progress["state"], "reason": progress["reason"] });
    context.ui.answer(&answer, |page| {
        page.line(&format!("{} is withdrawn; its version is free again.", flags.release));
    })
}

/// NAME@VERSION.
fn release(text: &str) -> Result<(PackageName, Version), Failed> {
    let (name, version) = parse(text)?;
    let missing = || Failed::usage("version-missing", format!("`{text}` names no version"));
    Ok((name, version.ok_or_else(|| missing().hint("such as acme:crm@1.2.3"))?))
}

fn path(name: &PackageName, version: &Version) -> String {
    format!("/v1/packages/{}/{}/{version}", name.namespace(), name.name())
}

/// `jackfield namespace revoke-key`: what a key signed counts no more.
pub(crate) async fn revoke_key(flags: flags::RevokeKey, context: &Context) -> Done {
    let remote = Remote::signed_in(&flags.one.registry, context)?;
    let namespace = flags.one.namespace;
    let action = StatusAction::Revoke;
    let body = match &flags.key {
        Some(key) => {
            let subject = StatusSubject::Key { namespace: namespace.clone(), key: flags.revoked };
            let statement = StatusStatement {
                since_index: flags.since_index,
                ..statement(&remote, subject, action, &flags.reason).await?
            };
            signed(&statement, key, &flags.passphrase, context)?
        }
        None => json!({ "order": { "action": action, "reason": flags.reason, "since_index": flags.since_index } }),
    };
    let at = format!("/v1/namespaces/{namespace}/keys/{}/status", flags.revoked);
    let taken: Value = remote.post(&at, &body).await?;
    context.ui.answer(&taken, |page| {
        page.line(&format!("Taken in: key {} of `{namespace}` is revoked.", flags.revoked));
        page.fields([("statement", shown(&taken["statement"]))]);
    })?;
    context.ui.note("It counts once it is in the log. Name the keys that sign from now on: jackfield namespace keyset");
    Ok(())
}

/// Said by whom this home asks as, for the registry it asks.
async fn statement(
    remote: &Remote,
    subject: StatusSubject,
    action: StatusAction,
    reason: &str,
) -> Result<StatusStatement, Failed> {
    let about = remote.about().await?;
    let me: Value = remote.get("/v1/me").await?;
    Ok(StatusStatement {
        registry: about.origin,
        subject,
        action,
        reason: reason.to_owned(),
        since_index: None,
        expires: None,
        by: shown(&me["name"]),
    })
}

fn signed(
    statement: &StatusStatement,
    key: &Label,
    passphrase: &flags::Passphrase,
    context: &Context,
) -> Result<Value, Failed> {
    let key = KeyStore::of(context).secret(key, || passphrase.read(key.as_str()))?;
    let bundle: Value = serde_json::from_slice(&statement.sign(&key).to_bytes())
        .map_err(|error| Failed::usage("json-fault", error.to_string()))?;
    Ok(json!({ "bundle": bundle }))
}

fn now_us() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    // A second less, so that a clock that is a little fast does not ask for more than seven days.
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX).saturating_sub(1_000_000)
}

pub(crate) async fn deprecate(flags: flags::Deprecate, context: &Context) -> Done {
    let remote = Remote::signed_in(&flags.registry, context)?;
    let name: PackageName = flags.name.parse()?;
    let at = format!("/v1/packages/{}/{}/deprecation", name.namespace(), name.name());
    match &flags.message {
        Some(message) => {
            remote.send(Method::PUT, &at, Outgoing::json(&json!({ "message": message }))?).await?;
        }
        None => remote.delete(&at).await?,
    }
    context.ui.answer(&json!({ "name": name, "deprecated": flags.message }), |page| {
        let what = if flags.message.is_some() { "deprecated" } else { "no longer deprecated" };
        page.line(&format!("{name} is {what}."));
    })
}
