//! One call authorises and records.

use std::{cell::RefCell, fmt, str::FromStr};

use axum::extract::FromRequestParts;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{StatusCode, header, request::Parts};
use jackfield_db::Conn;
use jackfield_package::{Label, PackageName, Pattern};
use jackfield_server::peer::caller_address;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    session,
    store::{self, AuditRow},
    tokens, users,
};
use crate::{Problem, Shared, keys::uuid_v7, router::token_needed};

/// Who asks. Made from the request's `Authorization` header by its extractor: `Bearer jf_…`, `Basic user:jf_…` (as OCI
/// clients send it), or `Basic user:password`; from a browser's cookie if there is none ([`session`]); neither: [`Actor::anonymous`]. A wrong or expired token is 401, never anonymous.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
    /// `metrics`: read what the server counts. Operators only.
    Metrics,
    /// `workspace`: act in workspaces beside the registry, as the member that the user is there.
    Workspace,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Read,
        Self::Publish,
        Self::Status,
        Self::Namespace,
        Self::Review,
        Self::Moderate,
        Self::Account,
        Self::Metrics,
        Self::Workspace,
    ];

    /// Whether it is for operators alone.
    pub(crate) fn is_operators(self) -> bool {
        matches!(self, Self::Moderate | Self::Metrics)
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Publish => "publish",
            Self::Status => "status",
            Self::Namespace => "namespace",
            Self::Review => "review",
            Self::Moderate => "moderate",
            Self::Account => "account",
            Self::Metrics => "metrics",
            Self::Workspace => "workspace",
        }
    }
}

impl FromStr for Action {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|action| action.word() == word).ok_or(())
    }
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

impl Target {
    /// The namespace it is in.
    fn namespace(&self) -> Option<&str> {
        match self {
            Self::Registry => None,
            Self::Namespace(namespace) => Some(namespace.as_str()),
            Self::Package(package) => Some(package.namespace().as_str()),
            Self::Repository(repository) => repository.split('/').next(),
        }
    }
}

