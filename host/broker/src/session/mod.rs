//! Connect sessions: a link that lasts minutes, by which one person connects one account, on pages of this program's own.
//!
//! # The path of a person
//!
//! [`Sessions::open`] makes a link for one wish (which connector, for whom, which scopes). The page behind it says what is
//! asked for and why. When the person goes on, the session is bound to their browser; they sign in at the provider, or enter
//! a code there, or hand a key in here. What comes back must answer what that browser asked, once, in time, from that
//! provider (RFC 9700); then the connection is active. However it ends, a row of the audit says how.
//!
//! Sessions live in the memory of the process that opened them: neither a verifier nor a state ever stands in a database, and
//! what a restart forgets costs a person one more click.

mod attempt;
mod browser;
mod hand_in;
mod page;
mod routes;
mod trouble;

pub use attempt::CodeToEnter;
pub use trouble::Trouble;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jackfield_package::{PackageName, Refusal, manifest::Auth};
use tokio::sync::watch;
use url::Url;

use self::attempt::{Attempt, Waiting};
use crate::{
    Broker, Caller, Connection, ConnectionId, Error, Secret,
    clock::{Micros, SECOND},
    connection::{NewConnection, State},
    error::Result,
    flow::Flows,
    limits::{SESSION_S, SESSIONS},
    random,
    token::{GrantKind, Terms, TokenSet},
};

/// All sessions of a process. Clones share them.
#[derive(Clone)]
pub struct Sessions(Arc<Inner>);

struct Inner {
    broker: Broker,
    flows: Flows,
    place: Place,
    open: Mutex<HashMap<String, Session>>,
}

/// Where the pages are.
#[derive(Clone, Debug)]
pub struct Place {
    /// What browsers reach this process by: `https://connect.example`, or a loopback address.
    pub origin: Url,
    /// Where a person may be sent afterwards: exactly these.
    pub return_to: Vec<String>,
}

/// What is wanted of a person.
pub struct Wish {
    /// For whom.
    pub caller: Caller,
    /// The connector that will use it.
    pub connector: PackageName,
    /// The connector's name for a person.
    pub title: String,
    /// What its manifest asks for.
    pub auth: Auth,
    /// By which flow, at which provider.
    pub terms: Terms,
    /// The client's secret or private key; one that is connected again has it already.
    pub client: Option<Secret>,
    /// What people call the connection.
    pub label: String,
    /// The connection that is connected again, and keeps its id.
    pub again: Option<ConnectionId>,
    /// Where the person is sent afterwards; one of [`Place::return_to`].
    pub return_to: Option<String>,
}

/// A way in.
#[derive(Clone, Debug)]
pub struct Link {
    /// What the person opens. Whoever has it can connect an account of theirs, and nothing else.
    pub url: String,
    /// The session's id, for [`Sessions::ended`].
    pub session: String,
    /// The connection that is made by it.
    pub connection: ConnectionId,
    /// When it ends.
    pub expires_at: Micros,
}

/// How a session is.
#[derive(Clone, Debug, Default)]
pub enum Outcome {
    /// The person has not come to an end yet.
    #[default]
    Open,
    /// It is connected.
    Connected {
        /// Whose account it is, where the provider says.
        account: Option<String>,
        /// Scopes that were asked for and not given.
        missing: Vec<String>,
    },
    /// It failed, or the person did not want to.
    Failed(Refusal),
}

/// One link.
struct Session {
    wish: Wish,
    connection: ConnectionId,
    expires_at: Micros,
    /// The browser in which the person went on; from then on no other will do.
    browser: Option<String>,
    attempt: Option<Attempt>,
    waiting: Option<Waiting>,
    outcome: watch::Sender<Outcome>,
}

impl Sessions {
    /// No sessions yet.
    pub fn new(broker: Broker, flows: Flows, place: Place) -> Self {
        Self(Arc::new(Inner { broker, flows, place, open: Mutex::default() }))
    }

