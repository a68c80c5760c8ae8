//! `jackfield list`: what is installed.

use jackfield_host::Installation;
use serde_json::json;

use crate::{context::Context, error::Done, flags, installed};

/// Characters of a digest that tell releases of one package apart for a person; JSON has all.
const DIGEST_SHOWN: usize = "sha256:".len() + 12;

pub(crate) async fn run(_flags: flags::List, context: &Context) -> Done {
    let installations = context.host()?.installations()?;
    let json: Vec<_> = installations.iter().map(installed::as_json).collect();
    context.ui.answer(&json!({ "installations": json }), |page| {
        let rows: Vec<_> = installations.iter().map(row).collect();
        if !rows.is_empty() {
            page.table(&["name", "version", "state", "digest", "title"], &rows);
        }
    })?;
    if installations.is_empty() {
        context.ui.note("Nothing is installed. Install something: jackfield install COMPONENT");
    }
    Ok(())
}

fn row(installation: &Installation) -> Vec<String> {
    let state = if installation.enabled { "enabled" } else { "disabled" };
    let digest: String = installation.digest.to_string().chars().take(DIGEST_SHOWN).collect();
    vec![
        installation.name.to_string(),
        installation.version.to_string(),
        state.to_owned(),
        digest,
        installation.manifest.title.clone(),
    ]
}
