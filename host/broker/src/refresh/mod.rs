//! Getting the next token, once, whoever asks and however many.
//!
//! 1. Callers in this process wait for one another, connection by connection.
//! 2. One process takes the lease row, whose life is longer than the provider has to answer, with a fence that grows.
//! 3. It reads the connection again: somebody may have been there before.
//! 4. It writes down what it is about to do.
//! 5. It asks the provider.
//! 6. It swaps the answer in, if the generation is still the one it began with, before anybody gets an answer.
//!
//! The work goes on when whoever asked for it has gone; a process that ends in order waits for it by [`settled`].
//!
//! What a crash leaves behind: before 5, a lease that runs out. After 5, also an intent: the provider may have spent the refresh token
//! on an answer that nobody has. The next holder asks all the same, since many providers forgive that once, and says so if not.

mod outcome;
mod renew;
pub(crate) mod store;
#[cfg(test)]
mod tests;

pub(crate) use renew::InFlight;

use std::sync::{Arc, LazyLock};

use futures_util::StreamExt as _;
use tokio_util::task::TaskTracker;

use crate::{
    Broker,
    clock::{Micros, SECOND},
    connection::{self, Caller, Connection, ConnectionId, Step, store as connections},
    error::Result,
    limits::{REFRESH_AHEAD_S, REFRESH_AT_ONCE, REFRESH_BATCH, REJECT_PAUSE_S},
    token::TokenSet,
};

/// Why a token is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// To use it: one that is not due will do, and one that is due but works will do if there is no other.
    Use,
    /// Because a service has answered 401 to this generation.
    After(i64),
    /// A person wants another than this generation; if there is none, the one there is stays.
    ByHand(i64),
}

impl Need {
    fn is_met_by(self, connection: &Connection, now: Micros) -> bool {
        match self {
            Self::Use => connection.works_at(now) && connection.due_at.is_none_or(|due| now < due),
            Self::After(generation) | Self::ByHand(generation) => connection.generation > generation,
        }
    }
}

/// From when to when a token set lasts, if it was got now. One that nothing renews is due when it ends.
pub(crate) fn times(tokens: &TokenSet, renews: bool, now: Micros) -> connections::Times {
    let after = |seconds: u64| now.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(SECOND));
    let expires_at = tokens.expires_in_s.map(after);
    connections::Times {
        issued_at: now,
        expires_at,
        due_at: expires_at.map(|expires| match renews {
            true => expires - (REFRESH_AHEAD_S * SECOND).min((expires - now) / 2),
            false => expires,
        }),
        refresh_expires_at: tokens.refresh_expires_in_s.map(after),
    }
}

/// Refreshes that this process has begun, by whichever broker.
static RENEWING: LazyLock<TaskTracker> = LazyLock::new(TaskTracker::new);

/// Waits until no refresh is under way in this process: one that is cut off may take the only answer of its provider with it. No refresh
/// takes longer than its provider has to answer, and its outcome to be written.
pub async fn settled() {
    RENEWING.close();
    RENEWING.wait().await;
}

impl Broker {
    /// Gets another token now. If that fails, a connection that works goes on working.
    ///
    /// # Errors
    /// `connection-not-found`, what [`Connection`]'s state refuses, and what the provider refuses.
    pub async fn refresh(&self, caller: &Caller, id: &ConnectionId) -> Result<Connection> {
        let connection = self.get(caller, id).await?;
        self.fresh(&connection, Need::ByHand(connection.generation)).await
    }

    /// Refreshes a batch of what is due, so that callers need not wait. How many are still due afterwards is not said: call again.
    ///
    /// # Errors
    /// Those of the database; what providers answer is in the connections' states.
    pub async fn refresh_due(&self) -> Result<usize> {
        let due = connections::due(&mut self.db().read().await?, self.now(), REFRESH_BATCH).await?;
        let refreshed = futures_util::stream::iter(due)
            .map(|connection| {
                let broker = self.clone();
                async move { broker.fresh(&connection, Need::Use).await }
            })
            .buffer_unordered(REFRESH_AT_ONCE)
            .filter(|done| std::future::ready(done.is_ok()))
            .count();
        Ok(refreshed.await)
    }

    /// The connection with a token that meets the need.
    pub(crate) async fn fresh(&self, connection: &Connection, need: Need) -> Result<Connection> {
        if connection.state.is_usable() && need.is_met_by(connection, self.now()) {
            return Ok(connection.clone());
        }
        let (broker, id) = (self.clone(), connection.id.clone());
        // In a task of its own: a caller that goes away must not take an answer with it that the provider gives only once.
        let task = RENEWING.spawn(async move { broker.renew(&id, need).await });
        task.await.map_err(|_| crate::Error::Fault("a refresh broke off".into()))?
    }

    /// A service has answered 401 to this generation. Gives the connection with a newer token, if there is one to be had.
    pub(crate) async fn rejected(&self, id: &ConnectionId, generation: i64) -> Result<Option<Connection>> {
        let mut tx = self.db().begin().await?;
        let Some(connection) = connections::connection(&mut tx, id).await? else { return Ok(None) };
        if connection.generation > generation {
            return Ok(Some(connection));
        }
        let now = self.now();
        let just_issued = |issued| (0..REJECT_PAUSE_S * SECOND).contains(&(now - issued));
        let repeated = connection.rejected_generation > 0
            && connection.rejected_generation + 1 == generation
            && connection.issued_at.is_some_and(just_issued);
        if repeated || !connection.state.is_usable() {
            return Ok(None);
        }
        connections::reject_generation(&mut tx, id, generation).await?;
        if !connection.renews() {
            let reason = "a service answered 401 to it, and nothing can renew it";
            connection::take(&mut tx, id, Step::Doubted, Some(reason), self.delivers(), now).await?;
            tx.commit().await?;
            return Ok(None);
        }
        tx.commit().await?;
        self.fresh(&connection, Need::After(generation)).await.map(Some)
    }

    /// A service took a token that another answer had put in doubt.
    pub(crate) async fn proved(&self, connection: &Connection) -> Result<()> {
        let mut tx = self.db().begin().await?;
        connections::unreject_generation(&mut tx, &connection.id, connection.generation).await?;
        connection::take(&mut tx, &connection.id, Step::Proved, None, self.delivers(), self.now()).await?;
        Ok(tx.commit().await?)
    }
}

/// What [`Broker::fresh`] shares between its callers.
pub(crate) type Turn = Arc<tokio::sync::Mutex<()>>;
