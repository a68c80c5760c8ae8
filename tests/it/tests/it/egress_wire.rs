//! What stands on the wire, byte for byte: a guest writes its own headers and body, and nothing of the framing.

use jackfield_host::denial::Layer;
use jackfield_test_kit::{HttpServer, Reply, TestHost, programs};
use serde_json::{Value, json};

use crate::outcome::{answer, denial_of};

/// Sends one request with these headers and body to a server on loopback; answers with what the guest saw, and the server.
async fn send(headers: Value, body: &str) -> (jackfield_host::Outcome, HttpServer) {
    let server = HttpServer::answering("ok").await;
    let host = TestHost::new();
    let program = host.program(programs::FETCH).allows("* http://127.0.0.1:*").install().await;
    let outcome =
        program.run(json!({ "method": "POST", "url": server.url("/x"), "headers": headers, "body": body })).await;
    (outcome, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_guest_writes_is_what_is_sent() {
    let headers =
        json!([["accept", "text/plain"], ["X-Twice", "1"], ["x-twice", "2"], ["authorization", "Basic Zm9vOmJhcg=="]]);
    let (outcome, server) = send(headers, "hello").await;
    assert_eq!(answer(&outcome)["status"], 200);
    let [request] = &server.received()[..] else { panic!("one request") };
    assert_eq!(request.head.lines().next(), Some("POST /x HTTP/1.1"));
    assert_eq!(request.header("host"), [format!("127.0.0.1:{}", server.port())]);
    assert_eq!(request.header("accept"), ["text/plain"]);
    assert_eq!(request.header("x-twice"), ["1", "2"]);
    assert_eq!(
        request.header("authorization"),
        ["Basic Zm9vOmJhcg=="],
        "no credential is bound, so this is the guest's"
    );
    let mut names: Vec<_> = request
        .head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name.to_ascii_lowercase())
        .collect();
    names.sort();
    names.dedup();
    let expected = ["accept", "authorization", "host", "transfer-encoding", "user-agent", "x-twice"];
    assert_eq!(names, expected, "and nothing else:\n{}", request.head);
    assert_eq!(request.body, b"5\r\nhello\r\n0\r\n\r\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_the_connection_are_not_the_guests() {
    for (name, value) in [
        ("host", "api.example.com"),
        ("Host", "api.example.com"),
        ("connection", "keep-alive, x-drop"),
        ("keep-alive", "timeout=9"),
        ("transfer-encoding", "chunked"),
        ("Transfer-Encoding", "identity"),
        ("te", "trailers"),
        ("trailer", "x-late"),
        ("upgrade", "websocket"),
        ("proxy-authorization", "Basic Zm9vOmJhcg=="),
        ("proxy-connection", "keep-alive"),
        ("http2-settings", "AAMAAABkAAQCAAAAAAIAAAAA"),
        ("x-split", "1\r\nhost: evil.example"),
        ("x-split", "1\nx: y"),
        ("x-split", "1\u{0}2"),
        ("x split", "1"),
        ("x-split: 1\r\nx", "y"),
        ("", "1"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "for=10.0.0.1"),
        ("via", "1.1 proxy"),
        ("x-real-ip", "10.0.0.1"),
        ("content-length", "three"),
        ("content-length", "+5"),
        ("content-length", "5, 5"),
    ] {
        let (outcome, server) = send(json!([[name, value]]), "hello").await;
        let refused = outcome.result.is_err() || answer(&outcome)["error"].is_string();
        assert!(refused, "{name}: {value:?} was taken: {:?}", server.received());
        assert_eq!(server.received().len(), 0, "{name}: {value:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_vouches_for_a_client_is_denied_with_its_name() {
    let (outcome, _) = send(json!([["x-forwarded-for", "10.0.0.1"]]), "").await;
    let denial = denial_of(&outcome, Layer::Header);
    assert_eq!(denial.reason, "the header `x-forwarded-for` speaks for a proxy, which the connector is not");
    assert_eq!(denial.fix, None, "nothing can allow it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_that_lies_smuggles_nothing() {
    let second = "hello\r\nGET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";
    for (lengths, body, good) in [
        (vec!["5"], "hello", true),
        (vec!["5"], second, false),
        (vec!["50"], "hello", false),
        (vec!["0"], "hello", false),
        (vec!["5", "5"], "hello", false),
        (vec!["5", "6"], "hello", false),
    ] {
        let headers: Vec<_> = lengths.iter().map(|length| json!(["content-length", length])).collect();
        let (outcome, server) = send(json!(headers), body).await;
        let taken = outcome.result.is_ok() && answer(&outcome)["status"] == 200;
        assert_eq!(taken, good, "{lengths:?} {body:?}: {:?}", outcome.result);
        assert!(
            server.received().iter().all(|request| request.target() == "/x"),
            "{lengths:?}: {:?}",
            server.received()
        );
        assert_eq!(server.received().len(), usize::from(good), "{lengths:?} {body:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_in_a_header_is_held_to_the_same_grant() {
    let server = HttpServer::answering("ok").await;
    let host = TestHost::new();
    let program = host.program(programs::FETCH).allows("POST http://127.0.0.1:*").install().await;
    for name in ["x-http-method-override", "X-HTTP-Method", "x-method-override"] {
        let outcome =
            program.run(json!({ "method": "POST", "url": server.url("/x"), "headers": [[name, "DELETE"]] })).await;
        denial_of(&outcome, Layer::Header);
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_the_connection_does_not_come_back() {
    let server = HttpServer::start(|_| {
        Reply::text("ok")
            .header("keep-alive", "timeout=5")
            .header("connection", "x-hop")
            .header("x-hop", "1")
            .header("x-kept", "2")
    })
    .await;
    let host = TestHost::new();
    let program = host.program(programs::FETCH).allows("GET http://127.0.0.1:*").install().await;
    let outcome = program.run(json!({ "url": server.url("/x") })).await;
    let headers = answer(&outcome)["headers"].to_string();
    assert!(headers.contains("x-kept"), "{headers}");
    for name in ["keep-alive", "\"connection\"", "x-hop"] {
        assert!(!headers.contains(name), "{headers}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_http_is_an_error_of_its_own() {
    let huge = format!("HTTP/1.1 200 OK\r\nx-huge: {}\r\n\r\n", "h".repeat(1 << 20)).into_bytes();
    for (story, reply, error) in [
        ("not HTTP at all", b"SSH-2.0-OpenSSH_9.6\r\n\r\n".to_vec(), "HttpProtocolError"),
        ("ends within its head", b"HTTP/1.1 200 OK\r\ncontent-".to_vec(), "HttpResponseIncomplete"),
        ("a head without bounds", huge, "HttpResponseHeaderSectionSize"),
        (
            "two lengths",
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 7\r\n\r\nok".to_vec(),
            "HttpProtocolError",
        ),
        (
            "another protocol",
            b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n".to_vec(),
            "HttpUpgradeFailed",
        ),
    ] {
        let server = HttpServer::start(move |_| Reply::raw(reply.clone()).closing()).await;
        let host = TestHost::new();
        let program = host.program(programs::FETCH).allows("GET http://127.0.0.1:*").install().await;
        let told = answer(&program.run(json!({ "url": server.url("/x") })).await);
        assert!(told["error"].as_str().is_some_and(|told| told.contains(error)), "{story}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_used_again_by_the_same_installation_and_by_no_other() {
    let server = HttpServer::answering("ok").await;
    let host = TestHost::new();
    let first = host.program(programs::FETCH).named("test:first").allows("GET http://127.0.0.1:*").install().await;
    let second = host.program(programs::FETCH).named("test:second").allows("GET http://127.0.0.1:*").install().await;
    for program in [&first, &first, &second, &second] {
        assert_eq!(answer(&program.run(json!({ "url": server.url("/x") })).await)["status"], 200);
    }
    let connections: Vec<_> = server.received().iter().map(|request| request.connection).collect();
    assert!(connections[..2].iter().all(|one| !connections[2..].contains(one)), "{connections:?}");
    assert_eq!(connections[0], connections[1], "{connections:?}");
}
