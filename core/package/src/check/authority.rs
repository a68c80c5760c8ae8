//! What the connector may do, and whether its parts agree: credentials, operations, settings, limits.

use std::collections::HashSet;

use serde_json::Value;

use super::{Level, Rule, quote};
use crate::{
    Manifest, Package,
    egress::HostPattern,
    limits,
    manifest::{Attach, AuthType, Effect, OperationKind},
};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "operations-unique",
        title: "each operation has a name of its own",
        level: Level::Error,
        hint: "rename one of them",
        faults: |package| repeated(package.manifest().operations.iter().map(|operation| operation.name.as_str())),
    },
    Rule {
        id: "operations-exported",
        title: "each operation's kind is one of the interfaces that the component exports",
        level: Level::Error,
        hint: "`action` needs `operations`, `poll` needs `polling`, `webhook` needs `webhooks`",
        faults: operations_exported,
    },
    Rule {
        id: "interfaces-used",
        title: "each interface that is exported serves an operation",
        level: Level::Warning,
        hint: "declare the operation, or leave the export out",
        faults: interfaces_used,
    },
    Rule {
        id: "auth-unique",
        title: "each credential has an id of its own",
        level: Level::Error,
        hint: "rename one of them",
        faults: |package| repeated(package.manifest().auth.iter().map(|auth| auth.id.as_str())),
    },
    Rule {
        id: "auth-hosts",
        title: "credentials go to hosts within egress only",
        level: Level::Error,
        hint: "add the host to `egress` with its reason, or take it out of `auth`",
        faults: |package| auth_hosts(package.manifest()),
    },
    Rule {
        id: "auth-attach",
        title: "credentials are attached where they belong",
        level: Level::Error,
        hint: "a header's name is lower case and none that the host itself sets; a signature needs `hmac` or `sigv4`",
        faults: |package| auth_attach(package.manifest()),
    },
    Rule {
        id: "auth-test",
        title: "the operation that tests a credential exists and changes nothing",
        level: Level::Error,
        hint: "name an operation of kind `action` with effect `read`",
        faults: |package| auth_test(package.manifest()),
    },
    Rule {
        id: "auth-scopes",
        title: "scopes that operations need are declared with a reason",
        level: Level::Error,
        hint: "add the scope to an entry of `auth`",
        faults: |package| auth_scopes(package.manifest()),
    },
    Rule {
        id: "auth-hook",
        title: "a hook is exported, and serves a credential that it can get",
        level: Level::Error,
        hint: "`hook` goes with type `oauth2` and the interface `auth-hook`; what it reads are JSON pointers such as /error",
        faults: auth_hook,
    },
    Rule {
        id: "config-secrets",
        title: "no secret among the settings",
        level: Level::Error,
        hint: "settings are visible to the connector; ask for the credential in `auth`, and the host attaches it",
        faults: |package| {
            let mut faults = Vec::new();
            if let Some(config) = &package.manifest().config {
                secret_fields(config, "config", &mut faults);
            }
            faults
        },
    },
    Rule {
        id: "limits-within",
        title: "limits that are asked for can be given",
        level: Level::Error,
        hint: "leave the limit out to take the host's default",
        faults: |package| limit_faults(package.manifest()),
    },
];

fn repeated<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut seen = HashSet::new();
    names.filter(|name| !seen.insert(*name)).map(|name| format!("{} stands twice", quote(name))).collect()
}

fn interface_of(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Action => "operations",
        OperationKind::Poll => "polling",
        OperationKind::Webhook => "webhooks",
    }
}

fn operations_exported(package: &Package) -> Vec<String> {
    package
        .manifest()
        .operations
        .iter()
        .filter(|operation| !package.offers(interface_of(operation.kind)))
        .map(|operation| {
            format!(
                "{} needs the interface `{}`, which is not exported",
                quote(operation.name.as_str()),
                interface_of(operation.kind)
            )
        })
        .collect()
}

fn interfaces_used(package: &Package) -> Vec<String> {
    [OperationKind::Action, OperationKind::Poll, OperationKind::Webhook]
        .into_iter()
        .filter(|kind| package.offers(interface_of(*kind)))
        .filter(|kind| !package.manifest().operations.iter().any(|operation| operation.kind == *kind))
        .map(|kind| format!("`{}` is exported, and no operation is of that kind", interface_of(kind)))
        .collect()
}

fn auth_hosts(manifest: &Manifest) -> Vec<String> {
    let mut faults = Vec::new();
    for auth in &manifest.auth {
        for host in &auth.hosts {
            if !manifest.egress.iter().any(|egress| covers(&egress.host, host)) {
                faults.push(format!(
                    "auth {}: {} is not within egress",
                    quote(auth.id.as_str()),
                    quote(&host.to_string())
                ));
            }
        }
    }
    faults
}

