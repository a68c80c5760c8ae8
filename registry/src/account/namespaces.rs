//! Namespaces: whose packages they are.

use http::StatusCode;
use jackfield_db::Conn;
use jackfield_package::Label;
use serde::{Deserialize, Serialize};

use super::{
    Action, Actor, Target, names,
    store::{self, NamespaceRow},
};
use crate::{
    Problem, Shared,
    clock::Micros,
    limits::{LABEL_TEXT_BYTES, MEMBERS_PER_NAMESPACE, NAMESPACES_PER_USER},
};

/// What a namespace holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Connectors: each release is checked, signed and logged.
    Connector,
    /// Plain OCI artifacts. Hosts never resolve them; only operators make such a namespace.
    Generic,
}

impl Class {
    fn word(self) -> &'static str {
        match self {
            Self::Connector => "connector",
            Self::Generic => "generic",
        }
    }
}

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Everything, members and keys too.
    Owner,
    /// Stage releases and take them back.
    Publisher,
}

impl Role {
    fn word(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Publisher => "publisher",
        }
    }
}

/// A namespace as its page shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Namespace {
    /// Its name.
    pub name: Label,
    /// What it holds.
    pub class: Class,
    /// `active`, or `held` until a person has looked at it.
    pub state: String,
    /// Why it is held.
    pub reason: Option<String>,
    /// What was proven: `dns:example.com` or `key:<key id>`.
    pub control: Option<String>,
    /// Since when the TXT record that proved it has not been there; it counts for [`CONTROL_GRACE_DAYS`] more.
    ///
    /// [`CONTROL_GRACE_DAYS`]: crate::limits::CONTROL_GRACE_DAYS
    pub control_missing_since: Option<Micros>,
    /// Bytes it may store.
    pub quota_bytes: i64,
    /// Since when.
    pub created_at: Micros,
}

impl Namespace {
    /// Whether releases may be staged in it.
    pub fn is_active(&self) -> bool {
        self.state == "active"
    }

    fn of(row: NamespaceRow) -> Result<Self, Problem> {
        let class = if row.class == "generic" { Class::Generic } else { Class::Connector };
        Ok(Self {
            name: row.name.parse()?,
            class,
            state: row.state,
            reason: row.reason,
            control: row.control,
            control_missing_since: row.control_missing_since,
            quota_bytes: row.quota_bytes,
            created_at: row.created_at,
        })
    }
}

/// The namespace of that name.
///
/// # Errors
/// 503 if the database does not answer.
pub async fn find(conn: &mut Conn, name: &Label) -> Result<Option<Namespace>, Problem> {
    store::namespace(conn, name.as_str()).await?.map(Namespace::of).transpose()
}

/// What it holds; none if there is none.
///
/// # Errors
/// As [`find`].
pub async fn class(conn: &mut Conn, name: &Label) -> Result<Option<Class>, Problem> {
    Ok(find(conn, name).await?.map(|namespace| namespace.class))
}

/// Whether a user belongs to it, in whatever role. Members don't review their own.
///
/// # Errors
/// As [`find`].
pub async fn is_member(conn: &mut Conn, name: &Label, user: &Label) -> Result<bool, Problem> {
    Ok(store::role(conn, name.as_str(), user.as_str()).await?.is_some())
}

/// There is none of that name.
pub(crate) fn not_found(name: &str) -> Problem {
    let shown: String = name.chars().take(80).collect();
    Problem::not_found("namespace-not-found", format!("there is no namespace `{}`", shown.escape_debug()))
}

/// It waits for a person.
pub(crate) fn held(name: &str, reason: Option<&str>) -> Problem {
    let why = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    Problem::forbidden("namespace-held", format!("namespace `{name}` waits for a moderator{why}"))
        .hint("nothing can be published in it until then; `jackfield namespace show` says when it is decided")
}

/// Makes one, owned by the caller. A name that is reserved or looks like another is held; an operator's never is.
pub(crate) async fn create(registry: &Shared, actor: &Actor, name: Label, class: Class) -> Result<Namespace, Problem> {
    let mut tx = registry.db.begin().await?;
    // Whoever may add a name to all that there are has a token for all of them.
    let action = if class == Class::Generic { Action::Moderate } else { Action::Namespace };
    actor.authorise(registry, &mut tx, action, &Target::Registry).await?;
    let Some(owner) = &actor.user else {
        return Err(Problem::forbidden("forbidden", "only a user can own a namespace"));
    };
    if !actor.operator && store::owned_count(&mut tx, owner.as_str()).await? >= NAMESPACES_PER_USER {
        return Err(Problem::conflict(
            "too-many-namespaces",
            format!("you own {NAMESPACES_PER_USER} namespaces already"),
        )
        .hint("an operator can make more for you"));
    }
    let existing = store::namespace_names(&mut tx).await?;
    let reason = match actor.operator {
        true => None,
        false => names::suspicion(name.as_str(), existing.iter().map(String::as_str)),
    };
    let now = registry.now();
    let row = NamespaceRow {
        name: name.to_string(),
        class: class.word().to_owned(),
        state: if reason.is_some() { "held" } else { "active" }.to_owned(),
        reason,
        control: None,
        control_missing_since: None,
        quota_bytes: registry.config.namespace_quota_bytes,
        created_at: now,
    };
    if store::add_namespace(&mut tx, &row).await? == 0 {
        return Err(Problem::conflict("namespace-exists", format!("there is a namespace `{name}` already")));
    }
    store::set_member(&mut tx, name.as_str(), owner.as_str(), Role::Owner.word(), now).await?;
    tx.commit().await?;
    Namespace::of(row)
}

