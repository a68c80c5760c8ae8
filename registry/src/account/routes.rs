//! Routes of account.

use axum::{
    Json, Router,
    extract::State,
    routing::{delete, get, post, put},
};
use http::StatusCode;
use jackfield_package::Label;
use jackfield_server::{body::Body, peer::PeerCaller, uri::Path};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Action, Actor, Target, control,
    keysets::{self, Keyset},
    namespaces::{self, Class, Decision, Namespace, Role},
    password::Password,
    publishers, store,
    tokens::{self, Issued, Wanted},
    users,
};
use crate::{Problem, Shared, limits::AUDIT_PAGE};

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/v1/users", post(create_user))
        .route("/v1/login", post(login))
        .route("/v1/me", get(me))
        .route("/v1/me/password", put(change_password))
        .route("/v1/tokens", post(create_token).get(list_tokens))
        .route("/v1/tokens/{id}", delete(revoke_token))
        .route("/v1/namespaces", post(create_namespace).get(own_namespaces))
        .route("/v1/namespaces/{namespace}", get(show_namespace))
        .route("/v1/namespaces/{namespace}/members/{user}", put(set_member).delete(remove_member))
        .route("/v1/namespaces/{namespace}/control", post(prove_control))
        .route("/v1/namespaces/{namespace}/keyset", post(change_keyset).get(show_keysets))
        .route("/v1/namespaces/{namespace}/recovery", post(announce_recovery).delete(stop_recovery))
        .route("/v1/namespaces/{namespace}/recovery/complete", post(complete_recovery))
        .route("/v1/namespaces/{namespace}/publishers", post(add_publisher).get(list_publishers))
        .route("/v1/namespaces/{namespace}/publishers/{id}", delete(remove_publisher))
        .route("/v1/token-exchange", post(exchange_token))
        .route("/v1/namespaces/{namespace}/audit", get(namespace_audit))
        .route("/v1/moderation/namespaces", get(held_namespaces))
        .route("/v1/moderation/namespaces/{namespace}", post(decide_namespace))
        .route("/v1/moderation/users/{user}", post(disable_user))
        .route("/.well-known/jackfield.json", get(about))
}

/// Who this registry is, for clients.
async fn about(State(registry): State<Shared>) -> Result<Json<Value>, Problem> {
    let log_key = crate::log::verifier(&registry)?.to_string();
    Ok(Json(json!({
        "origin": registry.config.origin,
        "url": registry.config.public_url,
        "witness_policy": witness_policy(&log_key, &registry.config.witnesses),
        "log_key": log_key,
        "oidc_issuers": registry.config.oidc_issuers,
        "statements_key": registry.keys.statements.public_key(),
        "open_registration": registry.config.open_registration,
    })))
}

/// As a C2SP tlog-policy: more than half of the witnesses. None where there are none.
fn witness_policy(log_key: &str, witnesses: &[String]) -> Option<String> {
    if witnesses.is_empty() {
        return None;
    }
    let mut text = format!("log {log_key}\n");
    let names: Vec<String> = (1..=witnesses.len()).map(|number| format!("w{number}")).collect();
    for (name, witness) in names.iter().zip(witnesses) {
        text.push_str(&format!("witness {name} {witness}\n"));
    }
    text.push_str(&format!("group most {} {}\nquorum most\n", names.len() / 2 + 1, names.join(" ")));
    Some(text)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUser {
    name: Label,
    password: Option<Password>,
    #[serde(default)]
    operator: bool,
}

async fn create_user(
    State(registry): State<Shared>,
    actor: Actor,
    PeerCaller(address): PeerCaller,
    Body(new): Body<NewUser>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    users::create(&registry, &actor, &new.name, new.password, new.operator, &address).await?;
    Ok((StatusCode::CREATED, Json(json!({ "name": new.name, "operator": new.operator }))))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    user: String,
    password: Password,
    #[serde(default)]
    token: Wanted,
}

async fn login(
    State(registry): State<Shared>,
    PeerCaller(address): PeerCaller,
    Body(login): Body<Login>,
) -> Result<(StatusCode, Json<Issued>), Problem> {
    let actor = users::sign_in(&registry, &login.user, login.password, &address).await?;
    new_token(&registry, &actor, login.token).await
}

async fn create_token(
    State(registry): State<Shared>,
    actor: Actor,
    Body(wanted): Body<Wanted>,
) -> Result<(StatusCode, Json<Issued>), Problem> {
    new_token(&registry, &actor, wanted).await
}

async fn new_token(registry: &Shared, actor: &Actor, wanted: Wanted) -> Result<(StatusCode, Json<Issued>), Problem> {
    let mut tx = registry.db.begin().await?;
    actor.authorise(registry, &mut tx, Action::Account, &Target::Registry).await?;
    let issued = tokens::issue(registry, &mut tx, actor, wanted).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(issued)))
}

