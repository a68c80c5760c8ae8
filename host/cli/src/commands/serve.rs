//! `jackfield serve`: registry, broker and workspaces on a port, or the registry alone.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use jackfield_registry::{Config, Registry, registry::Parts};
use jackfield_server::serve::{Port, bind, serve};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use crate::{
    context::{Context, read_bounded},
    error::{Done, Failed},
    flags::{self, Served},
    serving::{self, Server, metrics::Metrics, telemetry::Telemetry},
    validator::ChildValidator,
    words::nearest,
};

/// Bytes of a configuration file: it has some twenty keys.
const CONFIG_BYTES: u64 = 64 << 10;

pub(crate) async fn run(flags: flags::Serve, context: &Context) -> Done {
    let Configured { registry: config, beside } = configuration(&flags.configured, flags.listen.clone())?;
    let telemetry = Telemetry::start(&context.ui, beside.log_format)?;
    let served = serve_configured(&flags, config, beside, context).await;
    telemetry.end().await;
    served
}

async fn serve_configured(
    flags: &flags::Serve,
    config: Config,
    beside: serving::config::Config,
    context: &Context,
) -> Done {
    let listen: SocketAddr = config.listen.parse().map_err(|_| {
        Failed::usage("config-malformed", format!("`listen` is `{}`: expected an address and a port", config.listen))
            .hint("such as 127.0.0.1:8787, or [::1]:0 for a port that the system chooses")
    })?;
    let (tls, bounds) = (beside.tls(&config)?, beside.bounds()?);
    let data = config.data.clone();
    if flags.only == Some(Served::Workspaces) {
        stands_beside_a_registry(&config).await?;
    }
    let parts = parts(config.validator_timeout_s)?;
    let registry = Registry::open(config, parts).await.map_err(Failed::from_problem)?;
    registry.check().await.map_err(Failed::from_problem)?;
    let is_alone = flags.only == Some(Served::Registry);
    if flags.check {
        if !is_alone {
            let url = reached_by(&registry, format!("http://{listen}"));
            serving::open(registry.clone(), beside, &url, &url, context).await?;
        }
        registry.db.close().await;
        return context.ui.answer(&json!({ "checked": true, "data": data }), |page| {
            page.line("The configuration is right: the database, the blobs and the keys are there.");
        });
    }
    let listener = open_port(listen).await?;
    let address = address_of(&listener)?;
    let url = format!("{}://{address}", if tls.is_some() { "https" } else { "http" });
    if tls.is_none() && !address.ip().is_loopback() {
        context.ui.warn(
            "others reach this over plain HTTP: set `tls_certificate` and `tls_key`, or put a proxy with TLS in front",
        );
    }
    let may_open = open_files();
    if may_open < bounds.connections as u64 * 2 {
        context.ui.warn(&format!(
            "this process may have {may_open} files open, and `connections` is {}: a call with a connection of its own takes two; raise it by `ulimit -n`",
            bounds.connections
        ));
    }
    let stop = CancellationToken::new();
    let port = Port { listener, tls, trust_forwarded: registry.config.trust_forwarded, bounds };
    let reached_by = reached_by(&registry, url.clone());
    let server = match is_alone {
        true => Server::of_registry(registry),
        false => {
            let is_beside = flags.only == Some(Served::Workspaces);
            let own = match is_beside {
                true => reached_by.clone(),
                false => own_door(&registry, stop.clone()).await?,
            };
            let server = serving::open(registry, beside, &own, &reached_by, context).await?;
            if is_beside { server.without_registry() } else { server }
        }
    };
    let server = Arc::new(server.with_metrics(Metrics::start()?));
    let link = server.first_link(&reached_by).await.map_err(Failed::from_problem)?;
    stop_on_signals(stop.clone())?;
    server.hang_up_at(stop.clone());
    context.ui.answer(
        &json!({ "listening": url, "data": data, "pid": std::process::id(), "sign_in": link }),
        |page| {
            page.line(&format!("listening on {url}"));
            // In the answer, and in no log.
            if let Some(link) = &link {
                page.line(&format!("Nobody has a password yet. Sign in once, within half an hour, by {link}"));
            }
        },
    )?;
    serve(port, server.router(), |stop| server.clone().work(stop), stop).await;
    Ok(())
}

/// How many files, connections among them, this process may have open: as many as it can let itself.
fn open_files() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
    if raised { maximum } else { current }.unwrap_or(u64::MAX)
}

/// By which URL people reach it: `public_url`, or where it listens.
fn reached_by(registry: &jackfield_registry::Shared, listens: String) -> String {
    registry.config.public_url.clone().unwrap_or(listens)
}

async fn open_port(address: SocketAddr) -> Result<TcpListener, Failed> {
    bind(address).await.map_err(|error| Failed::file(format!("cannot listen on {address}"), &error))
}

fn address_of(listener: &TcpListener) -> Result<SocketAddr, Failed> {
    listener.local_addr().map_err(|error| Failed::file("cannot tell the port", &error))
}

/// Workspaces alone know people, and the registry, by what another process made.
async fn stands_beside_a_registry(config: &Config) -> Result<(), Failed> {
    if !Registry::is_founded(config).await.map_err(Failed::from_problem)? {
        let message = format!(
            "there is no registry with keys in `{}` and users in its database, and workspaces stand beside one",
            config.data.display()
        );
        return Err(Failed::usage("registry-missing", message)
            .hint("begin with `jackfield serve --only registry` and the same data, database and blobs"));
    }
    if config.public_url.is_none() {
        return Err(Failed::usage(
            "config-malformed",
            "workspaces alone need `public_url`, by which all of it is reached",
        )
        .hint("a proxy sends /v1/workspaces, /mcp and /connect here, and the rest to the registry"));
    }
    Ok(())
}

