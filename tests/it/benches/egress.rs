//! What a request costs: a plain pooled client, our sender alone, and a whole invocation with one request in it; all of the same
//! kilobyte from the same server on loopback.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use jackfield_host::{
    Host, Invocation,
    egress::{CallEgress, Egress, Meter, SystemResolver, Wire, tls_config},
    grant::Grant,
    limits::Limits,
};
use jackfield_package::PackageName;
use jackfield_test_kit::{TestHost, package::PackageBuilder};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime,
};

mod common;

use common::{at_most, compare, on_worker};

const DESTINATION: &str = "GET http://127.0.0.1:*";
const BODY_BYTES: usize = 1024;

fn main() {
    let server = serve();
    let url: Arc<str> = format!("http://{server}/").into();
    let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let programs = common::build_programs(&["fetch"]);
    let fetch = common::component(&programs, "fetch");

    let plain: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
    let egress = egress_of(&fetch);
    let test_host = TestHost::new();
    let installed = runtime.block_on(test_host.program(&fetch).allows(DESTINATION).install()).name;
    let host = test_host.host().clone();
    let (to_plain, to_sender) = (url.clone(), url.clone());
    let input: Arc<str> = serde_json::json!({ "url": &*url }).to_string().into();
    let [plain, sender, whole] = compare(
        400,
        [
            on_worker(&runtime, move || call_plain(plain.clone(), to_plain.clone())),
            on_worker(&runtime, move || call_sender(egress.clone(), to_sender.clone())),
            on_worker(&runtime, move || call_whole(host.clone(), installed.clone(), input.clone())),
        ],
    );
    println!("one request, {BODY_BYTES} bytes back; medians of interleaved batches");
    println!("plain pooled hyper {plain:.1} µs, our sender {sender:.1} µs, a whole invocation {whole:.1} µs");
    println!("  sender / plain      {}", at_most(1.15, sender / plain));
    println!("  invocation / plain  {}", at_most(1.5, whole / plain));
}

async fn call_plain(client: Client<HttpConnector, Empty<Bytes>>, url: Arc<str>) {
    let request = Request::get(&*url).body(Empty::new()).expect("a request");
    let response = client.request(request).await.expect("a response");
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    assert_eq!(body.len(), BODY_BYTES);
}

async fn call_sender(egress: Arc<Egress>, url: Arc<str>) {
    let call = CallEgress::new(egress, "run".into(), &Limits::default(), Arc::new(Meter::default()));
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let request = Request::get(&*url).body(body).expect("a request");
    let response = call.send(request, None).await.expect("a response");
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    assert_eq!(body.len(), BODY_BYTES);
}

async fn call_whole(host: Host, name: PackageName, input: Arc<str>) {
    let outcome = host.invoke(&name, Invocation::new("run", &*input)).await;
    assert_eq!(outcome.bill.http_bytes_in, BODY_BYTES as u64, "{:?}", outcome.result);
}

/// The egress of an installation that may reach the server.
fn egress_of(program: &str) -> Arc<Egress> {
    let (package, _) = PackageBuilder::of(program).asks(DESTINATION).signed();
    let grant = Grant { egress: vec![DESTINATION.parse().expect("a destination")], ..Grant::default() };
    let tls = tls_config(&[]).expect("the web's authorities");
    let wire = Wire::new(Arc::new(SystemResolver), &tls);
    Arc::new(Egress::new(package.manifest(), &grant, Box::new(wire)).expect("the grant fits"))
}

/// A server on a thread of its own, which answers every request with the same kilobyte and keeps connections open.
fn serve() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    listener.set_nonblocking(true).expect("a socket");
    std::thread::spawn(move || {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).expect("a listener");
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                tokio::spawn(answer(stream));
            }
        });
    });
    address
}

async fn answer(mut stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {BODY_BYTES}\r\n\r\n");
    let reply = [head.as_bytes(), &[b'x'; BODY_BYTES]].concat();
    let mut request = Vec::new();
    while let Ok(1..) = stream.read_buf(&mut request).await {
        // A GET ends with its head, and nobody here sends the next one before the answer.
        if request.ends_with(b"\r\n\r\n") {
            request.clear();
            if stream.write_all(&reply).await.is_err() {
                return;
            }
        }
    }
}
