//! `jackfield restore`: a backup, put where a server finds it.

use super::backup::{answer, summary};
use crate::{backup::restore, context::Context, error::Done, flags};

pub(crate) fn run(flags: &flags::Restore, context: &Context) -> Done {
    let progress = context.ui.progress(&format!("restoring {}", flags.folder.display()));
    let backup = restore(&flags.folder, &flags.data, |path| progress.say(&format!("restoring {}", path.display())))?;
    drop(progress);
    for place in &backup.elsewhere {
        context.ui.warn(&format!("not in it: {place}; restore it by its own tool, as it stood at {}", backup.made_at));
    }
    context.ui.note(&format!(
        "What was done after {} is gone. Whoever saw a longer log, a witness or a host, refuses this one until it has grown past what they saw.",
        backup.made_at
    ));
    context.ui.answer(&answer(&backup, &flags.data), |page| {
        page.line(&format!(
            "Restored {} to {}. Serve it: jackfield serve --data {}",
            summary(&backup),
            flags.data.display(),
            flags.data.display()
        ));
    })
}
