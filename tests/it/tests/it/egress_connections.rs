//! Credentials that lie in the vault: attached, renewed, signed, given up. Each test ends at listeners that keep the bytes they
//! were sent: one is the service, one the provider's token endpoint.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use jackfield_broker::{
    Caller, ConnectionId, Secret,
    connection::{NewConnection, State},
    token::{GrantKind, Terms, TokenSet},
};
use jackfield_host::{denial::Layer, grant::Source};
use jackfield_package::manifest::{Attach, Auth, AuthType, HmacScheme, Sigv4Scope};
use jackfield_test_kit::{Authority, FakeResolver, HttpServer, Installed, Received, Reply, TestHost, programs};
use serde_json::json;

use crate::outcome::{answer, denial_of};

pub(crate) const FIRST: &str = "canary-first-4e1f0a";
const SECOND: &str = "canary-second-9b7c2d";
const REFRESH: &str = "canary-refresh-51d3e8";

/// A service that knows one token at a time, its provider, and a host that reaches both.
pub(crate) struct World {
    /// `api.example.com`, where the credential belongs.
    pub(crate) service: HttpServer,
    provider: HttpServer,
    /// `other.example.com`, which is granted as well, and where no credential belongs.
    pub(crate) other: HttpServer,
    pub(crate) host: TestHost,
    /// How often the provider was asked.
    asked: Arc<AtomicUsize>,
}

