//! A namespace's keys: which they are, how they change, and how a namespace that has lost them gets others.
//!
//! A change is a keyset statement, signed by the threshold of the keys before and by every new key. It goes into the log like
//! every statement. A token alone changes nothing here, nor do keys alone: the caller is an owner, too.

use jackfield_db::Conn;
use jackfield_package::{
    Label,
    key::PublicKey,
    statement::{Bundle, KeysetStatement, accept_keyset},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    Action, Actor, Target,
    namespaces::{self, Class},
    store::{self, AuditRow, KeysetRow, RecoveryRow},
};
use crate::{
    Problem, Shared,
    clock::{DAY, Micros},
    keys::uuid_v7,
    limits::{LABEL_TEXT_BYTES, RECOVERY_DELAY_DAYS},
    log::{NewStatement, StatementKind, submit},
};

/// A keyset that counts, or has counted.
#[derive(Clone, Debug, Serialize)]
pub struct Keyset {
    /// From 1.
    pub version: u64,
    /// How many keys must sign.
    pub threshold: u64,
    /// The keys.
    pub keys: Vec<PublicKey>,
    /// The digest of one of its statement's bundles.
    pub statement: String,
    /// Since when.
    pub created_at: Micros,
}

impl Keyset {
    fn of(row: KeysetRow) -> Result<Self, Problem> {
        Ok(Self {
            version: row.version.unsigned_abs(),
            threshold: row.threshold.unsigned_abs(),
            keys: serde_json::from_str(&row.keys).map_err(|error| Problem::internal(&error))?,
            statement: row.statement,
            created_at: row.created_at,
        })
    }

    /// As the statement that said so; its reason is in the statement itself.
    pub fn to_statement(&self, namespace: &Label) -> KeysetStatement {
        KeysetStatement {
            namespace: namespace.clone(),
            version: self.version,
            threshold: self.threshold,
            keys: self.keys.clone(),
            reason: String::new(),
        }
    }
}

/// The one that counts now; none before the first.
///
/// # Errors
/// 503 if the database does not answer.
pub async fn current(conn: &mut Conn, namespace: &Label) -> Result<Option<Keyset>, Problem> {
    store::keysets(conn, namespace.as_str()).await?.pop().map(Keyset::of).transpose()
}

/// All of them, oldest first.
///
/// # Errors
/// 503 if the database does not answer.
pub async fn chain(conn: &mut Conn, namespace: &Label) -> Result<Vec<Keyset>, Problem> {
    store::keysets(conn, namespace.as_str()).await?.into_iter().map(Keyset::of).collect()
}

/// What a change comes as.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    bundles: Vec<Box<RawValue>>,
}

fn parse(bundles: &[Box<RawValue>]) -> Result<Vec<Bundle>, Problem> {
    if bundles.is_empty() {
        return Err(Problem::bad_request("signature-missing", "a keyset change has at least one bundle"));
    }
    Ok(bundles.iter().map(|bundle| Bundle::parse(bundle.get().as_bytes())).collect::<Result<_, _>>()?)
}

/// Takes a change.
pub(crate) async fn change(
    registry: &Shared,
    actor: &Actor,
    namespace: &Label,
    change: Change,
) -> Result<Keyset, Problem> {
    let bundles = parse(&change.bundles)?;
    let mut tx = registry.db.begin().await?;
    actor.authorise(registry, &mut tx, Action::Namespace, &Target::Namespace(namespace.clone())).await?;
    must_be_for_connectors(&mut tx, namespace).await?;
    store::lock_namespace(&mut tx, namespace.as_str()).await?;
    let previous = current(&mut tx, namespace).await?;
    let accepted = accept_keyset(previous.as_ref().map(|keyset| keyset.to_statement(namespace)).as_ref(), &bundles)?;
    if let Some(previous) = &previous {
        must_be_by_good_keys(&mut tx, previous, &bundles).await?;
    }
    let keyset = accept(registry, &mut tx, namespace, previous.as_ref(), accepted, bundles).await?;
    // Whoever can sign needs no recovery.
    store::remove_recovery(&mut tx, namespace.as_str()).await?;
    tx.commit().await?;
    Ok(keyset)
}

/// Of the keys before that signed, as many as their threshold says are not revoked. The signatures are verified already.
async fn must_be_by_good_keys(conn: &mut Conn, previous: &Keyset, bundles: &[Bundle]) -> Result<(), Problem> {
    let mut good = 0;
    for key in previous.keys.iter().filter(|key| bundles.iter().any(|bundle| *bundle.key_hint() == key.id())) {
        good += u64::from(!store::is_key_revoked(conn, &key.id().to_string()).await?);
    }
    if good >= previous.threshold {
        return Ok(());
    }
    let message = format!(
        "{good} keys of version {} that are not revoked signed the change: its threshold is {}",
        previous.version, previous.threshold
    );
    Err(Problem::forbidden("key-revoked", message)
        .hint("if too few are left, an operator announces others: jackfield namespace recover"))
}