/// Whether a pattern reaches that far. What concerns the whole registry is only within reach of all of it.
fn covers(pattern: &Pattern, target: &Target) -> bool {
    match target {
        Target::Registry => *pattern == Pattern::All,
        Target::Namespace(namespace) => pattern.includes(&Pattern::Namespace(namespace.clone())),
        Target::Package(package) => pattern.covers(package),
        Target::Repository(repository) => match pattern {
            Pattern::All => true,
            Pattern::Namespace(own) => repository.split('/').next() == Some(own.as_str()),
            Pattern::Package(own) => *repository == format!("{}/{}", own.namespace(), own.name()),
        },
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry => f.write_str("registry"),
            Self::Namespace(namespace) => namespace.fmt(f),
            Self::Package(package) => package.fmt(f),
            Self::Repository(repository) => f.write_str(repository),
        }
    }
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

    /// A user who has shown a password: everything the user may.
    pub(crate) fn of_user(user: Label, operator: bool) -> Self {
        Self {
            name: format!("user:{user}"),
            user: Some(user),
            operator,
            token: None,
            pattern: "*".to_owned(),
            actions: Action::ALL.into_iter().filter(|action| operator || !action.is_operators()).collect(),
        }
    }

    /// Whether it is somebody.
    pub fn is_anonymous(&self) -> bool {
        self.name == "anonymous"
    }

    /// Whether it may, and a row in the audit log that says so; call it in the transaction of what is done, so that nothing is
    /// done unrecorded. A no to somebody is recorded too, after the request, since its transaction is given up; a no to nobody
    /// in particular is not, or strangers would fill the log.
    ///
    /// # Errors
    /// 401 `unauthenticated` for nobody in particular; 403 `token-action` or `token-pattern` if the token is not good for this,
    /// `forbidden` if the user is not, `namespace-held`; 404 `namespace-not-found`.
    pub async fn authorise(
        &self,
        registry: &Shared,
        conn: &mut Conn,
        action: Action,
        target: &Target,
    ) -> Result<(), Problem> {
        self.authorise_noting(registry, conn, action, target, None).await
    }

    /// The same, with what exactly is done in the row.
    pub(crate) async fn authorise_noting(
        &self,
        registry: &Shared,
        conn: &mut Conn,
        action: Action,
        target: &Target,
        detail: Option<&str>,
    ) -> Result<(), Problem> {
        match self.decide(conn, action, target).await {
            Ok(()) => self.record(registry, conn, action, target, detail).await,
            Err(problem) => {
                if !self.is_anonymous() && problem.status == StatusCode::FORBIDDEN {
                    note_denial(AuditRow {
                        allowed: false,
                        detail: Some(problem.code.to_owned()),
                        ..self.audit_row(registry, action, target)?
                    });
                }
                Err(problem)
            }
        }
    }

    /// Writes the row alone, for what is allowed by another rule than [`Self::authorise`] has.
    pub(crate) async fn record(
        &self,
        registry: &Shared,
        conn: &mut Conn,
        action: Action,
        target: &Target,
        detail: Option<&str>,
    ) -> Result<(), Problem> {
        let row = AuditRow { detail: detail.map(str::to_owned), ..self.audit_row(registry, action, target)? };
        store::add_audit(conn, &row).await?;
        Ok(())
    }

    fn audit_row(&self, registry: &Shared, action: Action, target: &Target) -> Result<AuditRow, Problem> {
        let at = registry.now();
        Ok(AuditRow {
            id: uuid_v7(at)?,
            at,
            actor: self.name.clone(),
            token: self.token.clone(),
            action: action.word().to_owned(),
            target: target.to_string(),
            allowed: true,
            detail: None,
        })
    }

    /// Whether it may see what is staged there: [`Action::Read`] without a record.
    ///
    /// # Errors
    /// 503 if the database does not answer.
    pub async fn may_read(&self, conn: &mut Conn, target: &Target) -> Result<bool, Problem> {
        match self.decide(conn, Action::Read, target).await {
            Ok(()) => Ok(true),
            Err(problem) if problem.status.is_client_error() => Ok(false),
            Err(problem) => Err(problem),
        }
    }

    /// Whether it may still: for the steps of what was authorised, and written down, when it began.
    ///
    /// # Errors
    /// Those of [`Self::authorise`].
    pub(crate) async fn may_go_on(&self, conn: &mut Conn, action: Action, target: &Target) -> Result<(), Problem> {
        self.decide(conn, action, target).await
    }

    async fn decide(&self, conn: &mut Conn, action: Action, target: &Target) -> Result<(), Problem> {
        if self.name == "system" {
            return Ok(());
        }
        if self.is_anonymous() {
            return Err(token_needed());
        }
        let forbidden = |what: &str| Err(Problem::forbidden("forbidden", format!("{} {what}", self.name)));
        // Another token would not help.
        if action.is_operators() && !self.operator {
            return forbidden("is not an operator of this registry");
        }
        self.within_scope(action, target)?;
        match (action, target.namespace()) {
            (Action::Moderate, _) => Ok(()),
            (Action::Review, _) | (Action::Account, None) if self.user.is_some() => Ok(()),
            (Action::Read | Action::Namespace, None) if self.user.is_some() => Ok(()),
            (Action::Publish | Action::Read | Action::Status | Action::Namespace, Some(namespace)) => {
                self.within_namespace(conn, action, namespace).await
            }
            _ => forbidden("can't do this"),
        }
    }

    /// What its token is good for.
    ///
    /// # Errors
    /// 403 `token-action`, `token-pattern`.
    pub fn within_scope(&self, action: Action, target: &Target) -> Result<(), Problem> {
        if !self.actions.contains(&action) {
            return Err(Problem::forbidden(
                "token-action",
                format!("the token is not good for the action `{}`", action.word()),
            )
            .hint("make another: jackfield token create --action …"));
        }
        if !self.pattern.parse::<Pattern>().is_ok_and(|pattern| covers(&pattern, target)) {
            return Err(Problem::forbidden(
                "token-pattern",
                format!("the token is good for `{}` and not for `{target}`", self.pattern),
            )
            .hint("make another: jackfield token create --packages …"));
        }
        Ok(())
    }

    /// Operators read, withdraw and repair anywhere, and publish where they are members.
    async fn within_namespace(&self, conn: &mut Conn, action: Action, name: &str) -> Result<(), Problem> {
        let Some(namespace) = store::namespace(conn, name).await? else {
            return Err(super::namespaces::not_found(name));
        };
        let role = match &self.user {
            Some(user) => store::role(conn, name, user.as_str()).await?,
            None => None,
        };
        let may = match (action, role.as_deref()) {
            (_, Some("owner")) => true,
            (Action::Read | Action::Publish | Action::Status, Some("publisher")) => true,
            (Action::Read | Action::Status | Action::Namespace, _) if self.operator => true,
            // A token of trusted publishing: it was made for exactly what it says.
            (Action::Read | Action::Publish, None) if self.user.is_none() => true,
            _ => false,
        };
        if !may {
            let needed = if action == Action::Namespace { "an owner" } else { "a member" };
            return Err(Problem::forbidden(
                "forbidden",
                format!("{} is not {needed} of namespace `{name}`", self.name),
            ));
        }
        if namespace.state != "active" && matches!(action, Action::Publish | Action::Status) {
            return Err(super::namespaces::held(&namespace.name, namespace.reason.as_deref()));
        }
        Ok(())
    }
}

