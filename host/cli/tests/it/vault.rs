//! The rows of connections in a database of the admin's choice, and the master key turned over while others read.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::fs::PermissionsExt as _,
    sync::Arc,
};

use jackfield_broker::{
    Broker, Caller, ConnectionId, Secret,
    attach::{Binding, Source},
    connection::NewConnection,
    home::{self, HomeParts},
    token::{Terms, TokenSet},
};
use jackfield_db::testing::TestDb;
use jackfield_host::Host;
use jackfield_test_kit::{PackageBuilder, programs, publisher};
use serde_json::{Value, json};

use crate::kit::{Desk, Ran};

const SECRET: &str = "canary-of-the-vault-0a7d";

/// A home with a connector that asks for a key.
fn desk() -> Desk {
    let desk = Desk::new();
    std::fs::write(desk.path("publisher.pem"), publisher().public_key().to_pem()).unwrap();
    let attach =
        serde_json::from_value(json!({ "in": "header", "name": "authorization", "prefix": "Bearer " })).unwrap();
    let package = PackageBuilder::of(programs::ECHO).asks("GET https://api.example.com").auth(
        "account",
        &["api.example.com"],
        attach,
    );
    let (package, bundle) = package.signed();
    std::fs::write(desk.path("it.wasm"), package.bytes()).unwrap();
    std::fs::write(desk.path("it.wasm.sigstore.json"), bundle.to_bytes()).unwrap();
    for arguments in [&["trust", "add", "publisher.pem"][..], &["install", "it.wasm", "--grant-all"]] {
        let ran = run(&desk, None, arguments);
        assert_eq!(ran.code, 0, "{ran:#?}");
    }
    desk
}