    /// Makes a link. The connection is pending until the person comes to the end of it.
    ///
    /// # Errors
    /// `return-target-refused`, `sessions-too-many`, `flow-not-offered`, and those of the broker and the catalogue.
    pub async fn open(&self, mut wish: Wish) -> Result<Link> {
        if let Some(target) = &wish.return_to
            && !self.0.place.return_to.contains(target)
        {
            let message =
                format!("a person may not be sent to `{target}`, which is not among the targets that were set");
            return Err(Error::refused("return-target-refused", message).hint("targets are compared letter by letter"));
        }
        match wish.terms.grant {
            GrantKind::ClientCredentials | GrantKind::JwtBearer => {
                return Err(Error::refused(
                    "flow-not-offered",
                    "this flow needs no person, so there is no page for it",
                ));
            }
            GrantKind::HandedIn => {}
            // A provider that is unknown, or not told enough, is better said here than to the person.
            GrantKind::AuthorizationCode | GrantKind::DeviceCode => drop(self.0.flows.provider(&wish.terms)?),
        }
        self.forget_ended().await;
        if self.sessions().len() >= SESSIONS {
            return Err(Error::refused("sessions-too-many", format!("{SESSIONS} links are open already"))
                .hint("they end by themselves within minutes"));
        }
        let connection = self.begin(&mut wish).await?;
        let (session, expires_at) = (random::token()?, self.now() + SESSION_S * SECOND);
        let url = format!("{}connect/{session}", self.0.place.origin);
        let opened = Session {
            wish,
            connection: connection.clone(),
            expires_at,
            browser: None,
            attempt: None,
            waiting: None,
            outcome: watch::Sender::default(),
        };
        self.sessions().insert(session.clone(), opened);
        Ok(Link { url, session, connection, expires_at })
    }

    async fn begin(&self, wish: &mut Wish) -> Result<ConnectionId> {
        let broker = &self.0.broker;
        if let Some(again) = &wish.again {
            let known = broker.get(&wish.caller, again).await?;
            if (&known.connector, &known.auth) != (&wish.connector, &wish.auth.id) {
                let message = format!("the connection `{again}` is of {}, entry `{}`", known.connector, known.auth);
                return Err(Error::refused("connection-of-another", message));
            }
            // The client is the same as before, unless another is handed in; and what is kept of it goes nowhere but where it went.
            if wish.client.is_none() {
                let (kept, wanted) = (&known.terms, &wish.terms);
                if (&kept.provider, &kept.client_id, &kept.parameters)
                    != (&wanted.provider, &wanted.client_id, &wanted.parameters)
                {
                    let message = format!("`{again}` is at another provider, or of another client, than is wanted now");
                    return Err(Error::refused("connection-of-another", message).hint(
                        "name the provider, parameters and client id that it has, or hand the client's secret in",
                    ));
                }
                wish.client = broker.held(&known).await?.client;
            }
            return Ok(known.id);
        }
        let new = NewConnection {
            connector: wish.connector.clone(),
            auth: wish.auth.id.clone(),
            label: wish.label.clone(),
            terms: wish.terms.clone(),
        };
        Ok(broker.begin(&wish.caller, new, wish.client.as_ref()).await?.id)
    }

    /// Waits until a session has come to its end, one way or the other. One that nobody knows has failed.
    pub async fn ended(&self, session: &str) -> Outcome {
        let watched = self.sessions().get(session).map(|session| (session.outcome.subscribe(), session.expires_at));
        let Some((mut outcome, expires_at)) = watched else { return Outcome::Failed(trouble::expired()) };
        let left = u64::try_from(expires_at - self.now()).unwrap_or(0);
        let ended = outcome.wait_for(|outcome| !matches!(outcome, Outcome::Open));
        match tokio::time::timeout(std::time::Duration::from_micros(left), ended).await {
            Ok(Ok(outcome)) => outcome.clone(),
            Ok(Err(_)) | Err(_) => Outcome::Failed(trouble::expired()),
        }
    }

    /// Serves the pages on this port until the future is dropped.
    pub async fn serve(self, listener: tokio::net::TcpListener) {
        if let Err(error) = axum::serve(listener, self.router()).await {
            tracing::error!(%error, "the pages are no longer served");
        }
    }

