//! What an operator sees of a server: metrics, traces and log lines.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use jackfield_test_kit::{HttpServer, PackageBuilder, Reply, programs};
use opentelemetry_proto::tonic::{collector::trace::v1::ExportTraceServiceRequest, trace::v1::Span};
use prost::Message as _;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{
    kit::{Desk, Server, to_configured_hosts},
    staged::tool,
    workspaces::{Asks, operator, send},
};

const RUN: &str = "/main/installations/acme/echo/operations/run/invoke";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// `acme:echo` that sends what it is told, released, installed and granted an upstream.
fn fetching(desk: &Desk, server: &Server, upstream: &HttpServer) {
    desk.publisher(server);
    desk.release("1.0.0", to_configured_hosts(PackageBuilder::of(programs::FETCH)));
    let admin = Asks::new(server, operator(desk));
    let grant = json!({ "egress": [format!("GET {}", upstream.url(""))], "config": { "hosts": ["127.0.0.1"] } });
    admin.post("/main/installations", json!({ "package": "acme:echo", "grant": grant }), 201);
}

fn metrics(asks: &Asks<'_>, server: &Server) -> (u16, String) {
    let request = asks.client.get(format!("{}/metrics", server.url));
    let request = if asks.token.is_empty() { request } else { request.bearer_auth(&asks.token) };
    let answer = send(request);
    (answer.status.as_u16(), answer.text)
}

/// The value of a series, written as Prometheus writes it.
fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

/// Prometheus' own parser reads every family, and each has a type and samples.
fn is_read_by_prometheus(python: &str, text: &str) {
    let script = "import sys
from prometheus_client.parser import text_string_to_metric_families as families
for family in families(sys.stdin.read()):
    assert family.type != 'unknown' and family.samples, family
    print(family.name)";
    let mut child = Command::new(python);
    let child = child.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
    let read = String::from_utf8(output.stdout).unwrap();
    let declared = text.lines().filter(|line| line.starts_with("# TYPE ")).count();
    assert_eq!(read.lines().count(), declared, "{read}\n{text}");
}

#[test]
fn metrics_are_for_an_operator_and_count_what_happens() {
    let runtime = Runtime::new().unwrap();
    let upstream = runtime.block_on(HttpServer::answering("fine"));
    let desk = Desk::new();
    let server = desk.serve(&[]);
    fetching(&desk, &server, &upstream);
    let admin = Asks::new(&server, operator(&desk));
    admin.post(RUN, json!({ "url": upstream.url("/things") }), 200);
    admin.post(RUN, json!({ "url": "https://elsewhere.example/" }), 200);

    // Nobody in particular, a user, a workspace's token, and an operator's token for something else.
    assert_eq!(metrics(&Asks::new(&server, ""), &server).0, 401);
    let token = admin.post("/main/tokens", json!({ "label": "a workflow", "role": "admin" }), 201);
    assert_eq!(metrics(&Asks::new(&server, token["token"].as_str().unwrap()), &server).0, 401);
    let made = |actions: Value| {
        let wanted = json!({ "label": "x", "actions": actions });
        let request = admin.client.post(format!("{}/v1/tokens", server.url)).bearer_auth(&admin.token).json(&wanted);
        Asks::new(&server, send(request).expect(201)["token"].as_str().unwrap())
    };
    assert_eq!(metrics(&made(json!(["workspace"])), &server).0, 403);

    let (status, text) = metrics(&made(json!(["metrics"])), &server);
    assert_eq!(status, 200);
    let calls = "jackfield_invocations_total{connector=\"acme:echo\",outcome=\"ok\"}";
    assert_eq!(value(&text, calls), Some(2.0), "{text}");
    assert_eq!(
        value(&text, "jackfield_denials_total{connector=\"acme:echo\",layer=\"manifest\"}"),
        Some(1.0),
        "{text}"
    );
    let sent = "jackfield_egress_seconds_count{connector=\"acme:echo\",outcome=\"2xx\"}";
    assert_eq!(value(&text, sent), Some(1.0), "{text}");
    assert!(value(&text, "jackfield_log_entries").is_some_and(|entries| entries >= 1.0), "{text}");
    assert!(value(&text, "process_resident_memory_bytes").is_some_and(|bytes| bytes > 0.0), "{text}");
    let route = "route=\"/v1/workspaces/{workspace}/installations/{namespace}/{name}/operations/{operation}/invoke\"";
    assert!(text.contains(route), "{text}");
    if let Some(python) =
        tool("Python with prometheus-client", "JACKFIELD_TEST_PYTHON", "JACKFIELD_TEST_WITHOUT_PYTHON")
    {
        is_read_by_prometheus(&python, &text);
    }
    // What is counted is described, in the text and in the reference.
    let reference = include_str!("../../../../docs/reference/operating.md");
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE jackfield_")) {
        let name = line.split_whitespace().next().unwrap();
        assert!(text.contains(&format!("# HELP jackfield_{name} ")), "{name} has no help");
        assert!(reference.contains(&format!("`jackfield_{name}`")), "{name} stands in no table");
    }
}

