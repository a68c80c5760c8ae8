//! Users: made, signed in, shut out.

use jackfield_db::Conn;
use jackfield_package::{Label, Pattern};
use jackfield_server::rate::Rate;

use super::{
    Action, Actor, Target,
    password::{self, Password},
    store, tokens,
};
use crate::{
    Problem, Shared,
    clock::{Micros, SECOND},
    limits::{PASSWORD_BYTES, SIGN_IN_EVERY_S, SIGN_INS_AT_ONCE, TOKEN_LIFETIME_S},
};

const BY_NAME: Rate = Rate { burst: SIGN_INS_AT_ONCE, every: SIGN_IN_EVERY_S as Micros * SECOND };
/// An address may be that of a whole office.
pub(super) const BY_ADDRESS: Rate =
    Rate { burst: SIGN_INS_AT_ONCE * 3, every: SIGN_IN_EVERY_S as Micros * SECOND / 10 };

/// The first user, who makes all others.
pub const FIRST: &str = "operator";

/// Whose password it is. Only failures count against the limits; they count for names that nobody has too, and the answer is the
/// same words after the same time, so that nobody learns which names there are.
///
/// # Errors
/// 401 `login-failed`, 429 `login-limited`.
pub(crate) async fn sign_in(
    registry: &Shared,
    name: &str,
    password: Password,
    address: &str,
) -> Result<Actor, Problem> {
    let now = registry.now();
    let failed = || Problem::unauthenticated("login-failed", "the user's name or the password is wrong");
    if password.len() > PASSWORD_BYTES {
        return Err(failed());
    }
    let attempts = &registry.door.sign_ins;
    // Whatever was sent as a name is counted under its digest: of one length, however long it is.
    let (by_name, by_address) = (format!("name {}", hex::encode(tokens::hash(name))), format!("address {address}"));
    // Taken before the password is looked at and given back if it is right, so that guesses at the same time count too.
    for (caller, rate) in [(&by_name, BY_NAME), (&by_address, BY_ADDRESS)] {
        attempts.take(caller, rate, now).map_err(|wait| {
            Problem::too_many("login-limited", "too many failed sign-ins", wait).hint("tokens are not held up by this")
        })?;
    }
    let row = match name.parse::<Label>() {
        Ok(name) => store::user(&mut registry.db.read().await?, name.as_str()).await?,
        Err(_) => None,
    };
    let hash = row.as_ref().filter(|row| row.disabled_at.is_none()).and_then(|row| row.password.clone());
    if !registry.door.passwords.matches(password, hash).await? {
        return Err(failed());
    }
    attempts.give_back(&by_name, BY_NAME);
    attempts.give_back(&by_address, BY_ADDRESS);
    let row = row.ok_or_else(failed)?;
    Ok(Actor::of_user(row.name.parse()?, row.operator))
}

/// Makes a user. By an operator, or by anybody where registration is open.
///
/// # Errors
/// 401, 403, 400 `password-weak`, 409 `user-exists`.
pub(crate) async fn create(
    registry: &Shared,
    actor: &Actor,
    name: &Label,
    password: Option<Password>,
    operator: bool,
    address: &str,
) -> Result<(), Problem> {
    if let Some(password) = &password {
        password::check_new(name.as_str(), password)?;
    }
    let by_operator = operator || !registry.config.open_registration || actor.operator;
    if !by_operator && password.is_none() {
        return Err(Problem::bad_request("password-missing", "a user who can't sign in needs no account"));
    }
    if by_operator {
        // Before a core is spent on a stranger's password.
        let mut tx = registry.db.begin().await?;
        actor.authorise(registry, &mut tx, Action::Moderate, &Target::Registry).await?;
    }
    if !by_operator {
        let caller = format!("registers {address}");
        let taken = registry.door.sign_ins.take(&caller, BY_ADDRESS, registry.now());
        taken.map_err(|wait| Problem::too_many("login-limited", "too many new accounts from here", wait))?;
    }
    let hash = match password {
        Some(password) => Some(registry.door.passwords.hash(password).await?),
        None => None,
    };
    let mut tx = registry.db.begin().await?;
    match by_operator {
        true => actor.authorise(registry, &mut tx, Action::Moderate, &Target::Registry).await?,
        false => actor.record(registry, &mut tx, Action::Account, &Target::Registry, Some(name.as_str())).await?,
    }
    if store::add_user(&mut tx, name.as_str(), hash.as_deref(), operator, registry.now()).await? == 0 {
        return Err(Problem::conflict("user-exists", format!("there is a user `{name}` already")));
    }
    tx.commit().await?;
    Ok(())
}

