//! `jackfield uninstall`: remove an installation and its grant.

use serde_json::json;

use crate::{context::Context, error::Done, flags, installed, trusted::Trusted};

pub(crate) async fn run(flags: flags::Name, context: &Context) -> Done {
    let host = context.host()?;
    let installation = installed::find(&host, &flags.name)?;
    host.uninstall(&installation.name)?;
    // It is gone, and can't run, whether or not there is room to write that down.
    if let Err(failed) = Trusted::of(context).forget_locked(&installation.name) {
        context.ui.warn(&format!("jackfield.lock still names it: {}", failed.message()));
    }
    context.ui.answer(&json!({ "uninstalled": installed::as_json(&installation) }), |page| {
        page.line(&format!("Uninstalled {} {}. Its grant is gone with it.", installation.name, installation.version));
    })
}
