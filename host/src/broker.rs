//! The credential broker of a host's home, on the host's own network: opened when it is first needed, and once.

use std::{path::PathBuf, sync::Arc};

use jackfield_broker::{Broker, Error, flow::Flows, home, sender::Sender};
use tokio::sync::OnceCell;

/// Its database and its master key are made when somebody first asks for it.
pub(crate) struct HomeBroker {
    home: PathBuf,
    database: Option<String>,
    network: Arc<dyn Sender>,
    opened: OnceCell<(Broker, Flows)>,
}

impl HomeBroker {
    pub(crate) fn new(home: PathBuf, database: Option<String>, network: Arc<dyn Sender>) -> Self {
        Self { home, database, network, opened: OnceCell::new() }
    }

    pub(crate) fn network(&self) -> Arc<dyn Sender> {
        self.network.clone()
    }

    pub(crate) async fn get(&self) -> Result<&(Broker, Flows), Error> {
        self.opened.get_or_try_init(|| home::open(&self.home, self.database.as_deref(), self.network.clone())).await
    }
}
