//! Grant ∩ manifest decides every request, and each no comes with the line that makes it a yes.

use jackfield_host::{Denial, Failure, denial::Layer};
use jackfield_package::egress::Egress;
use jackfield_test_kit::{HttpServer, Installed, TestHost, programs};
use serde_json::{Value, json};

use crate::outcome::{answer, denial_of};

#[tokio::test(flavor = "multi_thread")]
pub(crate) async fn fetch() {
    let server = HttpServer::answering("hello").await;
    let host = TestHost::new();
    let program =
        host.program(programs::FETCH).allows(&format!("POST http://127.0.0.1:{}", server.port())).install().await;
    let outcome =
        program.run(json!({ "method": "POST", "url": server.url("/items?page=2"), "body": "some bytes" })).await;
    assert_eq!(answer(&outcome)["status"], 200);
    assert_eq!(answer(&outcome)["body"], "hello");
    let [request] = &server.received()[..] else { panic!("one request") };
    assert!(request.head.starts_with("POST /items?page=2 HTTP/1.1\r\n"), "{}", request.head);
    assert_eq!(outcome.denials, []);
    let bill = outcome.bill;
    assert_eq!((bill.http_requests, bill.http_denied, bill.http_bytes_out, bill.http_bytes_in), (1, 0, 10, 5));
}

/// What is asked, what is granted, method and URL that are tried, and which layer says no for which reason.
type Row = (&'static [&'static str], &'static [&'static str], &'static str, &'static str, Layer, &'static str);