/// Where workspaces reach the registry beside them: a port of their own on loopback, that serves it alone. The other one may speak TLS for a
/// name that does not lead back here, and have no connection free.
async fn own_door(registry: &jackfield_registry::Shared, stop: CancellationToken) -> Result<String, Failed> {
    let listener = open_port((Ipv4Addr::LOCALHOST, 0).into()).await?;
    let own = format!("http://{}", address_of(&listener)?);
    let router = jackfield_registry::router::router(registry.clone());
    tokio::spawn(serve(Port::plain(listener), router, |stop| async move { stop.cancelled().await }, stop));
    Ok(own)
}

fn parts(timeout_s: u64) -> Result<Parts, Failed> {
    let validator = ChildValidator::new(timeout_s).map_err(|error| Failed::file("cannot find this program", &error))?;
    Ok(Parts { validator: Some(Arc::new(validator)), ..Parts::system() })
}

/// A configuration: the registry's, and what stands beside it.
pub(super) struct Configured {
    pub(super) registry: Config,
    beside: serving::config::Config,
}

/// The file, then the environment, then the flags: each over what was before.
pub(super) fn configuration(flags: &flags::Configured, listen: Option<String>) -> Result<Configured, Failed> {
    let mut table = match &flags.config {
        Some(path) => {
            let bytes = read_bounded(path, "the configuration", CONFIG_BYTES)?;
            let text = String::from_utf8_lossy(&bytes);
            toml::from_str(&text).map_err(|error| {
                Failed::usage("config-malformed", format!("`{}`: {}", path.display(), error.to_string().trim_end()))
            })?
        }
        None => toml::Table::new(),
    };
    let of_registry = serde_json::to_value(Config::default()).unwrap_or_default();
    let beside = serde_json::to_value(serving::config::Config::default()).unwrap_or_default();
    let both = [&of_registry, &beside].into_iter().filter_map(|it| it.as_object()).flatten();
    let defaults: serde_json::Map<_, _> = both.map(|(key, value)| (key.clone(), value.clone())).collect();
    for (key, default) in &defaults {
        let variable = format!("JACKFIELD_{}", key.to_uppercase());
        if let Ok(text) = std::env::var(&variable) {
            table.insert(key.clone(), value(&text, default, &variable)?);
        }
    }
    let named = [
        ("data", flags.data.as_ref().map(|path| path.display().to_string())),
        ("listen", listen),
        ("origin", flags.origin.clone()),
        ("public_url", flags.public_url.clone()),
        ("database", flags.database.clone()),
        ("blobs", flags.blobs.clone()),
    ];
    for (key, text) in named {
        if let Some(text) = text {
            table.insert(key.to_owned(), text.into());
        }
    }
    for setting in &flags.set {
        let (key, text) = setting.split_once('=').ok_or_else(|| {
            Failed::usage("config-malformed", format!("`--set {setting}` sets nothing: expected KEY=VALUE"))
        })?;
        let default = defaults.get(key).unwrap_or(&serde_json::Value::Null);
        table.insert(key.to_owned(), value(text, default, "--set")?);
    }
    let (beside, registry): (toml::Table, toml::Table) =
        table.into_iter().partition(|(key, _)| beside.get(key).is_some());
    let known = || defaults.keys().map(String::as_str);
    if let Some(key) = registry.keys().find(|key| !defaults.contains_key(*key)) {
        let near = nearest(key, known()).map_or_else(String::new, |near| format!("; is `{near}` meant?"));
        let message = format!("the configuration has a key `{}` that nobody knows{near}", key.escape_debug());
        return Err(Failed::usage("config-malformed", message)
            .hint(format!("it has: {}", known().collect::<Vec<_>>().join(", "))));
    }
    // A number may be out of its type's range, of which the type says the key nowhere.
    for (key, value) in registry.iter().chain(&beside) {
        if value.as_integer().is_some_and(|number| number < 0) {
            return Err(Failed::usage("config-malformed", format!("`{key}` is {value}: expected 0 or more")));
        }
    }
    let malformed = |error: toml::de::Error| {
        Failed::usage("config-malformed", format!("the configuration is not right: {}", error.message()))
            .hint("docs/reference/serve.md has every key")
    };
    Ok(Configured { registry: registry.try_into().map_err(malformed)?, beside: beside.try_into().map_err(malformed)? })
}

/// A text as the type that its key has: lists are separated by commas.
fn value(text: &str, default: &serde_json::Value, place: &str) -> Result<toml::Value, Failed> {
    use serde_json::Value as Json;
    let wrong = |what: &str| Failed::usage("config-malformed", format!("{place}: `{text}` is not {what}"));
    Ok(match default {
        Json::Bool(_) => toml::Value::Boolean(text.parse().map_err(|_| wrong("true or false"))?),
        Json::Number(_) => toml::Value::Integer(text.parse().map_err(|_| wrong("a whole number"))?),
        Json::Array(_) => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            toml::Value::Array(parts.map(toml::Value::from).collect())
        }
        _ => toml::Value::from(text),
    })
}

fn stop_on_signals(stop: CancellationToken) -> Done {
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let mut signal = signal(kind).map_err(|error| Failed::file("cannot wait for signals", &error))?;
        let stop = stop.clone();
        tokio::spawn(async move {
            signal.recv().await;
            stop.cancel();
            // Asked twice: now.
            signal.recv().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            std::process::exit(130);
        });
    }
    Ok(())
}
