//! What a connection costs: a request that carries its credential beside one without and one whose credential lies in a file; and ten
//! thousand connections of which one in a hundred is due, on either database.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jackfield_broker::{
    Broker, Caller, Parts, Secret,
    clock::{Clock as _, HeldClock, SECOND, SystemClock},
    connection::NewConnection,
    sender::Sender,
    token::{GrantKind, Held, Revocation, Terms, TokenError, TokenSet, TokenSource},
    vault::MasterKeys,
};
use jackfield_db::testing::TestDb;
use jackfield_host::{Host, Invocation, grant::Source};
use jackfield_package::{PackageName, manifest::Attach};
use jackfield_test_kit::{Authority, FakeResolver, HttpServer, Reply, TestHost};
use tokio::runtime;

mod common;

use common::{compare, on_worker};

const HOST: &str = "api.example.com";
const TOKEN: &str = "a-token-of-forty-bytes-0123456789abcdef";
const BODY_BYTES: usize = 1024;

/// How many connections there are, and how many of them are due at once.
const CONNECTIONS: usize = 10_000;
const DUE: usize = CONNECTIONS / 100;

/// How long a token that is due soon lives, and any other, in seconds.
const SHORT_S: u64 = 60;
const LONG_S: u64 = 36_000;

fn main() {
    let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    attach(&runtime);
    for db in runtime.block_on(TestDb::each()) {
        runtime.block_on(refresh(&db));
    }
}

/// The same request over TLS by three installations, whose credential differs.
fn attach(runtime: &runtime::Runtime) {
    let servers = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let authority = Authority::new();
    let server = servers.block_on(HttpServer::start_tls(&authority, &[HOST], |_| Reply::text([b'x'; BODY_BYTES])));
    let url = server.url_as(HOST, "/");
    let fetch = common::component(&common::build_programs(&["fetch"]), "fetch");
    let resolver = FakeResolver::new(&[(HOST, "127.0.0.1")]);
    let test_host = TestHost::builder().resolver(resolver).root(authority.root()).start();
    let destination = format!("GET https://{HOST}:* via 127.0.0.1");
    let [without, of_file, of_connection] = ["test:without", "test:file", "test:connection"].map(|name| {
        let mut program = test_host.program(&fetch).named(name).allows(&destination);
        if name != "test:without" {
            program = program.credential("account", &[HOST], Attach::default(), TOKEN);
        }
        let installed = runtime.block_on(program.install());
        if name == "test:connection" {
            let id = runtime.block_on(handed_in(test_host.host(), &installed.name));
            installed.regrant(|grant| {
                grant.credentials.insert("account".parse().expect("an id"), Source::Connection(id));
            });
        }
        installed.name
    });
    let input: Arc<str> = serde_json::json!({ "url": url }).to_string().into();
    let contestant = |name: PackageName| {
        let (host, input) = (test_host.host().clone(), input.clone());
        on_worker(runtime, move || call(host.clone(), name.clone(), input.clone()))
    };
    let [without, of_file, of_connection] =
        compare(200, [contestant(without), contestant(of_file), contestant(of_connection)]);
    println!("an invocation with one request over TLS, {BODY_BYTES} bytes back; medians of interleaved batches");
    println!("no credential {without:.1} µs, of a file {of_file:.1} µs, of a connection {of_connection:.1} µs");
    println!("  file / none         {:.2}", of_file / without);
    println!("  connection / none   {:.2}", of_connection / without);
    println!("  connection / file   {:.2}", of_connection / of_file);
}

async fn call(host: Host, name: PackageName, input: Arc<str>) {
    let outcome = host.invoke(&name, Invocation::new("run", &*input)).await;
    assert_eq!(outcome.bill.http_bytes_in, BODY_BYTES as u64, "{:?} {:?}", outcome.result, outcome.denials);
}

async fn handed_in(host: &Host, connector: &PackageName) -> jackfield_broker::ConnectionId {
    let (broker, _) = host.broker().await.expect("a broker");
    connected(&broker, connector.clone(), Terms::default(), TokenSet::of(secret(TOKEN))).await
}

async fn connected(
    broker: &Broker,
    connector: PackageName,
    terms: Terms,
    tokens: TokenSet,
) -> jackfield_broker::ConnectionId {
    let (ada, auth) = (Caller::local("ada"), "account".parse().expect("an id"));
    let new = NewConnection { connector, auth, label: "bench".to_owned(), terms };
    let id = broker.begin(&ada, new, None).await.expect("a connection").id;
    broker.connected(&ada, &id, None, &tokens, None).await.expect("it is connected");
    id
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec()).unwrap_or_else(|refusal| panic!("{refusal}"))
}

fn tokens(seconds: u64) -> TokenSet {
    TokenSet {
        refresh: Some(secret("a-refresh-token-0123456789")),
        expires_in_s: Some(seconds),
        ..TokenSet::of(secret(TOKEN))
    }
}

/// A provider that answers at once, and counts.
#[derive(Default)]
struct Provider(AtomicUsize);

#[async_trait]
impl TokenSource for Provider {
    async fn renew(&self, _: &Terms, _: &Held) -> Result<TokenSet, TokenError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(tokens(LONG_S))
    }

    async fn revoke(&self, _: &Terms, _: &Held) -> Result<Revocation, TokenError> {
        Ok(Revocation::NotOffered)
    }
}

/// One in a hundred is due, all at once; the rest lies around them.
async fn refresh(db: &TestDb) {
    let (provider, clock) = (Arc::new(Provider::default()), Arc::new(HeldClock::at(SystemClock.now())));
    let sender: Arc<dyn Sender> = Arc::new(Nobody);
    let parts = Parts {
        db: db.db.clone(),
        keys: Arc::new(MasterKeys::parse(&STANDARD.encode([7; 32])).unwrap_or_else(|error| panic!("{error}"))),
        clock: clock.clone(),
        source: provider.clone(),
        sender,
        events: None,
    };
    let broker = Broker::open(parts).await.expect("a broker");
    let terms = Terms {
        provider: Some("fake".to_owned()),
        grant: GrantKind::AuthorizationCode,
        client_id: "client".to_owned(),
        ..Terms::default()
    };
    let started = Instant::now();
    for nth in 0..CONNECTIONS {
        let seconds = if nth % (CONNECTIONS / DUE) == 0 { SHORT_S } else { LONG_S };
        connected(&broker, "test:bench".parse().expect("a name"), terms.clone(), tokens(seconds)).await;
    }
    let making = started.elapsed();
    clock.advance(i64::try_from(SHORT_S / 2 + 1).expect("seconds") * SECOND);
    let started = Instant::now();
    let mut refreshed = 0;
    loop {
        match broker.refresh_due().await.expect("the database answers") {
            0 => break,
            more => refreshed += more,
        }
    }
    let took = started.elapsed();
    let calls = provider.0.load(Ordering::SeqCst);
    println!(
        "{}: {CONNECTIONS} connections made in {:.1} s; {refreshed} were due, renewed in {:.0} ms: {:.0} a second, {calls} calls to the provider",
        db.kind,
        making.as_secs_f64(),
        took.as_secs_f64() * 1e3,
        refreshed as f64 / took.as_secs_f64(),
    );
}

/// A network that nobody asks.
struct Nobody;

#[async_trait]
impl Sender for Nobody {
    async fn send(
        &self,
        _: http::Request<bytes::Bytes>,
    ) -> Result<http::Response<bytes::Bytes>, jackfield_broker::sender::SendError> {
        unreachable!("the provider is no network's")
    }
}
