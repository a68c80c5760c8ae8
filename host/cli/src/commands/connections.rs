//! `jackfield connections`: how what was connected is, and its end.

use jackfield_broker::{
    Connection, ConnectionId,
    clock::{Micros, rfc3339},
    connection::AuditRow,
    session::Wish,
    token::{GrantKind, TokenSet},
};
use jackfield_host::Invocation;
use serde_json::json;

use super::connect::{obtain, secret_of, tell};
use crate::{
    broker::Desk,
    context::Context,
    error::{Done, Failed, Kind},
    flags::{self, ConnectionsCommand},
    secret::SecretSource,
};

pub(crate) async fn run(flags: flags::Connections, context: &Context) -> Done {
    let desk = context.desk().await?;
    let Desk { broker, caller, .. } = &desk;
    match flags.command {
        ConnectionsCommand::List => list(&desk, context).await,
        ConnectionsCommand::Show(which) => {
            let connection = broker.get(caller, &which.id).await?;
            let audit = broker.audit(caller, &which.id).await?;
            context.ui.answer(&json!({ "connection": connection, "audit": audit }), |page| {
                show(&connection, &audit, page);
            })
        }
        ConnectionsCommand::Test(which) => test(&which.id, &desk, context).await,
        ConnectionsCommand::Reconnect { which, way, token_from, client_secret_from } => {
            reconnect(&which.id, &way, token_from.as_ref(), client_secret_from.as_ref(), &desk, context).await
        }
        ConnectionsCommand::Revoke(which) => done(broker.revoke(caller, &which.id).await?, context),
        ConnectionsCommand::Disable(which) => done(broker.set_enabled(caller, &which.id, false).await?, context),
        ConnectionsCommand::Enable(which) => done(broker.set_enabled(caller, &which.id, true).await?, context),
        ConnectionsCommand::Delete(which) => {
            broker.delete(caller, &which.id).await?;
            context.ui.answer(&json!({ "deleted": which.id }), |page| {
                page.line(&format!("Deleted {}", which.id));
            })
        }
    }
}

fn done(connection: Connection, context: &Context) -> Done {
    context.ui.answer(&json!({ "connection": connection }), |page| {
        page.line(&format!("{} is {} now", connection.id, connection.state));
    })
}

async fn list(desk: &Desk, context: &Context) -> Done {
    let mut connections: Vec<Connection> = Vec::new();
    loop {
        let page = desk.broker.list(&desk.caller, connections.last().map(|last| &last.id)).await?;
        if page.is_empty() {
            break;
        }
        connections.extend(page);
    }
    context.ui.answer(&json!({ "connections": connections }), |page| {
        let rows: Vec<_> = connections
            .iter()
            .map(|it| {
                let Connection { id, connector, label, state, account, .. } = it;
                vec![
                    id.to_string(),
                    connector.to_string(),
                    label.clone(),
                    state.to_string(),
                    account.clone().unwrap_or_default(),
                ]
            })
            .collect();
        page.table(&["id", "connector", "label", "state", "account"], &rows);
    })
}

fn show(connection: &Connection, audit: &[AuditRow], page: &mut crate::page::Page) {
    let Connection { id, connector, auth, state, reason, account, terms, scopes, .. } = connection;
    page.heading(&id.to_string());
    let mut field = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            page.line(&format!("  {name:<12} {value}"));
        }
    };
    field("connector", Some(format!("{connector}, entry `{auth}`")));
    field("state", Some(reason.as_ref().map_or(state.to_string(), |reason| format!("{state}: {reason}"))));
    field("account", account.clone());
    field("provider", terms.provider.clone());
    field("scopes", scopes.as_ref().or(Some(&terms.scopes)).filter(|list| !list.is_empty()).map(|list| list.join(" ")));
    let time = |at: Option<Micros>| at.map(rfc3339);
    field("token ends", time(connection.expires_at));
    field("sign in by", time(connection.refresh_expires_at));
    field("made", time(Some(connection.created_at)));
    field("last used", time(connection.last_used_at));
    page.heading("What was done with it, newest first");
    let rows: Vec<_> = audit
        .iter()
        .map(|row| {
            let detail = row.detail.clone().unwrap_or_default();
            vec![rfc3339(row.at), row.caller.clone(), row.action.clone(), row.outcome.clone(), detail]
        })
        .collect();
    page.table(&["when", "who", "what", "outcome", ""], &rows);
}

/// By the operation that the manifest names for it, or by a new token.
async fn test(id: &ConnectionId, desk: &Desk, context: &Context) -> Done {
    let connection = desk.broker.get(&desk.caller, id).await?;
    let host = context.host()?;
    let installation = host.installation(&connection.connector).ok();
    let operation = installation.and_then(|installation| {
        installation.manifest.auth.into_iter().find(|entry| entry.id == connection.auth)?.test
    });
    let by = match operation {
        Some(operation) => {
            let outcome = host.invoke(&connection.connector, Invocation::new(operation.to_string(), "{}")).await;
            outcome.result?;
            format!("operation {operation}")
        }
        None if connection.terms.grant == GrantKind::HandedIn => {
            return Err(Failed::new(
                Kind::Refused,
                "connection-untestable",
                format!("`{}` names no operation that would show whether the secret works", connection.connector),
            )
            .hint(format!("call one that uses it: jackfield invoke {} …", connection.connector)));
        }
        None => {
            desk.broker.refresh(&desk.caller, id).await?;
            "a new token".to_owned()
        }
    };
    context.ui.answer(&json!({ "connection": id, "works": true, "by": by }), |page| {
        page.line(&format!("{id} works ({by})"));
    })
}

async fn reconnect(
    id: &ConnectionId,
    way: &flags::Way,
    token: Option<&SecretSource>,
    client: Option<&SecretSource>,
    desk: &Desk,
    context: &Context,
) -> Done {
    let connection = desk.broker.get(&desk.caller, id).await?;
    let installation = context.host()?.installation(&connection.connector)?;
    let auth = installation.manifest.auth.iter().find(|entry| entry.id == connection.auth).cloned();
    let auth = auth.ok_or_else(|| {
        let message = format!("`{}` no longer asks for the credential `{}`", connection.connector, connection.auth);
        Failed::new(Kind::Refused, "auth-unknown", message).hint(format!("jackfield connections delete {id}"))
    })?;
    let grant = connection.terms.grant;
    if grant == GrantKind::HandedIn || token.is_some() {
        let secret = secret_of(token, auth.r#type)?;
        let again = desk.broker.connected(&desk.caller, id, None, &TokenSet::of(secret), None).await?;
        return tell(&again, &[], context);
    }
    if matches!(grant, GrantKind::ClientCredentials | GrantKind::JwtBearer) && client.is_none() {
        let again = desk.broker.refresh(&desk.caller, id).await?;
        return tell(&again, &[], context);
    }
    let wish = Wish {
        caller: desk.caller.clone(),
        connector: connection.connector.clone(),
        title: installation.manifest.title.clone(),
        auth,
        terms: connection.terms.clone(),
        client: client.map(|source| source.read("the app's secret")).transpose()?,
        label: connection.label.clone(),
        again: Some(id.clone()),
        return_to: None,
    };
    let (again, missing) = obtain(wish, way, desk, context).await?;
    tell(&again, &missing, context)
}
