//! What people do with connections.

use jackfield_package::{Label, PackageName};

use super::{Caller, Connection, ConnectionId, State, Step, audit::Deed, event, not_found, store};
use crate::{
    Broker, Error, Secret,
    error::Result,
    limits::CONNECTIONS_PAGE,
    refresh::{self, times},
    token::{Terms, TokenSet},
    vault::{self, Field},
};

/// What a connection is begun with.
#[derive(Clone, Debug)]
pub struct NewConnection {
    /// The package that may use it.
    pub connector: PackageName,
    /// Which entry of its manifest's `auth`.
    pub auth: Label,
    /// What people call it.
    pub label: String,
    /// How it gets its tokens.
    pub terms: Terms,
}

impl Broker {
    /// Begins a connection, pending until [`Broker::connected`]. `client` is the client's secret or private key, where the
    /// flow has one.
    ///
    /// # Errors
    /// `hook-of-another`, and those of the vault and the database.
    pub async fn begin(&self, caller: &Caller, new: NewConnection, client: Option<&Secret>) -> Result<Connection> {
        its_own_hook(&new.terms, &caller.tenant, &new.connector, &new.auth)?;
        let now = self.now();
        let connection = Connection {
            id: ConnectionId::new(now)?,
            tenant: caller.tenant.clone(),
            connector: new.connector,
            auth: new.auth,
            label: new.label,
            state: State::Pending,
            reason: None,
            terms: new.terms,
            account: None,
            scopes: None,
            generation: 0,
            issued_at: None,
            expires_at: None,
            due_at: None,
            refresh_expires_at: None,
            failures: 0,
            retry_at: None,
            created_at: now,
            last_used_at: None,
            fence: 0,
            rejected_generation: 0,
        };
        caller.may_manage(&connection)?;
        let sealer = self.vault().new_key(connection.owner()).await?;
        let mut tx = self.db().begin().await?;
        store::insert(&mut tx, &connection).await?;
        sealer.create(&mut tx).await?;
        if let Some(client) = client {
            sealer.put(&mut tx, Field::Client, 0, client).await?;
        }
        let deed = Deed { caller, connection: Some(&connection.id), action: "begin", detail: None };
        deed.record(&mut tx, &Ok(()), now).await?;
        tx.commit().await?;
        Ok(connection)
    }

    /// A flow has brought tokens, or somebody has handed a secret in: the connection is active, with a new generation.
    /// Connecting once more keeps the connection's id; `client` replaces the client's secret.
    ///
    /// # Errors
    /// `connection-not-found`, `hook-of-another`, and those of the vault and the database.
    pub async fn connected(
        &self,
        caller: &Caller,
        id: &ConnectionId,
        terms: Option<Terms>,
        tokens: &TokenSet,
        client: Option<&Secret>,
    ) -> Result<Connection> {
        let known = self.get(caller, id).await?;
        terms.iter().try_for_each(|terms| its_own_hook(terms, &known.tenant, &known.connector, &known.auth))?;
        let sealer = self.vault().key(&mut self.db().read().await?, known.owner()).await?;
        let sealer = sealer.ok_or_else(|| not_found(id.as_str()))?;
        let now = self.now();
        let mut tx = self.db().begin().await?;
        let mut connection = event::take(&mut tx, id, Step::Connected, None, self.delivers(), now).await?;
        if let Some(terms) = terms {
            connection.terms = terms;
            store::set_terms(&mut tx, &connection).await?;
        }
        // A refresh that runs meanwhile has a smaller fence now, and can't overwrite this.
        let (base, fence) = (connection.generation, refresh::store::seize(&mut tx, id).await?);
        let renews = tokens.refresh.is_some() || connection.terms.grant.renews_by_itself();
        let lasts = times(tokens, renews, now);
        let stored = store::store_generation(&mut tx, id, base, fence, tokens, lasts).await?;
        let generation = stored.ok_or_else(|| {
            Error::refused("connection-state", format!("the connection `{id}` was changed meanwhile")).hint("try again")
        })?;
        vault::store::forget_tokens(&mut tx, id).await?;
        sealer.put_tokens(&mut tx, generation, tokens).await?;
        if let Some(client) = client {
            sealer.put(&mut tx, Field::Client, generation, client).await?;
        }
        store::delete_revocation(&mut tx, id).await?;
        let deed = Deed { caller, connection: Some(id), action: "connect", detail: tokens.account.as_deref() };
        deed.record(&mut tx, &Ok(()), now).await?;
        tx.commit().await?;
        self.get(caller, id).await
    }

