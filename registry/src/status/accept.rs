//! Taking a status in: an owner's statement, or an operator's order that the registry signs. It counts once it is in the log.

use jackfield_db::Conn;
use jackfield_package::{
    Digest, Label, PackageName,
    key::{KeyId, PublicKey},
    statement::{Bundle, StatusAction, StatusStatement, StatusSubject, quorum},
};
use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::store::{self, StatusRow};
use crate::{
    Problem, Shared,
    account::{Action, Actor, Target, keysets},
    clock::DAY,
    keys::uuid_v7,
    limits::{QUARANTINE_DAYS, REASON_CHARS},
    log,
    read::packages,
    review::text,
};

/// A status to be taken in: one of the two.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewStatus {
    /// The bundle of a status statement, signed by a key of the namespace.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub bundle: Option<Box<RawValue>>,
    /// What an operator orders, and the registry signs.
    #[serde(default)]
    pub order: Option<Order>,
}

/// An operator's order.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// `yank`, `quarantine`, `revoke` or `lift`.
    #[schema(value_type = String)]
    pub action: StatusAction,
    /// Why, for everybody.
    pub reason: String,
    /// Of a quarantine: for how many days, at most 7.
    #[serde(default)]
    pub days: Option<i64>,
    /// Of the revocation of a key: what it signed from this index of the log on is void. None: all.
    #[serde(default)]
    pub since_index: Option<u64>,
}

/// A status was taken in.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Taken {
    /// Its statement, which waits for the log.
    pub statement: String,
}

/// What a path names.
#[derive(Clone, Debug)]
pub(super) enum Subject {
    Release(PackageName, Version),
    Key(Label, KeyId),
}

impl Subject {
    fn namespace(&self) -> &Label {
        match self {
            Self::Release(name, _) => name.namespace(),
            Self::Key(namespace, _) => namespace,
        }
    }

    fn target(&self) -> Target {
        match self {
            Self::Release(name, _) => Target::Package(name.clone()),
            Self::Key(namespace, _) => Target::Namespace(namespace.clone()),
        }
    }
}

/// Takes a status in.
///
/// # Errors
/// 400 `status-body`, `quarantine-too-long`, the codes of bundles and statements; 403 `status-signer`, `status-mismatch`,
/// `status-by-registry`, `audience-mismatch`; 404 `release-not-found`, `key-not-found`; 409 `status-repeated`, `status-nothing-to-lift`.
pub(super) async fn accept(
    registry: &Shared,
    actor: &Actor,
    subject: &Subject,
    new: NewStatus,
) -> Result<Taken, Problem> {
    let mut tx = registry.db.begin().await?;
    let action = if new.order.is_some() { Action::Moderate } else { Action::Status };
    actor.authorise(registry, &mut tx, action, &subject.target()).await?;
    let expected = named(&mut tx, subject).await?;
    let (bundle, key, authority) = match (new.bundle, new.order) {
        (Some(bundle), None) => {
            let bundle = Bundle::parse(bundle.get().as_bytes())?;
            let key = owner_key(&mut tx, subject.namespace(), &bundle).await?;
            (bundle, key, "owner")
        }
        (None, Some(order)) => {
            let bundle = signed(registry, actor, expected.clone(), order)?;
            (bundle, registry.keys.statements.public_key(), "registry")
        }
        _ => return Err(Problem::bad_request("status-body", "a status is a `bundle` or an `order`, one of the two")),
    };
    let statement = StatusStatement::from_verified_payload(quorum::verified(&bundle, &key)?)?;
    check(registry, actor, &statement, &expected)?;
    if authority == "owner" && statement.action == StatusAction::Lift {
        liftable(&mut tx, subject).await?;
    }
    let taken = record(registry, &mut tx, actor, subject, &statement, bundle, key, authority).await?;
    tx.commit().await?;
    Ok(taken)
}

/// What a statement about this must name.
async fn named(conn: &mut Conn, subject: &Subject) -> Result<StatusSubject, Problem> {
    match subject {
        Subject::Release(name, version) => {
            let (_, row, _) = packages::see_release(conn, &Actor::anonymous(), name, version).await?;
            let component: Digest = row.component.parse()?;
            Ok(StatusSubject::Release { name: name.clone(), version: version.clone(), component })
        }
        Subject::Key(namespace, key) => {
            let chain = keysets::chain(conn, namespace).await?;
            if !chain.iter().any(|keyset| keyset.keys.iter().any(|known| known.id() == *key)) {
                let message = format!("`{namespace}` never had a key {key}");
                return Err(Problem::not_found("key-not-found", message));
            }
            Ok(StatusSubject::Key { namespace: namespace.clone(), key: *key })
        }
    }
}

async fn owner_key(conn: &mut Conn, namespace: &Label, bundle: &Bundle) -> Result<PublicKey, Problem> {
    let hint = bundle.key_hint();
    let keyset = keysets::current(conn, namespace).await?;
    let key = keyset.and_then(|keyset| keyset.keys.into_iter().find(|key| key.id() == *hint));
    let rows = store::of_keys(conn, namespace.as_str()).await?;
    let hint_text = hint.to_string();
    let newest = rows.iter().rfind(|row| row.key_id.as_deref() == Some(&hint_text));
    match key {
        Some(key) if newest.is_none_or(|row| row.action != "revoke") => Ok(key),
        _ => Err(Problem::forbidden(
            "status-signer",
            format!("the status is signed by key {hint}, which is not among the keys of `{namespace}`, or is revoked"),
        )),
    }
}

