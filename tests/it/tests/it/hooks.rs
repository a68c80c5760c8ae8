//! Hooks: a connector's code words the requests for its tokens, sees no secret, and reaches nobody.

use std::sync::{Arc, Mutex};

use hmac::{Hmac, KeyInit as _, Mac as _};
use jackfield_broker::{
    Caller, Connection, Secret,
    connection::NewConnection,
    flow::CodeGrant,
    hook::HookOf,
    token::{GrantKind, Terms, TokenError, TokenSet},
};
use jackfield_host::grant::Source;
use jackfield_package::manifest::{Attach, Auth, AuthType, Hook};
use jackfield_test_kit::{Authority, FakeResolver, HttpServer, Installed, Received, Reply, TestHost, programs};
use serde_json::{Value, json};

use crate::outcome::answer;

const PASSWORD: &str = "canary-password-6d0b1e";
const SESSION: &str = "canary-session-81aa07";
const TOKENS: [&str; 2] = ["canary-token-one-5e2f", "canary-token-two-9c4d"];

/// A provider, a service that takes one token, and a host with a connector that has a hook.
struct World {
    provider: HttpServer,
    service: HttpServer,
    host: TestHost,
    /// The token that the service takes now.
    taken: Arc<Mutex<&'static str>>,
}

impl World {
    async fn new(provider: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let authority = Authority::new();
        let provider = HttpServer::start_tls(&authority, &["id.example.com"], provider).await;
        let taken = Arc::new(Mutex::new(TOKENS[0]));
        let now = taken.clone();
        let service = HttpServer::start_tls(&authority, &["api.example.com"], move |request| {
            match request.header("authorization")[..] {
                [value] if value == format!("Bearer {}", now.lock().unwrap()) => Reply::text("yours"),
                _ => Reply::status(401),
            }
        })
        .await;
        let names = ["api.example.com", "id.example.com", "evil.example.com"];
        let resolver = FakeResolver::new(&names.map(|name| (name, "127.0.0.1")));
        let host = TestHost::builder().resolver(resolver).root(authority.root()).start();
        let at = |path| provider.url_as("id.example.com", path);
        let entry = format!(
            "name = \"odd\"\ntitle = \"Odd\"\ndocs = \"https://id.example.com/docs\"\nread = \"2026-11-21\"\n\
             addresses = [\"127.0.0.1/32\"]\n\
             [variables.wants]\ntitle = \"what a hostile hook wants\"\npattern = \"[a-z]*\"\ndefault = \"\"\n\
             [authorize]\nurl = \"{}\"\npkce = \"S256\"\nloopback = \"any-port\"\n\
             [token]\nurl = \"{}\"\nauth = \"post\"\n[token.steps]\nlogin = \"{}\"\n\
             [refresh]\nkind = \"rotating\"\n[client_credentials]\n",
            at("/authorize"),
            at("/token"),
            at("/login")
        );
        std::fs::create_dir_all(host.home().join("providers")).unwrap();
        std::fs::write(host.home().join("providers/odd.toml"), entry).unwrap();
        Self { provider, service, host, taken }
    }

