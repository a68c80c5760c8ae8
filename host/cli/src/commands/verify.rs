//! `jackfield verify`: hold a component against its signatures and the trusted keys.

use serde_json::json;

use crate::{
    context::Context,
    error::Done,
    flags,
    packages::Examined,
    page::{Mark, Page},
    words::count,
};

pub(crate) async fn run(flags: flags::Verify, context: &Context) -> Done {
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
            steps(page, &examined);
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

fn steps(page: &mut Page, examined: &Examined) {
    let steps = &examined.verification.steps;
    for step in steps {
        page.mark(2, if step.ok { Mark::Good } else { Mark::Bad }, step.name, &step.detail);
    }
    let held = steps.iter().filter(|step| step.ok).count();
    page.line(&format!("  {held} of {} held; nothing was run, and no network was asked.", count(steps.len(), "step")));
}