fn signed(registry: &Shared, actor: &Actor, subject: StatusSubject, order: Order) -> Result<Bundle, Problem> {
    let expires = match order.action {
        StatusAction::Quarantine => {
            let days = order.days.unwrap_or(QUARANTINE_DAYS);
            if !(1..=QUARANTINE_DAYS).contains(&days) {
                return Err(too_long());
            }
            Some(registry.now() + days * DAY)
        }
        _ => None,
    };
    let statement = StatusStatement {
        registry: registry.config.origin.clone(),
        subject,
        action: order.action,
        reason: text::plain("the reason", &order.reason, REASON_CHARS)?,
        since_index: order.since_index,
        expires,
        by: actor.name.clone(),
    };
    Ok(statement.sign(&registry.keys.statements))
}

fn too_long() -> Problem {
    Problem::bad_request("quarantine-too-long", format!("a quarantine ends within {QUARANTINE_DAYS} days"))
        .hint("what must stay away for longer is yanked or revoked")
}

fn check(registry: &Shared, actor: &Actor, said: &StatusStatement, expected: &StatusSubject) -> Result<(), Problem> {
    let mismatch = |what: String| Problem::forbidden("status-mismatch", what);
    if said.registry != registry.config.origin {
        return Err(Problem::forbidden(
            "audience-mismatch",
            format!("the status is for `{}`, and this is `{}`", said.registry.escape_debug(), registry.config.origin),
        ));
    }
    if said.subject != *expected {
        return Err(mismatch("the status is about something else than the path names".to_owned()));
    }
    if said.by != actor.name {
        return Err(mismatch(format!(
            "the status says that {} said it, and {} sends it",
            said.by.escape_debug(),
            actor.name
        )));
    }
    text::plain("the reason", &said.reason, REASON_CHARS)?;
    let now = registry.now();
    let within = |end: i64| end > now && end <= now + QUARANTINE_DAYS * DAY;
    match (said.action, said.expires) {
        (StatusAction::Quarantine, Some(end)) if !within(end) => Err(too_long()),
        (StatusAction::Quarantine, _) | (_, None) => Ok(()),
        (_, Some(_)) => Err(mismatch("only a quarantine ends by itself".to_owned())),
    }
}

/// What the registry said, owners don't lift; and what nobody said, nobody lifts.
async fn liftable(conn: &mut Conn, subject: &Subject) -> Result<(), Problem> {
    let rows = match subject {
        Subject::Release(name, version) => store::of_release(conn, &name.to_string(), &version.to_string()).await?,
        Subject::Key(namespace, key) => {
            let mut rows = store::of_keys(conn, namespace.as_str()).await?;
            let key = key.to_string();
            rows.retain(|row| row.key_id.as_deref() == Some(&key));
            rows
        }
    };
    let stands = |authority: &str| {
        rows.iter()
            .rev()
            .take_while(|row| !(row.action == "lift" && (row.authority == authority || row.authority == "registry")))
            .any(|row| row.authority == authority && row.action != "lift")
    };
    if stands("owner") && !(matches!(subject, Subject::Key(..)) && stands("registry")) {
        return Ok(());
    }
    if stands("registry") {
        return Err(Problem::forbidden("status-by-registry", "the registry said it, and the registry alone lifts it")
            .hint("ask its operator"));
    }
    Err(Problem::conflict("status-nothing-to-lift", "nothing stands that could be lifted"))
}

#[expect(clippy::too_many_arguments, reason = "each is a column")]
async fn record(
    registry: &Shared,
    conn: &mut Conn,
    actor: &Actor,
    subject: &Subject,
    said: &StatusStatement,
    bundle: Bundle,
    key: PublicKey,
    authority: &str,
) -> Result<Taken, Problem> {
    // Whoever replaces a key and revokes it then has it in this order in the log, whatever the clocks of several processes say.
    let newest = keysets::current(conn, subject.namespace()).await?;
    let now = newest.map_or(registry.now(), |keyset| registry.now().max(keyset.created_at + 1));
    let namespace = subject.namespace().to_string();
    let (package, version, component, key_id) = match &said.subject {
        StatusSubject::Release { name, version, component } => {
            (Some(name.clone()), Some(version.to_string()), Some(*component), None)
        }
        StatusSubject::Key { key, .. } => (None, None, None, Some(key.to_string())),
    };
    let statement = log::NewStatement {
        bundle,
        kind: log::StatementKind::Status,
        key,
        namespace: namespace.clone(),
        package: package.clone(),
        version: version.clone(),
        component,
    };
    let statement = log::submit(conn, statement, now).await?.to_string();
    if store::has_statement(conn, &statement).await? {
        return Err(Problem::conflict("status-repeated", "this very statement was sent before, and says nothing new")
            .hint("to say it once more, give another reason"));
    }
    let row = StatusRow {
        id: uuid_v7(now)?,
        package: package.map(|name| name.to_string()),
        version,
        key_id,
        namespace,
        action: said.action.as_str().to_owned(),
        reason: said.reason.clone(),
        since_index: said.since_index.map(|index| i64::try_from(index).unwrap_or(i64::MAX)),
        expires_at: said.expires,
        statement: Some(statement.clone()),
        authority: authority.to_owned(),
        actor: actor.name.clone(),
        at: now,
        settled_at: None,
        signed_by: None,
        log_index: None,
    };
    store::add(conn, &row).await?;
    Ok(Taken { statement })
}