impl FromRequestParts<Shared> for Actor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, registry: &Shared) -> Result<Self, Problem> {
        if let Some(known) = parts.extensions.get::<Actor>() {
            return Ok(known.clone());
        }
        let mut values = parts.headers.get_all(header::AUTHORIZATION).iter();
        let Some(value) = values.next() else {
            let Some(token) = session::of(registry, &parts.headers) else { return Ok(Self::anonymous()) };
            let actor = session::actor(registry, &parts.method, &parts.headers, token).await?;
            parts.extensions.insert(actor.clone());
            return Ok(actor);
        };
        let malformed = || {
            Problem::unauthenticated(
                "authorization-malformed",
                "the header Authorization holds no token: expected `Bearer jf_…`, once",
            )
        };
        let (None, Ok(value)) = (values.next(), value.to_str()) else { return Err(malformed()) };
        let (scheme, credentials) = value.split_once(' ').ok_or_else(malformed)?;
        let actor = if scheme.eq_ignore_ascii_case("bearer") {
            tokens::authenticate(registry, credentials.trim()).await?
        } else if scheme.eq_ignore_ascii_case("basic") {
            let decoded = STANDARD.decode(credentials.trim()).map_err(|_| malformed())?;
            let decoded = Zeroizing::new(String::from_utf8(decoded).map_err(|_| malformed())?);
            let (user, secret) = decoded.split_once(':').ok_or_else(malformed)?;
            if secret.starts_with(tokens::PREFIX) {
                tokens::authenticate(registry, secret).await?
            } else {
                users::sign_in(registry, user, secret.to_owned().into(), &caller_address(&parts.extensions)).await?
            }
        } else {
            return Err(malformed());
        };
        parts.extensions.insert(actor.clone());
        Ok(actor)
    }
}

tokio::task_local! {
    /// What this request was denied, until its transaction is gone and it can be written.
    static DENIED: RefCell<Vec<AuditRow>>;
}

fn note_denial(row: AuditRow) {
    tracing::info!(actor = row.actor, action = row.action, target = row.target, why = row.detail, "denied");
    // Outside a request there is nobody to deny anything.
    let _ = DENIED.try_with(|denied| denied.borrow_mut().push(row));
}

/// Runs a request, then writes down what it was denied.
pub(crate) async fn with_denials_recorded<T>(registry: &Shared, request: impl Future<Output = T>) -> T {
    let (answer, denied) = DENIED
        .scope(RefCell::new(Vec::new()), async {
            let answer = request.await;
            (answer, DENIED.with(RefCell::take))
        })
        .await;
    if !denied.is_empty() {
        let written = async {
            let mut tx = registry.db.begin().await?;
            for row in &denied {
                store::add_audit(&mut tx, row).await?;
            }
            tx.commit().await
        };
        if let Err(error) = written.await {
            tracing::error!(error = &error as &dyn std::error::Error, "denials were not recorded: {denied:?}");
        }
    }
    answer
}
