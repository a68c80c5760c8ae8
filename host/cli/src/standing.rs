//! How a release that is installed stands with its registry now.

use jackfield_package::{
    admission::{LockedPackage, Query, WhenRevoked},
    advisory::Advisory,
};
use semver::VersionReq;

use crate::{
    error::Failed,
    supply::{Found, Supply},
    taken_back::Against,
};

/// What the registry says now.
pub(crate) struct Since {
    pub(crate) verdict: Result<(), Failed>,
    pub(crate) against: Option<Against>,
    pub(crate) advisories: Vec<Advisory>,
}

impl Since {
    /// Asks for it. `disable_revoked`: as if the policy wanted what was revoked to be switched off.
    pub(crate) async fn ask(
        package: &LockedPackage,
        supply: Result<Supply<'_>, Failed>,
        disable_revoked: bool,
    ) -> Self {
        let found = async {
            let mut supply = supply?;
            if disable_revoked {
                supply.policy.when_revoked = WhenRevoked::Disable;
            }
            supply.find(&exactly(package)?, false).await
        };
        match found.await {
            Ok(Found { index, verdict, installed, .. }) => {
                let advisories = index.map(|index| index.advisories_of(&package.version)).unwrap_or_default();
                Self { verdict: verdict.map(drop), against: installed, advisories }
            }
            Err(failed) => Self { verdict: Err(failed), against: None, advisories: Vec::new() },
        }
    }

    /// Whether the registry gave an answer. Not being able to ask is no verdict.
    pub(crate) fn is_reached(&self) -> bool {
        !self.verdict.as_ref().is_err_and(Failed::is_fault)
    }
}

/// The release that is locked, and no other.
pub(crate) fn exactly(package: &LockedPackage) -> Result<Query, Failed> {
    let range = VersionReq::parse(&format!("={}", package.version))
        .map_err(|error| Failed::usage("range-malformed", error.to_string()))?;
    Ok(Query { name: package.name.clone(), range: Some(range), locked: Some(package.digest) })
}