#[test]
fn a_trace_follows_a_call_from_http_to_its_request() {
    let runtime = Runtime::new().unwrap();
    let upstream = runtime.block_on(HttpServer::answering("fine"));
    let collector = runtime.block_on(HttpServer::start(|_| Reply::text("")));
    let desk = Desk::new();
    let server = desk.serve_by("127.0.0.1:0", &["--set", "log_format=json"], |command| {
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url(""));
    });
    fetching(&desk, &server, &upstream);
    let admin = Asks::new(&server, operator(&desk));
    let request = admin.request(reqwest::Method::POST, RUN).json(&json!({ "url": upstream.url("/secret-path?key=k") }));
    send(request.header("traceparent", format!("00-{TRACE}-{PARENT}-01"))).expect(200);
    admin.post(RUN, json!({ "url": "https://elsewhere.example/" }), 200);
    // An orderly end sends what is left.
    assert_eq!(server.stop(), 0);

    let spans = spans(&collector);
    let of = |name: &str| -> &Span {
        let mut found = spans.iter().filter(|span| hex::encode(&span.trace_id) == TRACE && span.name.contains(name));
        found.next().unwrap_or_else(|| panic!("no `{name}` in {spans:#?}"))
    };
    let (request, invoke, sandbox, egress) = (of("POST /v1/workspaces"), of("invoke"), of("sandbox"), of("egress"));
    assert_eq!(hex::encode(&request.parent_span_id), PARENT);
    assert_eq!(invoke.parent_span_id, request.span_id);
    assert_eq!(sandbox.parent_span_id, invoke.span_id);
    assert_eq!(egress.parent_span_id, sandbox.span_id);
    assert_eq!(attribute(egress, "server.address"), "127.0.0.1");
    assert_eq!(attribute(invoke, "connector"), "acme:echo");
    assert_eq!(attribute(invoke, "outcome"), "ok");
    let text = format!("{spans:?}");
    assert!(!text.contains("secret-path") && !text.contains("key=k"), "{text}");
    // An upstream is not told of it.
    assert!(upstream.received()[0].header("traceparent").is_empty());

    // Each line of the log is one JSON object, with the spans that it was said in.
    let log = std::fs::read_to_string(desk.path("server.log")).unwrap();
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    let denied = lines.iter().find(|line| line["message"] == "request denied").unwrap_or_else(|| panic!("{log}"));
    let names: Vec<&str> =
        denied["spans"].as_array().unwrap().iter().map(|span| span["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["request", "invoke", "sandbox", "egress"]);
}

/// What the collector was sent, read by OpenTelemetry's own types.
fn spans(collector: &HttpServer) -> Vec<Span> {
    let mut spans = Vec::new();
    for received in collector.received() {
        assert_eq!(received.target(), "/v1/traces");
        let sent = ExportTraceServiceRequest::decode(&*received.body).unwrap();
        let scopes = sent.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        spans.extend(scopes.flat_map(|scope| scope.spans));
    }
    spans
}

fn attribute(span: &Span, key: &str) -> String {
    use opentelemetry_proto::tonic::common::v1::any_value::Value::StringValue;
    let value =
        span.attributes.iter().find(|attribute| attribute.key == key).and_then(|attribute| attribute.value.clone());
    match value.and_then(|value| value.value) {
        Some(StringValue(text)) => text,
        other => panic!("{key}: {other:?} in {span:?}"),
    }
}

#[test]
fn traces_that_nobody_takes_keep_nobody_waiting() {
    let desk = Desk::new();
    let server = desk.serve_by("127.0.0.1:0", &[], |command| {
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9").env("OTEL_EXPORTER_OTLP_TIMEOUT", "500");
    });
    let asks = Arc::new(Asks::new(&server, operator(&desk)));
    assert_eq!(asks.get("/main")["name"], "main");
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(server.stop(), 0);
    let log = std::fs::read_to_string(desk.path("server.log")).unwrap();
    assert!(log.contains("BatchSpanProcessor"), "{log}");
}