/// Whether there is a user of that name who is not shut out.
///
/// # Errors
/// 503.
pub async fn exists(registry: &Shared, name: &Label) -> Result<bool, Problem> {
    let row = store::user(&mut registry.db.read().await?, name.as_str()).await?;
    Ok(row.is_some_and(|row| row.disabled_at.is_none()))
}

/// Whether that user has a password.
///
/// # Errors
/// 503.
pub async fn has_password(registry: &Shared, name: &Label) -> Result<bool, Problem> {
    let row = store::user(&mut registry.db.read().await?, name.as_str()).await?;
    Ok(row.is_some_and(|row| row.password.is_some()))
}

/// Changes the caller's own password. Whoever has one must know it: a stolen token alone takes no account over.
pub(crate) async fn change_password(
    registry: &Shared,
    actor: &Actor,
    old: Option<Password>,
    new: Password,
    address: &str,
) -> Result<(), Problem> {
    let mut tx = registry.db.begin().await?;
    actor.authorise(registry, &mut tx, Action::Account, &Target::Registry).await?;
    drop(tx);
    let Some(user) = &actor.user else {
        return Err(Problem::forbidden("forbidden", "only a user has a password"));
    };
    password::check_new(user.as_str(), &new)?;
    let row = store::user(&mut registry.db.read().await?, user.as_str()).await?;
    if row.is_some_and(|row| row.password.is_some()) {
        sign_in(registry, user.as_str(), old.unwrap_or_default(), address).await?;
    }
    let hash = registry.door.passwords.hash(new).await?;
    let mut tx = registry.db.begin().await?;
    actor.authorise(registry, &mut tx, Action::Account, &Target::Registry).await?;
    store::set_password(&mut tx, user.as_str(), &hash).await?;
    tx.commit().await?;
    Ok(())
}

/// Shuts a user out, with all of his tokens, or lets him in again.
pub(crate) async fn set_disabled(
    registry: &Shared,
    actor: &Actor,
    user: &Label,
    disabled: bool,
) -> Result<(), Problem> {
    let mut tx = registry.db.begin().await?;
    actor.authorise(registry, &mut tx, Action::Moderate, &Target::Registry).await?;
    let detail = format!("{} {user}", if disabled { "disabled" } else { "enabled" });
    actor.record(registry, &mut tx, Action::Moderate, &Target::Registry, Some(&detail)).await?;
    if disabled && actor.user.as_ref() == Some(user) {
        return Err(Problem::conflict("own-account", "nobody can shut himself out"));
    }
    if store::set_disabled(&mut tx, user.as_str(), disabled.then(|| registry.now())).await? == 0 {
        return Err(Problem::not_found("user-not-found", format!("there is no user `{user}`")));
    }
    tx.commit().await?;
    Ok(())
}

/// How many there are.
pub(crate) async fn count(conn: &mut Conn) -> jackfield_db::Result<i64> {
    store::user_count(conn).await
}

/// Where nobody is a user yet: makes the user `operator` and writes a token to `<data>/operator-token`. The file is there before
/// the row is, so that a crash between them leaves nobody locked out: the next start begins again.
pub(crate) async fn first_start(registry: &Shared) -> Result<(), Problem> {
    let mut tx = registry.db.begin().await?;
    if store::user_count(&mut tx).await? > 0 {
        return Ok(());
    }
    let now = registry.now();
    // Another process may be here too: one of them adds the row, the other waits for it and sees that it is there.
    if store::add_user(&mut tx, FIRST, None, true, now).await? == 0 {
        return Ok(());
    }
    let expires_at = now + TOKEN_LIFETIME_S * SECOND;
    let user = Some(FIRST.to_owned());
    let issued =
        tokens::add(registry, &mut tx, user, None, "first start", &Pattern::All, Action::ALL.to_vec(), expires_at)
            .await?;
    let path = registry.config.data.join("operator-token");
    write_secret(&path, &issued.token).map_err(|error| Problem::internal(&error))?;
    tx.commit().await?;
    tracing::info!(path = %path.display(), "made the user `operator`: its token stands in this file");
    Ok(())
}

/// Mode 0600 by tempfile's own choice.
fn write_secret(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let folder = path.parent().unwrap_or(std::path::Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    writeln!(file, "{text}")?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
