//! Trusted publishing: CI gets a token of 15 minutes for who it is, and no secret is stored anywhere.
//!
//! Owners say which identity may publish which packages, before the first release of one, too. The identity shows itself by a
//! token of its issuer; each claim that the owners have named must have exactly the value they have named.

use std::collections::BTreeMap;

use jackfield_package::{Label, Pattern};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Action, Actor, Target,
    oidc::{Claims, Expected, may_be_asked},
    store::{self, PublisherRow},
    tokens::{self, Issued},
};
use crate::{
    Problem, Shared,
    clock::{Micros, SECOND},
    keys::uuid_v7,
    limits::{CLAIM_BYTES, CLAIMS, ID_TOKEN_AGE_S, PUBLISHERS_PER_NAMESPACE, TOKEN_SHORT_S},
};

/// How long an exchanged identity token is remembered: until it is too old to be exchanged, whatever clocks say.
const REMEMBERED: Micros = (ID_TOKEN_AGE_S + 600) * SECOND;

/// Who shall be trusted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPublisher {
    issuer: String,
    claims: BTreeMap<String, String>,
    pattern: String,
}

/// Who is.
#[derive(Debug, Serialize)]
pub(crate) struct Publisher {
    id: String,
    issuer: String,
    claims: BTreeMap<String, String>,
    pattern: String,
    created_at: i64,
}

impl Publisher {
    fn of(row: PublisherRow) -> Result<Self, Problem> {
        let claims = serde_json::from_str(&row.claims).map_err(|error| Problem::internal(&error))?;
        Ok(Self { id: row.id, issuer: row.issuer, claims, pattern: row.pattern, created_at: row.created_at })
    }

    fn label(&self) -> String {
        format!("publisher:{}", self.id)
    }

    fn is(&self, claims: &Claims) -> bool {
        self.claims.iter().all(|(name, wanted)| match claims.get(name) {
            Some(Value::String(value)) => value == wanted,
            Some(Value::Bool(value)) => wanted == if *value { "true" } else { "false" },
            Some(Value::Number(value)) => {
                let text = value.to_string();
                text == *wanted
            }
            _ => false,
        })
    }
}

/// Trusts an identity. Names are checked now, so that a slip is not found out at the first release.
pub(crate) async fn add(
    registry: &Shared,
    actor: &Actor,
    namespace: &Label,
    new: NewPublisher,
) -> Result<Publisher, Problem> {
    let mut tx = registry.db.begin().await?;
    actor.authorise(registry, &mut tx, Action::Namespace, &Target::Namespace(namespace.clone())).await?;
    if !registry.config.oidc_issuers.contains(&new.issuer)
        || !url::Url::parse(&new.issuer).is_ok_and(|url| may_be_asked(&url))
    {
        return Err(Problem::bad_request("issuer-not-configured", "this registry does not know the issuer")
            .hint(format!("it knows: {}", registry.config.oidc_issuers.join(", "))));
    }
    let pattern =
        new.pattern.parse::<Pattern>().ok().filter(|pattern| Pattern::Namespace(namespace.clone()).includes(pattern));
    let Some(pattern) = pattern else {
        return Err(Problem::bad_request(
            "pattern-malformed",
            format!("expected packages of this namespace: `{namespace}:*` or `{namespace}:NAME`"),
        ));
    };
    // What every token of the issuer says tells nobody apart.
    let tells = new.claims.keys().any(|name| !matches!(name.as_str(), "iss" | "aud" | "exp" | "iat" | "nbf" | "jti"));
    let short = new
        .claims
        .iter()
        .all(|(name, value)| (1..=CLAIM_BYTES).contains(&name.len()) && (1..=CLAIM_BYTES).contains(&value.len()));
    if !tells || !short || new.claims.len() > CLAIMS {
        return Err(Problem::bad_request(
            "claims-malformed",
            format!("expected 1 to {CLAIMS} claims that tell who it is, of at most {CLAIM_BYTES} bytes each"),
        )
        .hint("such as sub, or repository_id and ref"));
    }
    store::lock_namespace(&mut tx, namespace.as_str()).await?;
    if store::publishers(&mut tx, namespace.as_str()).await?.len() >= PUBLISHERS_PER_NAMESPACE {
        return Err(Problem::conflict(
            "too-many-publishers",
            format!("there are {PUBLISHERS_PER_NAMESPACE} trusted publishers already"),
        ));
    }
    let now = registry.now();
    let row = PublisherRow {
        id: uuid_v7(now)?,
        namespace: namespace.to_string(),
        pattern: pattern.to_string(),
        issuer: new.issuer,
        claims: serde_json::to_string(&new.claims).map_err(|error| Problem::internal(&error))?,
        created_at: now,
    };
    store::add_publisher(&mut tx, &row).await?;
    tx.commit().await?;
    Publisher::of(row)
}

