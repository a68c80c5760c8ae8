//! What the log makes of the registry, against what the registry serves.

use std::collections::BTreeMap;

use super::Rebuilt;
use crate::{Problem, Registry, log::store, publish::State};

/// Where the rows that are served say other things than the log, in words for an operator. Empty: they are the same. On a
/// registry that is served at the same time, what was said in the last seconds may not have taken effect yet.
///
/// # Errors
/// Those of the database.
pub async fn compare(registry: &Registry, rebuilt: &Rebuilt) -> Result<Vec<String>, Problem> {
    let mut differences = rebuilt.faults.clone();
    let mut conn = registry.db.read().await?;
    let logged = rebuilt.releases(registry.now());
    let mut rows = BTreeMap::new();
    for row in store::releases(&mut conn).await? {
        let state: State = row.state.parse()?;
        let name = (row.package, row.version);
        let shown = format!("{} {}", name.0, name.1);
        match logged.get(&name) {
            None if state.is_public() => {
                differences.push(format!("{shown} is {state}, and the log does not release it"))
            }
            Some((component, _)) if *component != row.component && state != State::Rejected => {
                differences.push(format!("{shown} is {}, and {component} in the log", row.component));
            }
            Some((_, logged)) if state.is_public() && *logged != state => {
                differences.push(format!("{shown} is {state}, and {logged} by the log"));
            }
            // It is on its way out, or a person has kept it in.
            _ => {}
        }
        rows.insert(name, state);
    }
    for ((package, version), (component, state)) in &logged {
        if !rows.contains_key(&(package.clone(), version.clone())) {
            differences.push(format!("{package} {version} ({component}) is {state} by the log, and is not served"));
        }
    }
    let mut served = BTreeMap::new();
    for row in store::served_keysets(&mut conn).await? {
        let keys: Vec<String> = serde_json::from_str(&row.keys).map_err(|error| Problem::internal(&error))?;
        served.insert((row.namespace, row.version.unsigned_abs()), (row.threshold.unsigned_abs(), keys));
    }
    let mut of_log = BTreeMap::new();
    for keyset in rebuilt.keysets.values().flatten().map(|(_, keyset)| keyset) {
        let keys = keyset.keys.iter().map(|key| hex::encode(key.to_bytes())).collect();
        of_log.insert((keyset.namespace.to_string(), keyset.version), (keyset.threshold, keys));
    }
    let names: std::collections::BTreeSet<_> = served.keys().chain(of_log.keys()).collect();
    for name in names.into_iter().filter(|name| served.get(name) != of_log.get(name)) {
        differences.push(format!("keyset {} of {} is not that of the log", name.1, name.0));
    }
    Ok(differences)
}
