//! One call authorises and records.

use axum::extract::FromRequestParts;
use http::request::Parts;
use jackfield_db::Conn;
use jackfield_package::{Label, PackageName};

use crate::{Problem, Shared};

/// Who asks. Made from the request's `Authorization` header by its extractor: `Bearer jf_…`, `Basic user:jf_…` (as OCI
/// clients send it), or a short-lived token of the OCI token endpoint; none: [`Actor::anonymous`]. A wrong or expired token is
/// 401, never anonymous.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// `user:NAME`, `identity:SUBJECT`, `system` or `anonymous`: what the audit log shows.
    pub name: String,
    /// The user, if it is one.
    pub user: Option<Label>,
    /// Whether the user is an operator.
    pub operator: bool,
    /// The token's id, if one was used.
    pub token: Option<String>,
    /// The packages it is good for: `*`, `acme:*` or `acme:crm`.
    pub pattern: String,
    /// What it may do.
    pub actions: Vec<Action>,
}

/// What somebody wants to do. As text in tokens and in the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// `read`: see what is staged, and what is the caller's own.
    Read,
    /// `publish`: stage a release, attach statements.
    Publish,
    /// `status`: deprecate, yank, lift one's own.
    Status,
    /// `namespace`: members, keys, trusted publishers.
    Namespace,
    /// `review`: write reviews.
    Review,
    /// `moderate`: release held names, quarantine, revoke, remove reviews. Operators only.
    Moderate,
    /// `account`: one's tokens and password.
    Account,
}

/// On what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The registry as a whole, or the caller's own account.
    Registry,
    /// A namespace.
    Namespace(Label),
    /// A package.
    Package(PackageName),
    /// An OCI repository, which in a generic namespace need not be a package.
    Repository(String),
}

impl Actor {
    /// Nobody in particular.
    pub fn anonymous() -> Self {
        Self {
            name: "anonymous".to_owned(),
            user: None,
            operator: false,
            token: None,
            pattern: String::new(),
            actions: Vec::new(),
        }
    }

    /// The registry itself.
    pub fn system() -> Self {
        Self { name: "system".to_owned(), operator: true, pattern: "*".to_owned(), ..Self::anonymous() }
    }

    /// Whether it may, and a row in the audit log that says so; call it in the transaction of what is done, so that nothing is
    /// done unrecorded. A no is recorded too.
    ///
    /// # Errors
    /// 401 `unauthenticated` for nobody in particular, 403 `forbidden` otherwise, with what is missing.
    pub async fn authorise(
        &self,
        _registry: &Shared,
        _conn: &mut Conn,
        _action: Action,
        _target: &Target,
    ) -> Result<(), Problem> {
        Err(Problem::forbidden("forbidden", "nobody may do anything yet"))
    }

    /// Whether it may see what is staged there: [`Action::Read`] without a record.
    pub async fn may_read(&self, _conn: &mut Conn, _target: &Target) -> Result<bool, Problem> {
        Ok(false)
    }
}

impl FromRequestParts<Shared> for Actor {
    type Rejection = Problem;

    async fn from_request_parts(_parts: &mut Parts, _registry: &Shared) -> Result<Self, Problem> {
        Ok(Self::anonymous())
    }
}
