//! Names that a person must look at first: reserved ones, and those that are easily taken for another.

/// What the registry's own paths, the formats' words and impersonators would use.
const RESERVED: &[&str] = &[
    "account",
    "accounts",
    "admin",
    "administrator",
    "advisories",
    "api",
    "app",
    "assets",
    "auth",
    "blob",
    "blobs",
    "bytecodealliance",
    "component",
    "connector",
    "connectors",
    "core",
    "docs",
    "github",
    "help",
    "host",
    "index",
    "jackfield",
    "library",
    "local",
    "localhost",
    "log",
    "login",
    "mail",
    "metrics",
    "moderation",
    "moderator",
    "namespace",
    "namespaces",
    "null",
    "oci",
    "official",
    "operator",
    "packages",
    "private",
    "public",
    "registry",
    "review",
    "reviews",
    "root",
    "sandbox",
    "search",
    "security",
    "self",
    "staff",
    "static",
    "std",
    "support",
    "system",
    "test",
    "tile",
    "token",
    "trust",
    "undefined",
    "user",
    "users",
    "v0",
    "v1",
    "v2",
    "v3",
    "verified",
    "wasi",
    "wasm",
    "wasmtime",
    "webassembly",
    "wit",
    "www",
];

/// Names shorter than this are near to too many others.
const DISTANCE_FROM: usize = 4;

/// Why a person must look at a new name, if so.
pub(crate) fn suspicion<'a>(name: &str, existing: impl IntoIterator<Item = &'a str>) -> Option<String> {
    if RESERVED.contains(&name) {
        return Some(format!("the name `{name}` is reserved"));
    }
    let look = skeleton(name);
    if let Some(reserved) = RESERVED.iter().find(|reserved| look == skeleton(reserved)) {
        return Some(format!("the name `{name}` looks like the reserved `{reserved}`"));
    }
    existing.into_iter().filter(|other| *other != name).find_map(|other| {
        if skeleton(other) == look {
            return Some(format!("the name `{name}` looks like `{other}`"));
        }
        let long = name.len() >= DISTANCE_FROM && other.len() >= DISTANCE_FROM;
        (long && name.len().abs_diff(other.len()) <= 1 && strsim::osa_distance(name, other) <= 1)
            .then(|| format!("the name `{name}` is one slip away from `{other}`"))
    })
}

/// What a hasty eye sees: hyphens gone, letters that look alike made one.
fn skeleton(name: &str) -> String {
    let bare: String = name.chars().filter(|c| *c != '-').collect();
    bare.replace("rn", "m")
        .replace("vv", "w")
        .replace("cl", "d")
        .chars()
        .map(|c| match c {
            '0' => 'o',
            '1' | 'i' | 'j' => 'l',
            '3' => 'e',
            '5' => 's',
            '8' => 'b',
            '2' => 'z',
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_and_slips_are_seen() {
        let existing = ["acme", "paypal", "modern-tools", "io"];
        for name in [
            "acrne",
            "acme-",
            "ac-me",
            "paypa1",
            "paypai",
            "modem-tools",
            "moderntools",
            "payal",
            "papyal",
            "wasi",
            "wasl",
            "adm1n",
        ] {
            assert!(suspicion(name, existing).is_some(), "{name}");
        }
        for name in ["acme", "globex", "ibm", "ia", "acmecorp", "paper"] {
            assert_eq!(suspicion(name, existing), None, "{name}");
        }
    }
}
