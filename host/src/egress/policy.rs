//! Grant ∩ manifest: what decides about every request, without acting.
//!
//! [`Policy::judge`] asks in this order, and the first no counts: is the request's target readable in one way only
//! ([`super::destination`]) → does the manifest ask for host, port and method → has the admin granted host, port, method
//! and scheme → are the headers the guest's to set. It resolves nothing: addresses are judged when they are known, by
//! [`Destination::judge_address`].

use std::{net::IpAddr, sync::Arc};

use http::{HeaderMap, Method, Uri, header};
use ipnet::IpNet;
use jackfield_broker::attach::{Binding, Place, Source, decode_query};
use jackfield_package::{
    Manifest, PackageName, Refusal,
    egress::{Any, Egress as Asked, HostPattern, Methods, Ports},
    manifest::Auth,
};
use serde_json::{Map, Value};

use super::{
    Destination, Host, Refused,
    destination::Target,
    header::{self as rules, METHOD_OVERRIDES},
    template::{Schema, Template},
};
use crate::{
    denial::Layer,
    grant::{EgressGrant, Grant},
};

/// What one installation may reach.
pub struct Policy {
    connector: PackageName,
    asked: Vec<Rule>,
    granted: Vec<Granted>,
    credentials: Vec<Arc<Binding>>,
    templates: Vec<(Template, Rule)>,
    schema: Schema,
    config: Map<String, Value>,
}

/// Hosts with the ports and methods that go with them.
#[derive(Clone)]
struct Rule {
    hosts: Vec<HostPattern>,
    ports: Ports,
    methods: Methods,
}

struct Granted {
    rule: Rule,
    plaintext: bool,
    exempt: Vec<IpNet>,
    /// The config field that fills the host in; absent where the admin wrote the host down.
    field: Option<String>,
}

impl Policy {
    /// Intersects a manifest with a grant. Refuses credentials that can't be attached as the manifest says.
    pub fn new(manifest: &Manifest, grant: &Grant) -> Result<Self, Refusal> {
        let templates: Vec<(Template, Rule)> = manifest
            .egress
            .iter()
            .filter_map(|entry| Some((Template::fill(entry, &grant.config)?, Rule::new(entry, Vec::new()))))
            .collect();
        let asked = manifest.egress.iter().map(|entry| match Template::fill(entry, &grant.config) {
            Some(template) => Rule::new(entry, template.hosts().to_vec()),
            None => Rule::new(entry, vec![entry.host.clone()]),
        });
        let mut policy = Self {
            connector: manifest.name.clone(),
            asked: asked.collect(),
            granted: Vec::new(),
            credentials: Vec::new(),
            templates,
            schema: Schema::of(manifest),
            config: grant.config.clone(),
        };
        policy.granted = grant.egress.iter().map(|entry| policy.granted(entry)).collect();
        policy.credentials = policy.bind(manifest, grant)?;
        Ok(policy)
    }

    /// Whose policy it is.
    pub fn connector(&self) -> &PackageName {
        &self.connector
    }

    /// One sentence for each value of the config that was meant as a host and is not one that the manifest takes.
    pub fn misfits(&self) -> impl Iterator<Item = &str> {
        self.templates.iter().flat_map(|(template, _)| template.misfits()).map(String::as_str)
    }

    /// The credentials that the admin has bound.
    pub(crate) fn credentials(&self) -> &[Arc<Binding>] {
        &self.credentials
    }

    /// Judges one request by its line and headers, in absolute form. Pure.
    pub fn judge(&self, uri: &Uri, method: &Method, headers: &HeaderMap) -> Result<Destination, Refused> {
        let target = Target::read(uri, method)?;
        self.judge_manifest(&target, method)?;
        let exempt = self.judge_grant(&target, method)?;
        rules::judge(headers)?;
        self.judge_method_overrides(&target, headers)?;
        let credentials = self.judge_credential_places(&target, uri, headers)?;
        let grant = grant_of(&target, method);
        Ok(Destination { target, exempt, grant, credentials })
    }

    fn judge_manifest(&self, target: &Target, method: &Method) -> Result<(), Refused> {
        if self.asked.iter().any(|rule| rule.covers(target, method)) {
            return Ok(());
        }
        let host = target.host.pattern_text();
        let about_host: Vec<&Rule> = self.asked.iter().filter(|rule| rule.covers_host(&host)).collect();
        let (mut reason, mut fix) = (miss("the manifest does not ask for", target, method, &about_host), None);
        if about_host.is_empty() {
            let of_shape = |rule: &Rule| rule.ports.contains(target.port) && rule.methods.contains(method.as_str());
            let fitting =
                self.templates.iter().filter(|(_, rule)| of_shape(rule)).find_map(|(template, _)| {
                    Some((template, template.config_with(&host, &self.schema, &self.config)?))
                });
            if let Some((template, config)) = fitting {
                reason = format!("the config's `{}` does not name the host {}", template.field(), target.host);
                fix = Some(self.config_command(template, &config, target, method));
            } else if let Some(misfit) = self.misfits().next() {
                reason = format!("{reason}; {misfit}");
            }
        }
        Err(Refused::new(Layer::Manifest, reason).fix(fix.unwrap_or_else(|| author_lines(target, method))))
    }

