//! A broker in a folder of this machine: what `jackfield` and every embedder without a server of its own has.
//!
//! ```text
//! broker.db        its rows (SQLite), mode 0600; secrets in it are sealed
//! broker.key       the master key, mode 0600; whoever has both files has the secrets
//! providers/       the admin's own providers, a file each
//! ```

use std::{fs::OpenOptions, io::ErrorKind, os::unix::fs::OpenOptionsExt as _, path::Path, sync::Arc};

use jackfield_db::{Db, PoolLimits};

use crate::{
    Broker, Error, Parts, clock::SystemClock, error::Result, flow::Flows, provider::Catalogue, sender::Sender,
    vault::FileKeys,
};

/// The folder of an admin's own providers, within a home.
pub const PROVIDERS_FOLDER: &str = "providers";

/// Opens the broker of a home, which is made if it is not there.
///
/// # Errors
/// Those of the catalogue and the database; a fault if the folder can't be written.
pub async fn open(home: &Path, sender: Arc<dyn Sender>) -> Result<(Broker, Flows)> {
    let catalogue = Catalogue::open(&home.join(PROVIDERS_FOLDER))?;
    let clock = Arc::new(SystemClock);
    let flows = Flows::new(Arc::new(catalogue), sender.clone(), clock.clone());
    let rows = home.join("broker.db");
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&rows) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            return Err(Error::Fault(format!("`{}` can't be made: {error}", rows.display())));
        }
        Ok(_) | Err(_) => {}
    }
    let db = Db::open(&format!("sqlite://{}", rows.display()), PoolLimits::default()).await?;
    let parts = Parts {
        db,
        keys: Arc::new(FileKeys::new(home.join("broker.key"))),
        clock,
        source: Arc::new(flows.clone()),
        sender,
        events: None,
    };
    Ok((Broker::open(parts).await?, flows))
}
