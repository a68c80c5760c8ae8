//! Who did what, to which connection, and what came of it: a row each.

use jackfield_db::Conn;

use super::{AuditRow, Caller, Connection, ConnectionId, not_found, store, time_ordered};
use crate::{Broker, clock::Micros, error::Result, limits::AUDIT_PAGE};

/// What a row says.
pub(crate) struct Deed<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) connection: Option<&'a ConnectionId>,
    pub(crate) action: &'a str,
    pub(crate) detail: Option<&'a str>,
}

impl Deed<'_> {
    /// Writes it down with what came of it, in the transaction of what it speaks of.
    pub(crate) async fn record<T>(&self, conn: &mut Conn, outcome: &Result<T>, now: Micros) -> Result<()> {
        let row = AuditRow {
            id: time_ordered(now)?,
            connection: self.connection.map(ToString::to_string),
            caller: self.caller.who.to_string(),
            action: self.action.to_owned(),
            outcome: outcome.as_ref().map_or_else(|error| error.code().to_owned(), |_| "done".to_owned()),
            detail: self.detail.map(ToOwned::to_owned),
            at: now,
        };
        Ok(store::insert_audit(conn, &self.caller.tenant, &row).await?)
    }
}

impl Broker {
    /// The one way to a connection's secret: finds out whether the caller may, and records that they did, or tried.
    pub(crate) async fn use_credential(&self, caller: &Caller, id: &ConnectionId, purpose: &str) -> Result<Connection> {
        let now = self.now();
        let mut tx = self.db().begin().await?;
        let used = match store::connection(&mut tx, id).await? {
            None => Err(not_found(id.as_str())),
            Some(connection) => match caller.may_use(&connection) {
                Err(error) => Err(error),
                Ok(()) if !connection.state.is_usable() => Err(connection.unusable()),
                Ok(()) => Ok(connection),
            },
        };
        let deed = Deed { caller, connection: Some(id), action: "use", detail: Some(purpose) };
        deed.record(&mut tx, &used, now).await?;
        if used.is_ok() {
            store::used(&mut tx, id, now).await?;
        }
        tx.commit().await?;
        used
    }

    /// Writes down what came of something that changed nothing, such as a sign-in that failed.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn record(
        &self,
        caller: &Caller,
        id: &ConnectionId,
        action: &str,
        outcome: &Result<()>,
    ) -> Result<()> {
        let mut tx = self.db().begin().await?;
        let deed = Deed { caller, connection: Some(id), action, detail: None };
        deed.record(&mut tx, outcome, self.now()).await?;
        Ok(tx.commit().await?)
    }

    /// What was done to a connection, newest first, a page of it.
    ///
    /// # Errors
    /// `connection-not-found`.
    pub async fn audit(&self, caller: &Caller, id: &ConnectionId) -> Result<Vec<AuditRow>> {
        self.get(caller, id).await?;
        Ok(store::audit_of(&mut self.db().read().await?, id, AUDIT_PAGE).await?)
    }
}