/// Whether every host that `inner` covers is covered by `outer`.
fn covers(outer: &HostPattern, inner: &HostPattern) -> bool {
    match (outer, inner) {
        (HostPattern::Template(outer), HostPattern::Template(inner)) => outer == inner,
        (HostPattern::Suffix(outer_name), HostPattern::Suffix(inner_name)) => {
            outer_name == inner_name || outer.matches(inner_name)
        }
        (_, HostPattern::Exact(inner)) => outer.matches(inner),
        _ => false,
    }
}

fn auth_attach(manifest: &Manifest) -> Vec<String> {
    // Framing and routing are the host's; cookies would carry more than the credential.
    const HEADERS_OF_THE_HOST: [&str; 12] = [
        "host",
        "cookie",
        "connection",
        "content-length",
        "transfer-encoding",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
    ];
    let is_token = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
    };
    let mut faults = Vec::new();
    for auth in &manifest.auth {
        let signs = matches!(auth.r#type, AuthType::Hmac | AuthType::Sigv4);
        let fault = match &auth.attach {
            Attach::Header { name, .. } if !is_token(name) || name.bytes().any(|b| b.is_ascii_uppercase()) => {
                Some(format!("{} is not a header's name in lower case", quote(name)))
            }
            Attach::Header { name, .. } if HEADERS_OF_THE_HOST.contains(&name.as_str()) => {
                Some(format!("the header {} is the host's own", quote(name)))
            }
            Attach::Header { prefix, .. } if !prefix.bytes().all(|b| (0x20..0x7f).contains(&b)) => {
                Some("the prefix holds characters that no header may".to_owned())
            }
            Attach::Query { name } if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~[]".contains(&b)) => {
                Some(format!("{} is not a query parameter's name", quote(name)))
            }
            Attach::Query { .. } if auth.r#type == AuthType::Oauth2 => {
                Some("an OAuth token does not belong into a query (RFC 9700, 4.3.2)".to_owned())
            }
            Attach::Basic {} if auth.r#type != AuthType::Basic => {
                Some("`basic` needs a credential of type `basic`".to_owned())
            }
            Attach::Signature { .. } if !signs => {
                Some("`signature` needs a credential of type `hmac` or `sigv4`".to_owned())
            }
            Attach::Signature { hmac, sigv4 }
                if (hmac.is_some(), sigv4.is_some())
                    != (auth.r#type == AuthType::Hmac, auth.r#type == AuthType::Sigv4) =>
            {
                Some("`signature` says how in `hmac` or `sigv4`, whichever the credential's type is".to_owned())
            }
            Attach::Signature { hmac: Some(scheme), .. }
                if !is_token(&scheme.header) || HEADERS_OF_THE_HOST.contains(&scheme.header.as_str()) =>
            {
                Some(format!("{} is not a header that a signature can stand in", quote(&scheme.header)))
            }
            Attach::Header { .. } | Attach::Query { .. } | Attach::Basic {} if signs => {
                Some("a credential that signs is attached as `signature`".to_owned())
            }
            _ => None,
        };
        faults.extend(fault.map(|fault| format!("auth {}: {fault}", quote(auth.id.as_str()))));
    }
    faults
}

fn auth_test(manifest: &Manifest) -> Vec<String> {
    let fault = |test: &str| match manifest.operation(test) {
        None => Some(format!("there is no operation {}", quote(test))),
        Some(operation) if operation.kind != OperationKind::Action => {
            Some(format!("{} is not of kind `action`", quote(test)))
        }
        Some(operation) if operation.effect != Effect::Read => Some(format!("{} changes something", quote(test))),
        Some(_) => None,
    };
    manifest
        .auth
        .iter()
        .filter_map(|auth| Some(format!("auth {}: {}", quote(auth.id.as_str()), fault(auth.test.as_ref()?.as_str())?)))
        .collect()
}

fn auth_hook(package: &Package) -> Vec<String> {
    let auth = &package.manifest().auth;
    let is_exported = package.offers("auth-hook");
    let mut faults = Vec::new();
    if is_exported && auth.iter().all(|auth| auth.hook.is_none()) {
        faults.push("`auth-hook` is exported, and no `auth` says that it has a hook".to_owned());
    }
    for (auth, hook) in auth.iter().filter_map(|auth| Some((auth, auth.hook.as_ref()?))) {
        let mut fault = |what: String| faults.push(format!("auth {}: {what}", quote(auth.id.as_str())));
        if !is_exported {
            fault("it has a hook, and the interface `auth-hook` is not exported".to_owned());
        }
        if auth.r#type != AuthType::Oauth2 {
            fault("nobody is asked for tokens of its type, so there is nothing for a hook to word".to_owned());
        }
        for pointer in hook.reads.iter().filter(|pointer| !pointer.starts_with('/')) {
            fault(format!("{} is no JSON pointer", quote(pointer)));
        }
    }
    faults
}

