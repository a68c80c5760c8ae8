//! `jackfield grant`: show or change what an installation may do.

use jackfield_host::{
    Installation,
    grant::{EgressGrant, Grant},
};
use serde_json::json;

use crate::{
    commands::install::all_of,
    context::Context,
    error::{Done, Failed, Kind},
    flags, installed,
};

pub(crate) async fn run(flags: flags::Grant, context: &Context) -> Done {
    let host = context.host()?;
    let before = installed::find(&host, &flags.name)?;
    if !flags.all && !flags.none && flags.deny.is_empty() && installed::is_empty(&flags.edits) {
        return show(&before, context);
    }
    let mut changed = before;
    let after = host.change_grant(&changed.name.clone(), |before| {
        changed = before.clone();
        edited(before, &flags)
    })?;
    tell(&changed, &after, context)
}

fn edited(before: &Installation, flags: &flags::Grant) -> Result<Grant, Failed> {
    let mut grant = if flags.all {
        all_of(&before.manifest, Some(before))
    } else if flags.none {
        Grant::default()
    } else {
        before.grant.clone()
    };
    for denied in &flags.deny {
        deny(&mut grant, denied, before)?;
    }
    installed::edit(&mut grant, &flags.edits)?;
    Ok(grant)
}

/// Takes every destination away that `text` names: a whole grant as it is shown, or a host.
fn deny(grant: &mut Grant, text: &str, installation: &Installation) -> Done {
    let whole = text.parse::<EgressGrant>().ok();
    let before = grant.egress.len();
    grant.egress.retain(|granted| Some(granted) != whole.as_ref() && granted.host.to_string() != text);
    if grant.egress.len() < before {
        return Ok(());
    }
    Err(Failed::new(Kind::NotFound, "grant-not-found", format!("`{}` is not granted `{text}`", installation.name))
        .hint(format!("see what is: jackfield grant {}", installation.name)))
}

fn show(installation: &Installation, context: &Context) -> Done {
    let Installation { name, version, enabled, grant, manifest, .. } = installation;
    context.ui.answer(&json!({ "name": name, "grant": grant }), |page| {
        let off = if *enabled { "" } else { ", disabled," };
        page.line(&format!("{name} {version}{off} may:"));
        installed::write(page, name, manifest, grant);
    })
}

fn tell(before: &Installation, after: &Installation, context: &Context) -> Done {
    let (old, new) = (installed::lines(&before.grant), installed::lines(&after.grant));
    let only_in = |these: &[(&'static str, String)], those: &[(&'static str, String)]| -> Vec<String> {
        these.iter().filter(|line| !those.contains(line)).map(|(kind, what)| format!("{kind} {what}")).collect()
    };
    let (added, removed) = (only_in(&new, &old), only_in(&old, &new));
    let Installation { name, version, grant, manifest, .. } = after;
    context.ui.answer(&json!({ "name": name, "grant": grant, "added": added, "removed": removed }), |page| {
        page.line(&format!("{name} {version} may now:"));
        installed::write(page, name, manifest, grant);
        if added.is_empty() && removed.is_empty() {
            page.heading("Nothing changed");
        } else {
            page.heading("What changed");
            for line in &removed {
                page.styled(anstyle::AnsiColor::Red.on_default(), &format!("  - {line}"));
            }
            for line in &added {
                page.styled(anstyle::AnsiColor::Green.on_default(), &format!("  + {line}"));
            }
        }
    })
}