    fn judge_grant(&self, target: &Target, method: &Method) -> Result<Vec<IpNet>, Refused> {
        let host = target.host.pattern_text();
        // An address counts as granted where the admin wrote it down, never by way of the config.
        let speaks_of_host = |granted: &&Granted| {
            granted.rule.covers_host(&host) && (granted.field.is_none() || matches!(target.host, Host::Name(_)))
        };
        let about_host: Vec<&Granted> = self.granted.iter().filter(speaks_of_host).collect();
        let allowing: Vec<&&Granted> = about_host
            .iter()
            .filter(|granted| granted.rule.covers(target, method) && (target.tls || granted.plaintext))
            .collect();
        if allowing.is_empty() {
            let rules: Vec<&Rule> = about_host.iter().map(|granted| &granted.rule).collect();
            let reason = if rules.iter().any(|rule| rule.covers(target, method)) {
                format!("the host {} is granted over https only", target.host)
            } else {
                miss("the grant does not cover", target, method, &rules)
            };
            return Err(Refused::new(Layer::Grant, reason).needs(grant_of(target, method)));
        }
        let mut exempt: Vec<IpNet> = allowing.iter().flat_map(|granted| granted.exempt.iter().copied()).collect();
        if let Host::Address(address) = target.host {
            exempt.push(IpNet::from(address));
        }
        Ok(exempt)
    }

    /// A method in a header is held to the same rules as the one in the request line.
    fn judge_method_overrides(&self, target: &Target, headers: &HeaderMap) -> Result<(), Refused> {
        for name in &METHOD_OVERRIDES {
            for value in headers.get_all(name) {
                let upper = value.as_bytes().to_ascii_uppercase();
                let allowed = Method::from_bytes(&upper).is_ok_and(|method| {
                    ![Method::CONNECT, Method::TRACE].contains(&method)
                        && self.judge_manifest(target, &method).is_ok()
                        && self.judge_grant(target, &method).is_ok()
                });
                if !allowed {
                    let reason =
                        format!("the header `{name}` asks for a method that is not granted for {}", target.host);
                    return Err(Refused::new(Layer::Header, reason));
                }
            }
        }
        Ok(())
    }

    /// Where a credential is bound for the host, its places are the host's alone, and plain text is not spoken.
    fn judge_credential_places(
        &self,
        target: &Target,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Vec<Arc<Binding>>, Refused> {
        let host = target.host.pattern_text();
        let bound: Vec<&Arc<Binding>> = self.credentials.iter().filter(|known| known.is_for(&host)).collect();
        for credential in &bound {
            let taken = [header::AUTHORIZATION, header::COOKIE]
                .into_iter()
                .chain(credential.headers())
                .find(|name| headers.contains_key(name));
            if let Some(name) = taken {
                return Err(self.taken(credential, &format!("header `{name}`"), target));
            }
            if let Place::Query(name) = credential.place()
                && query_names(uri).any(|known| known == *name)
            {
                return Err(self.taken(credential, &format!("query parameter `{name}`"), target));
            }
        }
        if let Some(credential) = bound.first()
            && !target.tls
        {
            let id = credential.id();
            let reason = format!("the credential `{id}` is bound for {}, and goes over https only", target.host);
            let fix = format!("send the request over https, or take the credential away: --credential {id}=");
            return Err(Refused::new(Layer::Credential, reason).fix(fix));
        }
        Ok(bound.into_iter().cloned().collect())
    }

    fn taken(&self, credential: &Binding, place: &str, target: &Target) -> Refused {
        let reason = format!(
            "the {place} is the host's to set, because the credential `{}` is bound for {}",
            credential.id(),
            target.host
        );
        Refused::new(Layer::Header, reason)
    }

    /// The command that names a host in the config, and grants it where it is not granted by the template already.
    fn config_command(&self, template: &Template, config: &Value, target: &Target, method: &Method) -> String {
        let granted = self.granted.iter().any(|granted| {
            let by_host = granted.rule.covers_host(&target.host.pattern_text());
            let by_template =
                granted.field.as_deref() == Some(template.field()) && matches!(target.host, Host::Name(_));
            let shape = granted.rule.ports.contains(target.port) && granted.rule.methods.contains(method.as_str());
            (by_host || by_template) && shape && (target.tls || granted.plaintext)
        });
        let mut command = format!("jackfield grant {} --config {}", self.connector, quoted(&config.to_string()));
        if !granted {
            command += &format!(" --allow {}", quoted(&grant_of(target, method).to_string()));
        }
        command
    }

    fn granted(&self, entry: &EgressGrant) -> Granted {
        let (hosts, field) = match &entry.host {
            HostPattern::Template(field) => (self.hosts_of(field), Some(field.clone())),
            host => (vec![host.clone()], None),
        };
        let rule = Rule { hosts, ports: entry.ports.clone(), methods: entry.methods.clone() };
        Granted { rule, plaintext: entry.plaintext, exempt: entry.addresses.clone(), field }
    }

    /// All hosts that a config field stands for, in whichever manifest entry.
    fn hosts_of(&self, field: &str) -> Vec<HostPattern> {
        let of_field = self.templates.iter().filter(|(template, _)| template.field() == field);
        of_field.flat_map(|(template, _)| template.hosts().iter().cloned()).collect()
    }

    fn bind(&self, manifest: &Manifest, grant: &Grant) -> Result<Vec<Arc<Binding>>, Refusal> {
        let mut credentials: Vec<Arc<Binding>> = Vec::new();
        for (id, source) in &grant.credentials {
            let Some(auth) = manifest.auth.iter().find(|auth| auth.id == *id) else {
                let known: Vec<_> = manifest.auth.iter().map(|auth| format!("`{}`", auth.id)).collect();
                let message = format!("the grant holds a credential `{id}`, which the manifest does not ask for");
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(Refusal::new("credential-unknown", message).hint(format!("the manifest asks for {known}")));
            };
            let hosts = auth.hosts.iter().flat_map(|host| match host {
                HostPattern::Template(field) => self.hosts_of(field),
                host => vec![host.clone()],
            });
            let credential = bind(auth, hosts.collect(), source)?;
            if let Some(rival) = credentials.iter().find(|other| credential.is_rival_of(other)) {
                let message =
                    format!("the credentials `{}` and `{id}` would stand in the same place of a request", rival.id());
                return Err(Refusal::new("credential-place-taken", message).hint("bind one of the two"));
            }
            credentials.push(Arc::new(credential));
        }
        Ok(credentials)
    }
}

impl Rule {
    fn new(entry: &Asked, hosts: Vec<HostPattern>) -> Self {
        Self { hosts, ports: entry.ports.clone(), methods: entry.methods.clone() }
    }