fn auth_scopes(manifest: &Manifest) -> Vec<String> {
    let declared: HashSet<&str> =
        manifest.auth.iter().flat_map(|auth| &auth.scopes).map(|scope| scope.name.as_str()).collect();
    let mut faults = Vec::new();
    for operation in &manifest.operations {
        for scope in operation.scopes.iter().filter(|scope| !declared.contains(scope.as_str())) {
            faults.push(format!(
                "operation {} needs {}, which no `auth` declares",
                quote(operation.name.as_str()),
                quote(scope)
            ));
        }
    }
    faults
}

fn secret_fields(schema: &Value, path: &str, faults: &mut Vec<String>) {
    match schema {
        Value::Object(map) => {
            for (key, value) in map {
                if key == "properties" && value.is_object() {
                    for (name, property) in value.as_object().into_iter().flatten() {
                        let place = format!("{path}.{}", name.escape_debug());
                        let hidden = property.get("writeOnly") == Some(&Value::Bool(true))
                            || property.get("format").and_then(Value::as_str) == Some("password");
                        if names_a_secret(name) || hidden {
                            faults.push(format!("{place} looks like a secret"));
                        }
                        secret_fields(property, &place, faults);
                    }
                } else if !matches!(key.as_str(), "const" | "default" | "enum" | "examples") {
                    secret_fields(value, path, faults);
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| secret_fields(value, path, faults)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// By its words: `apiKey`, `api_key`, `client-secret`, `token`; not `token_url`, `max_tokens`, `primary_key`.
fn names_a_secret(name: &str) -> bool {
    let mut words: Vec<String> = Vec::new();
    let mut after_lower = false;
    for c in name.chars() {
        let begins = c.is_uppercase() && after_lower;
        match words.last_mut() {
            Some(word) if c.is_alphanumeric() && !begins => word.extend(c.to_lowercase()),
            _ if c.is_alphanumeric() => words.push(c.to_lowercase().collect()),
            _ => words.push(String::new()),
        }
        after_lower = c.is_lowercase() || c.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    const ABOUT_IT: [&str; 12] =
        ["url", "uri", "endpoint", "type", "limit", "count", "name", "id", "length", "ttl", "lifetime", "policy"];
    if words.last().is_some_and(|last| ABOUT_IT.contains(&last.as_str())) {
        return false;
    }
    const ALONE: [&str; 16] = [
        "password",
        "passwd",
        "pwd",
        "passphrase",
        "passcode",
        "secret",
        "secrets",
        "token",
        "apikey",
        "apitoken",
        "accesskey",
        "privatekey",
        "secretkey",
        "authtoken",
        "credential",
        "credentials",
    ];
    const BEFORE_KEY: [&str; 7] = ["api", "access", "private", "secret", "signing", "encryption", "auth"];
    words.iter().any(|word| ALONE.contains(&word.as_str()))
        || words.windows(2).any(|pair| pair[1] == "key" && BEFORE_KEY.contains(&pair[0].as_str()))
}

fn limit_faults(manifest: &Manifest) -> Vec<String> {
    let wishes = manifest.limits;
    [
        ("memory_bytes", wishes.memory_bytes, limits::WISH_MEMORY_BYTES),
        ("fuel", wishes.fuel, limits::WISH_FUEL),
        ("time_ms", wishes.time_ms, limits::WISH_TIME_MS),
        ("response_bytes", wishes.response_bytes, limits::WISH_RESPONSE_BYTES),
    ]
    .into_iter()
    .filter_map(|(name, wish, at_most)| {
        let wish = wish?;
        (wish == 0 || wish > at_most).then(|| format!("limits.{name} is {wish}: expected 1 to {at_most}"))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_names() {
        for secret in [
            "password",
            "apiKey",
            "api_key",
            "API_KEY",
            "client-secret",
            "token",
            "accessToken",
            "privateKey",
            "dbPassword",
            "apikey",
        ] {
            assert!(names_a_secret(secret), "{secret}");
        }
        for harmless in
            ["token_url", "max_tokens", "primary_key", "keyboard", "host", "secretary", "tokenEndpoint", "access_level"]
        {
            assert!(!names_a_secret(harmless), "{harmless}");
        }
    }

    #[test]
    fn covering_is_about_every_host() {
        let rows = [
            (true, "api.example.com", "api.example.com"),
            (true, "*.example.com", "api.example.com"),
            (true, "*.example.com", "*.example.com"),
            (true, "*.example.com", "*.eu.example.com"),
            (true, "{host}", "{host}"),
            (false, "*.example.com", "example.com"),
            (false, "api.example.com", "*.example.com"),
            (false, "*.eu.example.com", "*.example.com"),
            (false, "*.example.com", "*.badexample.com"),
            (false, "{host}", "{other}"),
            (false, "{host}", "api.example.com"),
            (false, "*.example.com", "{host}"),
        ];
        for (expected, outer, inner) in rows {
            let parse = |text: &str| text.parse::<HostPattern>().expect("a host");
            assert_eq!(covers(&parse(outer), &parse(inner)), expected, "{outer} covers {inner}");
        }
    }
}
