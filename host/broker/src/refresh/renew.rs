//! The steps of a refresh.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use jackfield_package::Refusal;
use tokio::time::{Instant, sleep, timeout};

use super::{Need, Turn, outcome::Attempt, store};
use crate::{
    Broker, Error,
    clock::SECOND,
    connection::{self, Connection, ConnectionId, Step, not_found, store as connections},
    error::Result,
    limits::{PROVIDER_TIMEOUT_MS, REFRESH_LEASE_S, REFRESH_POLL_MS, REFRESH_WAIT_S},
    probe::Point,
    token::{Held, TokenError, TokenSet},
};

/// Who waits for whom in this process, connection by connection.
#[derive(Default)]
pub(crate) struct InFlight(Mutex<HashMap<ConnectionId, Weak<tokio::sync::Mutex<()>>>>);

impl InFlight {
    fn turn(&self, id: &ConnectionId) -> Turn {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = waiting.get(id).and_then(Weak::upgrade) {
            return turn;
        }
        waiting.retain(|_, turn| turn.strong_count() > 0);
        let turn = Turn::default();
        waiting.insert(id.clone(), Arc::downgrade(&turn));
        turn
    }
}

/// What a look at the lease gave.
enum Begun {
    /// There is nothing to do.
    Met(Connection),
    /// This process has it.
    Mine(Attempt),
    /// Another process has it.
    Elsewhere(Connection),
}

impl Connection {
    /// Whether anything can bring another token.
    pub(crate) fn renews(&self) -> bool {
        use crate::token::GrantKind;
        self.terms.grant != GrantKind::HandedIn || self.terms.provider.is_some()
    }
}

impl Broker {
    pub(super) async fn renew(&self, id: &ConnectionId, need: Need) -> Result<Connection> {
        let turn = self.in_flight().turn(id);
        let _turn = turn.lock().await;
        let patience = Instant::now() + Duration::from_secs(REFRESH_WAIT_S);
        loop {
            match self.begin_refresh(id, need).await? {
                Begun::Met(connection) => return Ok(connection),
                Begun::Mine(attempt) => return self.attempt(attempt).await,
                // What works will do until the other process is done.
                Begun::Elsewhere(connection) if need == Need::Use && connection.works_at(self.now()) => {
                    return Ok(connection);
                }
                Begun::Elsewhere(_) if Instant::now() > patience => {
                    let message =
                        format!("another process refreshes the connection `{id}`, and does not come to an end");
                    return Err(Error::Unavailable(Refusal::new("refresh-elsewhere", message).hint("try again")));
                }
                Begun::Elsewhere(_) => sleep(Duration::from_millis(REFRESH_POLL_MS)).await,
            }
        }
    }

    /// Takes the lease, reads again, and writes down what is about to happen: one transaction.
    async fn begin_refresh(&self, id: &ConnectionId, need: Need) -> Result<Begun> {
        let now = self.now();
        let mut tx = self.db().begin().await?;
        let taken = store::take(&mut tx, id, self.holder(), now + REFRESH_LEASE_S * SECOND, now).await?;
        let found = connections::connection(&mut tx, id).await?.ok_or_else(|| not_found(id.as_str()))?;
        if !found.state.is_usable() {
            return Err(found.unusable());
        }
        if need.is_met_by(&found, now) {
            return Ok(Begun::Met(found));
        }
        let Some(taken) = taken else { return Ok(Begun::Elsewhere(found)) };
        if let Some(retry_at) = found.retry_at
            && now < retry_at
            && !matches!(need, Need::ByHand(_))
        {
            return if found.works_at(now) { Ok(Begun::Met(found)) } else { Err(later(&found)) };
        }
        let connection = connection::take(&mut tx, id, Step::RefreshBegan, None, self.delivers(), now).await?;
        store::intend(&mut tx, id, taken.fence, connection.generation).await?;
        tx.commit().await?;
        let doubtful = taken.intent_generation == Some(connection.generation);
        Ok(Begun::Mine(Attempt { connection, fence: taken.fence, need, doubtful }))
    }

    async fn attempt(&self, attempt: Attempt) -> Result<Connection> {
        self.probe(Point::Intended)?;
        let answer = match self.held(&attempt.connection).await {
            Ok(held) => self.ask(&attempt.connection, &held).await,
            // The vault's failure is not the provider's: nothing was asked, and the lease runs out or is given back.
            Err(error) => return self.gave_up(attempt, error).await,
        };
        self.probe(Point::Answered)?;
        let outcome = match &answer {
            Ok(_) => "renewed",
            Err(error) if error.permanent => "refused",
            Err(_) => "failed",
        };
        metrics::counter!("jackfield_token_refreshes_total", "outcome" => outcome).increment(1);
        match answer {
            Ok(tokens) => self.keep(attempt, &tokens).await,
            Err(error) if error.permanent => self.refused(attempt, error).await,
            Err(error) => self.failed(attempt, error).await,
        }
    }

    pub(crate) async fn held(&self, connection: &Connection) -> Result<Held> {
        let mut conn = self.db().read().await?;
        let sealer = self.vault().key(&mut conn, connection.owner()).await?;
        sealer.ok_or_else(|| not_found(connection.id.as_str()))?.open(&mut conn).await
    }

    async fn ask(&self, connection: &Connection, held: &Held) -> std::result::Result<TokenSet, TokenError> {
        let refuse = |permanent, sent, code, message: String| {
            Err(TokenError { permanent, sent, refusal: Refusal::new(code, message) })
        };
        if held.refresh.is_none() && !connection.terms.grant.renews_by_itself() {
            let message = "the token has ended, and the provider gave none to renew it with".to_owned();
            return refuse(true, false, "refresh-token-missing", message);
        }
        let limit = Duration::from_millis(PROVIDER_TIMEOUT_MS);
        match timeout(limit, self.source().renew(&connection.terms, held)).await {
            Ok(answer) => answer,
            Err(_) => {
                let message = format!("the provider did not answer within {} s", limit.as_secs());
                refuse(false, true, "provider-timed-out", message)
            }
        }
    }
}

fn later(connection: &Connection) -> Error {
    let why = connection.reason.as_deref().unwrap_or("the last refresh failed");
    let message = format!("the connection `{}` has no token that works, and is tried again soon: {why}", connection.id);
    Error::Unavailable(
        Refusal::new("refresh-failed", message).hint(format!("jackfield connections test {}", connection.id)),
    )
}
