//! What the admin allows. The intersection of manifest and grant decides every call.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use ipnet::IpNet;
pub use jackfield_broker::attach::Source;
use jackfield_package::{
    Label, Manifest, Refusal,
    egress::{Any, HostPattern, Method, Methods, Ports},
    schema::Schema,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    egress::address::classify,
    limits::{Limit, LimitGrants},
};

/// What an admin allows one installation. The default allows nothing beyond computing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Destinations of requests.
    #[serde(default)]
    pub egress: Vec<EgressGrant>,
    /// Operations that may be called.
    #[serde(default)]
    pub operations: OperationGrant,
    /// Limits that differ from the defaults.
    #[serde(default)]
    pub limits: LimitGrants,
    /// Where the secret of each `auth` entry is: in a file of mode 0600 that holds it and nothing else, or in a connection.
    /// Never the secret itself.
    #[serde(default)]
    pub credentials: BTreeMap<Label, Source>,
    /// The connector's non-secret settings, valid against the manifest's `config` schema.
    #[serde(default)]
    pub config: Map<String, Value>,
}

impl Grant {
    /// Everything that the manifest asks for: its destinations (over https, to public addresses), operations and limits.
    /// No credential and no setting, since only the admin has those.
    pub fn all_of(manifest: &Manifest) -> Self {
        let egress = manifest
            .egress
            .iter()
            .filter(|asked| !is_special(&asked.host))
            .map(|asked| EgressGrant {
                host: asked.host.clone(),
                ports: asked.ports.clone(),
                methods: asked.methods.clone(),
                plaintext: false,
                addresses: Vec::new(),
            })
            .collect();
        let limits = Limit::ALL
            .into_iter()
            .filter_map(|limit| Some((limit, limit.wish(&manifest.limits)?)))
            .collect::<LimitGrants>();
        Self { egress, operations: OperationGrant::All, limits, ..Self::default() }
    }

    /// Whether an operation may be called.
    pub fn allows_operation(&self, name: &str) -> bool {
        match &self.operations {
            OperationGrant::All => true,
            OperationGrant::Only(names) => names.iter().any(|known| known.as_str() == name),
        }
    }

    /// Whether it makes sense for what the manifest asks. It may be wider than the manifest in its destinations, since the
    /// intersection decides; what can only be a slip is refused.
    pub(crate) fn fits(&self, manifest: &Manifest) -> Result<(), Refusal> {
        config_fits(manifest, &self.config)?;
        for id in self.credentials.keys() {
            if !manifest.auth.iter().any(|auth| auth.id == *id) {
                let known: Vec<_> = manifest.auth.iter().map(|auth| auth.id.as_str()).collect();
                let message = format!("`{}` asks for no credential `{id}`", manifest.name);
                return Err(Refusal::new("grant-credential-unknown", message).hint(match known[..] {
                    [] => "it asks for none".to_owned(),
                    _ => format!("it asks for: {}", known.join(", ")),
                }));
            }
        }
        if let OperationGrant::Only(names) = &self.operations
            && let Some(unknown) = names.iter().find(|name| manifest.operation(name.as_str()).is_none())
        {
            let known: Vec<_> = manifest.operations.iter().map(|operation| operation.name.as_str()).collect();
            return Err(Refusal::new("operation-unknown", format!("`{}` has no operation `{unknown}`", manifest.name))
                .hint(format!("it has: {}", known.join(", "))));
        }
        for (limit, value) in &self.limits {
            if *value > limit.ceiling() || *value == 0 {
                let message =
                    format!("the limit `{limit}` can't be {value}: expected 1 to {} {}", limit.ceiling(), limit.unit());
                return Err(Refusal::new("grant-limit-out-of-range", message));
            }
        }
        Ok(())
    }
}

fn config_fits(manifest: &Manifest, config: &Map<String, Value>) -> Result<(), Refusal> {
    let Some(schema) = &manifest.config else {
        if config.is_empty() {
            return Ok(());
        }
        return Err(Refusal::new("grant-config-invalid", format!("`{}` takes no settings", manifest.name)));
    };
    let faults = Schema::compile(schema)?.faults(&Value::Object(config.clone()));
    if faults.is_empty() {
        return Ok(());
    }
    Err(Refusal::of_faults("grant-config-invalid", &format!("the settings do not fit `{}`", manifest.name), faults)
        .hint(format!("its settings are, as JSON Schema: {schema}")))
}

