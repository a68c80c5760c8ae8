//! `jackfield backup`: a copy of what a server keeps, while it runs.

use std::path::{Path, PathBuf};

use jackfield_db::clock::{Clock as _, SystemClock, rfc3339};
use serde_json::json;

use super::serve::configuration;
use crate::{
    backup::{Backup, Kept, take},
    context::Context,
    error::{Done, Failed, Kind},
    flags,
    page::bytes,
    words::count,
};

pub(crate) async fn run(flags: flags::Backup, context: &Context) -> Done {
    let config = configuration(&flags.configured, None)?.registry;
    let data = config.data.canonicalize().map_err(|error| {
        Failed::file(format!("there is no data folder `{}`", config.data.display()), &error).hint("name it by --data")
    })?;
    if !data.join("keys").is_dir() {
        let message = format!("`{}` is no data folder of a server: it has no keys", data.display());
        return Err(Failed::new(Kind::Usage, "not-a-data-folder", message));
    }
    let target = std::path::absolute(&flags.folder).unwrap_or_else(|_| flags.folder.clone());
    // As far as it is there, without links.
    let real = target.ancestors().find_map(|there| there.canonicalize().ok());
    if real.is_some_and(|real| real.starts_with(&data)) {
        let message = format!("`{}` is in the data folder, and would be in its own copy", flags.folder.display());
        return Err(Failed::usage("backup-within", message));
    }
    let progress = context.ui.progress(&format!("copying {}", data.display()));
    let elsewhere = elsewhere(&config, &data);
    let configured = within(config.database.as_deref(), &data);
    let backup = take(&data, &target, configured.as_deref(), elsewhere, rfc3339(SystemClock.now()), |path| {
        progress.say(&format!("copying {}", path.display()));
    })
    .await?;
    drop(progress);
    for place in &backup.elsewhere {
        context.ui.warn(&format!("not in it: {place}; copy it by its own tool, just before this"));
    }
    context.ui.note("It has the server's keys and opens the accounts that are connected: keep it as you keep those.");
    context.ui.answer(&answer(&backup, &flags.folder), |page| {
        page.line(&format!("Wrote {} into {}.", summary(&backup), flags.folder.display()));
    })
}

/// The path of a place below the data folder, if it is there.
fn within(place: Option<&str>, data: &Path) -> Option<PathBuf> {
    let place = place?;
    let path = PathBuf::from(place.strip_prefix("sqlite://").unwrap_or(place)).canonicalize().ok()?;
    path.strip_prefix(data).map(Path::to_owned).ok()
}

/// What is not in the data folder.
fn elsewhere(config: &jackfield_registry::Config, data: &Path) -> Vec<String> {
    let is_outside = |place: &str| within(Some(place), data).is_none();
    let database = config.database.as_deref().filter(|place| is_outside(place)).map(jackfield_db::redacted);
    let blobs = config.blobs.clone().filter(|place| is_outside(place));
    [database, blobs].into_iter().flatten().collect()
}

pub(super) fn answer(backup: &Backup, folder: &Path) -> serde_json::Value {
    json!({
        "folder": folder,
        "made_at": backup.made_at,
        "files": backup.files.len(),
        "bytes": backup.files.iter().map(|file: &Kept| file.bytes).sum::<u64>(),
        "elsewhere": backup.elsewhere,
    })
}

pub(super) fn summary(backup: &Backup) -> String {
    let total = backup.files.iter().map(|file| file.bytes).sum();
    format!("{}, {}", count(backup.files.len(), "file"), bytes(total))
}
