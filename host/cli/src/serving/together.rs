//! The parts of a server, opened in their order and joined.

use std::{path::Path, sync::Arc};

use axum::Router;
use http::Method;
use jackfield_broker::{
    Broker, home,
    session::{Place, Sessions},
};
use jackfield_db::{Db, PoolLimits};
use jackfield_host::{Engines, Host, egress::SystemResolver, provider_network};
use jackfield_package::{Label, admission::TrustedRegistry};
use jackfield_registry::{
    account::{session, users},
    clock::SystemClock,
    read::openapi,
};
use jackfield_server::{
    guard::{Allowance, Guard, guarded},
    openapi::Part,
};
use jackfield_workspace::{Parts, Problem, Workspaces};
use serde_json::Value;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    accounts::Accounts,
    config::Config,
    metrics::{self, Looked, Metrics},
    releases::Releases,
    telemetry,
};
use crate::{context::Context, error::Failed};

/// The workspace of a server's first start.
const FIRST_WORKSPACE: &str = "main";

/// A server, open.
pub(crate) struct Server {
    registry: jackfield_registry::Shared,
    /// Whether it is served here, and works here between requests.
    serves_registry: bool,
    metrics: Option<Metrics>,
    running: Option<Running>,
}

/// What there is beside the registry.
struct Running {
    workspaces: jackfield_workspace::Shared,
    broker: Broker,
    sessions: Sessions,
}

/// Opens workspaces and their broker beside a registry. `own` is where this process reaches that registry, `public_url` where people reach both.
pub(crate) async fn open(
    registry: jackfield_registry::Shared,
    config: Config,
    own: &str,
    public_url: &str,
    context: &Context,
) -> Result<Server, Failed> {
    let roots = context.root_certificates()?;
    let data = registry.config.data.clone();
    let database = registry.config.database.clone();
    let network = provider_network(Arc::new(SystemResolver), &roots)?;
    let parts = home::HomeParts { database: database.clone(), sender: network, hooks: None, events: None };
    let (broker, flows) = home::open(&data, parts).await?;
    let origin = public_url
        .parse()
        .map_err(|_| Failed::usage("config-malformed", format!("`public_url` is `{public_url}`: no URL")))?;
    let place = Place { origin, return_to: config.return_to };
    let sessions = Sessions::new(broker.clone(), flows.clone(), place);

    let releases = Arc::new(Releases::new(context.at(&data)));
    releases.set_own(believed(&registry, own).map_err(Failed::from_problem)?);
    let rows = database.unwrap_or_else(|| format!("sqlite://{}", data.join("workspaces.sqlite").display()));
    let db = Db::open(&rows, PoolLimits::default()).await.map_err(|error| Failed::from_problem(error.into()))?;
    let (engines, shared) = (Engines::with_calls(config.concurrent_calls), (broker.clone(), flows.clone()));
    let compiler = Context::compiler()?;
    let host_of = move |name: &Label, home: &Path| {
        Host::builder().home(home).compiler(compiler.clone()).root_certificates(roots.clone()).engines(&engines).broker(
            shared.0.clone(),
            shared.1.clone(),
            name.as_str(),
        )
    };
    let parts = Parts {
        db,
        clock: Arc::new(SystemClock),
        identity: Arc::new(Accounts(registry.clone())),
        supply: releases,
        broker: broker.clone(),
        flows,
        sessions: sessions.clone(),
        folder: data.join("workspaces"),
        origin: registry.config.public_url.clone(),
        host_of: Box::new(host_of),
    };
    let workspaces = Workspaces::open(parts).await.map_err(Failed::from_problem)?;
    first_workspace(&registry, &workspaces).await.map_err(Failed::from_problem)?;
    Ok(Server {
        registry,
        serves_registry: true,
        metrics: None,
        running: Some(Running { workspaces, broker, sessions }),
    })
}

/// What workspaces believe of the registry beside them.
fn believed(registry: &jackfield_registry::Shared, url: &str) -> Result<TrustedRegistry, Problem> {
    Ok(TrustedRegistry {
        url: url.to_owned(),
        origin: registry.config.origin.clone(),
        log_key: jackfield_registry::log::verifier(registry)?,
        statements_key: registry.keys.statements.public_key(),
        witness_policy: None,
    })
}

