//! `jackfield verify`: hold a component against its signatures and the trusted keys.

use jackfield_package::{admission::Query, verify::Step};
use serde_json::json;

use crate::{
    context::Context,
    error::Done,
    flags,
    packages::Examined,
    page::{Mark, Page},
    supply::{Supply, Wanted},
    words::count,
};

pub(crate) async fn run(flags: flags::Verify, context: &Context) -> Done {
    let wanted = flags.component.to_str().filter(|_| !flags.component.exists()).and_then(Wanted::parse);
    if let Some(wanted) = wanted {
        return of_registry(&flags, wanted?, context).await;
    }
    let examined = Examined::read(&flags.component, &flags.evidence, context)?;
    let manifest = examined.package.manifest();
    let verification = &examined.verification;
    let answer = json!({
        "name": manifest.name, "version": manifest.version, "digest": examined.package.digest(),
        "verified": verification.verdict.is_ok(),
        "steps": verification.steps, "verdict": serde_json::to_value(verification).ok().map(|mut value| value["verdict"].take()),
    });
    context.ui.answer(&answer, |page| {
        if flags.explain {
            page.line(&format!("{}: {} {}", flags.component.display(), manifest.name, manifest.version));
            steps(page, &examined.verification.steps, "no network was asked");
            page.gap();
        }
        if let Ok(verified) = &verification.verdict {
            page.line(&format!("Verified: {} {}", manifest.name, manifest.version));
            page.fields([
                ("digest", examined.package.digest().to_string()),
                ("signed by", verified.signer().to_string()),
            ]);
        }
    })?;
    examined.verified().map(drop)
}

/// A release that a registry offers, held against evidence and policy. Installs nothing.
async fn of_registry(flags: &flags::Verify, wanted: Wanted, context: &Context) -> Done {
    let supply = Supply::open(&flags.registry, None, context)?;
    let origin = supply.registry.origin.clone();
    let query = Query { name: wanted.name, range: wanted.range, locked: None };
    let found = supply.find(&query, false).await?;
    let release = found.verdict.as_ref().ok().map(|good| good.resolved.release().clone());
    let answer = json!({
        "name": query.name, "registry": origin, "release": release, "verified": release.is_some(), "steps": found.steps,
    });
    context.ui.answer(&answer, |page| {
        if flags.explain {
            page.line(&format!("{} from {origin}", query.name));
            steps(page, &found.steps, &format!("{origin} was asked"));
            page.gap();
        }
        if let Ok(good) = &found.verdict {
            page.line(&format!("Verified: {} {}", query.name, good.resolved.release().version));
            page.fields([
                ("digest", good.resolved.release().component.to_string()),
                ("signed by", good.admitted.signers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
                ("log entry", format!("{} of {origin}", good.admitted.log_index)),
            ]);
        }
    })?;
    found.verdict.map(drop)
}

/// Writes every step, and how many held.
pub(crate) fn steps(page: &mut Page, steps: &[Step], network: &str) {
    for step in steps {
        page.mark(2, if step.ok { Mark::Good } else { Mark::Bad }, step.name, &step.detail);
    }
    let held = steps.iter().filter(|step| step.ok).count();
    page.line(&format!("  {held} of {} held; nothing was run, and {network}.", count(steps.len(), "step")));
}
