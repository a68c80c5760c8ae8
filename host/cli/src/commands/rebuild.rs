//! `jackfield log rebuild`: what a registry's log makes of it, for its operator, where it is kept.

use std::collections::BTreeMap;

use jackfield_registry::{
    Registry,
    log::rebuild::{compare, rebuild},
    registry::Parts,
};
use serde_json::json;

use super::serve::configuration;
use crate::{
    context::Context,
    error::{Done, Failed, Kind},
    flags,
    words::count,
};

pub(crate) async fn run(configured: flags::Configured, with_served: bool, context: &Context) -> Done {
    let config = configuration(&configured, None)?.registry;
    if !config.data.is_dir() {
        let message = format!("there is no registry in `{}`", config.data.display());
        return Err(Failed::new(Kind::NotFound, "registry-missing", message).hint("give its folder: --data DIR"));
    }
    let registry = Registry::open(config, Parts::system()).await.map_err(Failed::from_problem)?;
    let rebuilt = rebuild(&registry).await.map_err(Failed::from_problem)?;
    let differences = match with_served {
        true => compare(&registry, &rebuilt).await.map_err(Failed::from_problem)?,
        false => rebuilt.faults.clone(),
    };
    let releases = rebuilt.releases(registry.now());
    registry.db.close().await;
    let mut states: BTreeMap<_, usize> = BTreeMap::new();
    for (_, state) in releases.values() {
        *states.entry(state.as_str()).or_default() += 1;
    }
    let shown = |((package, version), (component, state)): (&(String, String), &(String, _))| json!({ "package": package, "version": version, "component": component, "state": state });
    let keysets = rebuilt.keysets.values().flatten();
    let keysets = keysets.map(|(index, keyset)| {
        let keys: Vec<_> = keyset.keys.iter().map(|key| key.id().to_string()).collect();
        json!({ "namespace": keyset.namespace, "version": keyset.version, "threshold": keyset.threshold, "keys": keys, "index": index })
    });
    let answer = json!({
        "size": rebuilt.size, "releases": releases.iter().map(shown).collect::<Vec<_>>(),
        "keysets": keysets.collect::<Vec<_>>(), "compared": with_served, "differences": differences,
    });
    context.ui.answer(&answer, |page| {
        page.line(&format!("{} entries, {}", rebuilt.size, count(releases.len(), "release")));
        page.fields(states.iter().map(|(state, number)| (*state, number.to_string())));
        for difference in &differences {
            page.line(&format!("  DIFFERS {difference}"));
        }
    })?;
    if differences.is_empty() {
        return Ok(());
    }
    let message = format!("the log and the registry differ in {}", count(differences.len(), "place"));
    Err(Failed::new(Kind::Refused, "log-differs", message).hint(
        "the log is what counts: stop the registry, and restore its database and blobs from a backup that agrees",
    ))
}
