//! Secrets that nobody else has go through everything that a credential goes through, with every diagnostic switched on, on either
//! database; then they are looked for wherever something was written down. host/cli/tests/it/canary.rs does the same by the command.

use std::{
    io::Write,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jackfield_broker::{
    Caller, Secret,
    connection::{NewConnection, State},
    flow::CodeGrant,
    token::{GrantKind, Terms, TokenSet},
};
use jackfield_db::{Db, testing::TestDb};
use jackfield_host::grant::Source;
use jackfield_package::manifest::{Attach, Auth, AuthType};
use jackfield_test_kit::{Authority, Canaries, FakeResolver, HttpServer, Received, Reply, TestHost, programs};
use serde_json::json;
use sqlx::{AssertSqlSafe, Row as _};

/// What was said at the level `trace` by whichever crate; but for the compiler, which has nothing to do with secrets, and a lot to say.
static SAID: LazyLock<Arc<Mutex<Vec<u8>>>> = LazyLock::new(|| {
    let said = Arc::new(Mutex::new(Vec::new()));
    let sink = said.clone();
    let filter = "trace,cranelift_codegen=info,cranelift_frontend=info,regalloc2=info,wasmtime_cranelift=info";
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter);
    let subscriber = subscriber.with_ansi(false).with_writer(move || Sink(sink.clone()));
    subscriber.try_init().expect("nobody else listens in this process");
    said
});

struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

const HOSTS: [&str; 5] =
    ["api.example.com", "key.example.com", "login.example.com", "elsewhere.example.com", "id.example.com"];

/// What is secret in the story.
struct Secrets {
    client: String,
    code: String,
    verifier: String,
    access: [String; 2],
    refresh: [String; 2],
    id_token: String,
    key: String,
    password: String,
}

impl Secrets {
    fn hatched(canaries: &mut Canaries) -> Self {
        let mut hatch = |name: &str| canaries.hatch(name);
        Self {
            client: hatch("client secret"),
            code: hatch("authorization code"),
            verifier: hatch("PKCE verifier"),
            access: [hatch("access token"), hatch("second access token")],
            refresh: [hatch("refresh token"), hatch("second refresh token")],
            id_token: hatch("id token"),
            key: hatch("API key"),
            password: hatch("password"),
        }
    }

    /// A token answer, good for so long.
    fn answer(&self, nth: usize, seconds: u32) -> Reply {
        let answer = json!({
            "access_token": self.access[nth], "refresh_token": self.refresh[nth], "id_token": self.id_token,
            "expires_in": seconds, "token_type": "bearer", "scope": "read",
        });
        Reply::text(answer.to_string()).header("content-type", "application/json")
    }
}

/// An error that repeats all it was sent, as it came and as it was meant.
fn echoing(status: u16, request: &Received, secrets: &Secrets) -> Reply {
    let body = String::from_utf8_lossy(&request.body).into_owned();
    let words = format!(
        "client {} with {} and {}, by {}; {}, {}",
        secrets.client,
        secrets.refresh[0],
        secrets.access[0],
        request.header("authorization").join(""),
        body,
        STANDARD.encode(&secrets.refresh[0]),
    );
    let body = match status {
        400 => json!({ "error": "invalid_request", "error_description": words, "error_uri": words }).to_string(),
        _ => format!("<html>{words}</html>"),
    };
    let head = format!("HTTP/1.1 {status} {}\r\ncontent-type: application/json\r\n", secrets.client);
    Reply::raw(format!("{head}content-length: {}\r\nx-echo: {words}\r\n\r\n{body}", body.len()))
}

/// A service that repeats what it was sent: in its body (as it is, in base64, in JSON), in a header, in a header's name.
fn repeating(request: &Received) -> Reply {
    let token = request.header("authorization").join("");
    let token = token.rsplit(' ').next().unwrap_or_default();
    let said = json!({ "head": request.head, "encoded": STANDARD.encode(&request.head), "token": token });
    Reply::text(format!("{said}\n{}", request.head)).header("x-repeated", &request.head.replace("\r\n", " "))
}