/// Forgets a change, and those that followed it, that got no place in the log: a key that signed it was revoked by what stands before
/// it there. Nobody was shown it; its owners read so in the audit log.
///
/// # Errors
/// Those of the database.
pub(crate) async fn take_back(conn: &mut Conn, namespace: &str, version: u64, now: Micros) -> Result<(), Problem> {
    store::remove_keysets(conn, namespace, version.cast_signed()).await?;
    let why = "a key that signed it was revoked before it came into the log";
    tracing::warn!(namespace, version, "took a keyset back: {why}");
    let row = AuditRow {
        id: uuid_v7(now)?,
        at: now,
        actor: "system".to_owned(),
        token: None,
        action: Action::Namespace.word().to_owned(),
        target: namespace.to_owned(),
        allowed: false,
        detail: Some(format!("version {version} of the keyset: {why}")),
    };
    store::add_audit(conn, &row).await?;
    Ok(())
}

async fn must_be_for_connectors(conn: &mut Conn, name: &Label) -> Result<(), Problem> {
    let namespace = namespaces::find(conn, name).await?.ok_or_else(|| namespaces::not_found(name.as_str()))?;
    if namespace.class != Class::Connector {
        return Err(Problem::bad_request(
            "namespace-class",
            format!("namespace `{name}` is generic: nothing in it is signed"),
        ));
    }
    if !namespace.is_active() {
        return Err(namespaces::held(name.as_str(), namespace.reason.as_deref()));
    }
    Ok(())
}

/// Writes down what has been verified.
async fn accept(
    registry: &Shared,
    conn: &mut Conn,
    namespace: &Label,
    previous: Option<&Keyset>,
    accepted: KeysetStatement,
    bundles: Vec<Bundle>,
) -> Result<Keyset, Problem> {
    if accepted.namespace != *namespace {
        return Err(Problem::bad_request(
            "keyset-namespace",
            format!("the keyset is one of `{}`: expected `{namespace}`", accepted.namespace),
        ));
    }
    // Versions stand in the log in their order, whatever the clocks of several processes say.
    let now = previous.map_or(registry.now(), |previous| registry.now().max(previous.created_at + 1));
    let known = previous.map_or(&[][..], |previous| &previous.keys);
    for key in accepted.keys.iter().filter(|key| !known.contains(key)) {
        must_be_free(registry, conn, namespace, key, now).await?;
    }
    let own = registry.keys.statements.public_key();
    let signers: Vec<PublicKey> = known.iter().chain(&accepted.keys).chain([&own]).copied().collect();
    let mut statement = None;
    for bundle in bundles {
        // Bundles of others prove nothing, and are not kept.
        let Some(key) = signers.iter().find(|key| key.id() == *bundle.key_hint()).copied() else { continue };
        let kind = StatementKind::Keyset;
        let namespace = namespace.to_string();
        let new = NewStatement { bundle, kind, key, namespace, package: None, version: None, component: None };
        let digest = submit(conn, new, now).await?;
        statement.get_or_insert(digest);
    }
    let Some(statement) = statement else {
        return Err(Problem::bad_request("signature-missing", "no bundle is of one of the keys"));
    };
    let row = KeysetRow {
        version: accepted.version.cast_signed(),
        threshold: accepted.threshold.cast_signed(),
        keys: serde_json::to_string(&accepted.keys).map_err(|error| Problem::internal(&error))?,
        statement: statement.to_string(),
        created_at: now,
    };
    store::add_keyset(conn, namespace.as_str(), &row).await?;
    Keyset::of(row)
}

/// A key has one purpose: it signs for one namespace, and for nobody once it is revoked.
async fn must_be_free(
    registry: &Shared,
    conn: &mut Conn,
    namespace: &Label,
    key: &PublicKey,
    now: Micros,
) -> Result<(), Problem> {
    let own = [registry.keys.log.public_key(), registry.keys.statements.public_key()];
    let owner = store::claim_key(conn, &hex::encode(key.to_bytes()), namespace.as_str(), now).await?;
    if own.contains(key) || owner != namespace.as_str() {
        return Err(Problem::conflict("key-in-use", format!("the key {} is another's already", key.id()))
            .hint("make one for this namespace alone: jackfield key new NAME"));
    }
    if store::is_key_revoked(conn, &key.id().to_string()).await? {
        return Err(Problem::conflict("key-revoked", format!("the key {} has been revoked", key.id())));
    }
    Ok(())
}

/// What a recovery is asked for with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRecovery {
    bundles: Vec<Box<RawValue>>,
    reason: String,
}

/// A recovery that everybody can see coming.
#[derive(Debug, Serialize)]
pub(crate) struct Recovery {
    keys: Vec<PublicKey>,
    reason: String,
    requested_by: String,
    effective_at: Micros,
}

impl Recovery {
    fn of(row: RecoveryRow) -> Result<Self, Problem> {
        let keys = serde_json::from_str(&row.keys).map_err(|error| Problem::internal(&error))?;
        Ok(Self { keys, reason: row.reason, requested_by: row.requested_by, effective_at: row.effective_at })
    }
}

