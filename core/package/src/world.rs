//! The contract's edge: which interfaces a connector must export and may import.

use semver::Version;

use crate::Refusal;

/// The package of the contract.
const CONNECTOR: &str = "jackfield:connector";
/// The version of the contract that hosts of this release serve; any patch of it will do.
const SERVED: (u64, u64) = (0, 1);
/// The interfaces of the contract that a connector may import.
const CONNECTOR_IMPORTS: [&str; 3] = ["types", "log", "files"];
/// One of these a connector must export, besides `descriptor`.
const OFFERS: [&str; 3] = ["operations", "polling", "webhooks"];
/// The packages of WASI of which any interface may be imported.
const WASI_PACKAGES: [&str; 5] = ["wasi:io", "wasi:clocks", "wasi:random", "wasi:cli", "wasi:filesystem"];
/// The interfaces of `wasi:http` that may be imported.
const WASI_HTTP: [&str; 2] = ["types", "outgoing-handler"];
/// The newest patch of WASI 0.2 that hosts of this release serve.
const WASI_PATCH: u64 = 12;

/// Sending HTTP requests.
pub(crate) const OUTGOING_HANDLER: &str = "wasi:http/outgoing-handler";

/// Holds a component's imports and exports against the contract, and gives the imports that are served by stubs only.
///
/// # Errors
/// `world-version-unsupported`, `world-missing-export`, `import-not-allowed`.
pub(crate) fn check(imports: &[String], exports: &[String]) -> Result<Vec<String>, Refusal> {
    for name in exports.iter().chain(imports) {
        check_contract_version(name)?;
    }
    let offers = |interface: &str| exports.iter().any(|export| connector_interface(export) == Some(interface));
    if !offers("descriptor") {
        return Err(missing_export("`jackfield:connector/descriptor@0.1.0`"));
    }
    if !OFFERS.into_iter().any(offers) {
        return Err(missing_export("any of `operations`, `polling` and `webhooks` of `jackfield:connector@0.1.0`"));
    }
    let refused: Vec<String> =
        imports.iter().filter(|import| permission(import) == Permission::Refused).cloned().collect();
    if !refused.is_empty() {
        return Err(not_allowed(&refused));
    }
    Ok(imports.iter().filter(|import| permission(import) == Permission::DenyingStub).cloned().collect())
}

/// The refusal that names these imports.
pub(crate) fn not_allowed(imports: &[String]) -> Refusal {
    let names: Vec<String> = imports.iter().map(|import| format!("`{}`", import.escape_debug())).collect();
    Refusal::new(
        "import-not-allowed",
        format!("the component imports {}, which no host of connectors provides", names.join(", ")),
    )
    .hint(
        "a connector may import jackfield:connector/{log,files}, wasi:http/{types,outgoing-handler} and \
         wasi:{cli,clocks,filesystem,io,random} up to 0.2.12",
    )
}

/// The interface's name if `name` is one of the contract in a served version: `polling` of
/// `jackfield:connector/polling@0.1.0`.
pub(crate) fn connector_interface(name: &str) -> Option<&str> {
    let (package, interface, version) = split(name)?;
    (package == CONNECTOR && is_served(&version)).then_some(interface)
}

