//! What would allow what was denied, as it is said over HTTP: a host says it in the words of its command line, and a workspace is not the
//! home of whoever sits at one.

use jackfield_host::{Denial, Failure, Outcome};
use jackfield_package::{Label, PackageName};
use serde_json::{Value, json};

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
    if let Some((says, id)) = fix.strip_suffix('=').and_then(|fix| fix.rsplit_once("--credential ")) {
        id.parse::<Label>().ok()?;
        return Some(format!("{says}PUT {at}/grant {}", json!({ "credentials": { id: null } })));
    }
    let flags = fix.strip_prefix(&format!("jackfield grant {package} "))?;
    if let Some(config) = flags.strip_prefix("--config ") {
        // What the grant lacks besides, the next denial says.
        let config = unquoted(config);
        let config = serde_json::Deserializer::from_str(&config).into_iter::<Value>().next()?.ok()?;
        return Some(format!("PUT {at}/grant {}", json!({ "config": config })));
    }
    if let Some(egress) = flags.strip_prefix("--allow ") {
        let egress = egress.trim_matches('\'');
        return Some(format!("POST {at}/grant {}", json!({ "egress": egress })));
    }
    let operations: Vec<&str> = flags.split("--operation ").map(str::trim).filter(|name| !name.is_empty()).collect();
    let are_names = operations.iter().all(|name| name.parse::<Label>().is_ok());
    are_names.then(|| format!("PUT {at}/grant {}", json!({ "operations": operations })))
}

/// A word as a shell reads it, and whatever follows.
fn unquoted(text: &str) -> String {
    match text.strip_prefix('\'') {
        Some(text) => text.replace("'\\''", "'"),
        None => text.to_owned(),
    }
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
            (
                r#"jackfield grant acme:crm --config '{"hosts":["o'\''x.example"]}' --allow 'GET https://x.example'"#,
                format!("PUT {at}/grant {{\"config\":{{\"hosts\":[\"o'x.example\"]}}}}"),
            ),
            (
                "send it over https, or take the credential away: --credential bearer=",
                format!(
                    "send it over https, or take the credential away: PUT {at}/grant {{\"credentials\":{{\"bearer\":null}}}}"
                ),
            ),
        ] {
            assert_eq!(request(fix, &workspace, &package), Some(wanted));
        }
        assert_eq!(request("jackfield connect acme:crm", &workspace, &package), None);
    }
}