/// Whether a host is an address that no connector reaches unless its admin wrote it down.
fn is_special(host: &HostPattern) -> bool {
    matches!(host, HostPattern::Exact(host) if host.parse().is_ok_and(|address| classify(address).is_err()))
}

/// Which operations may be called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperationGrant {
    /// All that the manifest has.
    #[default]
    All,
    /// These.
    Only(BTreeSet<Label>),
}

/// One destination that is granted.
///
/// As text: `[METHODS ]SCHEME://HOST[:PORT][ via ADDRESSES]`, where METHODS is `GET,POST` or `*` (left out: GET and HEAD),
/// SCHEME is https or http, HOST is `api.example.com`, `*.example.com`, `{config_field}` or an IP address, PORT is a number, numbers
/// joined by commas, or `*` (left out: the scheme's), and ADDRESSES are networks such as `10.0.0.0/8,192.168.1.5` that the name may resolve to
/// although they are private. An IP address as HOST grants that address.
///
/// `http` grants plain text as well as https.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EgressGrant {
    /// Which hosts.
    pub host: HostPattern,
    /// Which ports.
    pub ports: Ports,
    /// Which methods.
    pub methods: Methods,
    /// Whether `http` may be used.
    #[serde(default)]
    pub plaintext: bool,
    /// Networks that are reachable although they are not public.
    #[serde(default)]
    pub addresses: Vec<IpNet>,
}

impl EgressGrant {
    /// Whether it reaches addresses that are not public: loopback, private networks, link-local and their like.
    pub fn is_special(&self) -> bool {
        !self.addresses.is_empty() || is_special(&self.host)
    }
}

impl FromStr for EgressGrant {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let malformed = |expected: String| {
            Refusal::new("grant-egress-malformed", format!("`{}` does not grant egress: expected {expected}", text.escape_debug()))
                .hint("write it as 'GET,POST https://api.example.com', 'GET http://127.0.0.1:8080' or 'GET https://intranet.example via 10.0.0.0/8'")
        };
        let (destination, via) = match text.split_once(" via ") {
            Some((destination, via)) => (destination.trim(), Some(via)),
            None => (text.trim(), None),
        };
        let (methods, url) = match destination.split_once(char::is_whitespace) {
            Some((methods, url)) => (methods.parse_methods()?, url.trim()),
            None => (Methods::default(), destination),
        };
        let (scheme, authority) =
            url.split_once("://").ok_or_else(|| malformed("`https://` or `http://` and a host".into()))?;
        let plaintext = match scheme {
            "https" => false,
            "http" => true,
            other => return Err(malformed(format!("the scheme https or http, not `{}`", other.escape_debug()))),
        };
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        // A colon within brackets belongs to an IPv6 address.
        let port_at = authority.rfind(':').filter(|colon| authority.rfind(']').is_none_or(|bracket| bracket < *colon));
        let (host, port) = match port_at {
            Some(colon) => (&authority[..colon], Some(&authority[colon + 1..])),
            None => (authority, None),
        };
        let host: HostPattern = host.parse()?;
        let ports = match port {
            None => Ports::List(vec![if plaintext { 80 } else { 443 }]),
            Some("*") => Ports::Any(Any::Any),
            Some(numbers) => {
                let numbers = numbers.split(',').map(|number| number.parse::<u16>().ok().filter(|number| *number > 0));
                let list = numbers.collect::<Option<Vec<_>>>();
                Ports::List(list.ok_or_else(|| malformed("ports from 1 to 65535 or `*` after the host's `:`".into()))?)
            }
        };
        let addresses = via.map(parse_networks).transpose().map_err(malformed)?.unwrap_or_default();
        Ok(Self { host, ports, methods, plaintext, addresses })
    }
}

trait ParseMethods {
    fn parse_methods(&self) -> Result<Methods, Refusal>;
}

