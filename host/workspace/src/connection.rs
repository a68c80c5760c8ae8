//! Accounts that a workspace's connectors use. Secrets come in, and never out.

use axum::{Json, extract::State};
use http::StatusCode;
use jackfield_broker::{
    Connection, ConnectionId, Error, Secret,
    attach::Source,
    hook::HookOf,
    provider::Provider,
    session::{Link, Outcome, Wish},
    token::{GrantKind, Terms},
};
use jackfield_host::{Host, Invocation};
use jackfield_package::{
    Label, PackageName,
    manifest::{Auth, AuthType},
};
use jackfield_server::{body::Body, uri::Path};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::{
    Problem, Shared, answer::HostError, caller::Caller, clock::Micros, limits::LABEL_BYTES, role::Action,
    workspaces::person,
};

impl From<BrokerError> for Problem {
    fn from(BrokerError(error): BrokerError) -> Self {
        match error {
            Error::Refused(refusal) if refusal.code.ends_with("-not-found") => {
                let mut problem = Self::not_found(refusal.code, refusal.message);
                problem.hint = refusal.hint;
                problem
            }
            Error::Refused(refusal) => refusal.into(),
            Error::Unavailable(refusal) => {
                let mut problem = Self::unavailable(refusal.code, refusal.message);
                problem.hint = refusal.hint;
                problem
            }
            Error::Fault(cause) => Self::internal(&std::io::Error::other(cause)),
        }
    }
}

/// The broker's no, on its way to a problem.
pub(crate) struct BrokerError(Error);

impl From<Error> for BrokerError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

/// The broker's no, for whoever asks.
pub fn no(error: Error) -> Problem {
    BrokerError(error).into()
}

pub(crate) async fn list(State(workspaces): State<Shared>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.may_look(&workspaces, Action::Read, "connections").await?;
    let who = person(&caller.workspace, &caller.name);
    let mut all: Vec<Connection> = Vec::new();
    loop {
        let page = workspaces.broker.list(&who, all.last().map(|last| &last.id)).await.map_err(no)?;
        if page.is_empty() {
            break;
        }
        all.extend(page);
    }
    all.retain(|connection| caller.reach.covers(&connection.connector));
    Ok(Json(json!({ "connections": all })))
}

pub(crate) async fn show(
    State(workspaces): State<Shared>,
    caller: Caller,
    Path((_, id)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    caller.may_look(&workspaces, Action::Read, &id).await?;
    let connection = find(&workspaces, &caller, &id).await?;
    let who = person(&caller.workspace, &caller.name);
    let audit = workspaces.broker.audit(&who, &connection.id).await.map_err(no)?;
    Ok(Json(json!({ "connection": connection, "audit": audit })))
}

async fn find(workspaces: &Shared, caller: &Caller, id: &str) -> Result<Connection, Problem> {
    let id: ConnectionId = id.parse().map_err(|_| {
        Problem::not_found("connection-not-found", format!("there is no connection `{}`", id.escape_debug()))
    })?;
    let connection = workspaces.broker.get(&person(&caller.workspace, &caller.name), &id).await.map_err(no)?;
    caller.reaches(&connection.connector)?;
    Ok(connection)
}

/// What an account is wanted for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WantedConnection)]
pub(crate) struct Wanted {
    /// The connector, installed.
    #[schema(value_type = String)]
    connector: PackageName,
    /// Which entry of its manifest's `auth`; needed where there are several.
    #[schema(value_type = Option<String>)]
    auth: Option<Label>,
    /// What people call it.
    #[schema(min_length = 1, max_length = 200)]
    label: Option<String>,
    /// Instead of the one that the manifest names.
    provider: Option<String>,
    /// Another flow than the provider's first.
    #[schema(value_type = Option<String>)]
    flow: Option<GrantKind>,
    /// The app that the provider knows.
    #[serde(default)]
    client_id: String,
    /// Its secret or private key.
    client_secret: Option<String>,
    /// Instead of those of the manifest.
    scopes: Option<Vec<String>>,
    /// What the provider's templates take, such as its tenant.
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    parameters: Map<String, Value>,
    /// The connection that is connected again.
    #[schema(value_type = Option<String>)]
    again: Option<ConnectionId>,
}

/// Where a person connects it.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConnectionLink {
    url: String,
    session: String,
    /// What it will be.
    #[schema(value_type = String)]
    connection: ConnectionId,
    #[schema(value_type = i64)]
    expires_at: Micros,
}