/// PORT is the server's, OTHER is not.
const ROWS: &[Row] = &[
    (&[], &[], "GET", "http://127.0.0.1:PORT/x", Layer::Manifest, "the manifest does not ask for the host 127.0.0.1"),
    (
        &[],
        &["* http://127.0.0.1:*"],
        "GET",
        "http://127.0.0.1:PORT/x",
        Layer::Manifest,
        "the manifest does not ask for the host 127.0.0.1",
    ),
    (
        &["* http://127.0.0.1:*"],
        &[],
        "GET",
        "http://127.0.0.1:PORT/x",
        Layer::Grant,
        "the grant does not cover the host 127.0.0.1",
    ),
    (
        &["* http://127.0.0.1:OTHER"],
        &["* http://127.0.0.1:*"],
        "GET",
        "http://127.0.0.1:PORT/x",
        Layer::Manifest,
        "the manifest does not ask for port PORT of 127.0.0.1",
    ),
    (
        &["* http://127.0.0.1:*"],
        &["* http://127.0.0.1:OTHER"],
        "GET",
        "http://127.0.0.1:PORT/x",
        Layer::Grant,
        "the grant does not cover port PORT of 127.0.0.1",
    ),
    (
        &["GET http://127.0.0.1:*"],
        &["* http://127.0.0.1:*"],
        "DELETE",
        "http://127.0.0.1:PORT/x",
        Layer::Manifest,
        "the manifest does not ask for DELETE to 127.0.0.1",
    ),
    (
        &["* http://127.0.0.1:*"],
        &["GET http://127.0.0.1:*"],
        "DELETE",
        "http://127.0.0.1:PORT/x",
        Layer::Grant,
        "the grant does not cover DELETE to 127.0.0.1",
    ),
    (
        &["* http://127.0.0.1:*"],
        &["* https://127.0.0.1:*"],
        "GET",
        "http://127.0.0.1:PORT/x",
        Layer::Grant,
        "the host 127.0.0.1 is granted over https only",
    ),
    (
        &["* http://127.0.0.1:*"],
        &["GET http://127.0.0.1:OTHER", "POST http://127.0.0.1:PORT"],
        "GET",
        "http://127.0.0.1:PORT/x",
        Layer::Grant,
        "the grant does not cover GET to port PORT of 127.0.0.1",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_no_comes_with_the_line_that_makes_it_a_yes() {
    for (asks, grants, method, url, layer, reason) in ROWS {
        let server = HttpServer::answering("yes").await;
        let other = server.port() ^ 1;
        let fill = |text: &str| text.replace("PORT", &server.port().to_string()).replace("OTHER", &other.to_string());
        let host = TestHost::new();
        let install = async |more: Vec<Egress>| {
            let mut program = host.program(programs::FETCH);
            for text in *asks {
                program = program.asks(&fill(text));
            }
            for text in *grants {
                program = program.grants(&fill(text));
            }
            program.manifest(|manifest| manifest.egress.extend(more)).install().await
        };
        let mut program = install(Vec::new()).await;
        let input = json!({ "method": method, "url": fill(url) });
        let outcome = program.run(input.clone()).await;
        let denial = denial_of(&outcome, *layer);
        assert_eq!(denial.reason, fill(reason));
        assert_eq!(denial.asked, format!("{method} {}", fill(url)));
        assert_eq!(server.connections(), 0, "{reason}: nothing was sent");

        // A manifest's author puts the lines into connector.toml; an admin runs the commands.
        let mut now = answer(&outcome);
        let mut denial = denial.clone();
        for _ in 0..3 {
            match denial.layer {
                Layer::Manifest => program = install(egress_lines(&denial)).await,
                _ => run_command(&program, &denial),
            }
            let outcome = program.run(input.clone()).await;
            now = answer(&outcome);
            match outcome.denials.first() {
                Some(next) => denial = next.clone(),
                None => break,
            }
        }
        assert_eq!(now["status"], 200, "{reason}: what is printed does not allow it: {denial:?}");
        assert_eq!(server.received().len(), 1);
    }
}

/// The lines of connector.toml that a denial prints.
fn egress_lines(denial: &Denial) -> Vec<Egress> {
    let lines: toml::Table = denial.fix.as_deref().expect("a fix").parse().expect("lines of TOML");
    lines["egress"].clone().try_into().expect("entries of a manifest")
}

/// Does what `jackfield grant NAME --allow '…'` does.
pub(crate) fn run_command(program: &Installed<'_>, denial: &Denial) {
    let command = denial.fix.as_deref().expect("a fix");
    let rest = command.strip_prefix(&format!("jackfield grant {} --allow '", program.name)).expect(command);
    let grant = rest.strip_suffix('\'').expect(command).parse().expect(command);
    program.regrant(|granted| granted.egress.push(grant));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_fails_by_a_denial_fails_with_the_denial() {
    let host = TestHost::new();
    let program = host.program(programs::FETCH).asks("* https://api.example.com").install().await;
    let outcome = program.run(json!({ "url": "https://api.example.com/v1?token=abc", "fail_as": "denied" })).await;
    let Err(Failure::Denied(denial)) = &outcome.result else { panic!("{:?}", outcome.result) };
    assert_eq!(
        denial.to_string(),
        "test:fetch asked GET https://api.example.com:443/v1 in `run`, denied by the grant: the grant does not cover the host api.example.com"
    );
    assert_eq!(denial.fix.as_deref(), Some("jackfield grant test:fetch --allow 'GET https://api.example.com'"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_million_denials_do_not_fill_the_host() {
    let host = TestHost::new();
    let program = host.program(programs::FETCH_MANY).install().await;
    let outcome = program.run(json!({ "url": "https://api.example.com", "count": 300 })).await;
    assert_eq!(answer(&outcome).as_array().unwrap().len(), 300);
    assert_eq!((outcome.denials.len(), outcome.bill.http_denied), (100, 300));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_two_readings_is_refused() {
    let server = HttpServer::answering("no").await;
    let host = TestHost::new();
    // Everything is asked and granted, so that nothing but the form of the request says no.
    let program =
        host.program(programs::FETCH).allows("* http://127.0.0.1:*").allows("* http://[::1]:*").install().await;
    let port = server.port();
    let rows: Vec<Value> = [
        format!("http://user@127.0.0.1:{port}/"),
        format!("http://user:password@127.0.0.1:{port}/"),
        format!("http://api.example.com@127.0.0.1:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("http://0x7f000001:{port}/"),
        format!("http://0x7f.0.0.1:{port}/"),
        format!("http://0177.0.0.1:{port}/"),
        format!("http://127.1:{port}/"),
        format!("http://127.0.0.1.:{port}/"),
        format!("http://127.0.0.01:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://[::ffff:7f00:1]:{port}/"),
        format!("http://[::1%25lo]:{port}/"),
        format!("http://127.0.0.1:0{port}/"),
        format!("http://127.0.0.1:{port} /"),
        format!("http://127.0.0.1:{port}\\@api.example.com/"),
        "http://127.0.0.1:0/".to_owned(),
        "http://127.0.0.1:99999/".to_owned(),
        format!("ftp://127.0.0.1:{port}/"),
        "http:///".to_owned(),
    ]
    .into_iter()
    .map(|url| json!({ "url": url }))
    .chain([
        json!({ "url": server.url("/"), "path": "http://api.example.com/" }),
        json!({ "url": server.url("/"), "path": "*" }),
        json!({ "url": server.url("/"), "path": "/a b" }),
        json!({ "url": server.url("/"), "path": "/a\r\nx-injected: 1" }),
        json!({ "url": server.url("/"), "path": "/\u{0}" }),
        json!({ "url": server.url("/"), "path": "/", "method": "CONNECT" }),
        json!({ "url": server.url("/"), "path": "/", "method": "TRACE" }),
        json!({ "url": server.url("/"), "path": "/", "method": "GET / HTTP/1.1\r\nx: y\r\n\r\nGET" }),
        json!({ "url": server.url("/"), "path": "/", "method": "" }),
    ])
    .collect();
    for row in rows {
        let outcome = program.run(row.clone()).await;
        // Some are refused by the types of wasi:http already, the others by the host.
        let refused = outcome.result.is_err() || answer(&outcome)["error"].is_string();
        assert!(refused, "{row}: {:?}", outcome.result);
        assert!(outcome.denials.iter().all(|denial| denial.fix.is_none()), "{row}: {:?}", outcome.denials);
        assert_eq!(server.connections(), 0, "{row}: {:?}", outcome.result);
    }
    assert_eq!(answer(&program.run(json!({ "url": server.url("/") })).await)["status"], 200);
}