    async fn install(&self, program: &str, reads: &[&str]) -> Installed<'_> {
        let reads = reads.iter().map(|pointer| (*pointer).to_owned()).collect();
        let hooked = Auth {
            id: "account".parse().unwrap(),
            r#type: AuthType::Oauth2,
            provider: Some("odd".parse().unwrap()),
            scopes: Vec::new(),
            hosts: vec!["api.example.com".parse().unwrap()],
            attach: Attach::default(),
            test: None,
            hook: Some(Hook { reads }),
        };
        self.host
            .program(program)
            .allows("GET https://api.example.com:* via 127.0.0.1")
            .allows("GET https://evil.example.com:* via 127.0.0.1")
            .manifest(|manifest| manifest.auth.push(hooked))
            .install()
            .await
    }

    fn terms(&self, program: &Installed<'_>, grant: GrantKind) -> Terms {
        Terms {
            provider: Some("odd".to_owned()),
            grant,
            client_id: "ada".to_owned(),
            scopes: vec!["all".to_owned()],
            hook: Some(HookOf {
                tenant: ada().tenant,
                connector: program.name.clone(),
                auth: "account".parse().unwrap(),
            }),
            ..Terms::default()
        }
    }

    async fn keep(&self, program: &Installed<'_>, terms: Terms, tokens: &TokenSet) -> Connection {
        let broker = self.host.host().broker().await.unwrap().0;
        let new = NewConnection {
            connector: program.name.clone(),
            auth: "account".parse().unwrap(),
            label: "test".to_owned(),
            terms,
        };
        let id = broker.begin(&ada(), new, Some(&secret(PASSWORD))).await.unwrap().id;
        let connection = broker.connected(&ada(), &id, None, tokens, None).await.unwrap();
        program.regrant(|grant| {
            grant.credentials.insert("account".parse().unwrap(), Source::Connection(id.clone()));
        });
        connection
    }

    /// What comes of a hostile hook that wants this.
    async fn refused(&self, program: &Installed<'_>, wants: &str, client_id: &str) -> TokenError {
        let flows = self.host.host().broker().await.unwrap().1;
        let terms = Terms {
            client_id: client_id.to_owned(),
            parameters: [("wants".to_owned(), wants.to_owned())].into(),
            ..self.terms(program, GrantKind::ClientCredentials)
        };
        let outcome = flows.client_credentials(&terms, Some(&secret(PASSWORD))).await;
        let error = outcome.err().unwrap_or_else(|| panic!("{wants}: there are tokens"));
        let everything = format!("{error:?}");
        for canary in [PASSWORD, TOKENS[0]] {
            assert!(!everything.contains(canary), "{wants}: {everything}");
        }
        error
    }
}

fn ada() -> Caller {
    Caller::local("ada")
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec()).unwrap()
}

fn json_reply(json: &Value) -> Reply {
    Reply::text(json.to_string()).header("content-type", "application/json")
}