/// `wasi:io/streams` of `wasi:io/streams@0.2.6`.
pub(crate) fn without_version(name: &str) -> &str {
    name.split_once('@').map_or(name, |(interface, _)| interface)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Permission {
    Allowed,
    DenyingStub,
    Refused,
}

fn permission(import: &str) -> Permission {
    let Some((package, interface, version)) = split(import) else { return Permission::Refused };
    if package == CONNECTOR {
        let allowed = CONNECTOR_IMPORTS.contains(&interface) && is_served(&version);
        return if allowed { Permission::Allowed } else { Permission::Refused };
    }
    let is_served_wasi = (version.major, version.minor) == (0, 2)
        && version.patch <= WASI_PATCH
        && version.pre.is_empty()
        && version.build.is_empty();
    if !is_served_wasi {
        return Permission::Refused;
    }
    if WASI_PACKAGES.contains(&package) || (package == "wasi:http" && WASI_HTTP.contains(&interface)) {
        return Permission::Allowed;
    }
    // CPython drags sockets in; look-up alone would leak, so every call is denied.
    if package == "wasi:sockets" { Permission::DenyingStub } else { Permission::Refused }
}

fn check_contract_version(name: &str) -> Result<(), Refusal> {
    let Some(rest) = name.strip_prefix(CONNECTOR).and_then(|rest| rest.strip_prefix('/')) else { return Ok(()) };
    if split(name).is_some_and(|(_, _, version)| is_served(&version)) {
        return Ok(());
    }
    Err(version_unsupported(rest.split_once('@').map_or("no version", |(_, version)| version)))
}

/// The refusal for a connector that needs another version of the contract.
pub(crate) fn version_unsupported(version: &str) -> Refusal {
    let needed = match Version::parse(version) {
        Ok(version) => format!("{CONNECTOR}@{}.{}", version.major, version.minor),
        Err(_) => format!("{CONNECTOR}@{}", version.chars().take(40).collect::<String>().escape_debug()),
    };
    let (major, minor) = SERVED;
    Refusal::new("world-version-unsupported", format!("needs {needed}, this host serves {major}.{minor}"))
        .hint(format!("update the host, or rebuild the connector with an SDK for {CONNECTOR}@{major}.{minor}"))
}

fn missing_export(what: &str) -> Refusal {
    Refusal::new("world-missing-export", format!("the component does not export {what}: it is not a connector")).hint(
        "export the world `connector`, `poller` or `receiver` of jackfield:connector@0.1.0; an SDK does it for you",
    )
}

fn is_served(version: &Version) -> bool {
    (version.major, version.minor) == SERVED && version.pre.is_empty() && version.build.is_empty()
}

/// `package`, `interface` and version of `package/interface@version`.
fn split(name: &str) -> Option<(&str, &str, Version)> {
    let (package, rest) = name.split_once('/')?;
    let (interface, version) = rest.split_once('@')?;
    Some((package, interface, Version::parse(version).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(imports: &[&str], exports: &[&str]) -> &'static str {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        check(&own(imports), &own(exports)).map_or_else(|refusal| refusal.code, |_| "ok")
    }

    #[test]
    fn imports_are_refused_by_name_unless_listed() {
        let exports = ["jackfield:connector/descriptor@0.1.0", "jackfield:connector/operations@0.1.0", "extra"];
        let rows = [
            ("ok", "jackfield:connector/log@0.1.0"),
            ("ok", "jackfield:connector/files@0.1.7"),
            ("ok", "wasi:io/streams@0.2.0"),
            ("ok", "wasi:filesystem/preopens@0.2.12"),
            ("ok", "wasi:http/outgoing-handler@0.2.12"),
            ("ok", "wasi:sockets/ip-name-lookup@0.2.6"),
            ("import-not-allowed", "wasi:io/streams@0.2.13"),
            ("import-not-allowed", "wasi:io/streams@0.2.0-rc.1"),
            ("import-not-allowed", "wasi:io/streams"),
            ("import-not-allowed", "wasi:io/streams@0.3.0"),
            ("import-not-allowed", "wasi:sockets/tcp@0.3.0"),
            ("import-not-allowed", "wasi:http/incoming-handler@0.2.0"),
            ("import-not-allowed", "wasi:keyvalue/store@0.2.0"),
            ("import-not-allowed", "jackfield:connector/operations@0.1.0"),
            ("import-not-allowed", "evil:host/exec@0.1.0"),
            ("import-not-allowed", "print"),
            ("world-version-unsupported", "jackfield:connector/log@0.3.0"),
            ("world-version-unsupported", "jackfield:connector/log"),
        ];
        for (expected, import) in rows {
            assert_eq!(code(&[import], &exports), expected, "{import}");
        }
    }

    #[test]
    fn exports_must_make_a_connector() {
        let descriptor = "jackfield:connector/descriptor@0.1.0";
        assert_eq!(code(&[], &[descriptor, "jackfield:connector/polling@0.1.3"]), "ok");
        assert_eq!(code(&[], &[descriptor]), "world-missing-export");
        assert_eq!(code(&[], &["jackfield:connector/webhooks@0.1.0"]), "world-missing-export");
        assert_eq!(code(&[], &[]), "world-missing-export");
        let newer = check(&[], &["jackfield:connector/descriptor@0.3.0".to_owned()]).expect_err("too new");
        assert_eq!(newer.message, "needs jackfield:connector@0.3, this host serves 0.1");
    }
}
