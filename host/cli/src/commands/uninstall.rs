//! `jackfield uninstall`: remove an installation and its grant.

use serde_json::json;

use crate::{context::Context, error::Done, flags, installed, trusted::Trusted};

pub(crate) async fn run(flags: flags::Name, context: &Context) -> Done {
    let host = context.host()?;
    let installation = installed::find(&host, &flags.name)?;
    host.uninstall(&installation.name)?;
    let trusted = Trusted::of(context);
    let mut lock = trusted.lock()?;
    if lock.package(&installation.name).is_some() {
        lock.remove(&installation.name);
        trusted.save_lock(&lock)?;
    }
    context.ui.answer(&json!({ "uninstalled": installed::as_json(&installation) }), |page| {
        page.line(&format!("Uninstalled {} {}. Its grant is gone with it.", installation.name, installation.version));
    })
}
