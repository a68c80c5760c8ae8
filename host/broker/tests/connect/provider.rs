//! A certified OpenID provider, and people who sign in there with a real browser.

use std::{env, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use jackfield_broker::{
    Broker, Caller, Parts,
    clock::{Clock as _, HeldClock, SystemClock},
    flow::Flows,
    provider::{Catalogue, discovery},
    sender::{SendError, SendFailure, Sender},
    session::{Link, Place, Sessions, Wish},
    token::{GrantKind, Held, Revocation, Terms, TokenSource as _},
    vault::FileKeys,
};
use jackfield_db::testing::TestDb;
use jackfield_package::manifest::{Attach, Auth, AuthType, Scope};
use jackfield_test_kit::{Browser, OpenIdProvider, people::CLIENT_SECRET};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::block_in_place;

use crate::kit::{Unwrapped as _, at, secret};

/// The network, as far as loopback.
struct Loopback;

#[async_trait]
impl Sender for Loopback {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, SendError> {
        let failed = |error: &dyn std::fmt::Display| SendError {
            sent: true,
            kind: SendFailure::Unreachable,
            reason: error.to_string(),
            hint: None,
        };
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let response = client.request(request.map(Full::new)).await.map_err(|error| failed(&error))?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| failed(&error))?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }
}

/// The provider, a broker that knows it as `acme`, and its pages on a port.
struct World {
    flows: Flows,
    broker: Broker,
    sessions: Sessions,
    clock: Arc<HeldClock>,
    caller: Caller,
    provider: OpenIdProvider,
    _home: TempDir,
    _db: TestDb,
}

impl World {
    async fn new() -> Option<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin: url::Url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let provider = OpenIdProvider::start(&format!("{origin}connect/callback/acme"))?;

        let home = TempDir::new().unwrap();
        let mut catalogue = Catalogue::open(&home.path().join("providers")).unwrap();
        let entry =
            discovery::discover("acme".parse().unwrap(), at(&provider.issuer), "2026-11-21", &Loopback).await.unwrap();
        catalogue.add(entry).unwrap();
        let clock = Arc::new(HeldClock::at(SystemClock.now()));
        let flows = Flows::new(Arc::new(catalogue), Arc::new(Loopback), clock.clone());
        let db = TestDb::sqlite().await;
        let broker = Broker::open(Parts {
            db: db.db.clone(),
            keys: Arc::new(FileKeys::new(home.path().join("master.key"))),
            clock: clock.clone(),
            source: Arc::new(flows.clone()),
            sender: Arc::new(Loopback),
            events: None,
        })
        .await
        .unwrap();
        let sessions = Sessions::new(broker.clone(), flows.clone(), Place { origin, return_to: Vec::new() });
        let router = sessions.router();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Some(Self { flows, broker, sessions, clock, caller: Caller::local("ann"), provider, _home: home, _db: db })
    }

    fn terms(&self, grant: GrantKind, client_id: &str) -> Terms {
        let scopes = match grant {
            GrantKind::ClientCredentials => vec![],
            _ => vec!["openid".to_owned(), "email".to_owned(), "api:read".to_owned()],
        };
        Terms {
            provider: Some("acme".to_owned()),
            grant,
            client_id: client_id.to_owned(),
            scopes,
            parameters: Default::default(),
            hook: None,
        }
    }

    async fn link(&self, grant: GrantKind) -> Link {
        let scopes = [("openid", "to know who you are"), ("api:read", "to read your mail")];
        let scopes = scopes.map(|(name, reason)| Scope { name: name.to_owned(), reason: reason.to_owned() });
        let wish = Wish {
            caller: self.caller.clone(),
            connector: "acme:mail".parse().unwrap(),
            title: "Acme Mail".to_owned(),
            auth: Auth {
                id: "main".parse().unwrap(),
                r#type: if grant == GrantKind::HandedIn { AuthType::ApiKey } else { AuthType::Oauth2 },
                provider: None,
                scopes: scopes.to_vec(),
                hosts: vec!["api.example.com".parse().unwrap()],
                attach: Attach::default(),
                test: None,
                hook: None,
            },
            terms: if grant == GrantKind::HandedIn { Terms::default() } else { self.terms(grant, "basic") },
            client: (grant != GrantKind::HandedIn).then(|| secret(CLIENT_SECRET)),
            label: "mail".to_owned(),
            again: None,
            return_to: None,
        };
        let link = self.sessions.open(wish).await.unwrap();
        // Rows of the audit sort by the millisecond.
        self.clock.advance(2_000);
        link
    }

    async fn audit(&self, link: &Link) -> String {
        self.broker.audit(&self.caller, &link.connection).await.unwrap().remove(0).outcome
    }

    async fn state(&self, link: &Link) -> String {
        self.broker.get(&self.caller, &link.connection).await.unwrap().state.to_string()
    }
}

/// Off the runtime that serves the pages.
fn act(browser: &mut Browser, deed: Value) -> Value {
    block_in_place(|| browser.act(&deed))
}

