//! `jackfield uninstall`: remove an installation and its grant.

use serde_json::json;

use crate::{context::Context, error::Done, flags, installed};

pub(crate) async fn run(flags: flags::Name, context: &Context) -> Done {
    let host = context.host()?;
    let installation = installed::find(&host, &flags.name)?;
    host.uninstall(&installation.name)?;
    context.ui.answer(&json!({ "uninstalled": installed::as_json(&installation) }), |page| {
        page.line(&format!("Uninstalled {} {}. Its grant is gone with it.", installation.name, installation.version));
    })
}
