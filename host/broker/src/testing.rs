//! What the tests of this crate stand on: a database, a held clock, and a provider that does what it is told.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use jackfield_db::testing::TestDb;
use jackfield_package::Refusal;

use crate::{
    Broker, Caller, ConnectionId, Parts, Secret,
    clock::{HeldClock, SECOND},
    connection::{EventEndpoint, NewConnection},
    probe::Probe,
    sender::{SendError, Sender},
    token::{GrantKind, Held, Revocation, Terms, TokenError, TokenSet, TokenSource},
    vault::{KeyManagement, MasterKeys},
};

pub(crate) const START: i64 = 1_800_000_000 * SECOND;

pub(crate) struct World {
    pub(crate) test: TestDb,
    pub(crate) clock: Arc<HeldClock>,
    pub(crate) provider: Arc<FakeSource>,
    pub(crate) receiver: Arc<FakeReceiver>,
}

impl World {
    pub(crate) fn on(test: TestDb) -> Self {
        Self { test, clock: Arc::new(HeldClock::at(START)), provider: Arc::default(), receiver: Arc::default() }
    }

    /// One more broker on the same database, with connections of its own to it, as another process has.
    pub(crate) async fn broker(&self) -> Broker {
        self.with_keys(Arc::new(MasterKeys::parse(&master_key(1)).unwrap())).await
    }

    pub(crate) async fn with_keys(&self, keys: Arc<dyn KeyManagement>) -> Broker {
        let db = jackfield_db::Db::open(&self.test.url, jackfield_db::PoolLimits::default()).await.unwrap();
        let secret = Secret::new(b"whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=".to_vec()).unwrap();
        let parts = Parts {
            db,
            keys,
            clock: self.clock.clone(),
            source: self.provider.clone(),
            sender: self.receiver.clone(),
            events: Some(EventEndpoint::new("https://events.example.com/in", &secret).unwrap()),
        };
        Broker::open(parts).await.unwrap()
    }

    /// A connection whose token lasts an hour.
    pub(crate) async fn connected(&self, broker: &Broker, access: &str, refresh: Option<&str>) -> ConnectionId {
        let begun = broker.begin(&person(), new_connection(), None).await.unwrap();
        let tokens = token_set(access, refresh);
        broker.connected(&person(), &begun.id, None, &tokens, None).await.unwrap().id
    }
}

pub(crate) fn person() -> Caller {
    Caller::local("ada")
}

pub(crate) fn new_connection() -> NewConnection {
    NewConnection {
        connector: "acme:crm".parse().unwrap(),
        auth: "account".parse().unwrap(),
        label: "test".to_owned(),
        terms: Terms {
            provider: Some("fake".to_owned()),
            grant: GrantKind::AuthorizationCode,
            client_id: "client".to_owned(),
            ..Terms::default()
        },
    }
}

pub(crate) fn master_key(seed: u8) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode([seed; 32])
}

pub(crate) fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec()).unwrap()
}

pub(crate) fn token_set(access: &str, refresh: Option<&str>) -> TokenSet {
    TokenSet { refresh: refresh.map(secret), expires_in_s: Some(3_600), ..TokenSet::of(secret(access)) }
}

pub(crate) fn refusal(permanent: bool, sent: bool) -> TokenError {
    let code = if permanent { "invalid-grant" } else { "provider-unavailable" };
    TokenError { permanent, sent, refusal: Refusal::new(code, format!("the provider says {code}")) }
}

/// What the provider does with the next request.
pub(crate) enum Does {
    /// A rotated set.
    Rotates,
    /// It rotates, and the answer is lost.
    LosesTheAnswer,
    Fails(TokenError),
}

/// A provider that rotates refresh tokens, and refuses one that was spent.
pub(crate) struct FakeSource {
    pub(crate) calls: AtomicUsize,
    pub(crate) revoked: Mutex<Vec<String>>,
    pub(crate) revocations_fail: AtomicUsize,
    /// How long it takes.
    pub(crate) takes: Mutex<Duration>,
    pub(crate) next: Mutex<VecDeque<Does>>,
    /// It takes any refresh token.
    pub(crate) forgiving: std::sync::atomic::AtomicBool,
    /// The refresh token that it takes; none until the first was seen.
    current: Mutex<Option<String>>,
}

impl Default for FakeSource {
    fn default() -> Self {
        Self {
            calls: AtomicUsize::new(0),
            revoked: Mutex::default(),
            revocations_fail: AtomicUsize::new(0),
            takes: Mutex::new(Duration::from_millis(20)),
            next: Mutex::default(),
            forgiving: std::sync::atomic::AtomicBool::new(false),
            current: Mutex::default(),
        }
    }
}

impl FakeSource {
    pub(crate) fn then(&self, does: Does) {
        self.next.lock().unwrap().push_back(does);
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// A person has signed in: this is the refresh token now.
    pub(crate) fn expects(&self, refresh: &str) {
        *self.current.lock().unwrap() = Some(refresh.to_owned());
    }
}

#[async_trait]
impl TokenSource for FakeSource {
    async fn renew(&self, _: &Terms, held: &Held) -> Result<TokenSet, TokenError> {
        let nth = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let takes = *self.takes.lock().unwrap();
        let does = self.next.lock().unwrap().pop_front().unwrap_or(Does::Rotates);
        if let Does::Fails(error) = does {
            tokio::time::sleep(takes).await;
            return Err(error);
        }
        let given = held.refresh.as_ref().map(|secret| secret.expose_str().unwrap().to_owned()).unwrap_or_default();
        let next = format!("refresh-{nth}");
        {
            let mut current = self.current.lock().unwrap();
            let spent = current.as_ref().is_some_and(|current| *current != given);
            if spent && !self.forgiving.load(Ordering::SeqCst) {
                return Err(refusal(true, true));
            }
            *current = Some(next.clone());
        }
        tokio::time::sleep(takes).await;
        if matches!(does, Does::LosesTheAnswer) {
            return Err(refusal(false, true));
        }
        Ok(token_set(&format!("access-{nth}"), Some(&next)))
    }

    async fn revoke(&self, _: &Terms, held: &Held) -> Result<Revocation, TokenError> {
        if self.revocations_fail.load(Ordering::SeqCst) > 0 {
            self.revocations_fail.fetch_sub(1, Ordering::SeqCst);
            return Err(refusal(false, true));
        }
        let mut revoked = self.revoked.lock().unwrap();
        revoked.extend(held.access.iter().map(|secret| secret.expose_str().unwrap().to_owned()));
        Ok(Revocation::Done)
    }
}

/// Takes events, or fails to.
#[derive(Default)]
pub(crate) struct FakeReceiver {
    pub(crate) fails: AtomicUsize,
    pub(crate) got: Mutex<Vec<http::Request<Bytes>>>,
}

#[async_trait]
impl Sender for FakeReceiver {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, SendError> {
        self.got.lock().unwrap().push(request);
        let fails = self.fails.load(Ordering::SeqCst);
        self.fails.store(fails.saturating_sub(1), Ordering::SeqCst);
        let status = if fails > 0 { 503 } else { 204 };
        Ok(http::Response::builder().status(status).body(Bytes::new()).unwrap())
    }
}

impl Broker {
    pub(crate) fn break_in(
        &self,
        probe: impl Fn(crate::probe::Point) -> crate::error::Result<()> + Send + Sync + 'static,
    ) {
        let probe: Probe = Box::new(probe);
        *self.probe_slot().lock().unwrap() = Some(probe);
    }
}
