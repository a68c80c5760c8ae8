//! `jackfield connect`: an account for a connector, by a browser, a code, or a secret that is handed in.

use std::{process::Stdio, time::Duration};

use jackfield_broker::{
    Connection, ConnectionId, Secret,
    connection::NewConnection,
    hook::HookOf,
    provider::{Loopback, Provider},
    session::{Link, Outcome, Place, Sessions, Wish},
    token::{GrantKind, Terms, TokenSet},
};
use jackfield_host::{Installation, grant::Source};
use jackfield_package::manifest::{Auth, AuthType};
use serde_json::{Value, json};

use crate::{
    broker::{Desk, of_provider},
    context::Context,
    error::{Done, Failed, Kind},
    flags::{self, Flow},
    installed,
    secret::SecretSource,
};

/// The port that apps are registered with, unless the person says another: free on most machines.
const REGISTERED_PORT: u16 = 8976;

pub(crate) async fn run(flags: flags::Connect, context: &Context) -> Done {
    let host = context.host()?;
    let installation = installed::find(&host, &flags.name)?;
    let auth = entry(&installation, &flags)?.clone();
    let desk = context.desk().await?;
    let wish = wish(&installation, auth, &flags, &desk)?;
    let (connection, missing) = match wish.terms.grant {
        GrantKind::HandedIn => (hand_in(wish, &flags, &desk).await?, Vec::new()),
        _ => obtain(wish, &flags.way, &desk, context).await?,
    };
    // From the next request on, it is this connection that the entry's requests carry.
    host.change_grant(&installation.name, |before| {
        let mut grant = before.grant.clone();
        grant.credentials.insert(connection.auth.clone(), Source::Connection(connection.id.clone()));
        Ok::<_, Failed>(grant)
    })?;
    tell(&connection, &missing, context)
}

fn entry<'a>(installation: &'a Installation, flags: &flags::Connect) -> Result<&'a Auth, Failed> {
    let auth = &installation.manifest.auth;
    let ids = || auth.iter().map(|entry| entry.id.to_string()).collect::<Vec<_>>().join(", ");
    let (name, wanted) = (&installation.name, &flags.auth);
    match (auth.as_slice(), wanted) {
        ([], _) => {
            Err(Failed::usage("auth-none", format!("`{name}` asks for no credential: there is nothing to connect")))
        }
        ([only], None) => Ok(only),
        (_, None) => Err(Failed::usage("auth-ambiguous", format!("`{name}` asks for more than one credential"))
            .hint(format!("say which: --auth ID, of {}", ids()))),
        (_, Some(id)) => auth.iter().find(|entry| entry.id == *id).ok_or_else(|| {
            Failed::new(Kind::NotFound, "auth-unknown", format!("`{name}` has no `auth` entry `{id}`"))
                .hint(format!("it has: {}", ids()))
        }),
    }
}

fn wish(installation: &Installation, auth: Auth, flags: &flags::Connect, desk: &Desk) -> Result<Wish, Failed> {
    let is_handed_in = flags.token_from.is_some() || auth.r#type != AuthType::Oauth2;
    let app = &flags.app;
    // A client id may stand in the environment, for other connectors.
    let names_an_app = app.client_secret_from.is_some() || app.provider.is_some() || flags.way.flow.is_some();
    if auth.r#type != AuthType::Oauth2 && flags.refresh_token_from.is_none() && names_an_app {
        let message = format!(
            "the entry `{}` of `{}` is no OAuth account: --client-secret-from, --provider and --flow mean nothing here",
            auth.id, installation.name
        );
        return Err(Failed::usage("flow-not-offered", message).hint(format!(
            "hand the secret in: jackfield connect {} --auth {} --token-from FILE",
            installation.name, auth.id
        )));
    }
    let name = app.provider.clone().or_else(|| auth.provider.as_ref().map(ToString::to_string));
    let scopes = match app.scope.as_slice() {
        [] => auth.scopes.iter().map(|scope| scope.name.clone()).collect(),
        named => named.to_vec(),
    };
    let mut terms = Terms {
        provider: name,
        grant: GrantKind::HandedIn,
        client_id: app.client_id.clone().unwrap_or_default(),
        scopes,
        parameters: app.set.iter().map(|set| (set.name.clone(), set.value.clone())).collect(),
        hook: auth.hook.is_some().then(|| HookOf {
            tenant: desk.caller.tenant.clone(),
            connector: installation.name.clone(),
            auth: auth.id.clone(),
        }),
    };
    if is_handed_in && flags.refresh_token_from.is_none() {
        // Nobody will ever be asked for another.
        terms = Terms { scopes: terms.scopes, ..Terms::default() };
    } else {
        let provider = provider(&terms, installation, desk)?;
        terms.grant = if is_handed_in { GrantKind::AuthorizationCode } else { grant(&provider, flags.way.flow) };
        if terms.client_id.is_empty() {
            return Err(client_needed(&provider, terms.grant, &flags.way));
        }
    }
    let client = match (&app.client_secret_from, &app.client_key) {
        (Some(source), _) => Some(source.read("the app's secret")?),
        (None, Some(path)) => Some(SecretSource::whole(path, "the app's private key")?),
        (None, None) => None,
    };
    Ok(Wish {
        caller: desk.caller.clone(),
        connector: installation.name.clone(),
        title: installation.manifest.title.clone(),
        label: flags.label.clone().unwrap_or_else(|| auth.id.to_string()),
        auth: installation.auth_as_configured(&auth),
        terms,
        client,
        again: None,
        return_to: None,
    })
}

