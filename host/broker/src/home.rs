//! A broker in a folder of this machine: what `jackfield` and every embedder without a server of its own has.
//!
//! ```text
//! broker.db        its rows (SQLite), mode 0600; secrets in it are sealed; not made where another database is named
//! broker.key       master keys, mode 0600; whoever has both files has the secrets; not made where the environment has them;
//!                  beside it .lock, for whoever changes it, and .retired, with keys that wrap nothing any more
//! providers/       the admin's own providers, a file each
//! events.toml      where transitions are told, and the file of the secret that they are signed with
//! ```

use std::{fs::OpenOptions, io::ErrorKind, os::unix::fs::OpenOptionsExt as _, path::Path, sync::Arc};

use jackfield_db::{Db, PoolLimits};
use zeroize::Zeroizing;

use crate::{
    Broker, Error, Parts,
    clock::SystemClock,
    connection::EventEndpoint,
    error::Result,
    flow::Flows,
    hook::Hooks,
    provider::Catalogue,
    sender::Sender,
    vault::{FileKeys, KeyManagement, MasterKeys},
};

/// The folder of an admin's own providers, within a home.
pub const PROVIDERS_FOLDER: &str = "providers";

/// Master keys in the environment, as [`MasterKeys`] reads them.
pub const MASTER_KEYS: &str = "JACKFIELD_MASTER_KEYS";

/// The file of master keys, within a home.
const MASTER_KEY_FILE: &str = "broker.key";

/// The master keys of a home, to add to and to take out of; none where the environment has them.
pub fn file_keys(home: &Path) -> Option<FileKeys> {
    std::env::var_os(MASTER_KEYS).is_none().then(|| FileKeys::new(home.join(MASTER_KEY_FILE)))
}

/// What a home's broker is made of besides its folder.
pub struct HomeParts {
    /// Where the rows are, if not in the folder.
    pub database: Option<String>,
    /// The network.
    pub sender: Arc<dyn Sender>,
    /// Who runs connectors' hooks, if that is known already ([`Flows::serve_hooks`]).
    pub hooks: Option<Arc<dyn Hooks>>,
    /// Where transitions are told, if not where the home says ([`EventEndpoint::of_home`]).
    pub events: Option<EventEndpoint>,
}

/// Opens the broker of a home. The home must be there.
///
/// # Errors
/// Those of the catalogue and the database; a fault if the folder can't be written.
pub async fn open(home: &Path, parts: HomeParts) -> Result<(Broker, Flows)> {
    let catalogue = Catalogue::open(&home.join(PROVIDERS_FOLDER))?;
    let clock = Arc::new(SystemClock);
    let HomeParts { database, sender, hooks, events } = parts;
    let events = match events {
        Some(endpoint) => Some(endpoint),
        None => EventEndpoint::of_home(home)?,
    };
    let flows = Flows::new(Arc::new(catalogue), sender.clone(), clock.clone());
    if let Some(hooks) = hooks {
        flows.serve_hooks(hooks);
    }
    let db = match &database {
        Some(url) => Db::open(url, PoolLimits::default()).await?,
        None => own_rows(home).await?,
    };
    let keys: Arc<dyn KeyManagement> = match std::env::var(MASTER_KEYS) {
        Ok(keys) => Arc::new(MasterKeys::parse(&Zeroizing::new(keys))?),
        Err(_) => Arc::new(FileKeys::new(home.join(MASTER_KEY_FILE))),
    };
    let source = Arc::new(flows.clone());
    Ok((Broker::open(Parts { db, keys, clock, source, sender, events }).await?, flows))
}

/// SQLite, in a file that nobody else may read: whose accounts there are is nobody's business.
async fn own_rows(home: &Path) -> Result<Db> {
    let rows = home.join("broker.db");
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&rows) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            return Err(Error::Fault(format!("`{}` can't be made: {error}", rows.display())));
        }
        Ok(_) | Err(_) => {}
    }
    Ok(Db::open(&format!("sqlite://{}", rows.display()), PoolLimits::default()).await?)
}
