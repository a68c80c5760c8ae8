//! `jackfield enable` and `jackfield disable`: the kill switch.

use crate::{context::Context, error::Done, installed};

pub(crate) async fn run(name: &str, on: bool, context: &Context) -> Done {
    let host = context.host()?;
    let before = installed::find(&host, name)?;
    let after = host.set_enabled(&before.name, on)?;
    context.ui.answer(&installed::as_json(&after), |page| {
        let name = &after.name;
        page.line(&match (before.enabled, on) {
            (true, true) => format!("{name} was enabled already."),
            (false, false) => format!("{name} was disabled already."),
            (_, true) => format!("Enabled {name}."),
            (_, false) => format!("Disabled {name}: new calls are refused, and running ones are stopped."),
        });
    })
}
