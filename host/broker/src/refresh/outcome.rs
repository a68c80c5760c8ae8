//! What comes of a refresh.

use std::time::Duration;

use tokio::time::sleep;

use super::{Need, store, times};
use crate::{
    Broker, Error,
    clock::SECOND,
    connection::{self, Connection, State, Step, not_found, store as connections},
    error::Result,
    limits::{REFRESH_RETRIES_S, REFRESH_STORE_PAUSE_MS, REFRESH_STORE_TRIES},
    probe::Point,
    token::{Held, TokenError, TokenSet},
};

/// A refresh that this process has begun.
pub(super) struct Attempt {
    /// As it was when the lease was taken.
    pub(super) connection: Connection,
    pub(super) fence: i64,
    pub(super) need: Need,
    /// Somebody before began to renew the same generation, and its answer is lost.
    pub(super) doubtful: bool,
}

impl Broker {
    /// Keeps a token set. The provider may never give it again, so a database that does not confirm is asked again.
    pub(super) async fn keep(&self, attempt: Attempt, tokens: &TokenSet) -> Result<Connection> {
        let mut pause = Duration::from_millis(REFRESH_STORE_PAUSE_MS);
        let mut tried = 1;
        loop {
            match self.swap_in(&attempt, tokens).await {
                Err(error @ (Error::Unavailable(_) | Error::Fault(_))) if tried < REFRESH_STORE_TRIES => {
                    tracing::warn!(connection = %attempt.connection.id, %error, tried, "a new token is not stored yet");
                    sleep(pause).await;
                    (tried, pause) = (tried + 1, pause * 2);
                }
                done => return done,
            }
        }
    }

    /// One try to swap it in; harmless if one before was persisted although it seemed to fail.
    async fn swap_in(&self, attempt: &Attempt, tokens: &TokenSet) -> Result<Connection> {
        let Attempt { connection, fence, .. } = attempt;
        let id = &connection.id;
        let now = self.now();
        self.probe(Point::Storing)?;
        let sealer = self.vault().key(&mut self.db().read().await?, connection.owner()).await?;
        let mut tx = self.db().begin().await?;
        let base = connection.generation;
        let stored = connections::store_generation(&mut tx, id, base, *fence, tokens, times(tokens, true, now)).await?;
        let (Some(generation), Some(sealer)) = (stored, sealer) else {
            drop(tx);
            return self.came_too_late(attempt, tokens).await;
        };
        sealer.put_tokens(&mut tx, generation, tokens).await?;
        connection::take(&mut tx, id, Step::Refreshed, None, self.delivers(), now).await?;
        store::release(&mut tx, id, *fence, true).await?;
        tx.commit().await?;
        self.probe(Point::Stored)?;
        let kept = self.now_of(id).await?;
        if kept.state.is_usable() { Ok(kept) } else { Err(kept.unusable()) }
    }

    /// Somebody else was there: a later holder, a person, or this very process in a try that seemed to fail.
    async fn came_too_late(&self, attempt: &Attempt, tokens: &TokenSet) -> Result<Connection> {
        let found = self.now_of(&attempt.connection.id).await?;
        if matches!(found.state, State::Deleted | State::Revoked) {
            // What the provider has just issued shall not outlive the connection.
            let held = Held {
                access: Some(tokens.access.copy()),
                refresh: tokens.refresh.as_ref().map(crate::Secret::copy),
                client: None,
            };
            if let Err(error) = self.source().revoke(&found.terms, &held).await {
                tracing::warn!(connection = %found.id, %error, "a token that came too late could not be given back");
            }
            return Err(found.unusable());
        }
        if found.state.is_usable() { Ok(found) } else { Err(found.unusable()) }
    }

    /// The provider will give no more tokens.
    pub(super) async fn refused(&self, attempt: Attempt, error: TokenError) -> Result<Connection> {
        let Attempt { connection, fence, need, doubtful } = attempt;
        let now = self.now();
        let mut tx = self.db().begin().await?;
        store::release(&mut tx, &connection.id, fence, true).await?;
        let found = self.now_in(&mut tx, &connection.id).await?;
        if found.generation > connection.generation {
            // Whoever came between has spent the refresh token, and has left a better one.
            tx.commit().await?;
            return if found.state.is_usable() { Ok(found) } else { Err(found.unusable()) };
        }
        let mut reason = error.refusal.message.clone();
        if doubtful {
            reason += "; an earlier answer of the provider was lost, and it may have spent the refresh token on that";
        }
        let kept = matches!(need, Need::ByHand(_)) && found.works_at(now);
        let (step, why) = if kept { (Step::KeptWorking, None) } else { (Step::Rejected, Some(reason.as_str())) };
        let changed = connection::take(&mut tx, &connection.id, step, why, self.delivers(), now).await?;
        tx.commit().await?;
        if kept { Err(Error::Refused(error.refusal)) } else { Err(changed.unusable()) }
    }

    /// It failed, and may succeed later. Meanwhile what works is used.
    pub(super) async fn failed(&self, attempt: Attempt, error: TokenError) -> Result<Connection> {
        let over = !error.sent;
        self.step_back(attempt, over, Error::Unavailable(error.refusal)).await
    }

    /// Nothing was asked.
    pub(super) async fn gave_up(&self, attempt: Attempt, error: Error) -> Result<Connection> {
        let over = !attempt.doubtful;
        self.step_back(attempt, over, error).await
    }

    async fn step_back(&self, attempt: Attempt, over: bool, error: Error) -> Result<Connection> {
        let Attempt { connection, fence, need, .. } = attempt;
        let id = &connection.id;
        let now = self.now();
        let mut tx = self.db().begin().await?;
        store::release(&mut tx, id, fence, over).await?;
        let found = self.now_in(&mut tx, id).await?;
        if found.generation > connection.generation {
            tx.commit().await?;
            return if found.state.is_usable() { Ok(found) } else { Err(found.unusable()) };
        }
        let works = found.works_at(now);
        let by_hand = matches!(need, Need::ByHand(_));
        if by_hand && works {
            connection::take(&mut tx, id, Step::KeptWorking, None, self.delivers(), now).await?;
        } else {
            let nth = usize::try_from(found.failures).unwrap_or(usize::MAX).min(REFRESH_RETRIES_S.len() - 1);
            connections::set_failures(&mut tx, id, found.failures + 1, now + REFRESH_RETRIES_S[nth] * SECOND).await?;
            let reason = error.to_string();
            connection::take(&mut tx, id, Step::RefreshFailed, Some(&reason), self.delivers(), now).await?;
        }
        let found = self.now_in(&mut tx, id).await?;
        tx.commit().await?;
        if works && !by_hand && found.state.is_usable() { Ok(found) } else { Err(error) }
    }

    async fn now_of(&self, id: &connection::ConnectionId) -> Result<Connection> {
        self.now_in(&mut self.db().read().await?, id).await
    }

    async fn now_in(&self, conn: &mut jackfield_db::Conn, id: &connection::ConnectionId) -> Result<Connection> {
        connections::connection(conn, id).await?.ok_or_else(|| not_found(id.as_str()))
    }
}
