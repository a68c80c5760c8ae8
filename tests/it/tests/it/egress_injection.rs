//! A guest that wants the credential of a connection, or wants it sent elsewhere. Each test ends at listeners that keep the bytes
//! they were sent: one where the credential belongs, one where it does not.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jackfield_host::denial::Layer;
use jackfield_package::manifest::{Attach, AuthType};
use jackfield_test_kit::{HttpServer, Received, Reply};
use serde_json::{Value, json};

use crate::{
    egress_connections::{FIRST, World, tokens},
    outcome::{answer, denial_of},
};

/// A world whose service answers like this.
async fn world(service: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> World {
    World::new(service, |_| Reply::status(500)).await
}

fn bearer() -> (AuthType, Attach) {
    (AuthType::Bearer, Attach::default())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_place_of_the_credential_is_never_the_guests_however_it_is_spelled() {
    let world = world(|_| Reply::text("ok")).await;
    let key = Attach::Header { name: "x-api-key".to_owned(), prefix: String::new() };
    for (auth, names) in [
        (bearer(), ["authorization", "Authorization", "AUTHORIZATION", "cookie", "CoOkIe"]),
        ((AuthType::ApiKey, key), ["x-api-key", "X-Api-Key", "X-API-KEY", "authorization", "Cookie"]),
    ] {
        let (program, _) = world.connected(auth, tokens(FIRST, None)).await;
        let url = world.service.url_as("api.example.com", "/items");
        for name in names {
            for headers in [
                json!([[name, "mine"]]),
                json!([[name, ""]]),
                json!([[name, "mine"], [name, "mine too"]]),
                json!([["accept", "*/*"], [name.to_uppercase(), "a"], [name.to_lowercase(), "b"]]),
            ] {
                denial_of(&program.run(json!({ "url": url, "headers": headers })).await, Layer::Header);
            }
            // Folded over lines, or with what some server would trim: no header at all.
            for (name, value) in [
                (name.to_owned(), "a\r\n b".to_owned()),
                ("x-a".to_owned(), format!("1\r\n{name}: mine")),
                ("x-a".to_owned(), format!("1\n {name}: mine")),
                (format!("{name} "), "mine".to_owned()),
                (format!(" {name}"), "mine".to_owned()),
                (format!("{name}:"), "mine".to_owned()),
                (format!("x-a: 1\r\n{name}"), "mine".to_owned()),
            ] {
                let outcome = program.run(json!({ "url": url, "headers": [[name, value]] })).await;
                assert!(outcome.result.is_err() || answer(&outcome)["error"].is_string(), "{name:?}: {outcome:?}");
            }
        }
    }
    assert_eq!(world.service.connections(), 0, "none of them went out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_goes_to_no_other_host_port_or_scheme() {
    let world = world(|_| Reply::text("ok")).await;
    let (program, _) = world.connected(bearer(), tokens(FIRST, None)).await;
    let told = answer(&program.run(json!({ "url": world.other.url_as("other.example.com", "/") })).await);
    assert_eq!(told["status"], 200);
    assert!(!world.other.received()[0].head.contains(FIRST), "granted, and without the credential");

    let (own, strange) = (world.service.port(), HttpServer::answering("strange").await);
    program.regrant(|grant| {
        grant.egress = vec![format!("GET https://api.example.com:{own} via 127.0.0.1").parse().unwrap()];
    });
    for url in [
        format!("https://api.example.com:{}/", strange.port()),
        format!("http://api.example.com:{}/", strange.port()),
        format!("http://api.example.com:{own}/"),
        format!("https://other.example.com:{own}/"),
    ] {
        denial_of(&program.run(json!({ "url": url })).await, Layer::Grant);
    }
    // Also where an admin allows plain text: the credential does not go in it.
    program.regrant(|grant| {
        grant.egress.push(format!("GET http://api.example.com:{} via 127.0.0.1", strange.port()).parse().unwrap());
    });
    let plain = json!({ "url": strange.url_as("api.example.com", "/") });
    denial_of(&program.run(plain).await, Layer::Credential);
    assert_eq!((strange.connections(), world.service.connections()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_takes_the_credential_nowhere() {
    let world = world(|request| match request.target() {
        "/moved" => Reply::redirect("https://other.example.com/taken?token=none"),
        _ => Reply::text("ok"),
    })
    .await;
    let (program, _) = world.connected(bearer(), tokens(FIRST, None)).await;
    let told = answer(&program.run(json!({ "url": world.service.url_as("api.example.com", "/moved") })).await);
    assert_eq!(told["status"], 302, "the guest sees it");
    assert!(world.service.received()[0].head.contains(FIRST));
    assert_eq!(world.other.connections(), 0, "and the host does not follow");
    // The guest follows by itself: another request, judged as any other.
    let followed = program.run(json!({ "url": world.other.url_as("other.example.com", "/taken") })).await;
    assert_eq!(answer(&followed)["status"], 200);
    assert!(!world.other.received()[0].head.contains(FIRST), "{}", world.other.received()[0].head);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_service_repeats_of_the_credential_is_taken_out_whatever_it_is_made_of() {
    let chunked = |pieces: &[&[u8]]| {
        let body =
            pieces.iter().flat_map(|piece| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        Reply::raw([head, body.collect(), b"0\r\n\r\n".to_vec()].concat())
    };
    let bytes = FIRST.as_bytes();
    let each: Vec<&[u8]> = bytes.chunks(1).collect();
    let trailer = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-late\r\n\r\n2\r\nok\r\n0\r\nx-late: {FIRST}\r\n\r\n"
    );
    let cases: Vec<(&str, Reply)> = vec![
        ("plain", Reply::text(format!("you sent: {FIRST}."))),
        ("twice, end to end", Reply::text(format!("{FIRST}{FIRST}"))),
        ("base64", Reply::text(STANDARD.encode(format!("authorization: Bearer {FIRST}\r\nx: y")))),
        ("base64 for URLs", Reply::text(URL_SAFE_NO_PAD.encode(format!("a{FIRST}")))),
        ("JSON", Reply::text(json!({ "headers": { "authorization": format!("Bearer {FIRST}") } }).to_string())),
        ("in a header", Reply::text("ok").header("x-repeated", &format!("Bearer {FIRST}"))),
        ("in base64 in a header", Reply::text("ok").header("x-repeated", &STANDARD.encode(format!("Bearer {FIRST}")))),
        ("in a header's name", Reply::text("ok").header(&format!("x-{FIRST}"), "1")),
        ("in a cookie", Reply::text("ok").header("set-cookie", &format!("token={FIRST}"))),
        ("in a redirect", Reply::redirect(&format!("https://other.example.com/?token={FIRST}"))),
        ("over two chunks", chunked(&[&bytes[..5], &bytes[5..]])),
        ("a byte a chunk", chunked(&each)),
        ("in a trailer", Reply::raw(trailer)),
        ("in an error", Reply::text(FIRST).header("www-authenticate", &format!("Bearer error=\"{FIRST}\""))),
    ];
    let count = cases.len();
    let replies: Vec<Reply> = cases.iter().map(|(_, reply)| reply.clone()).collect();
    let world = world(move |request| {
        let nth: usize = request.target().trim_start_matches('/').parse().unwrap_or(0);
        replies[nth].clone()
    })
    .await;
    let (program, _) = world.connected(bearer(), tokens(FIRST, None)).await;
    for (nth, (case, _)) in cases.iter().enumerate() {
        let url = world.service.url_as("api.example.com", &format!("/{nth}"));
        let outcome = program.run(json!({ "url": url })).await;
        let told = answer(&outcome);
        assert!(told["status"].is_number(), "{case}: {told}");
        for spelling in [FIRST.to_owned(), core_of_base64(0), core_of_base64(1), core_of_base64(2)] {
            assert!(!format!("{outcome:?}").contains(&spelling), "{case}: {outcome:?}");
        }
    }
    let received = world.service.received();
    assert_eq!(received.len(), count);
    assert!(received.iter().all(|request| request.header("authorization") == [format!("Bearer {FIRST}")]));
}

/// The characters of base64 that are made of the token alone, if that many bytes stand before it.
fn core_of_base64(before: usize) -> String {
    let encoded = STANDARD.encode([&[0; 3][..before], FIRST.as_bytes()].concat());
    encoded[(8 * before).div_ceil(6)..8 * (before + FIRST.len()) / 6].to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_asked_for_plain_answers_and_a_compressed_one_is_not_passed_on() {
    let world = world(|request| match request.target() {
        "/plain" => Reply::text("ok").header("content-encoding", "identity"),
        "/gzip" => Reply::text(*b"\x1f\x8b\x08\0\0\0\0\0\0\x03").header("content-encoding", "gzip"),
        _ => Reply::text("x").header("content-encoding", "identity").header("Content-Encoding", "br"),
    })
    .await;
    let (program, _) = world.connected(bearer(), tokens(FIRST, None)).await;
    let asks = |path: &str| {
        let url = world.service.url_as("api.example.com", path);
        json!({ "url": url, "headers": [["accept-encoding", "gzip, br"]] })
    };
    assert_eq!(answer(&program.run(asks("/plain")).await)["body"], "ok");
    assert_eq!(world.service.received()[0].header("accept-encoding"), ["identity"]);
    for path in ["/gzip", "/br"] {
        let outcome = program.run(asks(path)).await;
        assert!(answer(&outcome)["error"].is_string(), "{outcome:?}");
        assert!(matches!(&outcome.denials[..], [denial] if denial.layer == Layer::Credential), "{outcome:?}");
    }
    // Where no credential is, the guest may read what it likes.
    let anywhere =
        json!({ "url": world.other.url_as("other.example.com", "/"), "headers": [["accept-encoding", "gzip"]] });
    assert_eq!(answer(&program.run(anywhere).await)["status"], 200);
    assert_eq!(world.other.received()[0].header("accept-encoding"), ["gzip"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_about_an_address_smuggles_the_credential_elsewhere() {
    let world = world(|_| Reply::text("ok")).await;
    let (program, _) = world.connected(bearer(), tokens(FIRST, None)).await;
    let (own, other) = (world.service.port(), world.other.port());
    let url = world.service.url_as("api.example.com", "/items");
    let mut asked: Vec<Value> = [
        // Absolute in the request line, or another authority at its beginning.
        format!("https://other.example.com:{other}/"),
        format!("http://other.example.com:{other}/"),
        format!("other.example.com:{other}"),
        "*".to_owned(),
        // A second request, or a header more.
        "/ HTTP/1.1\r\nhost: other.example.com\r\n\r\nGET /smuggled".to_owned(),
        "/\r\nx-a: b".to_owned(),
        "/\nx-a: b".to_owned(),
        "/ HTTP/1.1".to_owned(),
        "/\u{0}".to_owned(),
        "/\u{e9}".to_owned(),
    ]
    .into_iter()
    .map(|path| json!({ "url": url, "path": path }))
    .collect();
    asked.extend(
        [
            format!("https://api.example.com@other.example.com:{other}/"),
            format!("https://api.example.com:{own}@other.example.com:{other}/"),
            format!("https://user:pass@api.example.com:{own}/"),
            format!("https://api.example.com.:{own}/"),
            format!("https://api.example.com.:{other}/"),
            format!("https://api.example.com:{own}:{other}/"),
            format!("https://api.example.com%2eother.example.com:{other}/"),
            format!("https://api.example.com%00.other.example.com:{other}/"),
            format!("https://api.example.com\\.other.example.com:{other}/"),
            format!("https://api.example.com\r\n:{own}/"),
            format!("https://api.example.com:{own}\r\nhost: other.example.com/"),
            format!("https://api_example.com:{own}/"),
            format!("https://2130706433:{own}/"),
            format!("https://0x7f.1:{own}/"),
            format!("https://[::ffff:127.0.0.1]:{own}/"),
            format!("https:///:{own}/"),
        ]
        .map(|url| json!({ "url": url })),
    );
    for header in
        [["host", "other.example.com"], ["Host", "other.example.com"], ["x-forwarded-host", "other.example.com"]]
    {
        asked.push(json!({ "url": url, "headers": [header] }));
    }
    for input in asked {
        let outcome = program.run(input.clone()).await;
        assert!(outcome.result.is_err() || answer(&outcome)["error"].is_string(), "{input}: {outcome:?}");
    }
    // Paths that look like an address are paths, of the host that was judged.
    for path in
        ["//other.example.com/", "/@other.example.com/", "/https://other.example.com/", "/..//other.example.com"]
    {
        assert_eq!(answer(&program.run(json!({ "url": url, "path": path })).await)["status"], 200, "{path}");
    }
    let received = world.service.received();
    let targets: Vec<_> = received.iter().map(Received::target).collect();
    assert_eq!(
        targets,
        ["//other.example.com/", "/@other.example.com/", "/https://other.example.com/", "/..//other.example.com"]
    );
    for request in &received {
        assert_eq!(request.header("host"), [format!("api.example.com:{own}")], "{}", request.head);
        assert_eq!(request.header("authorization"), [format!("Bearer {FIRST}")]);
    }
    assert_eq!(world.other.received().len(), 0, "{:?}", world.other.received());
}
