//! Having a release's bytes read and run, and believing no more of the answer than can be checked here.

use std::time::Duration;

use jackfield_package::{
    Digest, Manifest,
    check::{Level, Outcome, State as Came},
};

use super::store::{self, Release};
use crate::{
    Problem, Shared,
    oci::Repository,
    validator::{Examination, ValidatorFault},
};

/// What an examination gave, and the OCI documents that the bytes were pushed under.
pub(super) struct Examined {
    pub(super) examination: Examination,
    pub(super) oci_manifest: Vec<u8>,
    pub(super) oci_config: Vec<u8>,
}

/// Has the bytes read and run. Whatever goes wrong is a text for the operator, and no verdict.
pub(super) async fn examine(registry: &Shared, release: &Release) -> Result<Examined, String> {
    let validator = registry.validator.as_ref().ok_or_else(|| ValidatorFault::Missing.to_string())?;
    let told = |problem: Problem| format!("{problem}");
    let repository = Repository::of(&release.package.parse().map_err(|refusal| format!("{refusal}"))?);
    let oci_manifest = {
        let mut conn = registry.db.read().await.map_err(|error| told(error.into()))?;
        let found = store::oci_manifest(&mut conn, repository.as_str(), &release.oci_manifest).await;
        found.map_err(|error| told(error.into()))?.ok_or("its OCI manifest is gone")?
    };
    let config = serde_json::from_slice::<serde_json::Value>(&oci_manifest)
        .ok()
        .and_then(|manifest| Some(manifest["config"]["digest"].as_str()?.to_owned()))
        .ok_or("its OCI manifest names no config")?;
    let object = |digest: &str| format!("blobs/{}", digest.replacen(':', "/", 1));
    let oci_config = registry.blobs.get(&object(&config)).await.map_err(told)?.ok_or("its OCI config is gone")?;
    let file = registry.blobs.local_file(&object(&release.component)).await.map_err(told)?;
    let file = file.ok_or("its bytes are gone")?;
    // It keeps its own time; this is for one that does not.
    let timeout = Duration::from_secs(registry.config.validator_timeout_s.saturating_add(2));
    let examination = tokio::time::timeout(timeout, validator.validate(file.path()))
        .await
        .unwrap_or(Err(ValidatorFault::TimedOut))
        .map_err(|fault| fault.to_string())?;
    match &examination.facts {
        Some(facts) => {
            let same = facts.digest.to_string() == release.component && i64::try_from(facts.size) == Ok(release.size);
            if !same {
                return Err(format!("the validator speaks of other bytes: {}", facts.digest));
            }
            if Digest::of(facts.manifest.as_bytes()) != facts.manifest_digest {
                return Err("the validator's manifest and its digest differ".to_owned());
            }
            Manifest::parse(facts.manifest.as_bytes())
                .map_err(|refusal| format!("the validator's manifest: {refusal}"))?;
        }
        None => {
            let says_why = |outcome: &Outcome| outcome.level == Level::Error && outcome.state == Came::Fail;
            if !examination.outcomes.iter().any(says_why) {
                return Err("the validator found nothing, neither good nor bad".to_owned());
            }
        }
    }
    Ok(Examined { examination, oci_manifest, oci_config: oci_config.to_vec() })
}
