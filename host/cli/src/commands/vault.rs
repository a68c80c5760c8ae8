//! `jackfield vault`: the master keys that seal connections, and their turning over.

use jackfield_broker::{
    home::{MASTER_KEYS, file_keys},
    vault::{Rewrapped, Rewrapping},
};
use serde_json::{Value, json};

use crate::{
    broker::Desk,
    context::Context,
    error::{Done, Failed, Kind},
    flags::{self, VaultCommand},
    page::{Page, grouped},
};

/// How often a rewrap says how far it is: this many times, whatever there is to do.
const TOLD: u64 = 10;

pub(crate) async fn run(flags: flags::Vault, context: &Context) -> Done {
    let desk = context.desk().await?;
    match flags.command {
        VaultCommand::Show => show(&desk, context).await,
        VaultCommand::Rewrap => rewrap(&desk, context).await,
        VaultCommand::Retire => retire(&desk, context).await,
    }
}

async fn show(desk: &Desk, context: &Context) -> Done {
    let (vault, db) = (desk.broker.vault(), desk.broker.db());
    let (current, masters) = (vault.current().await?, vault.masters(db).await?);
    context.ui.answer(&json!({ "current": current, "masters": as_json(&masters) }), |page| {
        page.line(&format!("The master key {current} wraps what is new."));
        table(page, &current, &masters);
    })
}

async fn rewrap(desk: &Desk, context: &Context) -> Done {
    let (vault, db) = (desk.broker.vault(), desk.broker.db());
    let before = vault.current().await?;
    let is_unfinished = vault.masters(db).await?.iter().any(|(master, _)| *master != before);
    // Whatever broke one off, another goes on with the key that it made.
    let added = match file_keys(context.home()) {
        _ if is_unfinished => None,
        Some(file) => Some(file.add()?),
        None => return Err(no_newer(&before)),
    };
    let current = added.clone().unwrap_or(before);
    match &added {
        Some(id) => context.ui.note(&format!("Made the master key {id}")),
        None => context.ui.note(&format!("Going on with the master key {current}")),
    }
    let mut told = |Rewrapping { done, of }: Rewrapping| {
        if done == of || done % of.div_ceil(TOLD).max(1) == 0 {
            context.ui.note(&format!("Wrapped {} of {} data keys", grouped(done), grouped(of)));
        }
    };
    let Rewrapped { moved, masters } = vault.rewrap(db, &mut told).await?;
    let idle = masters.iter().all(|(master, _)| *master == current);
    let answer = json!({ "current": current, "added": added, "moved": moved, "masters": as_json(&masters) });
    context.ui.answer(&answer, |page| {
        page.line(&format!("{} data keys are under the master key {current} now.", grouped(moved)));
        if added.is_some() {
            page.line("Back up broker.key now, and not beside the database: without it no secret opens.");
        }
        match idle {
            true => page.line("Nothing needs the others any more; take them out: jackfield vault retire"),
            false => page.line("Another process has begun with a newer one; run this again when it is done."),
        };
    })
}

async fn retire(desk: &Desk, context: &Context) -> Done {
    let Some(file) = file_keys(context.home()) else {
        let message = format!("the master keys stand in {MASTER_KEYS}, which this program can't change");
        return Err(Failed::new(Kind::Refused, "master-keys-elsewhere", message)
            .hint("see which still wrap something, and take the others out there: jackfield vault show"));
    };
    let masters = desk.broker.vault().masters(desk.broker.db()).await?;
    let in_use: Vec<String> = masters.into_iter().map(|(master, _)| master).collect();
    let retired = file.retire(&in_use)?;
    context.ui.answer(&json!({ "retired": retired }), |page| match retired.as_slice() {
        [] => drop(page.line("Every master key wraps something.")),
        _ => {
            page.line(&format!("Took out {}.", retired.join(", ")));
            page.line("They stand in broker.key.retired: delete it when no copy of the database is older than this.");
        }
    })
}

fn no_newer(current: &str) -> Failed {
    let message = format!("every data key is under the master key `{current}`, and {MASTER_KEYS} has no newer one");
    Failed::new(Kind::Refused, "master-key-same", message)
        .hint("add a line below it there, for every process; `openssl rand -base64 32` makes one")
}

fn as_json(masters: &[(String, i64)]) -> Vec<Value> {
    masters.iter().map(|(id, wraps)| json!({ "id": id, "wraps": wraps })).collect()
}

fn table(page: &mut Page, current: &str, masters: &[(String, i64)]) {
    let rows: Vec<_> = masters
        .iter()
        .map(|(id, wraps)| {
            let is_current = if id == current { "wraps what is new" } else { "older" };
            vec![id.clone(), wraps.to_string(), is_current.to_owned()]
        })
        .collect();
    page.table(&["master key", "data keys", ""], &rows);
}