    /// What to enter on another device, for who has no page: asks the provider when it is time to. Nothing once the session
    /// has ended, one way or the other.
    pub async fn device(&self, session: &str) -> Option<CodeToEnter> {
        let is_waiting = self.sessions().get(session).is_some_and(|session| session.waiting.is_some());
        let begun = if is_waiting { Ok(()) } else { self.wait(session).await };
        let shown = match begun {
            Ok(()) => self.waited(session).await,
            Err(trouble) => Err(trouble),
        };
        match shown {
            Ok(shown) => shown,
            Err(trouble) => {
                self.fail(session, &trouble).await;
                None
            }
        }
    }

    /// The pages.
    pub fn router(&self) -> axum::Router {
        routes::router(self.clone())
    }

    fn now(&self) -> Micros {
        self.0.flows.now()
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps ended sessions as long again as they lived, so that a late click meets an explanation; then lets them go, with
    /// what they began and nobody finished.
    async fn forget_ended(&self) {
        let long_ago = self.now() - SESSION_S * SECOND;
        let forgotten: Vec<_> = {
            let mut sessions = self.sessions();
            let old: Vec<_> =
                sessions.iter().filter(|(_, it)| it.expires_at < long_ago).map(|(id, _)| id.clone()).collect();
            old.iter().filter_map(|id| sessions.remove(id)).map(|it| (it.wish.caller, it.connection)).collect()
        };
        for (caller, connection) in forgotten {
            let found = self.0.broker.get(&caller, &connection).await;
            if found.is_ok_and(|found| found.state == State::Pending)
                && let Err(error) = self.0.broker.delete(&caller, &connection).await
            {
                tracing::warn!(%connection, %error, "a connection that nobody finished stays");
            }
        }
    }

    /// The end that was wanted: the connection is active.
    async fn finish(&self, id: &str, tokens: TokenSet) -> std::result::Result<Connection, Trouble> {
        let (caller, connection, terms, client) = {
            let sessions = self.sessions();
            let session = sessions.get(id).ok_or_else(Trouble::unknown)?;
            let Wish { caller, terms, client, .. } = &session.wish;
            (caller.clone(), session.connection.clone(), terms.clone(), client.as_ref().map(Secret::copy))
        };
        let asked = terms.scopes.clone();
        let connected = self
            .0
            .broker
            .connected(&caller, &connection, Some(terms), &tokens, client.as_ref())
            .await
            .map_err(Trouble::from)?;
        let given = tokens.scopes.as_ref();
        let missing = asked.into_iter().filter(|scope| given.is_some_and(|given| !given.contains(scope))).collect();
        if let Some(session) = self.sessions().get_mut(id) {
            session.close(Outcome::Connected { account: tokens.account, missing });
        }
        Ok(connected)
    }

    /// Writes down that it did not come to the end that was wanted. One that is over stays so.
    async fn fail(&self, id: &str, trouble: &Trouble) {
        let found = self.sessions().get(id).map(|session| (session.wish.caller.clone(), session.connection.clone()));
        let Some((caller, connection)) = found else { return };
        let refused = Err(Error::Refused(trouble.refusal.clone()));
        if let Err(error) = self.0.broker.record(&caller, &connection, "connect", &refused).await {
            tracing::error!(%connection, %error, "the audit has no row of a failed sign-in");
        }
        if trouble.ends
            && let Some(session) = self.sessions().get_mut(id)
        {
            session.close(Outcome::Failed(trouble.refusal.clone()));
        }
    }
}

impl Session {
    /// Whoever waits is told, and what only an open session needs is dropped.
    fn close(&mut self, outcome: Outcome) {
        let was_open = self.is_open();
        if was_open {
            self.outcome.send_replace(outcome);
            self.waiting = None;
            self.wish.client = None;
        }
    }

    fn is_open(&self) -> bool {
        matches!(*self.outcome.borrow(), Outcome::Open)
    }
}
