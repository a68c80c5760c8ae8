//! Reading a request's target: the one place where a URI becomes a host and a port.
//!
//! Everything that could be read in two ways is refused here, so that no later step and no server reads another host than
//! the one that was judged: userinfo, absolute-form and asterisk-form targets (RFC 9112 section 3.2), control characters, numbers that pass
//! for names (`0x7f.1`, `2130706433`, `0177.0.0.1`), trailing dots, zone ids, IPv4-mapped literals.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use http::{Method, Uri};
use ipnet::IpNet;
use jackfield_broker::attach::Binding;
use jackfield_package::egress::is_dns_name;

use super::{
    Refused,
    address::{Special, classify, unmapped},
};
use crate::{denial::Layer, grant::EgressGrant, limits::URI_BYTES};

/// A host as it is connected to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A DNS name in lower case, without a trailing dot.
    Name(String),
    /// An address; never an IPv4-mapped one.
    Address(IpAddr),
}

impl Host {
    /// As [`jackfield_package::egress::HostPattern::Exact`] spells it: without brackets.
    pub fn pattern_text(&self) -> String {
        match self {
            Self::Name(name) => name.clone(),
            Self::Address(address) => address.to_string(),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// What a request's URI asks for, read without ambiguity but not yet judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) tls: bool,
    pub(crate) host: Host,
    pub(crate) port: u16,
}

impl Target {
    /// Reads a URI. `Err` names what is wrong with it.
    pub(crate) fn read(uri: &Uri, method: &Method) -> Result<Self, Refused> {
        let refuse = |reason: &str| Err(Refused::new(Layer::Request, reason));
        // TRACK is what some servers call TRACE.
        if *method == Method::CONNECT || *method == Method::TRACE || method.as_str() == "TRACK" {
            return refuse("CONNECT, TRACE and TRACK are for no connector");
        }
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return refuse("the scheme is neither https nor http"),
        };
        let Some(authority) = uri.authority() else {
            return refuse("the URI names no host");
        };
        if authority.as_str().contains('@') {
            return refuse("the URI holds userinfo before the host");
        }
        let path = uri.path_and_query().map_or("", |path| path.as_str());
        if !(path.is_empty() || path.starts_with('/') || path.starts_with('?')) {
            return refuse("the request's target is not a path");
        }
        if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return refuse("the path holds a control character, a space or a character beyond ASCII");
        }
        if path.len() > URI_BYTES {
            return refuse("the path and query are too long");
        }
        let raw = authority.host();
        let port = uri.port_u16();
        // Whatever the parser skipped or made its own sense of shows as a difference.
        let spelled = port.map_or_else(|| raw.to_owned(), |port| format!("{raw}:{port}"));
        if spelled != authority.as_str() || port == Some(0) {
            return refuse("the host and port are malformed");
        }
        let port = port.unwrap_or(if tls { 443 } else { 80 });
        Ok(Self { tls, host: read_host(raw)?, port })
    }

    /// `https` or `http`.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }
}

fn read_host(raw: &str) -> Result<Host, Refused> {
    let refuse = |reason: String| Err(Refused::new(Layer::Request, reason));
    if let Some(bracketed) = raw.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        // The parser takes no zone id, and an IPv4-mapped literal is another spelling of an IPv4 one.
        return match bracketed.parse::<Ipv6Addr>() {
            Ok(address) if address.to_ipv4_mapped().is_none() => Ok(Host::Address(address.into())),
            Ok(_) => refuse("the host is an IPv4 address in the disguise of an IPv6 one".to_owned()),
            Err(_) => refuse("the host is not an IPv6 address".to_owned()),
        };
    }
    let lower = raw.to_ascii_lowercase();
    if let Ok(address) = lower.parse::<std::net::Ipv4Addr>() {
        return Ok(Host::Address(address.into()));
    }
    if is_dns_name(&lower) {
        return Ok(Host::Name(lower));
    }
    refuse(format!(
        "`{}` is neither a DNS name nor an address in its plain spelling (no trailing dot; no octal, hex or shortened number)",
        raw.chars().take(80).collect::<String>().escape_debug()
    ))
}

/// Where one request goes: granted, and still to be resolved.
#[derive(Clone)]
pub struct Destination {
    pub(crate) target: Target,
    /// Networks that this destination may lie in although they are not public.
    pub(crate) exempt: Vec<IpNet>,
    /// What an admin would grant to reach this destination at special addresses, without the addresses.
    pub(crate) grant: EgressGrant,
    /// The credentials that are put on the request once TLS stands.
    pub(crate) credentials: Vec<Arc<Binding>>,
}

impl Destination {
    /// Whether TLS is spoken.
    pub fn tls(&self) -> bool {
        self.target.tls
    }

    /// The host, judged.
    pub fn host(&self) -> &Host {
        &self.target.host
    }

    /// The TCP port.
    pub fn port(&self) -> u16 {
        self.target.port
    }

    /// Whether the host may be reached at this address.
    pub fn judge_address(&self, address: IpAddr) -> Result<(), Special> {
        let plain = unmapped(address);
        if self.exempt.iter().any(|network| network.contains(&plain) || network.contains(&address)) {
            return Ok(());
        }
        classify(address)
    }

    /// What stands in `Host:` (RFC 9112 section 3.2): the port only where it is not the scheme's own.
    pub fn host_header(&self) -> String {
        let Target { tls, host, port } = &self.target;
        if *port == if *tls { 443 } else { 80 } { host.to_string() } else { format!("{host}:{port}") }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.target.scheme(), self.target.host, self.target.port)
    }
}