/// A provider that speaks no OAuth: a login that gives a session in a header, and tokens for whoever signs with the password.
fn odd(request: &Received) -> Reply {
    static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let (path, query) = request.target().split_once('?').unwrap_or((request.target(), ""));
    let parameters: std::collections::HashMap<_, _> =
        query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let body = String::from_utf8(request.body.clone()).unwrap();
    match (path, query.is_empty()) {
        ("/login", _) => match serde_json::from_str::<Value>(&body).unwrap() {
            login if login == json!({ "user": "ada", "password": PASSWORD }) => {
                json_reply(&json!({ "code": 0 })).header("x-session", SESSION)
            }
            _ => json_reply(&json!({ "code": 4001, "echo": body })),
        },
        ("/token", false) => {
            let mut mac = Hmac::<sha2::Sha256>::new_from_slice(PASSWORD.as_bytes()).unwrap();
            mac.update(format!("{SESSION}.{}", parameters["time"]).as_bytes());
            let right = parameters["sign"] == hex::encode(mac.finalize().into_bytes())
                && request.header("x-session") == [SESSION]
                && request.header("authorization") == [format!("Special {}", base64(&format!("app:{PASSWORD}")))];
            let nth = NEXT.fetch_add(1, std::sync::atomic::Ordering::SeqCst).min(1);
            if right {
                json_reply(&json!({ "data": { "token": TOKENS[nth], "ttl": 900, "account": "Ada" } }))
            } else {
                Reply::status(403)
            }
        }
        _ if body.contains("auth_code=canary-code-3c&redirect=https%3A%2F%2Fconnect.example%2Fcb")
            && body.contains(&format!("app_secret={PASSWORD}&proof=canary-verifier-77")) =>
        {
            json_reply(&json!({ "data": { "token": TOKENS[0], "next": "canary-refresh-1" } }))
        }
        _ if body == "again=canary-refresh-1" => {
            json_reply(&json!({ "data": { "token": TOKENS[1], "next": "canary-refresh-2" } }))
        }
        _ => json_reply(&json!({ "error": "invalid_grant" })),
    }
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// A login of two steps, the second signed, then a token that the service no longer takes: everything by the hook, and the
/// guest sees none of it.
#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn hook_login() {
    let world = World::new(odd).await;
    let program = world.install(programs::HOOK_LOGIN, &["/code", "/data/ttl", "/data/account"]).await;
    let terms = world.terms(&program, GrantKind::ClientCredentials);
    let flows = world.host.host().broker().await.unwrap().1;
    let tokens =
        flows.client_credentials(&terms, Some(&secret(PASSWORD))).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((tokens.expires_in_s, tokens.account.as_deref()), (Some(900), Some("Ada")));
    let connection = world.keep(&program, terms.clone(), &tokens).await;
    let get = json!({ "url": world.service.url_as("api.example.com", "/items") });
    let outcome = program.run(get.clone()).await;
    assert_eq!(answer(&outcome)["status"], 200, "{outcome:?}");

    *world.taken.lock().unwrap() = TOKENS[1];
    let outcome = program.run(get).await;
    assert_eq!(answer(&outcome)["status"], 200, "renewed by another login: {outcome:?}");
    assert_eq!(world.provider.received().len(), 4);
    for canary in [PASSWORD, SESSION, TOKENS[0], TOKENS[1]] {
        assert!(!format!("{outcome:?}").contains(canary), "{outcome:?}");
    }
    let broker = world.host.host().broker().await.unwrap().0;
    assert_eq!(broker.get(&ada(), &connection.id).await.unwrap().generation, 2);

    // A password that is wrong: in the hook's words, for good, and without what the service repeats.
    let wrong = flows.client_credentials(&terms, Some(&secret("canary-wrong-password"))).await.err().unwrap();
    assert_eq!((wrong.refusal.code, wrong.permanent), ("provider-grant-gone", true));
    assert!(wrong.refusal.message.contains("login-failed: it says 4001"), "{}", wrong.refusal.message);

    // And no connection of another connector, entry or workspace is renewed by it.
    let own = terms.hook.clone().unwrap();
    for another in [
        HookOf { connector: "test:other".parse().unwrap(), ..own.clone() },
        HookOf { auth: "other".parse().unwrap(), ..own.clone() },
        HookOf { tenant: "elsewhere".to_owned(), ..own },
    ] {
        let new = NewConnection {
            connector: program.name.clone(),
            auth: "account".parse().unwrap(),
            label: "x".to_owned(),
            terms: Terms { hook: Some(another), ..terms.clone() },
        };
        assert_eq!(broker.begin(&ada(), new, None).await.unwrap_err().code(), "hook-of-another");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_exchanged_and_a_token_refreshed_by_a_hook() {
    let world = World::new(odd).await;
    let program = world.install(programs::HOOK_LOGIN, &[]).await;
    let terms = world.terms(&program, GrantKind::AuthorizationCode);
    let flows = world.host.host().broker().await.unwrap().1;
    let (code, verifier) = (secret("canary-code-3c"), secret("canary-verifier-77"));
    let grant = CodeGrant { code: &code, redirect_uri: "https://connect.example/cb", verifier: Some(&verifier) };
    let tokens =
        flows.exchange_code(&terms, Some(&secret(PASSWORD)), &grant).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(tokens.scopes.as_deref(), Some(&["all".to_owned()][..]));
    let connection = world.keep(&program, terms, &tokens).await;
    let broker = world.host.host().broker().await.unwrap().0;
    assert_eq!(broker.refresh(&ada(), &connection.id).await.unwrap().generation, 2);
    *world.taken.lock().unwrap() = TOKENS[1];
    let outcome = program.run(json!({ "url": world.service.url_as("api.example.com", "/items") })).await;
    assert_eq!(answer(&outcome)["status"], 200, "{outcome:?}");
    // The provider's own error for a refresh token that is spent ends it, whatever the hook would make of it.
    broker.refresh(&ada(), &connection.id).await.unwrap_err();
    let spent = broker.get(&ada(), &connection.id).await.unwrap();
    assert_eq!(spent.state.to_string(), "active", "asked for by hand, and what works goes on working");
    // A hook that is switched off with its connector renews nothing, and nothing is lost by it.
    world.host.host().set_enabled(&program.name, false).unwrap();
    let off = broker.refresh(&ada(), &connection.id).await.unwrap_err();
    assert_eq!(off.code(), "hook-failed");
}

/// Whatever it wants: another host, no end, secrets as tokens, what it was shown; nothing of it happens.
#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn hook_hostile() {
    let elsewhere = HttpServer::answering("come in").await;
    let provider = |request: &Received| {
        let body = String::from_utf8(request.body.clone()).unwrap();
        json_reply(&json!({ "token": TOKENS[0], "echo": format!("you sent {body}"), "seen": TOKENS[0] }))
    };
    let world = World::new(provider).await;
    let program = world.install(programs::HOOK_HOSTILE, &["/echo"]).await;
    let evil = world.service.url_as("evil.example.com", "/");
    for url in [&evil, &elsewhere.url("/")] {
        let error = world.refused(&program, "reach", url).await;
        assert_eq!((error.refusal.code, error.sent), ("hook-refused", false));
        assert!(error.refusal.message.contains("reaches nobody"), "{}", error.refusal.message);
    }
    assert_eq!(
        (world.service.connections(), elsewhere.connections()),
        (0, 0),
        "although the connector itself may go there"
    );

    for (wants, words) in [
        ("spin", "the limit `fuel`"),
        ("memory", "the limit `memory-bytes`"),
        ("flood", "the limit `output-bytes`"),
        ("panic", "a hook that gives up"),
    ] {
        let error = world.refused(&program, wants, "ada").await;
        assert_eq!((error.refusal.code, error.permanent), ("hook-failed", false), "{wants}");
        assert!(error.refusal.message.contains(words), "{wants}: {}", error.refusal.message);
    }
    for (wants, words) in [
        ("elsewhere", "asks the endpoint `https://evil.example.com/`"),
        ("host", "sets the header `host`"),
        ("method", "asks by `CONNECT`"),
        ("unknown", "`{{somebody_elses}}`, which stands for nothing"),
        ("secret", "makes a token of a secret"),
        ("hashed", "makes a token of a secret"),
        ("own", "makes a token of its own text"),
    ] {
        let error = world.refused(&program, wants, "ada").await;
        assert_eq!((error.refusal.code, error.permanent, error.sent), ("hook-refused", false, false), "{wants}");
        assert!(error.refusal.message.contains(words), "{wants}: {}", error.refusal.message);
    }
    assert_eq!(world.provider.connections(), 0, "nothing was asked so far");

    let error = world.refused(&program, "endless", "ada").await;
    assert!(error.sent && error.refusal.message.contains("more than 4 requests"), "{}", error.refusal.message);
    assert_eq!(world.provider.received().len(), 4);
    // The provider repeats the password; the hook is shown a star, and can't say what it has not seen.
    let error = world.refused(&program, "told", "ada").await;
    assert!(error.refusal.message.contains("you sent secret=*"), "{}", error.refusal.message);
    assert_eq!(error.refusal.code, "provider-refused");
}

/// A token that the manifest has it read is shown, and then it is none: nothing is both.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_hook_is_shown_becomes_no_token() {
    let world = World::new(|_| json_reply(&json!({ "token": TOKENS[0], "echo": "a-token-it-would-see" }))).await;
    let program = world.install(programs::HOOK_HOSTILE, &["/echo"]).await;
    let error = world.refused(&program, "shown", "ada").await;
    assert_eq!((error.refusal.code, error.sent), ("hook-refused", true));
    assert!(error.refusal.message.contains("what it is shown"), "{}", error.refusal.message);
}
