//! `jackfield token`: what asks in a user's name.

use clap::ValueEnum as _;
use serde_json::{Value, json};

use super::login::shown;
use crate::{
    context::Context,
    error::Done,
    flags::{self, TokenCommand},
    remote::Remote,
    ui,
};

pub(crate) async fn run(flags: flags::Token, context: &Context) -> Done {
    match flags.command {
        TokenCommand::Create { registry, label, packages, action, days } => {
            let remote = Remote::signed_in(&registry, context)?;
            let mut wanted = json!({ "label": label, "expires_in_s": days.saturating_mul(86_400) });
            if let Some(packages) = packages {
                wanted["pattern"] = packages.into();
            }
            if !action.is_empty() {
                let words = action.iter().filter_map(|action| action.to_possible_value());
                wanted["actions"] = words.map(|word| word.get_name().to_owned()).collect::<Vec<_>>().into();
            }
            let issued: Value = remote.post("/v1/tokens", &wanted).await?;
            if context.ui.is_json() {
                return context.ui.answer(&issued, |_| {});
            }
            // Alone on stdout, for a pipe into a secret store.
            ui::write_stdout(&format!("{}\n", shown(&issued["token"])))?;
            context.ui.note(&format!("This is the only time that it is shown. Its id: {}", shown(&issued["id"])));
            Ok(())
        }
        TokenCommand::List { registry } => {
            let listed: Value = Remote::signed_in(&registry, context)?.get("/v1/tokens").await?;
            context.ui.answer(&listed, |page| {
                let row = |token: &Value| {
                    let actions = token["actions"].as_array().map(Vec::as_slice).unwrap_or_default();
                    let actions: Vec<_> = actions.iter().map(shown).collect();
                    vec![shown(&token["id"]), shown(&token["label"]), shown(&token["pattern"]), actions.join(",")]
                };
                let rows: Vec<_> = listed["tokens"].as_array().into_iter().flatten().map(row).collect();
                page.table(&["id", "label", "packages", "actions"], &rows);
            })
        }
        TokenCommand::Revoke { registry, id } => {
            Remote::signed_in(&registry, context)?.delete(&format!("/v1/tokens/{id}")).await?;
            context.ui.answer(&json!({ "revoked": id }), |page| {
                page.line("Revoked.");
            })
        }
    }
}