async fn list_tokens(State(registry): State<Shared>, actor: Actor) -> Result<Json<Value>, Problem> {
    let mut tx = registry.db.begin().await?;
    actor.authorise(&registry, &mut tx, Action::Account, &Target::Registry).await?;
    let user = own_user(&actor)?;
    let listed = tokens::list(&mut tx, user, &actor).await?;
    tx.commit().await?;
    Ok(Json(json!({ "tokens": listed })))
}

async fn revoke_token(
    State(registry): State<Shared>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    tokens::revoke(&registry, &actor, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn own_user(actor: &Actor) -> Result<&Label, Problem> {
    actor.user.as_ref().ok_or_else(|| Problem::forbidden("forbidden", format!("{} is not a user", actor.name)))
}

#[derive(Serialize)]
struct Membership {
    namespace: String,
    role: String,
}

async fn memberships(registry: &Shared, actor: &Actor) -> Result<Vec<Membership>, Problem> {
    let Some(user) = &actor.user else { return Ok(Vec::new()) };
    let rows = store::memberships(&mut registry.db.read().await?, user.as_str()).await?;
    Ok(rows.into_iter().map(|row| Membership { namespace: row.namespace, role: row.role }).collect())
}

/// What the caller's token says of him. Any token may ask.
async fn me(State(registry): State<Shared>, actor: Actor) -> Result<Json<Value>, Problem> {
    if actor.is_anonymous() {
        return Err(Problem::unauthenticated("unauthenticated", "nobody is signed in"));
    }
    let has_password = match &actor.user {
        Some(user) => users::has_password(&registry, user).await?,
        None => false,
    };
    Ok(Json(json!({
        "name": actor.name,
        "user": actor.user,
        "operator": actor.operator,
        "password": has_password,
        "token": actor.token,
        "pattern": actor.pattern,
        "actions": actor.actions,
        "namespaces": memberships(&registry, &actor).await?,
    })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    /// The one until now, if there is one: a stolen token alone takes no account over.
    old: Option<Password>,
    new: Password,
}

async fn change_password(
    State(registry): State<Shared>,
    actor: Actor,
    PeerCaller(address): PeerCaller,
    Body(change): Body<NewPassword>,
) -> Result<StatusCode, Problem> {
    users::change_password(&registry, &actor, change.old, change.new, &address).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewNamespace {
    name: Label,
    class: Option<Class>,
}

async fn create_namespace(
    State(registry): State<Shared>,
    actor: Actor,
    Body(new): Body<NewNamespace>,
) -> Result<(StatusCode, Json<Namespace>), Problem> {
    let made = namespaces::create(&registry, &actor, new.name, new.class.unwrap_or(Class::Connector)).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

async fn own_namespaces(State(registry): State<Shared>, actor: Actor) -> Result<Json<Value>, Problem> {
    if actor.is_anonymous() {
        return Err(Problem::unauthenticated(
            "unauthenticated",
            "nobody is signed in, so no namespace is the caller's",
        ));
    }
    Ok(Json(json!({ "namespaces": memberships(&registry, &actor).await? })))
}

/// Everybody sees what a namespace is; who belongs to it, its members see.
async fn show_namespace(
    State(registry): State<Shared>,
    actor: Actor,
    Path(namespace): Path<String>,
) -> Result<Json<Value>, Problem> {
    let name: Label = namespace.parse()?;
    let mut conn = registry.db.read().await?;
    let found = namespaces::find(&mut conn, &name).await?.ok_or_else(|| namespaces::not_found(name.as_str()))?;
    let mut shown = serde_json::to_value(found).map_err(|error| Problem::internal(&error))?;
    shown["keyset"] = json!(keysets::current(&mut conn, &name).await?);
    shown["recovery"] = json!(keysets::recovery(&mut conn, &name).await?);
    if actor.may_read(&mut conn, &Target::Namespace(name.clone())).await? {
        let members = store::members(&mut conn, name.as_str()).await?;
        let members = members.into_iter().map(|row| json!({ "user": row.user_name, "role": row.role }));
        shown["members"] = members.collect::<Vec<_>>().into();
    }
    Ok(Json(shown))
}

/// Who has done what here, and who was denied what; for owners and operators.
async fn namespace_audit(
    State(registry): State<Shared>,
    actor: Actor,
    Path(namespace): Path<String>,
) -> Result<Json<Value>, Problem> {
    let name: Label = namespace.parse()?;
    let mut tx = registry.db.begin().await?;
    actor.authorise(&registry, &mut tx, Action::Namespace, &Target::Namespace(name.clone())).await?;
    let lines = store::audit_of(&mut tx, name.as_str(), AUDIT_PAGE).await?;
    tx.commit().await?;
    Ok(Json(json!({ "audit": lines })))
}

async fn prove_control(
    State(registry): State<Shared>,
    actor: Actor,
    Path(namespace): Path<String>,
    Body(proof): Body<control::Proof>,
) -> Result<Json<Value>, Problem> {
    let proven = control::prove(&registry, &actor, &namespace.parse()?, proof).await?;
    Ok(Json(json!({ "control": proven })))
}

async fn change_keyset(
    State(registry): State<Shared>,
    actor: Actor,
    Path(namespace): Path<String>,
    Body(change): Body<keysets::Change>,
) -> Result<(StatusCode, Json<Keyset>), Problem> {
    let keyset = keysets::change(&registry, &actor, &namespace.parse()?, change).await?;
    Ok((StatusCode::CREATED, Json(keyset)))
}

async fn show_keysets(State(registry): State<Shared>, Path(namespace): Path<String>) -> Result<Json<Value>, Problem> {
    let name: Label = namespace.parse()?;
    let mut conn = registry.db.read().await?;
    if namespaces::find(&mut conn, &name).await?.is_none() {
        return Err(namespaces::not_found(name.as_str()));
    }
    Ok(Json(json!({ "keysets": keysets::chain(&mut conn, &name).await? })))
}

async fn announce_recovery(
    State(registry): State<Shared>,
    actor: Actor,
    Path(namespace): Path<String>,
    Body(new): Body<keysets::NewRecovery>,
) -> Result<(StatusCode, Json<keysets::Recovery>), Problem> {
    let announced = keysets::announce(&registry, &actor, &namespace.parse()?, new).await?;
    Ok((StatusCode::CREATED, Json(announced)))
}

async fn stop_recovery(
    State(registry): State<Shared>,
    actor: Actor,
    Path(namespace): Path<String>,
) -> Result<StatusCode, Problem> {
    keysets::stop(&registry, &actor, &namespace.parse()?).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn complete_recovery(
    State(registry): State<Shared>,
    actor: Actor,
    Path(namespace): Path<String>,
) -> Result<Json<Keyset>, Problem> {
    Ok(Json(keysets::complete(&registry, &actor, &namespace.parse()?).await?))
}

async fn add_publisher(
    State(registry): State<Shared>,
    actor: Actor,
    Path(namespace): Path<String>,
    Body(new): Body<publishers::NewPublisher>,
) -> Result<(StatusCode, Json<publishers::Publisher>), Problem> {
    let added = publishers::add(&registry, &actor, &namespace.parse()?, new).await?;
    Ok((StatusCode::CREATED, Json(added)))
}

async fn list_publishers(
    State(registry): State<Shared>,
    actor: Actor,
    Path(namespace): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({ "publishers": publishers::list(&registry, &actor, &namespace.parse()?).await? })))
}

async fn remove_publisher(
    State(registry): State<Shared>,
    actor: Actor,
    Path((namespace, id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    publishers::remove(&registry, &actor, &namespace.parse()?, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Without an actor: the identity token is who it is.
async fn exchange_token(
    State(registry): State<Shared>,
    Body(exchange): Body<publishers::Exchange>,
) -> Result<(StatusCode, Json<Issued>), Problem> {
    Ok((StatusCode::CREATED, Json(publishers::exchange(&registry, exchange).await?)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRole {
    role: Role,
}

async fn set_member(
    State(registry): State<Shared>,
    actor: Actor,
    Path((namespace, user)): Path<(String, String)>,
    Body(new): Body<NewRole>,
) -> Result<StatusCode, Problem> {
    namespaces::set_member(&registry, &actor, &namespace.parse()?, &user.parse()?, new.role).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn remove_member(
    State(registry): State<Shared>,
    actor: Actor,
    Path((namespace, user)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    namespaces::remove_member(&registry, &actor, &namespace.parse()?, &user.parse()?).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn held_namespaces(State(registry): State<Shared>, actor: Actor) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({ "namespaces": namespaces::list_held(&registry, &actor).await? })))
}

async fn decide_namespace(
    State(registry): State<Shared>,
    actor: Actor,
    Path(namespace): Path<String>,
    Body(decision): Body<Decision>,
) -> Result<Json<Value>, Problem> {
    let now = namespaces::decide(&registry, &actor, &namespace.parse()?, decision).await?;
    Ok(Json(json!({ "namespace": now })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Disable {
    disabled: bool,
}

async fn disable_user(
    State(registry): State<Shared>,
    actor: Actor,
    Path(user): Path<String>,
    Body(change): Body<Disable>,
) -> Result<StatusCode, Problem> {
    users::set_disabled(&registry, &actor, &user.parse()?, change.disabled).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]
    use jackfield_package::{
        key::SigningKey,
        log::{Policy, VerifierKey},
    };

    #[test]
    fn the_witness_policy_is_one() {
        let public = SigningKey::from_seed([1; 32]).public_key();
        let log = VerifierKey::of_log("registry.example".parse().unwrap(), public);
        let witness = VerifierKey::of_witness("witness.example".parse().unwrap(), public);
        let witness = format!("{witness} https://witness.example");
        let text = super::witness_policy(&log.to_string(), &[witness]).unwrap();
        let policy = Policy::parse(text.as_bytes()).unwrap();
        assert_eq!((policy.logs().len(), policy.witnesses().len()), (1, 1));
    }
}
