//! What handlers are handed: all workspaces of a server.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock, Weak},
};

use async_trait::async_trait;
use jackfield_broker::{
    Broker, Caller as BrokerCaller,
    connection::Who,
    flow::Flows,
    hook::{Exchange, HookError, HookOf, Hooks, Step},
    session::Sessions,
};
use jackfield_db::Db;
use jackfield_host::{Host, HostBuilder};
use jackfield_package::{Label, PackageName, Refusal};
use jackfield_server::rate::Limiter;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    Problem,
    caller::Caller,
    clock::{Clock, Micros},
    identity::Identity,
    invocation::Bills,
    mcp::Door,
    migrations::MIGRATIONS,
    remembered::Remembered,
    standing::{self, Standings},
    store,
    supply::Supply,
};

/// What handlers are handed.
pub type Shared = Arc<Workspaces>;

/// Makes the builder of a workspace's host, by its name and home.
pub type HostOf = Box<dyn Fn(&Label, &Path) -> HostBuilder + Send + Sync>;

/// All workspaces, open.
pub struct Workspaces {
    pub(crate) db: Db,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) identity: Arc<dyn Identity>,
    pub(crate) supply: Arc<dyn Supply>,
    pub(crate) broker: Broker,
    pub(crate) flows: Flows,
    pub(crate) sessions: Sessions,
    pub(crate) bills: Bills,
    /// What was heard of what is installed.
    pub(crate) standings: Standings,
    /// Tokens, by hash.
    pub(crate) tokens: Remembered<[u8; 32], Caller>,
    /// Invocations a minute of each workspace.
    pub(crate) quotas: Remembered<Label, i64>,
    /// Calls of each workspace, against its quota.
    pub(crate) calls: Limiter,
    /// Where agents come in.
    pub(crate) mcp: Door,
    /// What tells each workspace's agents that their tools have changed.
    tools: Mutex<HashMap<Label, watch::Sender<()>>>,
    folder: PathBuf,
    origin: Option<String>,
    host_of: HostOf,
    hosts: RwLock<HashMap<Label, Host>>,
}

/// What the door hands in.
pub struct Parts {
    /// Rows.
    pub db: Db,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Who people are.
    pub identity: Arc<dyn Identity>,
    /// Where releases come from.
    pub supply: Arc<dyn Supply>,
    /// The one broker, whose tenants are the workspaces.
    pub broker: Broker,
    /// How it talks to providers.
    pub flows: Flows,
    /// Links by which people connect accounts.
    pub sessions: Sessions,
    /// Where the homes of workspaces stand, a folder each.
    pub folder: PathBuf,
    /// The URL that clients reach this by; none: as each request says.
    pub origin: Option<String>,
    /// How a workspace's host is made.
    pub host_of: HostOf,
}