fn provider(terms: &Terms, installation: &Installation, desk: &Desk) -> Result<Provider, Failed> {
    if terms.provider.is_none() {
        let message = format!("`{}` does not say which provider its accounts are at", installation.name);
        return Err(Failed::usage("provider-needed", message)
            .hint("name it: --provider NAME (jackfield provider list), or hand a token in: --token-from FILE"));
    }
    Ok(desk.flows.provider(terms)?)
}

fn grant(provider: &Provider, wanted: Option<Flow>) -> GrantKind {
    match wanted {
        Some(Flow::Browser) => GrantKind::AuthorizationCode,
        Some(Flow::Device) => GrantKind::DeviceCode,
        Some(Flow::ClientCredentials) => GrantKind::ClientCredentials,
        Some(Flow::JwtBearer) => GrantKind::JwtBearer,
        None if provider.authorize.is_some() => GrantKind::AuthorizationCode,
        None if provider.device.is_some() => GrantKind::DeviceCode,
        None if provider.client_credentials.is_some() => GrantKind::ClientCredentials,
        None => GrantKind::JwtBearer,
    }
}

fn client_needed(provider: &Provider, grant: GrantKind, way: &flags::Way) -> Failed {
    let redirect = match grant {
        GrantKind::AuthorizationCode => {
            let origin = way
                .public_url
                .clone()
                .unwrap_or_else(|| format!("http://127.0.0.1:{}", way.port.unwrap_or(REGISTERED_PORT)));
            format!(" with the redirect address {}/connect/callback/{}", origin.trim_end_matches('/'), provider.name)
        }
        _ => String::new(),
    };
    Failed::usage("client-needed", format!("{} must know your app, and no client id was given", provider.title)).hint(
        format!(
            "register an app there{redirect} ({}), then add --client-id ID --client-secret-from FILE",
            provider.docs
        ),
    )
}

