//! Which credential goes where.

use std::{convert::Infallible, fmt, path::PathBuf, str::FromStr};

use http::{HeaderName, header};
use jackfield_package::{
    Label, Refusal,
    egress::HostPattern,
    manifest::{Attach, Auth, AuthType},
};
use zeroize::Zeroizing;

use super::{
    file,
    sign::{Hmac, Sigv4},
};
use crate::{ConnectionId, Secret};

/// An `auth` entry of a manifest, bound to where its secret is.
pub struct Binding {
    pub(super) id: Label,
    hosts: Vec<HostPattern>,
    place: Place,
    pub(super) form: Form,
    pub(super) source: Source,
}

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// In a file of mode 0600, read for each request.
    File(PathBuf),
    /// In the vault.
    Connection(ConnectionId),
}

/// What stands before a connection's id in the text form.
const OF_A_CONNECTION: &str = "connection:";

/// `connection:con_…`, or a path.
impl FromStr for Source {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let id = text.strip_prefix(OF_A_CONNECTION).and_then(|id| id.parse().ok());
        Ok(id.map_or_else(|| Self::File(PathBuf::from(text)), Self::Connection))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Connection(id) => write!(f, "{OF_A_CONNECTION}{id}"),
        }
    }
}

impl serde::Serialize for Source {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::File(path) => path.serialize(serializer),
            Self::Connection(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Source {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match String::deserialize(deserializer)?.parse() {
            Ok(source) => source,
            Err(never) => match never {},
        })
    }
}

/// Where on a request a credential stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A header.
    Header(HeaderName),
    /// A query parameter.
    Query(String),
}

/// How the secret is written there.
pub(super) enum Form {
    /// After these words.
    Prefixed(String),
    /// RFC 7617.
    Basic,
    /// A keyed hash over the request.
    Hmac(Hmac),
    /// AWS Signature Version 4.
    Sigv4(Sigv4),
}

impl Binding {
    /// Binds an entry to where its secret is. Reads nothing yet. The caller vouches for the header being one that a credential may
    /// stand in.
    ///
    /// # Errors
    /// `credential-not-attachable`.
    pub fn new(auth: &Auth, hosts: Vec<HostPattern>, source: Source) -> Result<Self, Refusal> {
        let id = &auth.id;
        let refusal =
            |reason: &str| Refusal::new("credential-not-attachable", format!("the credential `{id}` {reason}"));
        let refuse = |reason| Err(refusal(reason));
        let authorization = || Place::Header(header::AUTHORIZATION);
        let (place, form) = match (auth.r#type, &auth.attach) {
            (AuthType::Hmac, Attach::Signature { hmac: Some(scheme), .. }) => {
                let form = Hmac::new(scheme).map_err(|reason| refusal(&reason))?;
                (Place::Header(form.header().clone()), Form::Hmac(form))
            }
            (AuthType::Sigv4, Attach::Signature { sigv4: Some(scope), .. }) => {
                (authorization(), Form::Sigv4(Sigv4::new(scope)))
            }
            (AuthType::Hmac, _) => return refuse("is of type `hmac`, and its `attach` names no `hmac` scheme"),
            (AuthType::Sigv4, _) => return refuse("is of type `sigv4`, and its `attach` names no `sigv4` scope"),
            (_, Attach::Signature { .. }) => return refuse("signs requests, which its type does not"),
            (AuthType::Basic, _) | (_, Attach::Basic {}) => (authorization(), Form::Basic),
            (_, Attach::Header { name, prefix }) => match name.parse::<HeaderName>() {
                Ok(name) if prefix.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) => {
                    (Place::Header(name), Form::Prefixed(prefix.clone()))
                }
                _ => return refuse("names a header that can't carry a credential"),
            },
            (_, Attach::Query { name }) if !name.is_empty() => {
                (Place::Query(name.clone()), Form::Prefixed(String::new()))
            }
            (_, Attach::Query { .. }) => return refuse("names no query parameter"),
        };
        Ok(Self { id: id.clone(), hosts, place, form, source })
    }

    /// The `auth` entry's id.
    pub fn id(&self) -> &Label {
        &self.id
    }

    /// Where it stands on a request.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Where its secret is.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Every header that it sets, which no guest may.
    pub fn headers(&self) -> Vec<HeaderName> {
        let mut headers = match &self.form {
            Form::Hmac(scheme) => scheme.more_headers().cloned().collect(),
            Form::Sigv4(_) => Sigv4::more_headers().to_vec(),
            Form::Prefixed(_) | Form::Basic => Vec::new(),
        };
        if let Place::Header(name) = &self.place {
            headers.push(name.clone());
        }
        headers
    }

    /// Whether it is computed over the request's body, which then has to be there as a whole.
    pub fn needs_body(&self) -> bool {
        match &self.form {
            Form::Hmac(scheme) => scheme.needs_body(),
            Form::Sigv4(_) => true,
            Form::Prefixed(_) | Form::Basic => false,
        }
    }

    /// Whether it may be sent to this host.
    pub fn is_for(&self, host: &str) -> bool {
        self.hosts.iter().any(|pattern| pattern.matches(host))
    }

    /// Whether both could stand in the same place of one request.
    pub fn is_rival_of(&self, other: &Self) -> bool {
        let may_meet = self.hosts.iter().any(|own| {
            other.hosts.iter().any(|theirs| match (own, theirs) {
                (HostPattern::Exact(own), _) => theirs.matches(own),
                (_, HostPattern::Exact(theirs)) => own.matches(theirs),
                (HostPattern::Suffix(a), HostPattern::Suffix(b)) => a == b || own.matches(b) || theirs.matches(a),
                _ => false,
            })
        });
        may_meet && self.place == other.place
    }

    /// Whether the secret can be read now, where it lies in a file. A connection is asked when it is used.
    ///
    /// # Errors
    /// `secret-unreadable`, `secret-not-a-file`, `secret-exposed`, `secret-foreign`, `secret-malformed`.
    pub fn check(&self) -> Result<(), Refusal> {
        match &self.source {
            Source::File(_) => self.load_file().map(drop),
            Source::Connection(_) => Ok(()),
        }
    }

    /// Reads the secret from its file.
    pub(super) fn load_file(&self) -> Result<Option<Secret>, Refusal> {
        let Source::File(path) = &self.source else { return Ok(None) };
        let secret = file::load(path).map_err(|refusal| {
            let message = format!("the credential `{}` can't be read: {}", self.id, refusal.message);
            Refusal { message, ..refusal }
        })?;
        self.fits(&secret)?;
        Ok(Some(secret))
    }

    /// Whether the secret is of the form that this credential's kind asks for.
    pub(super) fn fits(&self, secret: &Secret) -> Result<(), Refusal> {
        let form = match &self.form {
            Form::Basic if !secret.expose().contains(&b':') => "`user:password`",
            Form::Hmac(scheme) if scheme.names_its_key() && !secret.expose().contains(&b':') => "`key-id:secret`",
            Form::Sigv4(_) if !secret.expose().contains(&b':') => "`access-key-id:secret-access-key[:session-token]`",
            _ => return Ok(()),
        };
        let message = format!("the credential `{}` is not of the form {form}", self.id);
        Err(Refusal::new("secret-malformed", message))
    }

    /// Every form in which the secret may come back.
    pub(super) fn forms_of(&self, secret: &Secret) -> Vec<Zeroizing<Vec<u8>>> {
        super::attached::forms(&self.form, secret)
    }
}
