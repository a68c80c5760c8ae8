//! `jackfield review`: what users say of what they have used, and the answers to it.

use jackfield_package::PackageName;
use reqwest::Method;
use serde_json::{Value, json};

use super::login::shown;
use crate::{
    context::Context,
    error::{Done, Failed},
    flags::{self, ReviewCommand},
    page::Page,
    remote::{Outgoing, Remote},
    values::TextSource,
};

pub(crate) async fn run(flags: flags::Review, context: &Context) -> Done {
    match flags.command {
        ReviewCommand::Add { one, stars, text } => add(&one, stars, &text, context).await,
        ReviewCommand::List { one, cursor } => list(&one, cursor.as_deref(), context).await,
        ReviewCommand::Reply { one, id, text } => say(&one, &id, Saying::Reply, &text, context).await,
        ReviewCommand::Flag { one, id, reason } => say(&one, &id, Saying::Flag, &reason, context).await,
        ReviewCommand::Remove { one, id, reason } => say(&one, &id, Saying::Remove, &reason, context).await,
        ReviewCommand::Keep { one, id, reason } => say(&one, &id, Saying::Keep, &reason, context).await,
        ReviewCommand::Flags { registry } => flags_of(&registry, context).await,
    }
}

/// Goes with a receipt of this home's own use.
async fn add(one: &flags::OnePackage, stars: u8, text: &TextSource, context: &Context) -> Done {
    let remote = Remote::signed_in(&one.registry, context)?;
    let receipt = context.host()?.receipt(&one.name)?.to_bytes();
    let receipt: Value = serde_json::from_slice(&receipt)
        .map_err(|error| Failed::usage("json-fault", format!("the receipt is not JSON: {error}")))?;
    let body = json!({ "receipt": receipt, "rating": stars, "body": text.read("the review")? });
    let review: Value = remote.post(&reviews(&one.name), &body).await?;
    context.ui.answer(&review, |page| {
        page.line(&format!("Said of {} {}:", one.name, shown(&review["version"])));
        write(page, &review);
    })
}

async fn list(one: &flags::OnePackage, cursor: Option<&str>, context: &Context) -> Done {
    let remote = Remote::open(&one.registry, context)?;
    let mut path = reviews(&one.name);
    if let Some(cursor) = cursor {
        // A cursor is base64url, which stands in an address as it is; anything else the registry refuses.
        let cursor: String = cursor.chars().filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
        path.push_str(&format!("?cursor={cursor}"));
    }
    let found: Value = remote.get(&path).await?;
    let items = found["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    context.ui.answer(&found, |page| {
        if let (Some(count), Some(mean)) = (found["rating"]["count"].as_u64(), found["rating"]["mean"].as_f64())
            && count > 0
        {
            page.strong(&format!("{mean:.1} of 5 stars, by {count}"));
        }
        for review in items {
            page.gap();
            write(page, review);
        }
    })?;
    if items.is_empty() {
        context.ui.note("Nobody has said anything yet.");
    } else if let Some(next) = found["next"].as_str() {
        context.ui.note(&format!("There are more: jackfield review list {} --cursor {next}", one.name));
    }
    Ok(())
}

fn write(page: &mut Page, review: &Value) {
    let (id, version) = (shown(&review["id"]), shown(&review["version"]));
    if let Some(reason) = review["removed_reason"].as_str() {
        page.line(&format!("{id}: a review of {version} was removed: {reason}"));
        return;
    }
    let used = format!("{} calls over {} days", review["calls"], review["days"]);
    page.line(&format!("{id}: {} of 5 for {version} by {}, after {used}", review["rating"], shown(&review["author"])));
    page.paragraph(2, &shown(&review["body"]));
    if let Some(reply) = review["reply"].as_str() {
        page.line("  its publisher answers:").paragraph(4, reply);
    }
}

/// What is said about a review.
#[derive(Clone, Copy)]
enum Saying {
    Reply,
    Flag,
    Remove,
    Keep,
}

async fn say(one: &flags::OnePackage, id: &str, saying: Saying, text: &str, context: &Context) -> Done {
    let remote = Remote::signed_in(&one.registry, context)?;
    let (method, part, done) = match saying {
        Saying::Reply => (Method::PUT, "reply", "replied"),
        Saying::Flag => (Method::POST, "flags", "flagged"),
        Saying::Remove => (Method::POST, "removal", "removed"),
        Saying::Keep => (Method::POST, "resolution", "kept"),
    };
    if !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Err(Failed::usage("review-id-malformed", format!("`{id}` is no id of a review"))
            .hint(format!("see: jackfield review list {}", one.name)));
    }
    let path = format!("{}/{id}/{part}", reviews(&one.name));
    remote.send(method, &path, Outgoing::json(&json!({ "text": text }))?).await?;
    context.ui.answer(&json!({ "name": one.name, "review": id, done: true }), |page| {
        page.line(&format!("The review {id} of {} is {done}.", one.name));
    })
}

async fn flags_of(registry: &flags::RegistryUrl, context: &Context) -> Done {
    let found: Value = Remote::signed_in(registry, context)?.get("/v1/review-flags").await?;
    let flags = found["flags"].as_array().map(Vec::as_slice).unwrap_or_default();
    context.ui.answer(&found, |page| {
        for flag in flags {
            let [review, package, by, reason, body] =
                ["review", "package", "flagged_by", "reason", "body"].map(|key| shown(&flag[key]));
            page.line(&format!("{review} of {package}, flagged by {by}: {reason}")).paragraph(2, &body);
        }
    })?;
    if flags.is_empty() {
        context.ui.note("Nobody objects to any review.");
    }
    Ok(())
}

fn reviews(name: &PackageName) -> String {
    format!("/v1/packages/{}/{}/reviews", name.namespace(), name.name())
}
