//! A registry of a test's own, asked through its router as a client would ask it.

use std::sync::Arc;

use axum::{Router, body::Body};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use jackfield_db::{PoolLimits, testing::TestDb};
use jackfield_registry::{
    Config, Registry, Shared, account::dns::SystemResolver, clock::HeldClock, registry::Parts, router,
    validator::Validator,
};
use jackfield_server::peer::PeerAddress;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::ServiceExt as _;

/// 2026-01-01T00:00:00Z: when every test begins.
pub const START: i64 = 1_767_225_600 * 1_000_000;
/// The name that test registries go by.
pub const ORIGIN: &str = "registry.example";

/// Every test user's password.
pub const PASSWORD: &str = "correct horse battery";

/// A registry on a database of its own, with a clock that stands.
pub struct TestRegistry {
    /// Which database, for messages.
    pub kind: &'static str,
    /// The registry.
    pub shared: Shared,
    /// Its clock.
    pub clock: Arc<HeldClock>,
    /// Its folder.
    pub data: Arc<tempfile::TempDir>,
    database: Arc<TestDb>,
    router: Router,
}

impl TestRegistry {
    /// One on each database, as configured by default, without a validator.
    pub async fn each() -> Vec<Self> {
        Self::each_with(|_, _| {}).await
    }

    /// One on each database, with other configuration or parts.
    pub async fn each_with(change: impl Fn(&mut Config, &mut Parts)) -> Vec<Self> {
        let mut all = Vec::new();
        for database in TestDb::each().await {
            let data = Arc::new(tempfile::tempdir().unwrap());
            let clock = Arc::new(HeldClock::at(START));
            all.push(Self::open(Arc::new(database), data, clock, &change).await);
        }
        all
    }

    /// The same rows and bytes, opened once more, as after a restart or by a second process.
    pub async fn reopen(&self) -> Self {
        self.reopen_with(|_, _| {}).await
    }

    /// The same, configured otherwise.
    pub async fn reopen_with(&self, change: impl Fn(&mut Config, &mut Parts)) -> Self {
        Self::open(self.database.clone(), self.data.clone(), self.clock.clone(), &change).await
    }

    /// The same data, configured so that it can't be opened.
    pub async fn refused(&self, change: impl FnOnce(&mut Config)) -> jackfield_registry::Problem {
        let mut config = self.shared.config.clone();
        change(&mut config);
        Registry::open(config, Parts { clock: self.clock.clone(), ..Parts::system() }).await.unwrap_err()
    }

    async fn open(
        database: Arc<TestDb>,
        data: Arc<tempfile::TempDir>,
        clock: Arc<HeldClock>,
        change: &impl Fn(&mut Config, &mut Parts),
    ) -> Self {
        let mut config = Config {
            data: data.path().to_owned(),
            origin: ORIGIN.to_owned(),
            database: Some(database.url.clone()),
            ..Config::default()
        };
        let mut parts = Parts {
            clock: clock.clone(),
            validator: None,
            resolver: Arc::new(SystemResolver::default()),
            pool: PoolLimits { connections: 8, ..PoolLimits::default() },
        };
        change(&mut config, &mut parts);
        let shared = Registry::open(config, parts).await.unwrap();
        Self { kind: database.kind, router: router(shared.clone()), shared, clock, data, database }
    }

    /// The token of the first start, which may everything that an operator may.
    pub fn operator(&self) -> String {
        std::fs::read_to_string(self.data.path().join("operator-token")).unwrap().trim().to_owned()
    }

    /// Makes a user; a token of his that may all that he may.
    pub async fn user(&self, name: &str) -> String {
        let user = serde_json::json!({ "name": name, "password": PASSWORD });
        self.post("/v1/users").token(&self.operator()).json(&user).send().await.expect(201);
        let login = serde_json::json!({ "user": name, "password": PASSWORD });
        let issued = self.post("/v1/login").json(&login).send().await.expect(201);
        issued["token"].as_str().unwrap().to_owned()
    }

    /// Makes a user who owns a new namespace for connectors; his token.
    pub async fn owner(&self, name: &str, namespace: &str) -> String {
        let token = self.user(name).await;
        let wanted = serde_json::json!({ "name": namespace });
        let made = self.post("/v1/namespaces").token(&token).json(&wanted).send().await.expect(201);
        assert_eq!(made["state"], "active", "{made}");
        token
    }

    /// A request, to be sent by [`Ask::send`].
    pub fn ask(&self, method: Method, path: &str) -> Ask<'_> {
        Ask {
            registry: self,
            method,
            path: path.to_owned(),
            headers: HeaderMap::new(),
            body: Body::empty(),
            from: None,
        }
    }

    pub fn get(&self, path: &str) -> Ask<'_> {
        self.ask(Method::GET, path)
    }

    pub fn post(&self, path: &str) -> Ask<'_> {
        self.ask(Method::POST, path)
    }

    pub fn put(&self, path: &str) -> Ask<'_> {
        self.ask(Method::PUT, path)
    }

    pub fn delete(&self, path: &str) -> Ask<'_> {
        self.ask(Method::DELETE, path)
    }

    /// Serves it over TCP on loopback for clients that others wrote; ends with the test. Answers with `127.0.0.1:PORT`.
    pub async fn listen(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let router = self.router.clone();
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    }
}

/// A request in the making.
pub struct Ask<'a> {
    registry: &'a TestRegistry,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Body,
    from: Option<PeerAddress>,
}

impl Ask<'_> {
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
        self
    }

    /// As if it came through a port, from there.
    #[must_use]
    pub fn from(mut self, address: PeerAddress) -> Self {
        self.from = Some(address);
        self
    }

    #[must_use]
    pub fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    #[must_use]
    pub fn bytes(mut self, bytes: impl Into<Bytes>) -> Self {
        self.body = Body::from(bytes.into());
        self
    }

    /// A body that comes as it likes, without saying how long it is.
    #[must_use]
    pub fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    #[must_use]
    pub fn json(self, value: &Value) -> Self {
        self.header("content-type", "application/json").bytes(value.to_string())
    }

    pub async fn send(self) -> Answer {
        let mut request = Request::builder().method(self.method).uri(&self.path).header("host", ORIGIN);
        request.headers_mut().unwrap().extend(self.headers);
        let mut request = request.body(self.body).unwrap();
        if let Some(address) = self.from {
            request.extensions_mut().insert(address);
        }
        let response = self.registry.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, bytes }
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Bytes,
}

impl Answer {
    /// A header's text, if it is there.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }

    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|error| panic!("{error} in {}: {:?}", self.status, self.bytes))
    }

    /// The body as JSON, after a look at the status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{:?}", self.bytes);
        if self.bytes.is_empty() { Value::Null } else { self.json() }
    }

    /// A refusal of that status and code.
    #[track_caller]
    pub fn expect_problem(&self, status: u16, code: &str) {
        assert_eq!(self.status.as_u16(), status, "{:?}", self.bytes);
        assert_eq!(self.json::<Value>()["code"], code, "{:?}", self.bytes);
    }
}

/// For [`TestRegistry::each_with`].
pub fn validated_by(validator: impl Validator + Clone + 'static) -> impl Fn(&mut Config, &mut Parts) {
    move |_, parts| parts.validator = Some(Arc::new(validator.clone()))
}
