//! Ten thousand calls that wait for an upstream at once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinSet,
};

use crate::{
    common::{build_programs, component},
    place::{Place, RUNTIME},
};

const CALLS: usize = 10_000;
/// Files of this process: each call has a connection to the server here, and one to the upstream.
const FILES: u64 = 3 * CALLS as u64;

pub fn bench() {
    let maximum = getrlimit(Resource::Nofile).maximum.map(|most| most.max(FILES));
    if setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_err() {
        println!("MISSING: {FILES} open files, so nothing waits ({maximum:?}); raise it by `ulimit -n`");
        return;
    }
    let programs = build_programs(&["fetch"]);
    let settings = ["connections=12000", "connections_per_address=12000", "concurrent_calls=8000"];
    let flags: Vec<_> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    let place = Place::new(&flags);
    let limits = json!({ "concurrent-calls": 8000, "time-ms": 300_000, "request-time-ms": 200_000 });
    let grant = json!({ "egress": ["GET http://127.0.0.1:*"], "limits": limits });
    let names = ["acme:one", "acme:two"];
    for name in names {
        place.install(name, &component(&programs, "fetch"), Some("GET http://127.0.0.1:*"), grant.clone());
    }
    let before = place.memory();
    let upstream = RUNTIME.block_on(Upstream::start());
    let body = json!({ "url": upstream.url, "read": "nothing" }).to_string();
    let started = Instant::now();
    let mut calls = JoinSet::new();
    for number in 0..CALLS {
        let url = place.invoke_url(names[number % names.len()]);
        calls.spawn_on(call(url, place.token.clone(), body.clone()), RUNTIME.handle());
    }
    // As many as can be are with the upstream, and nothing moves any more.
    let mut there = 0;
    loop {
        std::thread::sleep(Duration::from_secs(3));
        let now = upstream.waiting.load(Ordering::Relaxed);
        if now == there || started.elapsed() > Duration::from_secs(120) {
            break;
        }
        there = now;
    }
    let reached = started.elapsed().as_secs_f64() - 3.0;
    let during = place.memory();
    let health = Instant::now();
    RUNTIME.block_on(async { reqwest::get(format!("{}/healthz", place.server.url)).await.unwrap() });
    let health = health.elapsed();
    upstream.answer.notify_waiters();
    upstream.answers.store(1, Ordering::Relaxed);
    let released = Instant::now();
    let (mut well, mut other) = (0, Vec::new());
    RUNTIME.block_on(async {
        while let Some(answer) = calls.join_next().await {
            match answer.unwrap() {
                Ok(200) => well += 1,
                no => other.push(no),
            }
        }
    });
    println!(
        "{CALLS} calls: {there} wait for the upstream after {reached:.1} s, {} for their turn; all answered {:.1} s after it was: {well} well, {} not",
        CALLS - there,
        released.elapsed().as_secs_f64(),
        other.len()
    );
    if let Some(first) = other.first() {
        println!("  such as {first:?}");
    }
    #[allow(clippy::cast_precision_loss)]
    let each = (during.0 - before.0) as f64 * 1024.0 / CALLS as f64;
    println!(
        "  memory {} MiB before, {} MiB while they wait ({each:.0} KiB each); mappings {} and {}; /healthz meanwhile in {health:?}",
        before.0, during.0, before.1, during.1
    );
}

/// The status of one call on a connection of its own.
async fn call(url: String, token: String, body: String) -> Result<u16, String> {
    let rest = url.trim_start_matches("http://");
    let (authority, path) = rest.split_at(rest.find('/').unwrap());
    let text = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect(authority).await.map_err(text)?;
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {authority}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.map_err(text)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.map_err(text)?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.get(9..12).and_then(|status| status.parse().ok());
    match status {
        // The connector reports what became of its request.
        Some(200) if answer.contains("\"status\":200") => Ok(200),
        _ => Err(answer.chars().take(1_000).collect()),
    }
}

/// Answers nobody until it is told to.
struct Upstream {
    url: String,
    waiting: Arc<AtomicUsize>,
    answers: Arc<AtomicUsize>,
    answer: Arc<Notify>,
}

impl Upstream {
    async fn start() -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener: TcpListener = socket.listen(4_096).unwrap();
        let upstream = Self {
            url: format!("http://{}/", listener.local_addr().unwrap()),
            waiting: Arc::default(),
            answers: Arc::default(),
            answer: Arc::default(),
        };
        let (waiting, answers, answer) = (upstream.waiting.clone(), upstream.answers.clone(), upstream.answer.clone());
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (waiting, answers, answer) = (waiting.clone(), answers.clone(), answer.clone());
                tokio::spawn(async move {
                    let mut buffer = [0; 4_096];
                    while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                        let told = answer.notified();
                        waiting.fetch_add(1, Ordering::Relaxed);
                        if answers.load(Ordering::Relaxed) == 0 {
                            told.await;
                        }
                        if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.is_err() {
                            break;
                        }
                    }
                });
            }
        });
        upstream
    }
}