fn run(desk: &Desk, database: Option<&str>, arguments: &[&str]) -> Ran {
    let mut command = desk.command("home", &[arguments, &["--output", "json"]].concat());
    command.envs(database.map(|url| ("JACKFIELD_BROKER_DATABASE", url)));
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// The same home's broker in this very process, as another program that uses it.
async fn broker(desk: &Desk, database: Option<&str>) -> Broker {
    let host = Host::builder().home(desk.path("elsewhere")).build().unwrap();
    let parts =
        HomeParts { database: database.map(str::to_owned), sender: host.provider_network(), hooks: None, events: None };
    home::open(&desk.path("home"), parts).await.unwrap().0
}

fn ann() -> Caller {
    Caller::local("ann")
}

async fn connected(broker: &Broker) -> ConnectionId {
    let new = NewConnection {
        connector: "test:echo".parse().unwrap(),
        auth: "account".parse().unwrap(),
        label: "test".to_owned(),
        terms: Terms::default(),
    };
    let id = broker.begin(&ann(), new, None).await.unwrap().id;
    let secret = Secret::new(SECRET.as_bytes().to_vec()).unwrap();
    broker.connected(&ann(), &id, None, &TokenSet::of(secret), None).await.unwrap().id
}

/// Whether its secret opens: it can be put on a request.
async fn opens(broker: &Broker, id: &ConnectionId) -> bool {
    let auth =
        serde_json::from_value(json!({ "id": "account", "type": "bearer", "hosts": ["api.example.com"] })).unwrap();
    let binding = Binding::new(&auth, auth.hosts.clone(), Source::Connection(id.clone())).unwrap();
    match broker.attach(&ann(), &[Arc::new(binding)], "a test").await {
        Ok(_) => true,
        Err(error) => panic!("{id}: {error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_kept_where_the_admin_says() {
    for test in TestDb::each().await {
        let desk = desk();
        std::fs::write(desk.path("token"), SECRET).unwrap();
        let database = Some(test.url.as_str());
        let connect = ["connect", "test:echo", "--token-from", "token"];
        let ran = run(&desk, database, &connect);
        assert_eq!(ran.code, 0, "{}: {ran:#?}", test.kind);
        let id: ConnectionId = serde_json::from_value(ran.answer()["connection"]["id"].clone()).unwrap();
        assert!(!desk.path("home/broker.db").exists(), "{}: nothing lies in the home", test.kind);
        assert_eq!(run(&desk, database, &["connections", "list"]).answer()["connections"][0]["id"], id.as_str());
        // By the flag as by the variable; and without either it is another database.
        let flagged = ["connections", "list", "--broker-database", test.url.as_str()];
        assert_eq!(run(&desk, None, &flagged).answer()["connections"].as_array().unwrap().len(), 1);
        assert_eq!(run(&desk, None, &["connections", "list"]).answer()["connections"], json!([]));
        assert!(opens(&broker(&desk, database).await, &id).await, "{}", test.kind);
        // The master key is turned over there too.
        let ran = run(&desk, database, &["vault", "rewrap"]);
        assert_eq!((ran.code, ran.answer()["moved"].as_u64()), (0, Some(1)), "{ran:#?}");
        assert!(opens(&broker(&desk, database).await, &id).await, "{}", test.kind);
    }
    let desk = desk();
    let wrong = run(&desk, Some("mysql://somewhere"), &["connections", "list"]);
    assert_eq!(wrong.error(), (3, "broker-database-malformed".to_owned()));
    let nobody = run(&desk, Some("postgres://nobody@127.0.0.1:9/nothing"), &["connections", "list"]);
    assert_eq!(nobody.error(), (1, "broker-database-unavailable".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rewrap_that_is_killed_goes_on_where_it_was() {
    const KEYS: u64 = 300;
    let desk = desk();
    let broker = broker(&desk, None).await;
    let mut ids = Vec::new();
    for _ in 0..KEYS {
        ids.push(connected(&broker).await);
    }
    let key_file = desk.path("home/broker.key");
    let first = std::fs::read_to_string(&key_file).unwrap();

    let mut rewrapping = desk.command("home", &["vault", "rewrap"]).spawn().unwrap();
    let mut says = BufReader::new(rewrapping.stderr.take().unwrap()).lines().map(Result::unwrap);
    let begun: Vec<String> = says.by_ref().take(2).collect();
    rewrapping.kill().unwrap();
    rewrapping.wait().unwrap();
    assert!(begun[0].starts_with("Made the master key "), "{begun:?}");
    assert_eq!(begun[1], "Wrapped 30 of 300 data keys");

    // It stands in the middle: two keys, and whoever reads, reads.
    let wraps = |answer: &Value| -> Vec<u64> {
        answer["masters"].as_array().unwrap().iter().map(|master| master["wraps"].as_u64().unwrap()).collect()
    };
    let shown = run(&desk, None, &["vault", "show"]).answer();
    let split = wraps(&shown);
    assert_eq!((split.len(), split.iter().sum::<u64>()), (2, KEYS), "{shown:#}");
    assert_eq!(std::fs::read_to_string(&key_file).unwrap().lines().count(), 2);
    for id in &ids {
        assert!(opens(&broker, id).await);
    }
    // Nothing that is needed is taken out.
    assert_eq!(run(&desk, None, &["vault", "retire"]).answer(), json!({ "retired": [] }));

    // The rest goes on while this process reads, and makes connections.
    let (reader, mine) = (broker.clone(), ids.clone());
    let reading = tokio::spawn(async move {
        let mut made = Vec::new();
        for id in mine.iter().take(40) {
            assert!(opens(&reader, id).await);
            made.push(connected(&reader).await);
        }
        made
    });
    let ran = tokio::task::block_in_place(|| run(&desk, None, &["vault", "rewrap"]));
    let made = reading.await.unwrap();
    assert_eq!(
        (ran.code, &ran.answer()["added"], ran.stderr.as_str()),
        (0, &Value::Null, ""),
        "with the key that was made"
    );
    assert!(ran.answer()["moved"].as_u64().unwrap() < KEYS);
    assert_eq!(wraps(&run(&desk, None, &["vault", "show"]).answer()), [KEYS + 40]);

    let retired = run(&desk, None, &["vault", "retire"]).answer();
    assert_eq!(retired["retired"].as_array().unwrap().len(), 1);
    let aside = desk.path("home/broker.key.retired");
    assert_eq!(std::fs::read_to_string(&aside).unwrap(), first);
    for path in [&key_file, &aside] {
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
    for id in ids.iter().chain(&made) {
        assert!(opens(&broker, id).await);
    }

    // Keys of the environment are changed there.
    let by_environment = |keys: &str, arguments: &[&str]| {
        let mut command = desk.command("home", &[arguments, &["--output", "json"]].concat());
        let output = command.env("JACKFIELD_MASTER_KEYS", keys).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
    };
    let now = std::fs::read_to_string(&key_file).unwrap();
    assert_eq!(by_environment(&now, &["vault", "rewrap"]).error(), (3, "master-key-same".to_owned()));
    assert_eq!(by_environment(&now, &["vault", "retire"]).error(), (3, "master-keys-elsewhere".to_owned()));
    let mut both = now.into_bytes();
    both.write_all(&first.into_bytes()).unwrap();
    let ran = by_environment(std::str::from_utf8(&both).unwrap(), &["vault", "rewrap"]);
    assert_eq!((ran.code, ran.answer()["moved"].as_u64()), (0, Some(KEYS + 40)), "{ran:#?}");
}