impl World {
    /// `provider` answers refreshes.
    pub(crate) async fn new(
        service: impl Fn(&Received) -> Reply + Send + Sync + 'static,
        provider: impl Fn(usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let authority = Authority::new();
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = asked.clone();
        let provider = HttpServer::start_tls(&authority, &["id.example.com"], move |_| {
            provider(counted.fetch_add(1, Ordering::SeqCst) + 1)
        })
        .await;
        let service = HttpServer::start_tls(&authority, &["api.example.com"], service).await;
        let other = HttpServer::start_tls(&authority, &["other.example.com"], |_| Reply::text("other")).await;
        let names = ["api.example.com", "id.example.com", "other.example.com"];
        let resolver = FakeResolver::new(&names.map(|name| (name, "127.0.0.1")));
        let host = TestHost::builder().resolver(resolver).root(authority.root()).start();
        let entry = format!(
            "name = \"ours\"\ntitle = \"Ours\"\ndocs = \"https://id.example.com/docs\"\nread = \"2026-11-21\"\n\
             addresses = [\"127.0.0.1/32\"]\n\
             [token]\nurl = \"{}\"\nauth = \"none\"\n[refresh]\nkind = \"rotating\"\n\
             [[expired]]\nstatus = 200\npointer = \"/error\"\nvalues = [\"token_expired\"]\n\
             [[expired]]\nstatus = 403\nheader = {{ name = \"x-reason\", contains = \"expired\" }}\n",
            provider.url_as("id.example.com", "/token")
        );
        std::fs::create_dir_all(host.home().join("providers")).unwrap();
        std::fs::write(host.home().join("providers/ours.toml"), entry).unwrap();
        Self { service, provider, other, host, asked }
    }

    /// The program, with an `auth` entry bound to a connection that holds these tokens.
    pub(crate) async fn connected(&self, auth: (AuthType, Attach), tokens: TokenSet) -> (Installed<'_>, ConnectionId) {
        let program = self
            .host
            .program(programs::FETCH)
            .allows("GET,POST https://api.example.com:* via 127.0.0.1")
            .allows("GET,POST https://other.example.com:* via 127.0.0.1")
            .manifest(|manifest| {
                manifest.auth.push(Auth {
                    id: "account".parse().unwrap(),
                    r#type: auth.0,
                    provider: None,
                    scopes: Vec::new(),
                    hosts: vec!["api.example.com".parse().unwrap()],
                    attach: auth.1,
                    test: None,
                    hook: None,
                });
            })
            .install()
            .await;
        let broker = self.host.host().broker().await.unwrap().0;
        let terms = match auth.0 {
            AuthType::Oauth2 => Terms {
                provider: Some("ours".to_owned()),
                grant: GrantKind::AuthorizationCode,
                client_id: "client".to_owned(),
                ..Terms::default()
            },
            _ => Terms::default(),
        };
        let new = NewConnection {
            connector: program.name.clone(),
            auth: "account".parse().unwrap(),
            label: "test".to_owned(),
            terms,
        };
        let id = broker.begin(&ada(), new, None).await.unwrap().id;
        broker.connected(&ada(), &id, None, &tokens, None).await.unwrap();
        program.regrant(|grant| {
            grant.credentials.insert("account".parse().unwrap(), Source::Connection(id.clone()));
        });
        (program, id)
    }

    async fn state(&self, id: &ConnectionId) -> State {
        self.host.host().broker().await.unwrap().0.get(&ada(), id).await.unwrap().state
    }

    fn get(&self) -> serde_json::Value {
        json!({ "url": self.service.url_as("api.example.com", "/items") })
    }
}

fn ada() -> Caller {
    Caller::local("ada")
}

pub(crate) fn tokens(access: &str, refresh: Option<&str>) -> TokenSet {
    let secret = |text: &str| Secret::new(text.as_bytes().to_vec()).unwrap();
    TokenSet { refresh: refresh.map(secret), ..TokenSet::of(secret(access)) }
}

/// Answers 200 to this token, and 401 to others; repeats what it was sent.
fn knows(token: &'static str) -> impl Fn(&Received) -> Reply + Send + Sync {
    move |request| match request.header("authorization")[..] {
        [value] if value == format!("Bearer {token}") => Reply::text(request.head.clone()),
        _ => Reply::status(401),
    }
}

/// The second token.
fn rotated() -> Reply {
    let answer = json!({"access_token": SECOND, "refresh_token": "canary-next-77aa", "expires_in": 3600, "token_type": "bearer"});
    Reply::text(answer.to_string()).header("content-type", "application/json")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_attached_outside_recorded_and_lies_sealed() {
    let world = World::new(knows(FIRST), |_| Reply::status(500)).await;
    let auth = (AuthType::Bearer, Attach::default());
    let (program, id) = world.connected(auth, tokens(FIRST, None)).await;
    let outcome = program.run(world.get()).await;
    assert_eq!(answer(&outcome)["status"], 200);
    assert!(world.service.received()[0].head.contains(FIRST));
    assert!(!format!("{outcome:?}").contains(FIRST), "{outcome:?}");
    let rows = world.host.host().broker().await.unwrap().0.audit(&ada(), &id).await.unwrap();
    let uses: Vec<_> = rows.iter().filter(|row| row.action == "use").collect();
    let [used] = &uses[..] else { panic!("one use: {rows:?}") };
    assert_eq!((used.caller.as_str(), used.outcome.as_str()), (format!("connector {}", program.name).as_str(), "done"));
    assert_eq!(used.detail, Some(format!("GET https://api.example.com:{}", world.service.port())));
    // Neither the database nor any other file of the home holds it.
    let mut folders = vec![world.host.home().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(FIRST.len()).any(|part| part == FIRST.as_bytes()), "{}", path.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_401_renews_once_and_what_is_safe_is_sent_again() {
    let world = World::new(knows(SECOND), |_| rotated()).await;
    let auth = (AuthType::Oauth2, Attach::default());
    let (program, id) = world.connected(auth, tokens(FIRST, Some(REFRESH))).await;
    let outcome = program.run(world.get()).await;
    assert_eq!(answer(&outcome)["status"], 200, "{outcome:?}");
    let sent: Vec<_> =
        world.service.received().iter().map(|request| request.header("authorization").join("")).collect();
    assert_eq!(sent, [format!("Bearer {FIRST}"), format!("Bearer {SECOND}")]);
    assert_eq!(world.asked.load(Ordering::SeqCst), 1);
    let body = String::from_utf8(world.provider.received()[0].body.clone()).unwrap();
    assert!(body.contains("grant_type=refresh_token") && body.contains(REFRESH), "{body}");
    for canary in [FIRST, SECOND, REFRESH] {
        assert!(!format!("{outcome:?}").contains(canary), "{outcome:?}");
    }
    assert_eq!(world.state(&id).await, State::Active);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_been_done_is_not_done_again() {
    let world = World::new(knows(SECOND), |_| rotated()).await;
    let auth = (AuthType::Oauth2, Attach::default());
    let (program, _) = world.connected(auth, tokens(FIRST, Some(REFRESH))).await;
    let post = json!({ "url": world.service.url_as("api.example.com", "/items"), "method": "POST", "body": "{}" });
    assert_eq!(answer(&program.run(post.clone()).await)["status"], 401, "the guest decides");
    assert_eq!((world.service.received().len(), world.asked.load(Ordering::SeqCst)), (1, 1));
    assert_eq!(answer(&program.run(post).await)["status"], 200, "its next request has the newer token");
    assert_eq!((world.service.received().len(), world.asked.load(Ordering::SeqCst)), (2, 1));
}

/// Some services say it in a 200, or in a header: that is a 401 to them, and is treated as one.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_has_expired_is_known_where_it_is_no_401() {
    let json = |body: &str| Reply::text(body.to_owned()).header("content-type", "application/json; charset=utf-8");
    let in_the_body = move || json(r#"{"ok":false,"error":"token_expired"}"#);
    let in_the_head = || Reply::status(403).header("x-reason", "the token expired");
    let ways: [Box<dyn Fn() -> Reply + Send + Sync>; 2] = [Box::new(in_the_body), Box::new(in_the_head)];
    for expired in ways {
        let service = move |request: &Received| match request.header("authorization")[..] {
            [value] if value == format!("Bearer {SECOND}") => json(r#"{"ok":true}"#),
            _ => expired(),
        };
        let world = World::new(service, |_| rotated()).await;
        let (program, id) = world.connected((AuthType::Oauth2, Attach::default()), tokens(FIRST, Some(REFRESH))).await;
        let post = json!({ "url": world.service.url_as("api.example.com", "/items"), "method": "POST", "body": "{}" });
        let outcome = program.run(post.clone()).await;
        assert_ne!(answer(&outcome)["body"], r#"{"ok":true}"#, "what may have been done is not done again");
        assert_eq!((world.service.received().len(), world.asked.load(Ordering::SeqCst)), (1, 1));
        assert_eq!(answer(&program.run(post).await)["body"], r#"{"ok":true}"#, "the next request has the newer token");

        let world_again = world.host.host().broker().await.unwrap().0;
        world_again.connected(&ada(), &id, None, &tokens(FIRST, Some(REFRESH)), None).await.unwrap();
        let outcome = program.run(world.get()).await;
        assert_eq!(answer(&outcome)["body"], r#"{"ok":true}"#, "what is safe is sent again: {outcome:?}");
        assert_eq!(world.asked.load(Ordering::SeqCst), 2);
        assert_eq!(world.state(&id).await, State::Active);
    }
}

/// The look is short: what is no error streams on, whole, however long it is and however slowly it comes.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_looked_into_streams_on() {
    let long = format!(r#"{{"rows":[{}]}}"#, vec![r#""token_expired""#; 20_000].join(","));
    let body = long.clone();
    let world = World::new(
        move |_| Reply::text(body.clone()).header("content-type", "application/json"),
        |_| Reply::status(500),
    )
    .await;
    let (program, id) = world.connected((AuthType::Oauth2, Attach::default()), tokens(FIRST, Some(REFRESH))).await;
    let outcome = program.run(world.get()).await;
    assert_eq!(answer(&outcome)["body"], long.as_str());
    assert_eq!((world.asked.load(Ordering::SeqCst), world.state(&id).await), (0, State::Active));

    let drips = |_: &Received| Reply::stalled().header("content-type", "application/json");
    let world = World::new(drips, |_| Reply::status(500)).await;
    let (program, _) = world.connected((AuthType::Oauth2, Attach::default()), tokens(FIRST, Some(REFRESH))).await;
    let input = json!({ "url": world.service.url_as("api.example.com", "/items"), "read": "none" });
    assert_eq!(answer(&program.run(input).await)["status"], 200, "its head is there before it ends");
    assert_eq!(world.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_calls_with_an_ended_token_make_one_refresh() {
    let world = World::new(knows(SECOND), |_| rotated()).await;
    let ended = TokenSet { expires_in_s: Some(0), ..tokens(FIRST, Some(REFRESH)) };
    let (program, _) = world.connected((AuthType::Oauth2, Attach::default()), ended).await;
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (host, name, input) = (world.host.host().clone(), program.name.clone(), world.get().to_string());
        calls.spawn(async move { host.invoke(&name, jackfield_host::Invocation::new("run", input)).await });
    }
    for outcome in calls.join_all().await {
        assert_eq!(answer(&outcome)["status"], 200, "{outcome:?}");
    }
    assert_eq!(world.asked.load(Ordering::SeqCst), 1);
    assert!(world.service.received().iter().all(|request| !request.head.contains(FIRST)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_says_no_for_good_ends_in_a_denial_with_the_way_out() {
    let refuses = |_| {
        Reply::raw(
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: 25\r\n\r\n{\"error\":\"invalid_grant\"}",
        )
    };
    let world = World::new(knows(SECOND), refuses).await;
    let ended = TokenSet { expires_in_s: Some(0), ..tokens(FIRST, Some(REFRESH)) };
    let (program, id) = world.connected((AuthType::Oauth2, Attach::default()), ended).await;
    for _ in 0..2 {
        let outcome = program.run(world.get()).await;
        let denial = denial_of(&outcome, Layer::Credential);
        assert!(denial.reason.contains("needs a person to sign in again"), "{}", denial.reason);
        assert_eq!(denial.fix, Some(format!("jackfield connections reconnect {id}")));
    }
    assert_eq!((world.service.connections(), world.asked.load(Ordering::SeqCst)), (0, 1));
    assert_eq!(world.state(&id).await, State::NeedsReauth);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_in_a_200_is_no_token() {
    let error = |_| {
        Reply::text(json!({"error": "bad_verification_code", "error_description": "no"}).to_string())
            .header("content-type", "application/json")
    };
    let world = World::new(knows(SECOND), error).await;
    let ended = TokenSet { expires_in_s: Some(0), ..tokens(FIRST, Some(REFRESH)) };
    let (program, id) = world.connected((AuthType::Oauth2, Attach::default()), ended).await;
    denial_of(&program.run(world.get()).await, Layer::Credential);
    assert_eq!(world.service.connections(), 0);
    let broker = world.host.host().broker().await.unwrap().0;
    assert_eq!(broker.get(&ada(), &id).await.unwrap().generation, 1, "nothing was stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_of_another_connector_is_none() {
    let world = World::new(knows(FIRST), |_| Reply::status(500)).await;
    let auth = (AuthType::Bearer, Attach::default());
    let (_, id) = world.connected(auth.clone(), tokens(FIRST, None)).await;
    let thief = world
        .host
        .program(programs::FETCH)
        .named("test:twin")
        .allows("GET https://api.example.com:* via 127.0.0.1")
        .credential("account", &["api.example.com"], auth.1, "a-secret-of-its-own")
        .install()
        .await;
    thief.regrant(|grant| {
        grant.credentials.insert("account".parse().unwrap(), Source::Connection(id.clone()));
    });
    let outcome = thief.run(world.get()).await;
    let denial = denial_of(&outcome, Layer::Credential);
    assert!(denial.reason.contains("there is no connection"), "{}", denial.reason);
    assert_eq!(world.service.received().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_signed_outside_and_the_key_stays() {
    let signature = |hmac, sigv4| Attach::Signature { hmac, sigv4 };
    let scheme = HmacScheme {
        over: "{timestamp}.{method}.{target}.{body}".to_owned(),
        hash: Default::default(),
        encoding: Default::default(),
        header: "x-signature".to_owned(),
        prefix: "v1=".to_owned(),
        timestamp_header: Some("x-timestamp".to_owned()),
        key_header: Some("x-key".to_owned()),
    };
    let scope = Sigv4Scope { service: "execute-api".to_owned(), region: "eu-central-1".to_owned() };
    for (auth, header, begins) in [
        ((AuthType::Hmac, signature(Some(scheme), None)), "x-signature", "v1="),
        ((AuthType::Sigv4, signature(None, Some(scope))), "authorization", "AWS4-HMAC-SHA256 Credential=canary-id/"),
    ] {
        let world = World::new(|request| Reply::text(request.head.clone()), |_| Reply::status(500)).await;
        let (program, _) = world.connected(auth, tokens("canary-id:canary-key-0f9e", None)).await;
        let post = json!({ "url": world.service.url_as("api.example.com", "/orders?a=1"), "method": "POST", "body": "{\"a\":1}" });
        let outcome = program.run(post.clone()).await;
        assert_eq!(answer(&outcome)["status"], 200, "{outcome:?}");
        let received = &world.service.received()[0];
        let sent = received.header(header).join("");
        assert!(sent.starts_with(begins), "{}", received.head);
        assert!(!received.head.contains("canary-key-0f9e"));
        assert_eq!(received.body, b"{\"a\":1}", "the body goes as the guest wrote it");
        // Whoever has the signature can repeat the request, so the guest has not.
        let signature = sent.rsplit('=').next().unwrap();
        assert!(!format!("{outcome:?}").contains(signature), "{outcome:?}");
        // And sets none of its headers.
        for name in ["x-signature", "x-timestamp", "x-key", "x-amz-date"] {
            let named = json!({ "url": world.service.url_as("api.example.com", "/"), "headers": [[name, "mine"]] });
            let outcome = program.run(named).await;
            if outcome.denials.is_empty() {
                assert!(!received.head.contains(name), "{name} is of the other scheme");
            } else {
                denial_of(&outcome, Layer::Header);
            }
        }
    }
}