/// Keeps what the person hands in: a secret of their own, or tokens that came from elsewhere.
async fn hand_in(wish: Wish, flags: &flags::Connect, desk: &Desk) -> Result<Connection, Failed> {
    let secret = secret_of(flags.token_from.as_ref(), wish.auth.r#type)?;
    keep(&wish, TokenSet::of(secret), desk).await
}

/// The secret that was handed in, or is asked for at the terminal.
pub(crate) fn secret_of(source: Option<&SecretSource>, kind: AuthType) -> Result<Secret, Failed> {
    let what = match kind {
        AuthType::Basic => "user:password",
        AuthType::Sigv4 => "access key id:secret access key",
        AuthType::ApiKey | AuthType::Hmac => "key",
        AuthType::Bearer | AuthType::Oauth2 => "token",
    };
    match source {
        Some(source) => source.read(&format!("the {what}")),
        None => SecretSource::ask(what),
    }
}

/// A connection with these tokens: the one that is connected again, or a new one.
async fn keep(wish: &Wish, tokens: TokenSet, desk: &Desk) -> Result<Connection, Failed> {
    let Wish { caller, connector, auth, label, terms, client, again, .. } = wish;
    let id = match again {
        Some(id) => id.clone(),
        None => {
            let new = NewConnection {
                connector: connector.clone(),
                auth: auth.id.clone(),
                label: label.clone(),
                terms: terms.clone(),
            };
            desk.broker.begin(caller, new, client.as_ref()).await?.id
        }
    };
    Ok(desk.broker.connected(caller, &id, Some(terms.clone()), &tokens, client.as_ref()).await?)
}

/// Gets tokens by the flow of the wish's terms. With them come the scopes that were asked for and not given.
pub(crate) async fn obtain(
    wish: Wish,
    way: &flags::Way,
    desk: &Desk,
    context: &Context,
) -> Result<(Connection, Vec<String>), Failed> {
    let (terms, client) = (&wish.terms, wish.client.as_ref());
    match terms.grant {
        GrantKind::ClientCredentials => {
            let tokens = desk.flows.client_credentials(terms, client).await?;
            Ok((keep(&wish, tokens, desk).await?, Vec::new()))
        }
        GrantKind::JwtBearer => {
            let tokens = desk.flows.jwt_bearer(terms, client).await?;
            Ok((keep(&wish, tokens, desk).await?, Vec::new()))
        }
        GrantKind::DeviceCode => by_device(wish, desk, context).await,
        GrantKind::AuthorizationCode | GrantKind::HandedIn => by_browser(wish, way, desk, context).await,
    }
}

async fn by_browser(
    wish: Wish,
    way: &flags::Way,
    desk: &Desk,
    context: &Context,
) -> Result<(Connection, Vec<String>), Failed> {
    let loopback = match wish.terms.grant {
        GrantKind::HandedIn => Loopback::AnyPort,
        _ => desk
            .flows
            .provider(&wish.terms)?
            .authorize
            .as_ref()
            .map_or(Loopback::AnyPort, |authorize| authorize.loopback),
    };
    if loopback == Loopback::Refused && way.public_url.is_none() {
        return Err(Failed::usage("public-url-needed", "this provider sends nobody back to a loopback address").hint(
            "let an https address lead to a port of this machine, and say both: --public-url https://… --port PORT; or hand \
             a token in: --token-from FILE",
        ));
    }
    let port = way.port.unwrap_or(if loopback == Loopback::AnyPort { 0 } else { REGISTERED_PORT });
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.map_err(|error| {
        Failed::file(format!("cannot listen on port {port} of this machine"), &error)
            .hint("take another that the app is registered with: --port PORT")
    })?;
    let bound = listener.local_addr().map_err(|error| Failed::file("cannot tell the port", &error))?;
    let origin = way.public_url.clone().unwrap_or_else(|| format!("http://{bound}"));
    let origin =
        origin.parse().map_err(|error| Failed::usage("public-url-malformed", format!("`{origin}`: {error}")))?;
    let sessions = Sessions::new(desk.broker.clone(), desk.flows.clone(), Place { origin, return_to: Vec::new() });
    let link = sessions.open(wish).await?;
    let serving = tokio::spawn(sessions.clone().serve(listener));
    lead_to(&link, way, context);
    let outcome = tokio::select! {
        outcome = sessions.ended(&link.session) => outcome,
        _ = tokio::signal::ctrl_c() => return Err(Failed::new(Kind::Cancelled, "cancelled", "cancelled: nothing was connected")),
    };
    // The browser still loads the last page.
    tokio::time::sleep(Duration::from_millis(500)).await;
    serving.abort();
    ended(outcome, &link.connection, desk).await
}

async fn by_device(wish: Wish, desk: &Desk, context: &Context) -> Result<(Connection, Vec<String>), Failed> {
    let origin = "http://127.0.0.1".parse().map_err(|_| Failed::usage("public-url-malformed", "no address"))?;
    let sessions = Sessions::new(desk.broker.clone(), desk.flows.clone(), Place { origin, return_to: Vec::new() });
    let link = sessions.open(wish).await?;
    let mut told = false;
    let waiting = async {
        while let Some(code) = sessions.device(&link.session).await {
            if !told {
                show(
                    context,
                    &json!({ "open": code.place, "code": code.user_code }),
                    &[format!("Open {} on any device", code.place), format!("and enter the code {}", code.user_code)],
                );
                told = true;
            }
            tokio::time::sleep(Duration::from_secs(u64::try_from(code.refresh_s).unwrap_or(1))).await;
        }
    };
    tokio::select! {
        () = waiting => {}
        _ = tokio::signal::ctrl_c() => return Err(Failed::new(Kind::Cancelled, "cancelled", "cancelled: nothing was connected")),
    }
    ended(sessions.ended(&link.session).await, &link.connection, desk).await
}

async fn ended(outcome: Outcome, id: &ConnectionId, desk: &Desk) -> Result<(Connection, Vec<String>), Failed> {
    match outcome {
        Outcome::Connected { missing, .. } => Ok((desk.broker.get(&desk.caller, id).await?, missing)),
        Outcome::Failed(refusal) if refusal.code == "connect-cancelled" => {
            Err(Failed::new(Kind::Cancelled, refusal.code, refusal.message))
        }
        Outcome::Failed(refusal) => Err(of_provider(refusal)),
        Outcome::Open => Err(Failed::new(Kind::Fault, "broker-fault", "the sign-in has no end")),
    }
}

/// Opens the link where a person sits, and prints it wherever.
fn lead_to(link: &Link, way: &flags::Way, context: &Context) {
    show(context, &json!({ "open": link.url }), &[format!("Open this link within 15 minutes: {}", link.url)]);
    if way.no_browser || !context.ui.can_ask() {
        return;
    }
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let opened = std::process::Command::new(opener)
        .arg(&link.url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if opened.is_ok() {
        context.ui.note("A browser should open it by itself.");
    }
}

/// What the person must see to go on, also where a program reads.
fn show(context: &Context, json: &Value, lines: &[String]) {
    if context.ui.is_json() {
        eprintln!("{json}");
        return;
    }
    for line in lines {
        eprintln!("{line}");
    }
}

/// What came of it.
pub(crate) fn tell(connection: &Connection, missing: &[String], context: &Context) -> Done {
    for scope in missing {
        context.ui.warn(&format!("the provider did not give the scope `{scope}`: what needs it will fail"));
    }
    if !missing.is_empty() {
        context.ui.hint("allow it in the app's settings at the provider, then: jackfield connections reconnect");
    }
    context.ui.answer(&json!({ "connection": connection, "missing_scopes": missing }), |page| {
        let account = connection.account.as_ref().map_or(String::new(), |account| format!(" as {account}"));
        page.line(&format!("Connected {}{account}: {}", connection.connector, connection.id));
    })
}