pub(crate) async fn recovery(conn: &mut Conn, namespace: &Label) -> Result<Option<Recovery>, Problem> {
    store::recovery(conn, namespace.as_str()).await?.map(Recovery::of).transpose()
}

/// Announces a keyset that the keys before did not sign. By an operator, on a person's word; in force after
/// [`RECOVERY_DELAY_DAYS`], until when any owner can stop it. Hosts that have pinned the keys before refuse it even then.
pub(crate) async fn announce(
    registry: &Shared,
    actor: &Actor,
    namespace: &Label,
    new: NewRecovery,
) -> Result<Recovery, Problem> {
    if new.reason.is_empty() || new.reason.len() > LABEL_TEXT_BYTES {
        return Err(Problem::bad_request(
            "reason-missing",
            format!("a recovery has a reason of 1 to {LABEL_TEXT_BYTES} bytes"),
        ));
    }
    let mut tx = registry.db.begin().await?;
    actor.authorise(registry, &mut tx, Action::Moderate, &Target::Namespace(namespace.clone())).await?;
    must_be_for_connectors(&mut tx, namespace).await?;
    store::lock_namespace(&mut tx, namespace.as_str()).await?;
    let accepted = recovered(&mut tx, namespace, &parse(&new.bundles)?).await?;
    let now = registry.now();
    let row = RecoveryRow {
        keys: serde_json::to_string(&accepted.keys).map_err(|error| Problem::internal(&error))?,
        bundles: serde_json::to_string(&new.bundles).map_err(|error| Problem::internal(&error))?,
        reason: new.reason,
        requested_by: actor.name.clone(),
        effective_at: now + RECOVERY_DELAY_DAYS * DAY,
        created_at: now,
    };
    if store::add_recovery(&mut tx, namespace.as_str(), &row).await? == 0 {
        return Err(Problem::conflict("recovery-exists", format!("a recovery of `{namespace}` is under way already")));
    }
    tx.commit().await?;
    Recovery::of(row)
}

/// Verified as a change that needs none of the keys before: every key in it has signed.
async fn recovered(conn: &mut Conn, namespace: &Label, bundles: &[Bundle]) -> Result<KeysetStatement, Problem> {
    let Some(previous) = current(conn, namespace).await? else {
        return Err(Problem::conflict(
            "keyset-none",
            format!("namespace `{namespace}` has no keys that could be lost"),
        ));
    };
    let nobody = KeysetStatement { threshold: 0, keys: Vec::new(), ..previous.to_statement(namespace) };
    Ok(accept_keyset(Some(&nobody), bundles)?)
}

/// Stops a recovery. Any owner can, or an operator.
pub(crate) async fn stop(registry: &Shared, actor: &Actor, namespace: &Label) -> Result<(), Problem> {
    let mut tx = registry.db.begin().await?;
    actor.authorise(registry, &mut tx, Action::Namespace, &Target::Namespace(namespace.clone())).await?;
    if store::remove_recovery(&mut tx, namespace.as_str()).await? == 0 {
        return Err(no_recovery(namespace));
    }
    tx.commit().await?;
    Ok(())
}

/// Puts an announced keyset in force once its time has come.
pub(crate) async fn complete(registry: &Shared, actor: &Actor, namespace: &Label) -> Result<Keyset, Problem> {
    let mut tx = registry.db.begin().await?;
    actor.authorise(registry, &mut tx, Action::Moderate, &Target::Namespace(namespace.clone())).await?;
    store::lock_namespace(&mut tx, namespace.as_str()).await?;
    let row = store::recovery(&mut tx, namespace.as_str()).await?.ok_or_else(|| no_recovery(namespace))?;
    if registry.now() < row.effective_at {
        return Err(Problem::conflict(
            "recovery-waits",
            format!("the recovery of `{namespace}` is public for {RECOVERY_DELAY_DAYS} days first"),
        ));
    }
    let bundles: Vec<Box<RawValue>> = serde_json::from_str(&row.bundles).map_err(|error| Problem::internal(&error))?;
    let mut bundles = parse(&bundles)?;
    let accepted = recovered(&mut tx, namespace, &bundles).await?;
    // The registry answers for it with its own key, in the place of those that are lost: hosts would take it from nobody else.
    let payload = bundles[0].envelope().unverified_payload().to_vec();
    bundles.push(Bundle::sign(payload, &registry.keys.statements));
    let previous = current(&mut tx, namespace).await?;
    let keyset = accept(registry, &mut tx, namespace, previous.as_ref(), accepted, bundles).await?;
    store::remove_recovery(&mut tx, namespace.as_str()).await?;
    tx.commit().await?;
    Ok(keyset)
}

fn no_recovery(namespace: &Label) -> Problem {
    Problem::not_found("recovery-none", format!("no recovery of `{namespace}` is under way"))
}