async fn first_workspace(
    registry: &jackfield_registry::Shared,
    workspaces: &jackfield_workspace::Shared,
) -> Result<(), Problem> {
    let operator: Label = users::FIRST.parse()?;
    if workspaces.is_empty().await? && users::exists(registry, &operator).await? {
        match workspaces.create(&FIRST_WORKSPACE.parse()?, "Main", &operator).await {
            // Another process was here first.
            Err(problem) if problem.code == "workspace-exists" => {}
            made => made?,
        }
    }
    Ok(())
}

impl Server {
    /// A registry alone.
    pub(crate) fn of_registry(registry: jackfield_registry::Shared) -> Self {
        Self { registry, serves_registry: true, metrics: None, running: None }
    }

    /// Workspaces alone: the registry is served, and works, in another process.
    pub(crate) fn without_registry(self) -> Self {
        Self { serves_registry: false, ..self }
    }

    /// The same, and what is counted is told.
    pub(crate) fn with_metrics(self, metrics: Metrics) -> Self {
        Self { metrics: Some(metrics), ..self }
    }

    /// A link by which the first user signs in with a browser; none once he has a password.
    pub(crate) async fn first_link(&self, url: &str) -> Result<Option<String>, Problem> {
        let operator: Label = users::FIRST.parse()?;
        if users::has_password(&self.registry, &operator).await? {
            return Ok(None);
        }
        let code = session::code_for(&self.registry, &operator).await?;
        Ok(Some(format!("{}/sign-in#code={code}", url.trim_end_matches('/'))))
    }

    /// All routes behind one guard, and the pages beside them.
    pub(crate) fn router(&self) -> Router {
        let config = &self.registry.config;
        let mut router = match self.serves_registry {
            true => jackfield_registry::router::routes(self.registry.clone()),
            false => jackfield_registry::router::health(self.registry.clone()),
        };
        if let Some(running) = &self.running {
            router =
                router.merge(jackfield_workspace::routes(running.workspaces.clone())).merge(running.sessions.router());
        }
        if let Some(metrics) = self.metrics.clone() {
            let broker = self.running.as_ref().map(|running| running.broker.clone());
            router = router.merge(metrics::routes(Looked { metrics, registry: self.registry.clone(), broker }));
        }
        router = router.merge(openapi::routes(self.document()));
        let guard = Guard {
            clock: self.registry.clock.clone(),
            requests_per_minute: config.requests_per_minute,
            is_https: config.is_https(),
            allow: allowance,
            refuse: jackfield_registry::router::refuse,
            adopt: Some(telemetry::adopt),
            requests: Default::default(),
        };
        // The pages stand where the API has no route.
        jackfield_web::mount(guarded(router, Arc::new(guard)), config.is_https())
    }

    /// Ends what would go on for ever, so that `stop` is not waited for.
    pub(crate) fn hang_up_at(&self, stop: CancellationToken) {
        if let Some(Running { workspaces, .. }) = &self.running {
            let workspaces = workspaces.clone();
            tokio::spawn(async move {
                stop.cancelled().await;
                workspaces.hang_up();
            });
        }
    }

    /// The OpenAPI document of all that this server answers to.
    fn document(&self) -> Value {
        let mut part = openapi::part().join(Part::of(&[metrics::ROW]));
        if self.running.is_none() {
            return part.document("Jackfield registry", openapi::DESCRIPTION);
        }
        part = part.join(jackfield_workspace::document::part());
        let description = format!("{} In workspaces they are installed, connected and called.", openapi::DESCRIPTION);
        part.document("Jackfield", &description)
    }

    /// What goes on between requests, until `stop`.
    pub(crate) async fn work(self: Arc<Self>, stop: CancellationToken) {
        let mut work = JoinSet::new();
        if self.serves_registry {
            work.spawn(self.registry.clone().work(stop.clone()));
        }
        if let Some(metrics) = self.metrics.clone() {
            let stop = stop.clone();
            work.spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = metrics.keep() => {}
                }
            });
        }
        if let Some(Running { workspaces, broker, .. }) = &self.running {
            work.spawn(workspaces.clone().work(stop.clone()));
            let broker = broker.clone();
            work.spawn(async move {
                // Safe to drop at any point.
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = broker.work() => {}
                }
            });
        }
        work.join_all().await;
        self.registry.db.close().await;
    }
}

fn allowance(method: &Method, path: &str) -> Allowance {
    match jackfield_workspace::router::is_ours(path) {
        // Whoever scrapes is not to be kept from seeing that many ask.
        _ if path == metrics::PATH => Allowance { times_as_often: 0, ..Allowance::default() },
        true => jackfield_workspace::router::allowance(method, path),
        false => jackfield_registry::router::allowance(method, path),
    }
}
