//! The host refusing a connector something: a value with a fix in it, never a crash.

use std::fmt;

use jackfield_package::PackageName;
use serde::Serialize;

/// One refusal. The guest gets an error it can handle; the operator gets this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Denial {
    /// Which connector asked.
    pub connector: PackageName,
    /// In which operation.
    pub operation: String,
    /// What it asked, such as `GET https://api.example.com:443/v1/items`. Never holds a query or a secret.
    pub asked: String,
    /// Which layer said no.
    pub layer: Layer,
    /// Why, in one sentence.
    pub reason: String,
    /// The exact command or line that would allow it; absent where nothing can.
    pub fix: Option<String>,
}

/// Which layer said no. Each is asked in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// The request itself is malformed or uses what no connector may (userinfo, absolute form, CONNECT, …).
    Request,
    /// A header that the host alone may set.
    Header,
    /// The manifest does not ask for it.
    Manifest,
    /// The admin has not granted it.
    Grant,
    /// The name resolves to an address that is private, local or otherwise special.
    Address,
    /// The credential that would be attached can't be: not bound, or not for this host or scheme.
    Credential,
    /// The installation is disabled, or the operation is not granted.
    Installation,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "request",
            Self::Header => "header",
            Self::Manifest => "manifest",
            Self::Grant => "grant",
            Self::Address => "address",
            Self::Credential => "credential",
            Self::Installation => "installation",
        })
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} asked {} in `{}`, denied by the {}: {}",
            self.connector, self.asked, self.operation, self.layer, self.reason
        )
    }
}