impl std::fmt::Debug for Workspaces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workspaces").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Workspaces {
    /// Brings the tables up to date.
    ///
    /// # Errors
    /// What stands in the way, for an operator.
    pub async fn open(parts: Parts) -> Result<Shared, Problem> {
        let Parts { db, clock, identity, supply, broker, flows, sessions, folder, origin, host_of } = parts;
        db.migrate("workspace", MIGRATIONS).await?;
        let opened = Arc::new(Self {
            db,
            clock,
            identity,
            supply,
            broker,
            flows,
            sessions,
            bills: Bills::new(),
            standings: Standings::default(),
            tokens: Remembered::default(),
            quotas: Remembered::default(),
            calls: Limiter::default(),
            mcp: Door::new(),
            tools: Mutex::default(),
            folder,
            origin,
            host_of,
            hosts: RwLock::default(),
        });
        opened.flows.serve_hooks(Arc::new(WorkspaceHooks(Arc::downgrade(&opened))));
        Ok(opened)
    }

    /// What goes on between requests: bills are written, what was taken back is looked up, what is old is forgotten. Ends when `stop` does, with every bill written.
    pub async fn work(self: Arc<Self>, stop: CancellationToken) {
        tokio::join!(
            crate::invocation::write_bills(self.clone(), stop.clone()),
            standing::watch(self.clone(), stop.clone()),
            store::sweep(self, stop)
        );
    }

    /// Now.
    pub(crate) fn now(&self) -> Micros {
        self.clock.now()
    }

    /// The URL that clients reach this by, if it is set.
    pub(crate) fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// Where a workspace's home is.
    pub(crate) fn home(&self, workspace: &Label) -> PathBuf {
        self.folder.join(workspace.as_str())
    }

    /// A workspace's host, opened when it is first needed. Whoever asks has been authorised there.
    pub(crate) fn host(&self, workspace: &Label) -> Result<Host, Problem> {
        if let Some(host) = self.hosts.read().unwrap_or_else(PoisonError::into_inner).get(workspace) {
            return Ok(host.clone());
        }
        let home = self.home(workspace);
        let mut hosts = self.hosts.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get(workspace) {
            return Ok(host.clone());
        }
        let host = (self.host_of)(workspace, &home).build().map_err(|fault| Problem::internal(&fault))?;
        hosts.insert(workspace.clone(), host.clone());
        Ok(host)
    }

    /// Whoever listens hears when a workspace's tools may have changed.
    pub(crate) fn tools_of(&self, workspace: &Label) -> watch::Sender<()> {
        let mut all = self.tools.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(workspace.clone()).or_default().clone()
    }

    /// Ends the streams by which agents listen, so that a server which stops need not wait for them.
    pub fn hang_up(&self) {
        self.mcp.hang_up();
    }

    /// Makes a workspace and its home, with its first admin.
    ///
    /// # Errors
    /// 409 `workspace-exists`, `too-many-workspaces`.
    pub async fn create(&self, name: &Label, title: &str, admin: &Label) -> Result<(), Problem> {
        let home = self.home(name);
        std::fs::create_dir_all(&home).map_err(|error| Problem::internal(&error))?;
        self.supply.prepare(&home).await?;
        let now = self.now();
        let mut tx = self.db.begin().await?;
        if store::workspace_count(&mut tx).await? >= crate::limits::WORKSPACES {
            let most = crate::limits::WORKSPACES;
            return Err(Problem::conflict("too-many-workspaces", format!("there are {most} workspaces already")));
        }
        if store::add_workspace(&mut tx, name.as_str(), title, crate::limits::CALLS_A_MINUTE, now).await? == 0 {
            return Err(Problem::conflict("workspace-exists", format!("there is a workspace `{name}` already")));
        }
        store::put_member(&mut tx, name.as_str(), admin.as_str(), crate::role::Role::Admin.word(), now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Whether there is none yet.
    ///
    /// # Errors
    /// 503.
    pub async fn is_empty(&self) -> Result<bool, Problem> {
        Ok(store::workspace_count(&mut self.db.read().await?).await? == 0)
    }
}

/// The hooks of all workspaces' connectors, each run by its own workspace's host: also of one that nobody has called yet.
struct WorkspaceHooks(Weak<Workspaces>);

impl WorkspaceHooks {
    fn of(&self, hook: &HookOf) -> Result<Arc<dyn Hooks>, Refusal> {
        let gone = |why: &str| Refusal::new("hook-failed", format!("{hook}, gives no answer: {why}"));
        let workspaces = self.0.upgrade().ok_or_else(|| gone("the server stops"))?;
        let workspace = hook.tenant.parse().map_err(|_| gone("there is no such workspace"))?;
        let host = workspaces.host(&workspace).map_err(|_| gone("its workspace can't be opened"))?;
        Ok(host.hooks())
    }
}

#[async_trait]
impl Hooks for WorkspaceHooks {
    async fn reads(&self, hook: &HookOf) -> Result<Vec<String>, Refusal> {
        self.of(hook)?.reads(hook).await
    }

    async fn next(&self, hook: &HookOf, exchange: &Exchange) -> Result<Step, HookError> {
        self.of(hook).map_err(HookError::Failed)?.next(hook, exchange).await
    }
}

/// How the broker sees a person of a workspace.
pub(crate) fn person(workspace: &Label, who: &str) -> BrokerCaller {
    BrokerCaller { tenant: workspace.to_string(), who: Who::Person(who.to_owned()) }
}

/// How a name in a path is written: two segments.
pub(crate) fn package(namespace: &str, name: &str) -> Result<PackageName, Problem> {
    Ok(format!("{namespace}:{name}").parse::<PackageName>()?)
}
