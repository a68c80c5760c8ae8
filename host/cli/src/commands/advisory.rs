//! `jackfield advisory`: known faults of a package, and the versions that have them.

use jackfield_package::{PackageName, advisory::Affected};
use reqwest::Method;
use serde_json::{Value, json};

use super::login::shown;
use crate::{
    context::Context,
    error::{Done, Failed, Kind},
    flags::{self, AdvisoryCommand},
    page::Page,
    remote::{Outgoing, Remote},
};

pub(crate) async fn run(flags: flags::Advisory, context: &Context) -> Done {
    match flags.command {
        AdvisoryCommand::Publish(new) => publish(&new, context).await,
        AdvisoryCommand::List { one } => list(&one, context).await,
        AdvisoryCommand::Show { one, id } => show(&one, &id, context).await,
        AdvisoryCommand::Withdraw { one, id } => withdraw(&one, &id, context).await,
    }
}

async fn publish(new: &flags::NewAdvisory, context: &Context) -> Done {
    let _: Affected = new.affected.parse()?;
    let remote = Remote::signed_in(&new.one.registry, context)?;
    let body = json!({
        "affected": new.affected, "severity": new.severity.as_str(), "title": new.title,
        "body": new.text.read("the advisory")?, "url": new.url,
    });
    let advisory: Value = remote.post(&advisories(&new.one.name), &body).await?;
    context.ui.answer(&advisory, |page| write(page, &advisory))?;
    context.ui.note("Hosts learn of it with the package's index, from now on.");
    Ok(())
}

async fn list(one: &flags::OnePackage, context: &Context) -> Done {
    let found = all(one, context).await?;
    let advisories = found["advisories"].as_array().map(Vec::as_slice).unwrap_or_default();
    context.ui.answer(&found, |page| {
        let row = |advisory: &Value| {
            let state = if advisory["withdrawn_at"].is_null() { "stands" } else { "withdrawn" };
            let [id, severity, affected, title] =
                ["id", "severity", "affected", "title"].map(|key| shown(&advisory[key]));
            vec![id, severity, state.to_owned(), affected, title]
        };
        if !advisories.is_empty() {
            let rows: Vec<_> = advisories.iter().map(row).collect();
            page.table(&["id", "severity", "", "affected", "what"], &rows);
        }
    })?;
    if advisories.is_empty() {
        context.ui.note(&format!("No fault of {} is known.", one.name));
    }
    Ok(())
}

async fn show(one: &flags::OnePackage, id: &str, context: &Context) -> Done {
    let found = all(one, context).await?;
    let advisory = found["advisories"].as_array().into_iter().flatten().find(|advisory| advisory["id"] == id);
    let advisory = advisory.ok_or_else(|| {
        Failed::new(Kind::NotFound, "advisory-not-found", format!("{} has no advisory `{id}`", one.name))
            .hint(format!("see: jackfield advisory list {}", one.name))
    })?;
    context.ui.answer(advisory, |page| write(page, advisory))
}

async fn withdraw(one: &flags::OnePackage, id: &str, context: &Context) -> Done {
    let remote = Remote::signed_in(&one.registry, context)?;
    if !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Err(Failed::usage("advisory-id-malformed", format!("`{id}` is no id of an advisory"))
            .hint(format!("see: jackfield advisory list {}", one.name)));
    }
    remote.send(Method::POST, &format!("{}/{id}/withdrawal", advisories(&one.name)), Outgoing::default()).await?;
    context.ui.answer(&json!({ "name": one.name, "advisory": id, "withdrawn": true }), |page| {
        page.line(&format!("{id} of {} is withdrawn.", one.name));
    })
}

async fn all(one: &flags::OnePackage, context: &Context) -> Result<Value, Failed> {
    Remote::open(&one.registry, context)?.get(&advisories(&one.name)).await
}

fn advisories(name: &PackageName) -> String {
    format!("/v1/packages/{}/{}/advisories", name.namespace(), name.name())
}

fn write(page: &mut Page, advisory: &Value) {
    let [id, severity, affected, title, body] =
        ["id", "severity", "affected", "title", "body"].map(|key| shown(&advisory[key]));
    page.strong(&format!("{id}, {severity}: {title}")).line(&format!("  affects {affected}"));
    if let Some(at) = advisory["withdrawn_at"].as_str() {
        page.line(&format!("  withdrawn {at}: it was a mistake"));
    }
    page.gap().paragraph(2, &body);
    if let Some(url) = advisory["url"].as_str() {
        page.line(&format!("  {url}"));
    }
}