/// Opens a link by which a person connects an account; once it has come to its end, the connector's requests carry it.
pub(crate) async fn connect(
    State(workspaces): State<Shared>,
    caller: Caller,
    Body(wanted): Body<Wanted>,
) -> Result<(StatusCode, Json<ConnectionLink>), Problem> {
    caller.reaches(&wanted.connector)?;
    let host = workspaces.host(&caller.workspace)?;
    let tx = caller.begin(&workspaces, Action::Connect, &wanted.connector.to_string(), Some("link")).await?;
    tx.commit().await?;
    let wish = wish(&workspaces, &caller, &host, wanted)?;
    let (connector, auth) = (wish.connector.clone(), wish.auth.id.clone());
    let link = workspaces.sessions.open(wish).await.map_err(no)?;
    tokio::spawn(bind(
        workspaces.clone(),
        caller,
        host,
        connector,
        auth,
        link.session.clone(),
        link.connection.clone(),
    ));
    let Link { url, session, connection, expires_at } = link;
    Ok((StatusCode::CREATED, Json(ConnectionLink { url, session, connection, expires_at })))
}

/// From the next request on, it is this connection that the entry's requests carry.
async fn bind(
    workspaces: Shared,
    caller: Caller,
    host: Host,
    connector: PackageName,
    auth: Label,
    session: String,
    connection: ConnectionId,
) {
    if let Outcome::Connected { .. } = workspaces.sessions.ended(&session).await {
        let detail = format!("bound to {connection}");
        let noted = async {
            let tx = caller.begin(&workspaces, Action::Connect, &connector.to_string(), Some(&detail)).await?;
            Ok::<_, Problem>(tx.commit().await?)
        };
        if let Err(problem) = noted.await {
            tracing::error!(%problem, %connector, %connection, "an account was connected and could not be bound");
            return;
        }
        let bound = host.change_grant(&connector, |it| {
            let mut grant = it.grant.clone();
            grant.credentials.insert(auth.clone(), Source::Connection(connection.clone()));
            Ok::<_, jackfield_host::Error>(grant)
        });
        if let Err(error) = bound {
            tracing::error!(%error, %connector, %connection, "an account was connected and could not be bound");
        }
    }
}

fn wish(workspaces: &Shared, caller: &Caller, host: &Host, wanted: Wanted) -> Result<Wish, Problem> {
    let installation = host.installation(&wanted.connector).map_err(HostError)?;
    let auth = entry(&installation.manifest.auth, wanted.auth.as_ref(), &wanted.connector)?.clone();
    let label = wanted.label.unwrap_or_else(|| auth.id.to_string());
    if label.is_empty() || label.len() > LABEL_BYTES {
        return Err(Problem::bad_request("label-malformed", format!("a label has 1 to {LABEL_BYTES} bytes")));
    }
    let text = |value: Value| match value {
        Value::String(text) => Ok(text),
        _ => Err(Problem::bad_request("parameters-malformed", "a provider's parameters are texts")),
    };
    let parameters =
        wanted.parameters.into_iter().map(|(name, value)| Ok((name, text(value)?))).collect::<Result<_, Problem>>()?;
    let scopes = wanted.scopes.unwrap_or_else(|| auth.scopes.iter().map(|scope| scope.name.clone()).collect());
    let terms = match auth.r#type {
        AuthType::Oauth2 => {
            let provider = wanted.provider.or_else(|| auth.provider.as_ref().map(ToString::to_string));
            let hook = auth.hook.is_some().then(|| HookOf {
                tenant: caller.workspace.to_string(),
                connector: wanted.connector.clone(),
                auth: auth.id.clone(),
            });
            let mut terms =
                Terms { provider, grant: GrantKind::HandedIn, client_id: wanted.client_id, scopes, parameters, hook };
            let provider = workspaces.flows.provider(&terms)?;
            terms.grant = wanted.flow.unwrap_or_else(|| first_flow(&provider));
            if terms.client_id.is_empty() && wanted.again.is_none() {
                return Err(client_needed(&provider));
            }
            terms
        }
        _ => Terms { scopes, ..Terms::default() },
    };
    Ok(Wish {
        caller: person(&caller.workspace, &caller.name),
        connector: wanted.connector,
        title: installation.manifest.title.clone(),
        auth: installation.auth_as_configured(&auth),
        terms,
        client: wanted.client_secret.map(|text| Secret::new(text.into_bytes())).transpose()?,
        label,
        again: wanted.again,
        return_to: None,
    })
}