impl ParseMethods for str {
    fn parse_methods(&self) -> Result<Methods, Refusal> {
        if self == "*" {
            return Ok(Methods::Any(Any::Any));
        }
        Ok(Methods::List(self.split(',').map(|method| method.trim().parse::<Method>()).collect::<Result<_, _>>()?))
    }
}

fn parse_networks(text: &str) -> Result<Vec<IpNet>, String> {
    text.split(',')
        .map(str::trim)
        .map(|network| {
            let address = network.parse::<std::net::IpAddr>().map(IpNet::from);
            address.or_else(|_| network.parse::<IpNet>()).map_err(|_| {
                format!("an address or a network such as 10.0.0.0/8 after `via`, not `{}`", network.escape_debug())
            })
        })
        .collect()
}

impl fmt::Display for EgressGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.methods {
            Methods::Any(_) => f.write_str("* ")?,
            Methods::List(list) => {
                let list: Vec<_> = list.iter().map(|method| method.as_str()).collect();
                write!(f, "{} ", list.join(","))?;
            }
        }
        write!(f, "{}://{}", if self.plaintext { "http" } else { "https" }, self.host)?;
        match &self.ports {
            Ports::Any(_) => f.write_str(":*")?,
            Ports::List(list) if list[..] == [if self.plaintext { 80 } else { 443 }] => {}
            Ports::List(list) => {
                let list: Vec<_> = list.iter().map(ToString::to_string).collect();
                write!(f, ":{}", list.join(","))?;
            }
        }
        if !self.addresses.is_empty() {
            let list: Vec<_> = self.addresses.iter().map(ToString::to_string).collect();
            write!(f, " via {}", list.join(","))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_read_as_it_is_written() {
        for (text, canonical) in [
            ("https://api.example.com", "GET,HEAD https://api.example.com"),
            ("GET https://api.example.com/", "GET https://api.example.com"),
            ("GET,POST https://*.example.com:8443", "GET,POST https://*.example.com:8443"),
            ("* http://127.0.0.1:8080", "* http://127.0.0.1:8080"),
            ("GET http://[::1]:*", "GET http://[::1]:*"),
            (
                "GET https://intranet.example via 10.0.0.0/8,192.168.1.5",
                "GET https://intranet.example via 10.0.0.0/8,192.168.1.5/32",
            ),
            ("GET https://{hosts}:*", "GET https://{hosts}:*"),
        ] {
            let grant: EgressGrant = text.parse().unwrap();
            assert_eq!(grant.to_string(), canonical);
            assert_eq!(canonical.parse::<EgressGrant>().unwrap(), grant);
        }
    }

    #[test]
    fn granting_all_grants_no_private_address() {
        let egress = |host| serde_json::json!({ "host": host, "reason": "to reach it" });
        let hosts = ["api.example.com", "127.0.0.1", "[::1]", "169.254.169.254", "1.1.1.1"];
        let manifest: Manifest = serde_json::from_value(serde_json::json!({
            "name": "a:b", "version": "1.0.0", "world": "jackfield:connector@0.1.0", "title": "B", "summary": "B.",
            "license": "MIT", "operations": [],
            "egress": hosts.map(egress),
        }))
        .unwrap();
        let granted: Vec<_> = Grant::all_of(&manifest).egress.iter().map(|grant| grant.host.to_string()).collect();
        assert_eq!(granted, ["api.example.com", "1.1.1.1"]);
    }

    #[test]
    fn what_is_not_a_grant_is_refused() {
        for text in [
            "",
            "api.example.com",
            "ftp://x.example",
            "https://",
            "GET https://x.example:0",
            "GET https://x.example:99999",
            "CONNECT https://x.example",
            "get https://x.example",
            "https://EXAMPLE.com",
            "https://*",
            "https://user@x.example",
            "https://x.example/path",
            "https://x.example via here",
            "http://0x7f.0.0.1",
            "http://2130706433",
            "http://127.1",
            "https://x.example.",
        ] {
            assert!(text.parse::<EgressGrant>().is_err(), "{text} was taken");
        }
    }
}
