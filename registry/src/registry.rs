//! One registry: its rows, bytes, keys and clock.

use std::{
    os::unix::fs::DirBuilderExt as _,
    sync::{Arc, atomic::AtomicU64},
};

use jackfield_db::{Db, PoolLimits};

use crate::{
    Config, Problem,
    account::{self, dns::TxtResolver},
    blob::Blobs,
    clock::{Clock, Micros, SystemClock},
    keys::Keys,
    migrations::MIGRATIONS,
    validator::Validator,
};

/// What handlers are handed.
pub type Shared = Arc<Registry>;

/// A registry, open.
#[derive(Debug)]
pub struct Registry {
    /// As configured.
    pub config: Config,
    /// Rows.
    pub db: Db,
    /// Bytes.
    pub blobs: Blobs,
    /// What it signs with.
    pub keys: Keys,
    /// What tells the time.
    pub clock: Arc<dyn Clock>,
    /// What reads and runs components; without one nothing is ever released.
    pub validator: Option<Arc<dyn Validator>>,
    /// What looks up the TXT records that prove control of a name.
    pub resolver: Arc<dyn TxtResolver>,
    /// Downloads and installs that wait to be written.
    pub counts: crate::read::counts::Counts,
    /// What stands between requests at the door.
    pub door: account::Door,
    /// What components say of themselves.
    pub(crate) readings: crate::read::contents::Readings,
    /// Calls that are being tried.
    pub(crate) trials: crate::trial::Trials,
    /// Blobs that everybody may see, for a moment.
    pub(crate) shown: crate::oci::Shown,
    /// The largest size of the log that this process has seen published. It only grows.
    pub(crate) log_size: AtomicU64,
}

/// What the door hands in.
#[derive(Debug)]
pub struct Parts {
    /// What tells the time.
    pub clock: Arc<dyn Clock>,
    /// What reads and runs components.
    pub validator: Option<Arc<dyn Validator>>,
    /// What looks up TXT records.
    pub resolver: Arc<dyn TxtResolver>,
    /// How many connections to the database, and how long to wait for one.
    pub pool: PoolLimits,
}

impl Parts {
    /// The machine's clock and resolver, no validator.
    pub fn system() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            validator: None,
            resolver: Arc::new(account::dns::SystemResolver::default()),
            pool: PoolLimits::default(),
        }
    }
}

fn database_of(config: &Config) -> String {
    let of_data = || format!("sqlite://{}", config.data.join("registry.sqlite").display());
    config.database.clone().unwrap_or_else(of_data)
}

impl Registry {
    /// Opens or makes one: tables, blob store, keys.
    ///
    /// # Errors
    /// What stands in the way, for an operator.
    pub async fn open(config: Config, parts: Parts) -> Result<Shared, Problem> {
        // Rows, keys and bytes are its owner's alone.
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&config.data)
            .map_err(|error| Problem::internal(&error))?;
        let db = Db::open(&database_of(&config), parts.pool).await?;
        db.migrate("registry", MIGRATIONS).await?;
        let blobs = Blobs::open(&config)?;
        let keys = Keys::open(&config)?;
        let Parts { clock, validator, resolver, .. } = parts;
        let door = account::Door::new(&config)?;
        let trials = crate::trial::Trials::new(config.tries_at_once)?;
        let registry = Arc::new(Self {
            config,
            db,
            blobs,
            keys,
            clock,
            validator,
            resolver,
            counts: Default::default(),
            door,
            readings: crate::read::contents::Readings::new(),
            trials,
            shown: crate::oci::Shown::new(),
            log_size: AtomicU64::new(0),
        });
        crate::log::read::is_of_this_registry(&registry).await?;
        account::users::first_start(&registry).await?;
        Ok(registry)
    }

    /// Whether there is one where the configuration says: its keys, and its first user. Makes nothing.
    ///
    /// # Errors
    /// 503 if the database does not answer.
    pub async fn is_founded(config: &Config) -> Result<bool, Problem> {
        let database = database_of(config);
        let file = match database.starts_with("postgres") {
            true => None,
            false => Some(std::path::PathBuf::from(database.strip_prefix("sqlite://").unwrap_or(&database))),
        };
        if !Keys::are_there(config) || file.is_some_and(|file| !file.exists()) {
            return Ok(false);
        }
        let db = Db::open(&database, PoolLimits { connections: 1, ..PoolLimits::default() }).await?;
        // Without its tables there is none.
        let users = account::users::count(&mut db.read().await?).await;
        db.close().await;
        Ok(users.is_ok_and(|users| users > 0))
    }

    /// Now.
    pub fn now(&self) -> Micros {
        self.clock.now()
    }

    /// Whether rows and bytes answer.
    ///
    /// # Errors
    /// 503 if they don't.
    pub async fn check(&self) -> Result<(), Problem> {
        account::ping(&mut self.db.read().await?).await?;
        self.blobs.get("ready").await.map(drop)
    }

    /// What goes on between requests: checking, sequencing, releasing, keeping the index fresh. Ends when `stop` does;
    /// killed at any point, the next start goes on where it was.
    pub async fn work(self: Arc<Self>, stop: tokio_util::sync::CancellationToken) {
        tokio::join!(
            crate::publish::worker::run(self.clone(), stop.clone()),
            crate::log::worker::run(self.clone(), stop.clone()),
            crate::index::worker(self.clone(), stop.clone()),
            crate::oci::worker::run(self.clone(), stop.clone()),
            crate::read::counts::worker(self.clone(), stop.clone()),
            account::worker::run(self.clone(), stop.clone()),
            crate::status::settle::worker(self.clone(), stop.clone()),
        );
    }
}