fn entry<'a>(entries: &'a [Auth], wanted: Option<&Label>, connector: &PackageName) -> Result<&'a Auth, Problem> {
    let ids = || entries.iter().map(|entry| entry.id.to_string()).collect::<Vec<_>>().join(", ");
    match (entries, wanted) {
        ([], _) => Err(Problem::bad_request("auth-none", format!("`{connector}` asks for no credential"))),
        ([only], None) => Ok(only),
        (_, None) => {
            Err(Problem::bad_request("auth-ambiguous", format!("`{connector}` asks for more than one credential"))
                .hint(format!("say which: {}", ids())))
        }
        (_, Some(id)) => entries.iter().find(|entry| entry.id == *id).ok_or_else(|| {
            Problem::not_found("auth-unknown", format!("`{connector}` has no `auth` entry `{id}`"))
                .hint(format!("it has: {}", ids()))
        }),
    }
}

/// A person in a browser where the provider has that, a code for another device where it has not.
fn first_flow(provider: &Provider) -> GrantKind {
    match (&provider.authorize, &provider.device) {
        (Some(_), _) => GrantKind::AuthorizationCode,
        (None, Some(_)) => GrantKind::DeviceCode,
        (None, None) => GrantKind::ClientCredentials,
    }
}

fn client_needed(provider: &Provider) -> Problem {
    let message = format!("{} must know your app, and no client id was given", provider.title);
    Problem::bad_request("client-needed", message)
        .hint(format!("register an app there ({}), then name its client id and secret", provider.docs))
}

/// What is done with a connection, by the last word of the path.
pub(crate) async fn change(
    State(workspaces): State<Shared>,
    caller: Caller,
    Path((_, id, change)): Path<(String, String, String)>,
) -> Result<Json<Value>, Problem> {
    caller.may_look(&workspaces, Action::Connect, &id).await?;
    let who = person(&caller.workspace, &caller.name);
    if !["test", "revoke", "disable", "enable", "refresh"].contains(&change.as_str()) {
        return Err(Problem::not_found("route-not-found", format!("nobody can `{}` it", change.escape_debug())));
    }
    let known = find(&workspaces, &caller, &id).await?;
    caller.begin(&workspaces, Action::Connect, &id, Some(&change)).await?.commit().await?;
    let broker = &workspaces.broker;
    let changed = match change.as_str() {
        "test" => return test(&workspaces, &caller, &known).await.map(Json),
        "revoke" => broker.revoke(&who, &known.id).await,
        "disable" => broker.set_enabled(&who, &known.id, false).await,
        "enable" => broker.set_enabled(&who, &known.id, true).await,
        _ => broker.refresh(&who, &known.id).await,
    };
    Ok(Json(json!({ "connection": changed.map_err(no)? })))
}

/// Whether it works: by the operation that the manifest names for it, or by a new token.
async fn test(workspaces: &Shared, caller: &Caller, connection: &Connection) -> Result<Value, Problem> {
    let host = workspaces.host(&caller.workspace)?;
    let entry = host.installation(&connection.connector).ok();
    let entry = entry.and_then(|it| it.manifest.auth.into_iter().find(|entry| entry.id == connection.auth));
    let Some(operation) = entry.and_then(|entry| entry.test) else {
        let who = person(&caller.workspace, &caller.name);
        let connection = workspaces.broker.refresh(&who, &connection.id).await.map_err(no)?;
        return Ok(json!({ "works": true, "by": "a new token", "connection": connection }));
    };
    let outcome = host.invoke(&connection.connector, Invocation::new(operation.to_string(), "{}")).await;
    let why = outcome.result.as_ref().err().map(ToString::to_string);
    Ok(json!({ "works": why.is_none(), "by": operation, "why": why }))
}

pub(crate) async fn delete(
    State(workspaces): State<Shared>,
    caller: Caller,
    Path((_, id)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    caller.may_look(&workspaces, Action::Connect, &id).await?;
    let known = find(&workspaces, &caller, &id).await?;
    let tx = caller.begin(&workspaces, Action::Connect, &id, Some("delete")).await?;
    tx.commit().await?;
    workspaces.broker.delete(&person(&caller.workspace, &caller.name), &known.id).await.map_err(no)?;
    take_off(&workspaces.host(&caller.workspace)?, &known)?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is gone is no longer bound: requests would be denied for want of it, whatever their host.
fn take_off(host: &Host, gone: &Connection) -> Result<(), Problem> {
    let is_gone = |source: &Source| *source == Source::Connection(gone.id.clone());
    match host.installation(&gone.connector) {
        Ok(installation) if installation.grant.credentials.values().any(is_gone) => {}
        _ => return Ok(()),
    }
    host.change_grant(&gone.connector, |it| {
        let mut grant = it.grant.clone();
        grant.credentials.retain(|_, source| !is_gone(source));
        Ok::<_, jackfield_host::Error>(grant)
    })
    .map_err(HostError)?;
    Ok(())
}
