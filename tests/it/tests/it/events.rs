//! Transitions of connections are told to whom the home names, and whoever hears of one can tell that it is true.

use std::{os::unix::fs::PermissionsExt as _, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jackfield_broker::{
    Caller, Secret,
    connection::{EventEndpoint, NewConnection},
    token::{Terms, TokenSet},
};
use jackfield_test_kit::{Authority, FakeResolver, HttpServer, Received, Reply, TestHost};
use serde_json::Value;

const OLD: [u8; 32] = [7; 32];
const NEW: [u8; 24] = [9; 24];

fn written(key: &[u8]) -> String {
    format!("whsec_{}", STANDARD.encode(key))
}

/// As a receiver does it: any signature of its secret over id, time and body.
fn verifies(event: &Received, key: &[u8]) -> bool {
    let header = |name: &str| event.header(name).join(" ");
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
    mac.update(format!("{}.{}.", header("webhook-id"), header("webhook-timestamp")).as_bytes());
    mac.update(&event.body);
    let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    header("webhook-signature").split(' ').any(|signature| signature == expected)
}

async fn receiver() -> (HttpServer, TestHost) {
    let authority = Authority::new();
    let server = HttpServer::start_tls(&authority, &["ops.example.com"], |_| Reply::status(204)).await;
    let resolver = FakeResolver::new(&[("ops.example.com", "127.0.0.1")]);
    (server, TestHost::builder().resolver(resolver).root(authority.root()).start())
}

/// Makes a connection, switches it off, and lets the broker work until so many events have come in.
async fn events(host: &TestHost, server: &HttpServer, expected: usize) -> Vec<Received> {
    let broker = host.host().broker().await.unwrap_or_else(|error| panic!("{error}")).0;
    let ada = Caller::local("ada");
    let new = NewConnection {
        connector: "test:mail".parse().unwrap(),
        auth: "account".parse().unwrap(),
        label: "mail".to_owned(),
        terms: Terms::default(),
    };
    let id = broker.begin(&ada, new, None).await.unwrap().id;
    let secret = Secret::new(b"canary-of-an-event".to_vec()).unwrap();
    broker.connected(&ada, &id, None, &TokenSet::of(secret), None).await.unwrap();
    broker.set_enabled(&ada, &id, false).await.unwrap();
    let worker = tokio::spawn(async move { broker.work().await });
    while server.received().len() < expected {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    worker.abort();
    server.received()
}

#[tokio::test(flavor = "multi_thread")]
async fn transitions_are_told_where_the_home_says_and_signed() {
    let (server, host) = receiver().await;
    let secret = host.home().join("events.secret");
    std::fs::write(&secret, format!("{}\n{}\n", written(&NEW), written(&OLD))).unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    let url = server.url_as("ops.example.com", "/in");
    let settings = format!("url = \"{url}\"\nsecret_file = \"events.secret\"\naddresses = [\"127.0.0.1/32\"]\n");
    std::fs::write(host.home().join("events.toml"), settings).unwrap();

    let told = events(&host, &server, 2).await;
    let bodies: Vec<Value> = told.iter().map(|event| serde_json::from_slice(&event.body).unwrap()).collect();
    let types: Vec<_> = bodies.iter().map(|body| body["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["connection.active", "connection.disabled"], "in their order");
    assert_eq!((&bodies[1]["data"]["from"], &bodies[1]["data"]["label"]), (&"active".into(), &"mail".into()));
    for event in &told {
        assert!(verifies(event, &OLD) && verifies(event, &NEW), "{}", event.head);
        assert!(!verifies(event, &[8; 32]), "another secret");
        let mut changed = event.clone();
        changed.body.push(b' ');
        assert!(!verifies(&changed, &NEW), "another body");
        assert!(!format!("{event:?}").contains("canary-of-an-event"));
    }
    assert_ne!(told[0].header("webhook-id"), told[1].header("webhook-id"));
    // What was taken is not sent again.
    let broker = host.host().broker().await.unwrap().0;
    assert_eq!(broker.deliver_events().await.unwrap(), 0);
}

/// An address that is not public is no place for events unless the admin says so, and what makes no sense is said.
#[tokio::test(flavor = "multi_thread")]
async fn events_go_nowhere_else() {
    let (server, host) = receiver().await;
    let url = server.url_as("ops.example.com", "/in");
    let secret = Secret::new(written(&OLD).into_bytes()).unwrap();
    let endpoint = EventEndpoint::new(&url, &secret).unwrap();
    let home = host.home().join("another");
    let given = jackfield_host::Host::builder()
        .home(&home)
        .resolver(FakeResolver::new(&[("ops.example.com", "127.0.0.1")]))
        .events(endpoint)
        .build()
        .unwrap();
    let broker = given.broker().await.unwrap().0;
    let ada = Caller::local("ada");
    let new = NewConnection {
        connector: "test:mail".parse().unwrap(),
        auth: "account".parse().unwrap(),
        label: "mail".to_owned(),
        terms: Terms::default(),
    };
    let id = broker.begin(&ada, new, None).await.unwrap().id;
    broker.delete(&ada, &id).await.unwrap();
    assert_eq!((broker.deliver_events().await.unwrap(), server.connections()), (0, 0));

    for (settings, code) in [
        ("url = \"https://ops.example.com\"", "events-malformed"),
        ("url = \"http://ops.example.com\"\nsecret_file = \"ok.secret\"", "event-endpoint-malformed"),
        ("url = \"https://ops.example.com\"\nsecret_file = \"open.secret\"", "secret-exposed"),
        ("url = \"https://ops.example.com\"\nsecret_file = \"none.secret\"", "secret-unreadable"),
        ("url = \"https://ops.example.com\"\nsecret_file = \"ok.secret\"\nmore = 1", "events-malformed"),
    ] {
        for (name, mode) in [("ok.secret", 0o600), ("open.secret", 0o644)] {
            std::fs::write(host.home().join(name), written(&OLD)).unwrap();
            std::fs::set_permissions(host.home().join(name), std::fs::Permissions::from_mode(mode)).unwrap();
        }
        std::fs::write(host.home().join("events.toml"), settings).unwrap();
        let error = EventEndpoint::of_home(host.home()).err().unwrap_or_else(|| panic!("{settings}"));
        assert_eq!(error.code(), code, "{settings}");
    }
}