    /// One connection.
    ///
    /// # Errors
    /// `connection-not-found`, also for one of another workspace.
    pub async fn get(&self, caller: &Caller, id: &ConnectionId) -> Result<Connection> {
        let found = store::connection(&mut self.db().read().await?, id).await?;
        let found = found.filter(|connection| connection.state != State::Deleted);
        let connection = found.ok_or_else(|| not_found(id.as_str()))?;
        caller.may_manage(&connection)?;
        Ok(connection)
    }

    /// The workspace's connections after one, in the order they were made, a page of them.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn list(&self, caller: &Caller, after: Option<&ConnectionId>) -> Result<Vec<Connection>> {
        let after = after.map_or("", ConnectionId::as_str);
        let page = store::of_tenant(&mut self.db().read().await?, &caller.tenant, after, CONNECTIONS_PAGE).await?;
        Ok(page.into_iter().filter(|connection| caller.may_manage(connection).is_ok()).collect())
    }

    /// How many connections of all workspaces there are in each state, also in those in which there is none.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn count_by_state(&self) -> Result<Vec<(State, u32)>> {
        let counted = store::count_by_state(&mut self.db().read().await?).await?;
        let of = |state: State| counted.iter().find(|(word, _)| word == state.as_str()).map_or(0, |(_, count)| *count);
        Ok(State::ALL.map(|state| (state, u32::try_from(of(state)).unwrap_or(u32::MAX))).to_vec())
    }

    /// Switches it off, or on again.
    ///
    /// # Errors
    /// `connection-not-found`, `connection-state`.
    pub async fn set_enabled(&self, caller: &Caller, id: &ConnectionId, enabled: bool) -> Result<Connection> {
        let (step, action) = if enabled { (Step::Enabled, "enable") } else { (Step::Disabled, "disable") };
        self.change(caller, id, step, action, false).await
    }

    /// Has the provider forget its tokens, now and again until it has. Connecting anew is possible.
    ///
    /// # Errors
    /// `connection-not-found`, `connection-state`.
    pub async fn revoke(&self, caller: &Caller, id: &ConnectionId) -> Result<Connection> {
        let connection = self.change(caller, id, Step::Revoked, "revoke", true).await?;
        self.revoke_due().await?;
        Ok(connection)
    }

    /// Removes it, and has the provider forget its tokens.
    ///
    /// # Errors
    /// `connection-not-found`.
    pub async fn delete(&self, caller: &Caller, id: &ConnectionId) -> Result<()> {
        self.change(caller, id, Step::Deleted, "delete", true).await?;
        self.revoke_due().await
    }

    async fn change(
        &self,
        caller: &Caller,
        id: &ConnectionId,
        step: Step,
        action: &str,
        give_back: bool,
    ) -> Result<Connection> {
        self.get(caller, id).await?;
        let now = self.now();
        let mut tx = self.db().begin().await?;
        let changed = event::take(&mut tx, id, step, None, self.delivers(), now).await;
        Deed { caller, connection: Some(id), action, detail: None }.record(&mut tx, &changed, now).await?;
        if give_back && changed.is_ok() {
            store::insert_revocation(&mut tx, id, now).await?;
        }
        tx.commit().await?;
        changed
    }
}

/// No connector's code words requests that carry another's secrets.
fn its_own_hook(terms: &Terms, tenant: &str, connector: &PackageName, auth: &Label) -> Result<()> {
    match &terms.hook {
        Some(hook) if (hook.tenant.as_str(), &hook.connector, &hook.auth) != (tenant, connector, auth) => {
            Err(Error::refused("hook-of-another", format!("{hook}, is not of {connector}, entry `{auth}`")))
        }
        _ => Ok(()),
    }
}