fn depart(browser: &mut Browser, who: &str, link: &Link) {
    let seen = block_in_place(|| browser.depart(who, &link.url));
    says(&seen, "to read your mail");
}

fn says(seen: &Value, text: &str) {
    assert!(seen["text"].as_str().unwrap().contains(text), "`{text}` is not in {seen:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_in_a_real_browser() {
    let Some(world) = World::new().await else { return };
    let Some(mut browser) = Browser::start() else { return };
    let link = world.link(GrantKind::AuthorizationCode).await;
    depart(&mut browser, "ann", &link);
    let seen = block_in_place(|| browser.sign_in("ann"));
    says(&seen, "ann@example.com (ann)");
    assert!(seen["url"].as_str().unwrap().ends_with("/done"), "the code has left the address bar: {seen:#}");
    assert_eq!(seen["complaints"], json!([]), "the browser has nothing to complain of");
    assert_eq!((world.state(&link).await.as_str(), world.audit(&link).await.as_str()), ("active", "done"));
    // The provider rotates: the next token set comes by the next refresh token, and the one after that too.
    world.broker.refresh(&world.caller, &link.connection).await.unwrap();
    let connection = world.broker.refresh(&world.caller, &link.connection).await.unwrap();
    assert_eq!((connection.generation, connection.state.to_string().as_str()), (3, "active"));
    // Given back, it is gone there too: a refresh token that is used again would say so.
    world.broker.revoke(&world.caller, &link.connection).await.unwrap();
    assert_eq!(world.state(&link).await, "revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_goes_wrong_on_the_way_ends_in_a_page_that_says_so() {
    let Some(world) = World::new().await else { return };
    let Some(mut browser) = Browser::start() else { return };
    let callback = "/connect/callback/acme";
    #[rustfmt::skip]
    let cases = [
        ("wrong state", json!({ "match": callback, "query": { "state": "somebody-elses" } }), "state-unknown", 400),
        ("wrong iss", json!({ "match": callback, "query": { "iss": "https://evil.example" } }), "issuer-mismatch", 400),
        ("no iss", json!({ "match": callback, "query": { "iss": null } }), "issuer-missing", 400),
        ("mixed-up provider", json!({ "match": callback, "path": "/connect/callback/github" }), "provider-mixed-up", 400),
        ("another's code", json!({ "match": callback, "query": { "code": "injected" } }), "provider-grant-gone", 502),
    ];
    for (what, alter, code, status) in cases {
        let link = world.link(GrantKind::AuthorizationCode).await;
        let mut deed = json!({ "who": what, "do": "alter" });
        deed.as_object_mut().unwrap().extend(alter.as_object().unwrap().clone());
        depart(&mut browser, what, &link);
        act(&mut browser, deed);
        let seen = block_in_place(|| browser.sign_in(what));
        says(&seen, code);
        assert_eq!(seen["status"], status, "{what}: {seen:#}");
        assert_eq!((world.state(&link).await.as_str(), world.audit(&link).await.as_str()), ("pending", code), "{what}");
    }

    // The person says no.
    let link = world.link(GrantKind::AuthorizationCode).await;
    depart(&mut browser, "bob", &link);
    let seen = act(&mut browser, json!({ "who": "bob", "do": "abort" }));
    says(&seen, "provider-consent-refused");
    assert_eq!(world.audit(&link).await, "provider-consent-refused");

    // The person takes too long.
    let link = world.link(GrantKind::AuthorizationCode).await;
    depart(&mut browser, "eva", &link);
    world.clock.advance(901 * 1_000_000);
    let seen = block_in_place(|| browser.sign_in("eva"));
    says(&seen, "connect-session-expired");
    assert_eq!((seen["status"].as_u64(), world.audit(&link).await.as_str()), (Some(410), "connect-session-expired"));

    // The answer comes a second time.
    let link = world.link(GrantKind::AuthorizationCode).await;
    depart(&mut browser, "kim", &link);
    act(&mut browser, json!({ "who": "kim", "do": "remember", "match": callback }));
    let seen = block_in_place(|| browser.sign_in("kim"));
    says(&seen, "kim@example.com");
    world.clock.advance(2_000);
    let seen = act(&mut browser, json!({ "who": "kim", "do": "again" }));
    says(&seen, "callback-replayed");
    assert_eq!((world.state(&link).await.as_str(), world.audit(&link).await.as_str()), ("active", "callback-replayed"));

    // The redirect is altered on the way there: the provider compares it, and sends nobody anywhere.
    let link = world.link(GrantKind::AuthorizationCode).await;
    act(
        &mut browser,
        json!({ "who": "liv", "do": "alter", "match": "/auth?", "query": { "redirect_uri": "http://127.0.0.1:1/evil" } }),
    );
    act(&mut browser, json!({ "who": "liv", "do": "open", "url": link.url }));
    act(&mut browser, json!({ "who": "liv", "do": "press", "name": "Go on to 127.0.0.1" }));
    let seen = act(&mut browser, json!({ "who": "liv", "do": "wait", "text": "redirect_uri" }));
    assert!(!seen["url"].as_str().unwrap().contains("evil/"), "{seen:#}");
    assert_eq!(world.state(&link).await, "pending");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_code_is_entered_in_a_browser() {
    let Some(world) = World::new().await else { return };
    let Some(mut browser) = Browser::start() else { return };
    let link = world.link(GrantKind::DeviceCode).await;
    act(&mut browser, json!({ "who": "ann", "do": "open", "url": link.url }));
    let seen = act(&mut browser, json!({ "who": "ann", "do": "press", "name": "Show me a code" }));
    says(&seen, "Enter this code");
    let text = seen["text"].as_str().unwrap();
    let place = text.split_whitespace().find(|word| word.starts_with("http://")).unwrap().trim_end_matches(',');
    // In another browser: the code is in the address already, and is confirmed there.
    act(&mut browser, json!({ "who": "telephone", "do": "open", "url": place }));
    act(&mut browser, json!({ "who": "telephone", "do": "press", "name": "Continue" }));
    let seen = block_in_place(|| browser.sign_in("telephone"));
    says(&seen, "Success");
    world.clock.advance(5_000_000);
    let seen = act(&mut browser, json!({ "who": "ann", "do": "wait", "text": "Connected" }));
    says(&seen, "telephone@example.com");
    assert_eq!((world.state(&link).await.as_str(), world.audit(&link).await.as_str()), ("active", "done"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_fit_a_telephone_in_light_and_dark_and_need_no_script() {
    let Some(world) = World::new().await else { return };
    let Some(mut browser) = Browser::start() else { return };
    let shots = env::var_os("JACKFIELD_TEST_SHOTS").map(PathBuf::from);
    for (who, dark) in [("light", false), ("dark", true)] {
        let link = world.link(GrantKind::HandedIn).await;
        let person = |more: Value| {
            let mut deed = json!({ "who": who, "width": 360, "dark": dark, "script": false });
            deed.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            deed
        };
        let look = |browser: &mut Browser, name: &str| {
            let file = shots.as_ref().map(|folder| folder.join(format!("{name}-{who}.png")));
            let seen = act(browser, person(json!({ "do": "look", "file": file })));
            assert_eq!(seen["overflow"], 0, "{name} is wider than the telephone: {seen:#}");
        };
        act(&mut browser, person(json!({ "do": "open", "url": link.url })));
        look(&mut browser, "start");
        act(&mut browser, person(json!({ "do": "fill", "label": "Key", "value": "canary-key-123456" })));
        let seen = act(&mut browser, person(json!({ "do": "press", "name": "Connect" })));
        says(&seen, "Connected");
        look(&mut browser, "done");
        let seen = act(&mut browser, person(json!({ "do": "open", "url": format!("{}?x=1", link.url) })));
        says(&seen, "connect-session-over");
        look(&mut browser, "trouble");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_speaks_for_itself_by_secret_and_by_key() {
    let Some(world) = World::new().await else { return };
    let tokens = async |client_id: &str, client: &str| {
        world
            .flows
            .client_credentials(&world.terms(GrantKind::ClientCredentials, client_id), Some(&secret(client)))
            .await
    };
    let by_secret = tokens("basic", CLIENT_SECRET).await.ok_or_panic();
    assert_eq!((by_secret.expires_in_s, by_secret.refresh.is_none()), (Some(60), true));
    tokens("keyed", &world.provider.key).await.ok_or_panic();
    let wrong = tokens("basic", "wrong").await.refusal();
    assert_eq!((wrong.refusal.code, wrong.permanent), ("provider-client-refused", false));
    assert_eq!(tokens("nobody", CLIENT_SECRET).await.refusal().refusal.code, "provider-client-refused");
    let other_key = tokens("keyed", include_str!("key.pem")).await.refusal();
    assert_eq!(other_key.refusal.code, "provider-client-refused");
    // A clock that is an hour behind spoils what is signed with a time, and is named.
    world.clock.advance(-3_600 * 1_000_000);
    let skewed = tokens("keyed", &world.provider.key).await.refusal();
    assert!(skewed.refusal.hint.unwrap().contains("behind the provider's"), "{}", skewed.refusal.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_gone_is_said_to_be() {
    let Some(world) = World::new().await else { return };
    let World { flows, provider, .. } = world;
    drop(provider);
    let terms = Terms {
        provider: Some("acme".to_owned()),
        grant: GrantKind::ClientCredentials,
        client_id: "basic".to_owned(),
        ..Terms::default()
    };
    let held = Held { client: Some(secret(CLIENT_SECRET)), access: Some(secret("a")), ..Held::default() };
    let error = flows.renew(&terms, &held).await.refusal();
    assert_eq!((error.refusal.code, error.permanent), ("provider-unreachable", false));
    assert_ne!(flows.revoke(&terms, &held).await.ok(), Some(Revocation::Done), "it is tried again");
}
