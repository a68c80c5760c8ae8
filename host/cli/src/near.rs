//! A package that a registry does not have: which one was probably meant.

use jackfield_package::PackageName;
use serde_json::Value;

use crate::{error::Failed, remote::Remote, words::nearest};

/// The same failure, with the name that is near to what was typed if the registry has one: among those of the namespace, and among
/// what a search for the name finds.
pub(crate) async fn unknown(failed: Failed, name: &PackageName, remote: &Remote) -> Failed {
    if !failed.is_not_found() {
        return failed;
    }
    let of_namespace = format!("/v1/namespaces/{}/packages", name.namespace());
    let searched = format!("/v1/packages?limit=50&q={}", name.name());
    let mut known = Vec::new();
    for (path, list) in [(of_namespace, "packages"), (searched, "items")] {
        // Only for a hint: whatever is wrong with it, the name is unknown.
        let found: Value = remote.get(&path).await.unwrap_or_default();
        let names = found[list].as_array().into_iter().flatten().filter_map(|row| row["name"].as_str());
        known.extend(names.map(str::to_owned));
    }
    match nearest(&name.to_string(), known.iter().map(String::as_str)) {
        Some(near) => failed.hint(format!("did you mean `{near}`? Find packages: jackfield search TEXT")),
        None => failed.hint(format!("find packages: jackfield search {}", name.name())),
    }
}