async fn tell(db: TestDb) {
    let said = SAID.clone();
    let mut canaries = Canaries::new();
    let secrets = Arc::new(Secrets::hatched(&mut canaries));
    let authority = Authority::new();

    // The provider: a code, a refresh, then errors of all kinds.
    let asked = AtomicUsize::new(0);
    let known = secrets.clone();
    let provider = HttpServer::start_tls(&authority, &HOSTS, move |request| match request.target() {
        "/userinfo" => Reply::text(json!({ "sub": "583231", "login": "ada" }).to_string()),
        "/revoke" => echoing(503, request, &known),
        _ => match asked.fetch_add(1, Ordering::SeqCst) {
            0 => known.answer(0, 3_600),
            1 => echoing(500, request, &known),
            2 => echoing(400, request, &known),
            3 => known.answer(1, 3_600),
            4 => known.answer(1, 1),
            _ => {
                let error = json!({ "error": "invalid_grant", "error_description": known.refresh[1] }).to_string();
                Reply::raw(format!("HTTP/1.1 400 Bad\r\ncontent-length: {}\r\n\r\n{error}", error.len()))
            }
        },
    })
    .await;
    let service = HttpServer::start_tls(&authority, &HOSTS, {
        let known = secrets.clone();
        move |request| match request.target() {
            "/renew" if request.head.contains(&known.access[0]) => Reply::status(401),
            "/refuse" => Reply::status(401),
            "/fail" => {
                let head = &request.head;
                Reply::raw(format!("HTTP/1.1 500 No\r\ncontent-length: {}\r\n\r\n{head}", head.len()))
            }
            "/cut" => Reply::raw(format!("HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n{}", request.head)).closing(),
            _ => repeating(request),
        }
    })
    .await;
    let elsewhere = HttpServer::start_tls(&authority, &HOSTS, |_| Reply::text("taken")).await;

    let resolver = FakeResolver::new(&HOSTS.map(|host| (host, "127.0.0.1")));
    let mut host = TestHost::builder().resolver(resolver).root(authority.root());
    if db.kind == "postgres" {
        host = host.database(&db.url);
    }
    let host = host.start();
    let at = |path: &str| provider.url_as("id.example.com", path);
    let entry = format!(
        "name = \"ours\"\ntitle = \"Ours\"\ndocs = \"https://id.example.com/docs\"\nread = \"2026-11-21\"\n\
         addresses = [\"127.0.0.1/32\"]\n[authorize]\nurl = \"{}\"\npkce = \"S256\"\nloopback = \"any-port\"\n[token]\nurl = \"{}\"\nauth = \"basic\"\n\
         [refresh]\nkind = \"rotating\"\n[userinfo]\nurl = \"{}\"\nid = \"/sub\"\nname = \"/login\"\n\
         [revoke]\nurl = \"{}\"\nauth = \"basic\"\nbody = \"form\"\ntoken = \"refresh\"\nparameter = \"token\"\n",
        at("/authorize"),
        at("/token"),
        at("/userinfo"),
        at("/revoke"),
    );
    std::fs::create_dir_all(host.home().join("providers")).unwrap();
    std::fs::write(host.home().join("providers/ours.toml"), entry).unwrap();

    let auth = |id: &str, kind, hosts: &str, attach| Auth {
        id: id.parse().unwrap(),
        r#type: kind,
        provider: None,
        scopes: Vec::new(),
        hosts: vec![hosts.parse().unwrap()],
        attach,
        hook: None,
        test: None,
    };
    let program = host
        .program(programs::FETCH)
        .allows("GET,POST https://*.example.com:* via 127.0.0.1")
        .manifest(|manifest| {
            manifest.auth = vec![
                auth("account", AuthType::Oauth2, "api.example.com", Attach::default()),
                auth("key", AuthType::ApiKey, "key.example.com", Attach::Query { name: "key".to_owned() }),
                auth("login", AuthType::Basic, "login.example.com", Attach::Basic {}),
            ];
        })
        .install()
        .await;

    // Connected: one by a code, two by hand.
    let (broker, flows) = host.host().broker().await.unwrap();
    let (ada, secret) = (Caller::local("ada"), |text: &str| Secret::new(text.as_bytes().to_vec()).unwrap());
    let terms = Terms {
        provider: Some("ours".to_owned()),
        grant: GrantKind::AuthorizationCode,
        client_id: "client".to_owned(),
        scopes: vec!["read".to_owned()],
        ..Terms::default()
    };
    let (client, code, verifier) = (secret(&secrets.client), secret(&secrets.code), secret(&secrets.verifier));
    let grant =
        CodeGrant { code: &code, redirect_uri: "http://127.0.0.1:1/connect/callback/ours", verifier: Some(&verifier) };
    let tokens = flows.exchange_code(&terms, Some(&client), &grant).await.unwrap();
    assert_eq!(tokens.account.as_deref(), Some("ada (583231)"));
    let mut ids = Vec::new();
    let password = format!("ada:{}", secrets.password);
    for (id, terms, tokens, client) in [
        ("account", terms, tokens, Some(&client)),
        ("key", Terms::default(), TokenSet::of(secret(&secrets.key)), None),
        ("login", Terms::default(), TokenSet::of(secret(&password)), None),
    ] {
        let (connector, auth) = (program.name.clone(), id.parse().unwrap());
        let new = NewConnection { connector, auth, label: "canary".to_owned(), terms };
        let begun = broker.begin(&ada, new, client).await.unwrap().id;
        broker.connected(&ada, &begun, None, &tokens, client).await.unwrap();
        program.regrant(|grant| {
            grant.credentials.insert(id.parse().unwrap(), Source::Connection(begun.clone()));
        });
        ids.push(begun);
    }
    let account = &ids[0];

    // Used: each is repeated to the guest, which passes on what it saw.
    let mut shown = Vec::new();
    let url = |host: &str, path: &str| service.url_as(host, path);
    for host in ["api.example.com", "key.example.com", "login.example.com"] {
        let outcome = program.run(json!({ "url": url(host, "/items?page=1") })).await;
        let seen = outcome.result.clone().unwrap();
        assert!(seen.contains("***"), "{host}: what was repeated was there: {seen}");
        shown.push(format!("{outcome:?}"));
        let pass = json!({ "method": "POST", "url": elsewhere.url_as("elsewhere.example.com", "/take"), "body": seen });
        shown.push(format!("{:?}", program.run(pass).await));
        for input in [
            json!({ "url": url(host, "/fail") }),
            json!({ "url": url(host, "/cut"), "fail_as": "cut-off" }),
            json!({ "url": url(host, "/items"), "headers": [["authorization", "Bearer mine"]], "fail_as": "denied" }),
            json!({ "url": "https://api.example.com:1/", "fail_as": "unreachable" }),
        ] {
            shown.push(format!("{:?}", program.run(input).await));
        }
    }
    // Renewed after a 401: by an answer that fails, by one that says no for once, by one that works; then no more.
    shown.push(format!("{:?}", program.run(json!({ "url": url("api.example.com", "/renew") })).await));
    for _ in 0..2 {
        if let Err(error) = broker.refresh(&ada, account).await {
            shown.push(format!("{error} {error:?}"));
        }
    }
    let renewed = program.run(json!({ "url": url("api.example.com", "/renew") })).await;
    assert!(renewed.result.is_ok(), "{renewed:?}");
    shown.push(format!("{renewed:?}"));
    broker.refresh(&ada, account).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    shown.push(format!("{:?}", program.run(json!({ "url": url("api.example.com", "/renew") })).await));
    assert_eq!(broker.get(&ada, account).await.unwrap().state, State::NeedsReauth, "{}", shown[shown.len() - 1]);
    let sent = |server: &HttpServer, what: &str| server.received().iter().any(|request| request.head.contains(what));
    assert!(sent(&service, &secrets.access[0]) && sent(&service, &secrets.access[1]), "both tokens were in use");
    assert!(sent(&service, &STANDARD.encode(&password)), "the password was in use");

    // Shown, revoked (which the provider can't, just now), deleted.
    for id in &ids {
        let connection = broker.get(&ada, id).await.unwrap();
        let audit = broker.audit(&ada, id).await.unwrap();
        shown.push(format!("{connection:?} {} {}", json!(connection), json!(audit)));
    }
    shown.push(json!(broker.list(&ada, None).await.unwrap()).to_string());
    shown.push(format!("{:?}", broker.revoke(&ada, account).await));
    broker.delete(&ada, &ids[1]).await.unwrap();

    // Whatever was written down or said, none of it is there.
    let key = std::fs::read_to_string(host.home().join("broker.key")).unwrap();
    canaries.watch("master key", key.trim());
    let none = |place: &str, found: Vec<String>| assert!(found.is_empty(), "{place} holds {found:#?}");
    for shown in &shown {
        none(shown, canaries.found_in(shown.as_bytes()));
    }
    none("the home", canaries.found_below(host.home(), &[host.home().join("broker.key")]));
    let passed_on = elsewhere.received();
    assert_eq!(passed_on.len(), 3);
    for request in passed_on {
        none("another host", canaries.found_in(&[request.head.as_bytes(), &request.body].concat()));
    }
    let rows = dump(&db.db).await;
    if db.kind == "postgres" {
        assert!(rows.contains(account.as_str()), "the dump is of the right database");
    }
    none("the database", canaries.found_in(rows.as_bytes()));
    let said = said.lock().unwrap().clone();
    assert!(said.windows(b"api.example.com".len()).any(|part| part == b"api.example.com"), "something was said");
    none("what was said at the level trace", canaries.found_in(&said));
    // And it is there where it belongs: a search that finds nothing here would find nothing anywhere.
    let on_the_wire = service.received().iter().map(|request| request.head.clone()).collect::<String>();
    assert_eq!(canaries.found_in(on_the_wire.as_bytes()).len(), 4, "two access tokens, the key and the password");
}

/// Every row of every table in text; sealed bytes are in hex, as plain ones would be.
async fn dump(db: &Db) -> String {
    let Db::Postgres(pool) = db else { return String::new() };
    let tables = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'";
    let mut all = String::new();
    for table in sqlx::query(tables).fetch_all(pool).await.unwrap() {
        let table: String = table.get(0);
        let rows = AssertSqlSafe(format!("SELECT t::text FROM \"{table}\" t"));
        for row in sqlx::query(rows).fetch_all(pool).await.unwrap() {
            all += &row.get::<String, _>(0);
            all.push('\n');
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_written_down_or_said_holds_a_secret() {
    for db in TestDb::each().await {
        tell(db).await;
    }
}
