//! A credential is put on outside the sandbox, goes where its entry says, and does not come back.

use jackfield_host::denial::Layer;
use jackfield_package::manifest::Attach;
use jackfield_test_kit::{Authority, FakeResolver, HttpServer, Received, Reply, TestHost, programs};
use serde_json::json;

use crate::outcome::{answer, denial_of};

const SECRET: &str = "s3cret-token-0123456789";

/// A service that repeats all it was sent.
fn repeating(request: &Received) -> Reply {
    Reply::text(request.head.clone()).header("x-repeated", &request.header("authorization").join(" "))
}

/// `api.example.com` and `other.example.com` over TLS, and a host that believes them.
async fn services() -> (HttpServer, TestHost) {
    let authority = Authority::new();
    let names = ["api.example.com", "other.example.com"];
    let server = HttpServer::start_tls(&authority, &names, repeating).await;
    let resolver = FakeResolver::new(&names.map(|name| (name, "127.0.0.1")));
    (server, TestHost::builder().resolver(resolver).root(authority.root()).start())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_is_attached_outside_and_blotted_out_of_what_comes_back() {
    let (server, host) = services().await;
    for (attach, on_the_wire) in [
        (Attach::default(), format!("authorization: Bearer {SECRET}")),
        (Attach::Header { name: "x-api-key".to_owned(), prefix: String::new() }, format!("x-api-key: {SECRET}")),
        (Attach::Query { name: "key".to_owned() }, format!("GET /items?page=1&key={SECRET} HTTP/1.1")),
    ] {
        let program = host
            .program(programs::FETCH)
            .allows("GET https://api.example.com:* via 127.0.0.1")
            .credential("account", &["api.example.com"], attach, SECRET)
            .install()
            .await;
        let outcome = program.run(json!({ "url": server.url_as("api.example.com", "/items?page=1") })).await;
        assert_eq!(answer(&outcome)["status"], 200, "{:?}", outcome.result);
        let received = server.received();
        assert!(received.last().unwrap().head.contains(&on_the_wire), "{}", received.last().unwrap().head);
        let everything = format!("{outcome:?}");
        assert!(!everything.contains(SECRET), "{everything}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_goes_as_basic_authentication() {
    let (server, host) = services().await;
    let program = host
        .program(programs::FETCH)
        .allows("GET https://api.example.com:* via 127.0.0.1")
        .credential("account", &["api.example.com"], Attach::Basic {}, "ada:correct-horse-battery")
        .install()
        .await;
    let outcome = program.run(json!({ "url": server.url_as("api.example.com", "/") })).await;
    assert_eq!(answer(&outcome)["status"], 200);
    assert_eq!(server.received()[0].header("authorization"), ["Basic YWRhOmNvcnJlY3QtaG9yc2UtYmF0dGVyeQ=="]);
    assert!(!format!("{outcome:?}").contains("YWRhOmNvcnJlY3"), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_goes_to_its_own_hosts_only() {
    let (server, host) = services().await;
    let program = host
        .program(programs::FETCH)
        .allows("GET https://*.example.com:* via 127.0.0.1")
        .credential("account", &["api.example.com"], Attach::default(), SECRET)
        .install()
        .await;
    assert_eq!(answer(&program.run(json!({ "url": server.url_as("other.example.com", "/") })).await)["status"], 200);
    assert!(server.received()[0].header("authorization").is_empty(), "{}", server.received()[0].head);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_never_goes_in_plain_text() {
    let plain = HttpServer::start(repeating).await;
    let host = TestHost::builder().resolver(FakeResolver::new(&[("api.example.com", "127.0.0.1")])).start();
    let program = host
        .program(programs::FETCH)
        .allows("GET http://api.example.com:* via 127.0.0.1")
        .credential("account", &["api.example.com"], Attach::default(), SECRET)
        .install()
        .await;
    let outcome = program.run(json!({ "url": plain.url_as("api.example.com", "/") })).await;
    let denial = denial_of(&outcome, Layer::Credential);
    assert!(denial.reason.contains("goes over https only"), "{}", denial.reason);
    assert_eq!(plain.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_does_not_write_where_a_credential_stands() {
    let (server, host) = services().await;
    let program = host
        .program(programs::FETCH)
        .allows("GET https://api.example.com:* via 127.0.0.1")
        .credential("account", &["api.example.com"], Attach::Query { name: "key".to_owned() }, SECRET)
        .install()
        .await;
    let url = |path: &str| server.url_as("api.example.com", path);
    for input in [
        json!({ "url": url("/"), "headers": [["authorization", "Bearer mine"]] }),
        json!({ "url": url("/"), "headers": [["Cookie", "session=mine"]] }),
        json!({ "url": url("/?key=mine") }),
        json!({ "url": url("/?a=1&k%65y=mine") }),
    ] {
        denial_of(&program.run(input).await, Layer::Header);
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_knows_that_a_credential_is_bound_and_never_which() {
    let host = TestHost::new();
    let program = host
        .program(programs::CONTEXT_ECHO)
        .asks("GET https://api.example.com")
        .credential("account", &["api.example.com"], Attach::default(), SECRET)
        .install()
        .await;
    let outcome = program.run(json!({})).await;
    assert_eq!(answer(&outcome)["connection"], "account");
    assert!(!format!("{outcome:?}").contains(SECRET));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let (server, host) = services().await;
    let program = host
        .program(programs::FETCH)
        .allows("GET https://api.example.com:* via 127.0.0.1")
        .credential("account", &["api.example.com"], Attach::default(), SECRET)
        .install()
        .await;
    let file = host.home().join("account.secret");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let outcome = program.run(json!({ "url": server.url_as("api.example.com", "/") })).await;
    let denial = denial_of(&outcome, Layer::Credential);
    assert_eq!(denial.fix, Some(format!("chmod 600 {}", file.display())));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(answer(&program.run(json!({ "url": server.url_as("api.example.com", "/") })).await)["status"], 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_prove_its_name_is_not_spoken_to() {
    let authority = Authority::new();
    let wrong_name = HttpServer::start_tls(&authority, &["elsewhere.example.com"], repeating).await;
    let stranger = HttpServer::start_tls(&Authority::new(), &["api.example.com"], repeating).await;
    let resolver = FakeResolver::new(&[("api.example.com", "127.0.0.1")]);
    let host = TestHost::builder().resolver(resolver).root(authority.root()).start();
    let program = host
        .program(programs::FETCH)
        .allows("GET https://api.example.com:* via 127.0.0.1")
        .credential("account", &["api.example.com"], Attach::default(), SECRET)
        .install()
        .await;
    for server in [&wrong_name, &stranger] {
        let told = answer(&program.run(json!({ "url": server.url_as("api.example.com", "/") })).await);
        assert_eq!(told["error"], "ErrorCode::TlsCertificateError");
        assert_eq!(server.received().len(), 0, "nothing was said");
    }
}