/// Gives a user a role, or another one.
pub(crate) async fn set_member(
    registry: &Shared,
    actor: &Actor,
    namespace: &Label,
    user: &Label,
    role: Role,
) -> Result<(), Problem> {
    let mut tx = registry.db.begin().await?;
    actor.authorise(registry, &mut tx, Action::Namespace, &Target::Namespace(namespace.clone())).await?;
    store::lock_namespace(&mut tx, namespace.as_str()).await?;
    if store::user(&mut tx, user.as_str()).await?.is_none() {
        return Err(Problem::not_found("user-not-found", format!("there is no user `{user}`")));
    }
    let members = store::members(&mut tx, namespace.as_str()).await?;
    let known = members.iter().find(|member| member.user_name == user.as_str());
    if known.is_none() && members.len() as i64 >= MEMBERS_PER_NAMESPACE {
        return Err(Problem::conflict(
            "too-many-members",
            format!("there are {MEMBERS_PER_NAMESPACE} members already"),
        ));
    }
    if role != Role::Owner && known.is_some_and(|member| member.role == "owner") {
        must_leave_an_owner(&members, user)?;
    }
    store::set_member(&mut tx, namespace.as_str(), user.as_str(), role.word(), registry.now()).await?;
    tx.commit().await?;
    Ok(())
}

/// Takes a user's role away. Anybody may leave.
pub(crate) async fn remove_member(
    registry: &Shared,
    actor: &Actor,
    namespace: &Label,
    user: &Label,
) -> Result<(), Problem> {
    let mut tx = registry.db.begin().await?;
    let target = Target::Namespace(namespace.clone());
    if actor.user.as_ref() == Some(user) {
        actor.within_scope(Action::Namespace, &target)?;
        actor.record(registry, &mut tx, Action::Namespace, &target, Some("left")).await?;
    } else {
        actor.authorise(registry, &mut tx, Action::Namespace, &target).await?;
    }
    store::lock_namespace(&mut tx, namespace.as_str()).await?;
    let members = store::members(&mut tx, namespace.as_str()).await?;
    if !members.iter().any(|member| member.user_name == user.as_str()) {
        return Err(Problem::not_found("member-not-found", format!("`{user}` is not a member of `{namespace}`")));
    }
    must_leave_an_owner(&members, user)?;
    store::remove_member(&mut tx, namespace.as_str(), user.as_str()).await?;
    tx.commit().await?;
    Ok(())
}

fn must_leave_an_owner(members: &[store::MemberRow], without: &Label) -> Result<(), Problem> {
    if members.iter().any(|member| member.role == "owner" && member.user_name != without.as_str()) {
        return Ok(());
    }
    Err(Problem::conflict("last-owner", format!("`{without}` is the only owner"))
        .hint("make somebody else an owner first"))
}

/// What a moderator decides on a held name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decision {
    verdict: Verdict,
    reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    Grant,
    Refuse,
}

/// Those that wait for a person, oldest first.
pub(crate) async fn list_held(registry: &Shared, actor: &Actor) -> Result<Vec<Namespace>, Problem> {
    let mut tx = registry.db.begin().await?;
    actor.authorise(registry, &mut tx, Action::Moderate, &Target::Registry).await?;
    let held = store::namespaces_held(&mut tx).await?;
    tx.commit().await?;
    held.into_iter().map(Namespace::of).collect()
}

/// Grants a held name, or frees it.
pub(crate) async fn decide(
    registry: &Shared,
    actor: &Actor,
    namespace: &Label,
    decision: Decision,
) -> Result<Option<Namespace>, Problem> {
    if decision.reason.is_empty() || decision.reason.len() > LABEL_TEXT_BYTES {
        return Err(Problem::bad_request(
            "reason-missing",
            format!("a decision has a reason of 1 to {LABEL_TEXT_BYTES} bytes"),
        ));
    }
    let mut tx = registry.db.begin().await?;
    let target = Target::Namespace(namespace.clone());
    actor.authorise(registry, &mut tx, Action::Moderate, &target).await?;
    actor.record(registry, &mut tx, Action::Moderate, &target, Some(&decision.reason)).await?;
    let met = match decision.verdict {
        Verdict::Grant => store::set_namespace_state(&mut tx, namespace.as_str(), "held", "active", None).await?,
        Verdict::Refuse => store::remove_held_namespace(&mut tx, namespace.as_str()).await?,
    };
    if met == 0 {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "namespace-not-held",
            format!("namespace `{namespace}` does not wait for a decision"),
        ));
    }
    let now = find(&mut tx, namespace).await?;
    tx.commit().await?;
    Ok(now)
}
