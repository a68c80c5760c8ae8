//! Who wants something of a connection.

use std::fmt;

use jackfield_package::PackageName;

use super::{Connection, not_found};
use crate::error::Result;

/// The one workspace of a machine of one's own.
const LOCAL: &str = "local";

/// Somebody, within a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The workspace.
    pub tenant: String,
    /// Who.
    pub who: Who,
}

/// Who.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// A connector's call: it may have its own connections' credentials put on requests, and nothing else.
    Connector(PackageName),
    /// A person of the workspace.
    Person(String),
    /// The broker itself.
    Broker,
}

impl Caller {
    /// A person of the workspace `local`.
    pub fn local(person: impl Into<String>) -> Self {
        Self { tenant: LOCAL.to_owned(), who: Who::Person(person.into()) }
    }

    /// A connector of the workspace `local`.
    pub fn local_connector(name: PackageName) -> Self {
        Self { tenant: LOCAL.to_owned(), who: Who::Connector(name) }
    }

    /// Whether a request of theirs may carry this connection's secret.
    pub(crate) fn may_use(&self, connection: &Connection) -> Result<()> {
        let own = match &self.who {
            Who::Connector(name) => *name == connection.connector,
            Who::Person(_) | Who::Broker => true,
        };
        if own && self.tenant == connection.tenant { Ok(()) } else { Err(not_found(connection.id.as_str())) }
    }

    /// Whether they may see and change it.
    pub(crate) fn may_manage(&self, connection: &Connection) -> Result<()> {
        match self.who {
            Who::Connector(_) => Err(not_found(connection.id.as_str())),
            Who::Person(_) | Who::Broker => self.may_use(connection),
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connector(name) => write!(f, "connector {name}"),
            Self::Person(name) => write!(f, "person {name}"),
            Self::Broker => f.write_str("broker"),
        }
    }
}
