//! A name that is granted does not make every address granted.

use jackfield_host::denial::Layer;
use jackfield_test_kit::{FakeResolver, HttpServer, Reply, TestHost, programs};
use serde_json::json;

use crate::{
    egress_grants::run_command,
    outcome::{answer, denial_of},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_somewhere_special_is_refused() {
    let server = HttpServer::answering("no").await;
    for addresses in [
        "127.0.0.1",
        "127.8.8.8",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fd00:ec2::254",
        "fe80::1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::1",
        "2001::1",
        // One bad address among good ones refuses the name.
        "1.1.1.1 127.0.0.1",
        "127.0.0.1 1.1.1.1",
        "2606:4700:4700::1111 1.1.1.1 10.0.0.1",
    ] {
        let resolver = FakeResolver::new(&[("api.example.com", addresses)]);
        let host = TestHost::builder().resolver(resolver.clone()).start();
        let program = host.program(programs::FETCH).allows("GET http://api.example.com:*").install().await;
        let outcome = program.run(json!({ "url": server.url_as("api.example.com", "/x") })).await;
        let denial = denial_of(&outcome, Layer::Address);
        assert!(denial.reason.starts_with("api.example.com leads to "), "{addresses}: {}", denial.reason);
        assert_eq!(resolver.asked(), ["api.example.com"], "it is looked up once");
        assert_eq!(server.connections(), 0, "{addresses}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_line_that_a_refused_address_prints_allows_it() {
    let server = HttpServer::answering("yes").await;
    let resolver = FakeResolver::new(&[("intranet.example", "127.0.0.1")]);
    let host = TestHost::builder().resolver(resolver).start();
    let program = host.program(programs::FETCH).allows("GET http://intranet.example:*").install().await;
    let url = server.url_as("intranet.example", "/x");
    let outcome = program.run(json!({ "url": url })).await;
    let denial = denial_of(&outcome, Layer::Address);
    assert_eq!(denial.reason, "intranet.example leads to 127.0.0.1, which is a loopback address");
    run_command(&program, denial);
    assert_eq!(answer(&program.run(json!({ "url": url })).await)["status"], 200);
    let [request] = &server.received()[..] else { panic!("one request") };
    assert_eq!(request.header("host"), [format!("intranet.example:{}", server.port())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_granted_network_covers_its_addresses_and_no_others() {
    let server = HttpServer::answering("yes").await;
    for (addresses, reached) in [("127.0.0.1", true), ("127.0.0.1 10.0.0.1", false), ("10.0.0.1", false)] {
        let resolver = FakeResolver::new(&[("intranet.example", addresses)]);
        let host = TestHost::builder().resolver(resolver).start();
        let program =
            host.program(programs::FETCH).allows("GET http://intranet.example:* via 127.0.0.0/8").install().await;
        let outcome = program.run(json!({ "url": server.url_as("intranet.example", "/x") })).await;
        match reached {
            true => assert_eq!(answer(&outcome)["status"], 200),
            false => drop(denial_of(&outcome, Layer::Address)),
        }
    }
    assert_eq!(server.received().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_changes_its_mind_is_judged_anew() {
    let server = HttpServer::start(|_| Reply::text("yes").header("connection", "close")).await;
    let resolver = FakeResolver::new(&[("rebind.example", "127.0.0.1"), ("rebind.example", "10.0.0.1")]);
    let host = TestHost::builder().resolver(resolver.clone()).start();
    let program = host.program(programs::FETCH).allows("GET http://rebind.example:* via 127.0.0.1").install().await;
    let url = server.url_as("rebind.example", "/x");
    assert_eq!(answer(&program.run(json!({ "url": url })).await)["status"], 200);
    denial_of(&program.run(json!({ "url": url })).await, Layer::Address);
    assert_eq!(resolver.asked().len(), 2, "each look-up is the one whose answer is connected to");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_the_guests_to_follow_and_judged_like_any_request() {
    let secret = HttpServer::answering("secret").await;
    let to = secret.url("/latest/meta-data");
    let server = HttpServer::start(move |_| Reply::redirect(&to)).await;
    let host = TestHost::new();
    let program =
        host.program(programs::FETCH).allows(&format!("GET http://127.0.0.1:{}", server.port())).install().await;
    let outcome = program.run(json!({ "url": server.url("/") })).await;
    assert_eq!(answer(&outcome)["status"], 302);
    assert_eq!(secret.connections(), 0, "nobody followed it");
    denial_of(&program.run(json!({ "url": secret.url("/latest/meta-data") })).await, Layer::Manifest);
    assert_eq!(secret.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_not_granted_is_not_even_looked_up() {
    let resolver = FakeResolver::new(&[("c2VjcmV0.attacker.example", "1.1.1.1")]);
    let host = TestHost::builder().resolver(resolver.clone()).start();
    let program = host.program(programs::FETCH).allows("GET https://*.example.com").install().await;
    denial_of(&program.run(json!({ "url": "https://c2VjcmV0.attacker.example/" })).await, Layer::Manifest);
    assert!(resolver.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suffix_covers_what_is_below_it_and_nothing_else() {
    let server = HttpServer::answering("yes").await;
    let names = ["a.example.com", "a.b.example.com", "example.com", "badexample.com", "example.com.evil.example"];
    let rows = names.map(|name| (name, "127.0.0.1"));
    let host = TestHost::builder().resolver(FakeResolver::new(&rows)).start();
    let program = host.program(programs::FETCH).allows("GET http://*.example.com:* via 127.0.0.1").install().await;
    for (name, reached) in names.into_iter().zip([true, true, false, false, false]) {
        let outcome = program.run(json!({ "url": server.url_as(name, "/") })).await;
        assert_eq!(answer(&outcome)["status"] == 200, reached, "{name}: {:?}", outcome.result);
    }
    assert_eq!(server.received().len(), 2);
}