    fn covers_host(&self, host: &str) -> bool {
        // A suffix is a rule about names; an address has none.
        let is_address = host.parse::<IpAddr>().is_ok();
        self.hosts
            .iter()
            .any(|pattern| pattern.matches(host) && (!is_address || matches!(pattern, HostPattern::Exact(_))))
    }

    fn covers(&self, target: &Target, method: &Method) -> bool {
        self.covers_host(&target.host.pattern_text())
            && self.ports.contains(target.port)
            && self.methods.contains(method.as_str())
    }
}

/// Which of host, port and method is the one that is missing.
fn miss(who: &str, target: &Target, method: &Method, about_host: &[&Rule]) -> String {
    let Target { host, port, .. } = target;
    if about_host.is_empty() {
        format!("{who} the host {host}")
    } else if !about_host.iter().any(|rule| rule.ports.contains(*port)) {
        format!("{who} port {port} of {host}")
    } else if !about_host.iter().any(|rule| rule.methods.contains(method.as_str())) {
        format!("{who} {method} to {host}")
    } else {
        format!("{who} {method} to port {port} of {host}")
    }
}

/// The least that would have to be granted.
fn grant_of(target: &Target, method: &Method) -> EgressGrant {
    EgressGrant {
        host: HostPattern::Exact(target.host.pattern_text()),
        ports: Ports::List(vec![target.port]),
        methods: match method.as_str().parse() {
            Ok(method) => Methods::List(vec![method]),
            Err(_) => Methods::Any(Any::Any),
        },
        plaintext: !target.tls,
        addresses: Vec::new(),
    }
}

/// The command that grants a destination.
pub(super) fn grant_command(connector: &PackageName, grant: &EgressGrant) -> String {
    format!("jackfield grant {connector} --allow {}", quoted(&grant.to_string()))
}

/// What the author would add to connector.toml.
fn author_lines(target: &Target, method: &Method) -> String {
    let mut lines = format!("[[egress]]\nhost = \"{}\"\n", target.host.pattern_text());
    if target.port != 443 {
        lines += &format!("ports = [{}]\n", target.port);
    }
    match method.as_str().parse::<jackfield_package::egress::Method>() {
        Ok(method) => lines += &format!("methods = [\"{}\"]\n", method.as_str()),
        Err(_) => lines += "methods = \"any\"\n",
    }
    lines + "reason = \"why the connector needs it\""
}

/// As a POSIX shell takes it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A binding whose headers are not the host's own.
fn bind(auth: &Auth, hosts: Vec<HostPattern>, source: &Source) -> Result<Binding, Refusal> {
    let binding = Binding::new(auth, hosts, source.clone())?;
    if binding.headers().iter().any(super::is_host_header) {
        let message = format!("the credential `{}` names a header that can't carry a credential", auth.id);
        return Err(Refusal::new("credential-not-attachable", message));
    }
    Ok(binding)
}

/// The names in a query, decoded.
fn query_names(uri: &Uri) -> impl Iterator<Item = String> {
    let pairs = uri.query().unwrap_or_default().split(['&', ';']);
    pairs.map(|pair| decode_query(pair.split('=').next().unwrap_or_default()))
}
