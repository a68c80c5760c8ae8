//! What holds the parts together.

use std::{sync::Arc, time::Duration};

use jackfield_db::Db;

use crate::{
    clock::{Clock, Micros},
    connection::EventEndpoint,
    error::Result,
    limits::WORK_INTERVAL_S,
    migrations::MIGRATIONS,
    refresh::InFlight,
    sender::Sender,
    token::TokenSource,
    vault::{KeyManagement, Vault},
};

/// The broker. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Broker(Arc<Inner>);

/// What a broker is made of: everything that it reaches is handed in.
pub struct Parts {
    /// Its tables: a database of their own.
    pub db: Db,
    /// Master keys.
    pub keys: Arc<dyn KeyManagement>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Who asks providers for tokens.
    pub source: Arc<dyn TokenSource>,
    /// The network.
    pub sender: Arc<dyn Sender>,
    /// Where transitions are told.
    pub events: Option<EventEndpoint>,
}

struct Inner {
    parts: Parts,
    vault: Vault,
    /// This broker among all that share the database.
    holder: String,
    in_flight: InFlight,
    #[cfg(test)]
    probe: std::sync::Mutex<Option<crate::probe::Probe>>,
}

impl Broker {
    /// Brings the tables up to date.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn open(parts: Parts) -> Result<Self> {
        parts.db.migrate("broker", MIGRATIONS).await?;
        Ok(Self(Arc::new(Inner {
            vault: Vault::new(parts.keys.clone()),
            holder: uuid::Uuid::new_v4().simple().to_string(),
            in_flight: InFlight::default(),
            parts,
            #[cfg(test)]
            probe: std::sync::Mutex::new(None),
        })))
    }

    /// What goes on between requests: tokens ahead of their end, revocations, events. Until the future is dropped, which is safe
    /// at any point.
    pub async fn work(&self) {
        let mut tick = tokio::time::interval(Duration::from_secs(WORK_INTERVAL_S));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let done = async {
                self.refresh_due().await?;
                self.revoke_due().await?;
                self.deliver_events().await
            };
            if let Err(error) = done.await {
                tracing::warn!(%error, "the broker's work is interrupted, and goes on");
            }
        }
    }

    /// The vault, to turn its master key over.
    pub fn vault(&self) -> &Vault {
        &self.0.vault
    }

    /// The rows.
    pub fn db(&self) -> &Db {
        &self.0.parts.db
    }

    pub(crate) fn now(&self) -> Micros {
        self.0.parts.clock.now()
    }

    pub(crate) fn source(&self) -> &dyn TokenSource {
        &*self.0.parts.source
    }

    pub(crate) fn sender(&self) -> &dyn Sender {
        &*self.0.parts.sender
    }

    pub(crate) fn events(&self) -> Option<&EventEndpoint> {
        self.0.parts.events.as_ref()
    }

    /// Whether there is anybody to tell of a transition.
    pub(crate) fn delivers(&self) -> bool {
        self.events().is_some()
    }

    pub(crate) fn holder(&self) -> &str {
        &self.0.holder
    }

    pub(crate) fn in_flight(&self) -> &InFlight {
        &self.0.in_flight
    }

    #[cfg(test)]
    pub(crate) fn probe_slot(&self) -> &std::sync::Mutex<Option<crate::probe::Probe>> {
        &self.0.probe
    }
}
