//! Proof that a namespace's owners are who they say: a TXT record of their domain, or a signature of their key.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jackfield_package::{Label, key::PublicKey};
use serde::Deserialize;

use super::{Action, Actor, Target, store};
use crate::{
    Problem, Shared,
    clock::{DAY, Micros, SECOND},
    limits::{CONTROL_AGE_S, CONTROL_CHECK_S, CONTROL_GRACE_DAYS, CONTROLS_A_ROUND},
};

/// How it is proven.
#[derive(Debug, Deserialize)]
#[serde(tag = "method", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Proof {
    /// `_jackfield.<domain>` has a TXT record `jackfield-namespace=<namespace>`.
    Dns { domain: String },
    /// A signature over [`challenge`].
    Key {
        key: PublicKey,
        /// When it was made, in microseconds since 1970.
        at: Micros,
        /// Base64.
        signature: String,
    },
}

/// What a key signs. Nothing else that this project signs begins so.
pub fn challenge(origin: &str, namespace: &Label, user: &str, at: Micros) -> String {
    format!("jackfield namespace control v1\n{origin}\n{namespace}\n{user}\n{at}\n")
}

/// Takes a proof; what was proven stands on the namespace's page.
pub(crate) async fn prove(
    registry: &Shared,
    actor: &Actor,
    namespace: &Label,
    proof: Proof,
) -> Result<String, Problem> {
    let target = Target::Namespace(namespace.clone());
    // Nobody makes this registry ask around who could not keep the answer.
    let mut tx = registry.db.begin().await?;
    actor.authorise(registry, &mut tx, Action::Namespace, &target).await?;
    drop(tx);
    let control = match proof {
        Proof::Dns { domain } => by_dns(registry, namespace, &domain).await?,
        Proof::Key { key, at, signature } => by_key(registry, actor, namespace, &key, at, &signature).await?,
    };
    let mut tx = registry.db.begin().await?;
    actor.authorise(registry, &mut tx, Action::Namespace, &target).await?;
    store::set_control(&mut tx, namespace.as_str(), &control, registry.now()).await?;
    tx.commit().await?;
    Ok(control)
}

/// Looks again at records that proved something a while ago. One that is missing is said to be, and proves nothing any more
/// after [`CONTROL_GRACE_DAYS`]; one that can't be looked up is no news. How many were looked up.
///
/// # Errors
/// 503 if the database does not answer.
pub async fn recheck(registry: &Shared) -> Result<usize, Problem> {
    let before = registry.now() - CONTROL_CHECK_S * SECOND;
    let due = store::due_controls(&mut registry.db.read().await?, before, CONTROLS_A_ROUND).await?;
    let looked_up = due.len();
    for (name, control) in due {
        let (Ok(namespace), Some(domain)) = (name.parse::<Label>(), control.strip_prefix("dns:")) else { continue };
        let seen = by_dns(registry, &namespace, domain).await;
        let now = registry.now();
        let mut tx = registry.db.begin().await?;
        match seen {
            Ok(_) => store::control_seen(&mut tx, &name, &control, now).await?,
            Err(problem) if problem.code == "control-unproven" => {
                store::control_missed(&mut tx, &name, &control, now).await?;
                let lost = store::control_lost(&mut tx, &name, &control, now - CONTROL_GRACE_DAYS * DAY).await?;
                if lost > 0 {
                    let target = Target::Namespace(namespace);
                    let detail = format!("{control} proves nothing any more: its record is gone");
                    Actor::system().record(registry, &mut tx, Action::Namespace, &target, Some(&detail)).await?;
                }
                lost
            }
            Err(_) => 0,
        };
        tx.commit().await?;
    }
    Ok(looked_up)
}

async fn by_dns(registry: &Shared, namespace: &Label, domain: &str) -> Result<String, Problem> {
    let domain = checked_domain(domain)?;
    let name = format!("_jackfield.{domain}");
    let records = registry.resolver.txt(&name).await.map_err(|error| {
        tracing::info!(name, error, "a TXT record could not be looked up");
        Problem::unavailable("dns-unavailable", format!("the TXT records of `{name}` can't be looked up now"))
    })?;
    let wanted = format!("jackfield-namespace={namespace}");
    let origin = format!("registry={}", registry.config.origin);
    let proves = |record: &String| {
        let mut words = record.split_whitespace();
        // A record may name the registry that it is for; then it is for no other.
        words.next() == Some(wanted.as_str()) && words.all(|word| !word.starts_with("registry=") || word == origin)
    };
    if !records.iter().any(proves) {
        return Err(unproven(format!("`{name}` has no TXT record `{wanted}`")).hint(format!(
            "add it, wait until it is seen everywhere, and ask again: {name}. IN TXT \"{wanted} {origin}\""
        )));
    }
    Ok(format!("dns:{domain}"))
}

/// A registrable name or one below it: nobody proves `com`.
fn checked_domain(domain: &str) -> Result<String, Problem> {
    let domain = domain.trim_end_matches('.').to_ascii_lowercase();
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let is_name = domain.len() <= 240 && domain.contains('.') && domain.split('.').all(is_label);
    let is_address = domain.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    if !is_name || is_address || psl::domain_str(&domain).is_none() {
        return Err(Problem::bad_request("domain-malformed", "expected a domain such as example.com, in ASCII"));
    }
    Ok(domain)
}

async fn by_key(
    registry: &Shared,
    actor: &Actor,
    namespace: &Label,
    key: &PublicKey,
    at: Micros,
    signature: &str,
) -> Result<String, Problem> {
    let Some(user) = &actor.user else { return Err(unproven("only a user proves control")) };
    if (registry.now() - at).abs() > CONTROL_AGE_S * SECOND {
        return Err(unproven(format!("the signature must be made within {CONTROL_AGE_S} s of now")));
    }
    let signature = STANDARD.decode(signature).ok().and_then(|bytes| <[u8; 64]>::try_from(bytes).ok());
    let text = challenge(&registry.config.origin, namespace, user.as_str(), at);
    if !signature.is_some_and(|signature| key.verify(text.as_bytes(), &signature)) {
        return Err(unproven("the signature is not that key's over this namespace's challenge"));
    }
    let mut conn = registry.db.read().await?;
    if let Some(owner) = store::key_owner(&mut conn, &hex::encode(key.to_bytes())).await?
        && owner != namespace.as_str()
    {
        return Err(unproven("the key is another namespace's"));
    }
    Ok(format!("key:{}", key.id()))
}

fn unproven(message: impl Into<String>) -> Problem {
    Problem::conflict("control-unproven", message)
}
