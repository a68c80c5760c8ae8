//! What would allow what was denied, as it is said over HTTP: a host says it in the words of its command line, and a workspace is not the
//! home of whoever sits at one.

use jackfield_host::{Denial, Failure, Outcome};
use jackfield_package::{Label, PackageName};
use serde_json::json;

/// The same outcome, each denial with the request that allows it.
pub(crate) fn over_http(mut outcome: Outcome, workspace: &Label, package: &PackageName) -> Outcome {
    let said = |denial: &mut Denial| {
        if let Some(fix) = denial.fix.as_deref().and_then(|fix| request(fix, workspace, package)) {
            denial.fix = Some(fix);
        }
    };
    outcome.denials.iter_mut().for_each(said);
    if let Err(Failure::Denied(denial)) = &mut outcome.result {
        said(denial);
    }
    outcome
}

/// None for what has no request of its own, such as connecting an account: that stays as the host says it.
fn request(fix: &str, workspace: &Label, package: &PackageName) -> Option<String> {
    let at = format!("/v1/workspaces/{workspace}/installations/{}/{}", package.namespace(), package.name());
    if fix == format!("jackfield enable {package}") {
        return Some(format!("PUT {at}/enabled {}", json!({ "enabled": true })));
    }
    let flags = fix.strip_prefix(&format!("jackfield grant {package} "))?;
    if let Some(egress) = flags.strip_prefix("--allow ") {
        let egress = egress.trim_matches('\'');
        return Some(format!("POST {at}/grant {}", json!({ "egress": egress })));
    }
    let operations: Vec<&str> = flags.split("--operation ").map(str::trim).filter(|name| !name.is_empty()).collect();
    let are_names = operations.iter().all(|name| name.parse::<Label>().is_ok());
    are_names.then(|| format!("PUT {at}/grant {}", json!({ "operations": operations })))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]
    use super::*;

    #[test]
    fn a_command_becomes_a_request() {
        let (workspace, package) = ("main".parse().unwrap(), "acme:crm".parse().unwrap());
        let at = "/v1/workspaces/main/installations/acme/crm";
        for (fix, wanted) in [
            ("jackfield enable acme:crm", format!("PUT {at}/enabled {{\"enabled\":true}}")),
            (
                "jackfield grant acme:crm --allow 'GET https://api.example.com'",
                format!("POST {at}/grant {{\"egress\":\"GET https://api.example.com\"}}"),
            ),
            (
                "jackfield grant acme:crm --operation list --operation get",
                format!("PUT {at}/grant {{\"operations\":[\"list\",\"get\"]}}"),
            ),
        ] {
            assert_eq!(request(fix, &workspace, &package), Some(wanted));
        }
        assert_eq!(request("jackfield connect acme:crm", &workspace, &package), None);
    }
}
