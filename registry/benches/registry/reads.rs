//! Reading released bytes, beside nginx serving the same files: what a cache in front, or a mirror, would do.

use std::time::Duration;

use jackfield_registry::{
    clock::SECOND,
    index,
    log::sequencer::{Round, Sequencer},
    oci::digest::{Algorithm, ContentDigest},
    serve,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{at_least, kit::TestRegistry, load, nginx::Nginx, percentile, read_rows::Row};

const CONNECTIONS: usize = 8;
const TURN: Duration = Duration::from_millis(700);
const TURNS: usize = 7;

pub async fn bench() {
    for registry in TestRegistry::each_with(|config, _| config.requests_per_minute = 0).await {
        let token = registry.operator();
        let namespace = json!({ "name": "bench", "class": "generic" });
        registry.post("/v1/namespaces").token(&token).json(&namespace).send().await.expect(201);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve::serve(listener, registry.shared.clone(), stop.clone()));

        let files = tempfile::tempdir().unwrap();
        let Some(nginx) = Nginx::serve(files.path()) else { return };
        let constant = rate(address, "/healthz".to_owned()).await;
        println!("reads, {}: the registry's constant answer {constant:.0} requests/s", registry.kind);
        println!("reads, {}: {CONNECTIONS} connections, to nginx with the same file", registry.kind);
        for (size, shown) in [(4 << 10, "4 KiB"), (256 << 10, "256 KiB"), (4 << 20, "4 MiB"), (32 << 20, "32 MiB")] {
            let bytes: Vec<u8> = (0..size as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
            let digest = ContentDigest::of(Algorithm::Sha256, &bytes);
            std::fs::write(files.path().join(shown.replace(' ', "")), &bytes).unwrap();
            let upload = registry.post(&format!("/v2/bench/files/blobs/uploads/?digest={digest}")).token(&token);
            upload.bytes(bytes).send().await.expect(201);
            compare(address, &nginx, shown, format!("/v2/bench/files/blobs/{digest}"), shown.replace(' ', "")).await;
        }
        for (shown, ours) in documents(&registry).await {
            std::fs::write(files.path().join(shown), registry.get(&ours).send().await.bytes).unwrap();
            compare(address, &nginx, shown, ours, shown.to_owned()).await;
        }
        stop.cancel();
        serving.await.unwrap();
    }
}

/// In turns, so that what else the machine does meets both.
async fn compare(address: std::net::SocketAddr, nginx: &Nginx, shown: &str, ours: String, theirs: String) {
    let (mut own_rates, mut nginx_rates) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        own_rates.push(rate(address, ours.clone()).await);
        nginx_rates.push(rate(nginx.address, format!("/{theirs}")).await);
    }
    let (own, peer) = (percentile(&mut own_rates, 0.5), percentile(&mut nginx_rates, 0.5));
    println!("  {shown:>7}: {own:>8.0} requests/s to {peer:>8.0}: {}", at_least(0.7, own / peer));
}

/// The index of a package, and a full tile of the log.
async fn documents(registry: &TestRegistry) -> [(&'static str, String); 2] {
    Row::new("acme:thing", "1.0.0").put(registry).await;
    index::refresh(&registry.shared, &"acme:thing".parse().unwrap()).await.unwrap();
    let mut sequencer = Sequencer::new().unwrap();
    crate::log::submit(registry, 0..300).await;
    while sequencer.round(&registry.shared).await.unwrap() != Round::Idle {
        registry.clock.advance(60 * SECOND);
    }
    [("index", "/v1/index/acme/thing".to_owned()), ("tile", "/log/tile/0/000".to_owned())]
}

async fn rate(server: std::net::SocketAddr, path: String) -> f64 {
    let load = move || load::requests_a_second(server, &path, CONNECTIONS, TURN);
    tokio::task::spawn_blocking(load).await.unwrap()
}