/// Whom a namespace trusts; for its members.
pub(crate) async fn list(registry: &Shared, actor: &Actor, namespace: &Label) -> Result<Vec<Publisher>, Problem> {
    let mut tx = registry.db.begin().await?;
    actor.authorise(registry, &mut tx, Action::Read, &Target::Namespace(namespace.clone())).await?;
    let rows = store::publishers(&mut tx, namespace.as_str()).await?;
    tx.commit().await?;
    rows.into_iter().map(Publisher::of).collect()
}

/// Trusts one no longer. Tokens that it was given end now.
pub(crate) async fn remove(registry: &Shared, actor: &Actor, namespace: &Label, id: &str) -> Result<(), Problem> {
    let mut tx = registry.db.begin().await?;
    actor.authorise(registry, &mut tx, Action::Namespace, &Target::Namespace(namespace.clone())).await?;
    if store::remove_publisher(&mut tx, namespace.as_str(), id).await? == 0 {
        return Err(Problem::not_found("publisher-not-found", format!("`{namespace}` has no such trusted publisher")));
    }
    store::revoke_tokens_labelled(&mut tx, &format!("publisher:{id}"), registry.now()).await?;
    tx.commit().await?;
    Ok(())
}

/// What CI sends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exchange {
    id_token: String,
    /// For which packages, where the identity is trusted for several.
    packages: Option<String>,
}

/// What tells one identity token from another: its issuer's name for it; else all that is signed, but not the signature, of
/// which there may be several.
fn identity(token: &str, claims: &super::oidc::Claims) -> [u8; 32] {
    let text = |claim: &str| claims.get(claim).and_then(Value::as_str);
    match (text("iss"), text("jti")) {
        (Some(issuer), Some(id)) => tokens::hash(format!("{issuer}\n{id}")),
        _ => tokens::hash(token.rsplit_once('.').map_or(token, |(signed, _)| signed)),
    }
}

/// A short-lived token for an identity token.
pub(crate) async fn exchange(registry: &Shared, exchange: Exchange) -> Result<Issued, Problem> {
    let expected = Expected { issuers: &registry.config.oidc_issuers, audience: &registry.config.origin };
    let claims = registry.door.issuers.verify(&expected, &exchange.id_token, registry.now()).await?;
    let text = |claim: &str| claims.get(claim).and_then(Value::as_str).unwrap_or_default();
    let wanted = exchange.packages.as_deref().map(str::parse::<Pattern>).transpose().map_err(|_| {
        Problem::bad_request("pattern-malformed", "the pattern is none: expected `acme:*` or `acme:crm`")
    })?;
    let mut tx = registry.db.begin().await?;
    let mut matching = Vec::new();
    for row in store::publishers_of(&mut tx, text("iss")).await? {
        let publisher = Publisher::of(row)?;
        let pattern: Pattern = publisher.pattern.parse()?;
        if publisher.is(&claims) && wanted.as_ref().is_none_or(|wanted| pattern.includes(wanted)) {
            matching.push((publisher, pattern));
        }
    }
    let (publisher, pattern) = match matching.len() {
        0 => {
            return Err(Problem::forbidden("publisher-unknown", "no namespace trusts this identity for that")
                .hint("an owner says so: jackfield namespace publisher add"));
        }
        // Several rows for the same packages are one.
        _ if wanted.is_some() || matching.iter().all(|(_, pattern)| *pattern == matching[0].1) => {
            matching.swap_remove(0)
        }
        _ => {
            return Err(Problem::conflict("publisher-ambiguous", "this identity is trusted for several packages")
                .hint("say which: {\"packages\": \"acme:crm\"}"));
        }
    };
    let now = registry.now();
    if store::exchange_once(&mut tx, &identity(&exchange.id_token, &claims), now + REMEMBERED).await? == 0 {
        return Err(Problem::unauthenticated("id-token-used", "the identity token has been exchanged already"));
    }
    let subject: String = format!("{} of {}", text("sub"), text("iss")).chars().take(500).collect();
    let actor = Actor { name: format!("identity:{subject}"), ..Actor::anonymous() };
    let pattern = wanted.unwrap_or(pattern);
    let target = match &pattern {
        Pattern::Namespace(namespace) => Target::Namespace(namespace.clone()),
        Pattern::Package(package) => Target::Package(package.clone()),
        Pattern::All => return Err(Problem::forbidden("publisher-unknown", "nobody is trusted for everything")),
    };
    actor.record(registry, &mut tx, Action::Publish, &target, Some(&publisher.label())).await?;
    let actions = vec![Action::Read, Action::Publish];
    let expires_at = now + TOKEN_SHORT_S * SECOND;
    let label = publisher.label();
    let issued = tokens::add(registry, &mut tx, None, Some(subject), &label, &pattern, actions, expires_at).await?;
    tx.commit().await?;
    Ok(issued)
}
