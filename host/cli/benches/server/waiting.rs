//! Ten thousand calls that wait for an upstream at once.

use std::{
    io::{BufRead as _, BufReader, Lines, Write as _},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use jackfield_test_kit::PackageBuilder;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};

use crate::{
    common::{build_programs, component},
    kit::to_configured_hosts,
    place::{Place, RUNTIME},
};

const CALLS: usize = 10_000;
/// Connections that are made at a time, as by a thousand clients: what the kernel has no place for tries again after seconds.
const CONNECTING: usize = 1_000;
/// The word by which this program is the upstream.
pub const UPSTREAM: &str = "upstream";
/// Files that a process has open: for each call a connection, and some besides. The server has two for each that runs.
const FILES: u64 = 2 * CALLS as u64;

pub fn bench() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    if maximum.is_some_and(|most| most < FILES) {
        println!("MISSING: {FILES} open files, so nothing waits ({maximum:?}); raise it by `ulimit -n`");
        return;
    }
    raise_files();
    let programs = build_programs(&["fetch"]);
    let settings = ["connections=12000", "connections_per_address=12000", "concurrent_calls=8000"];
    let flags: Vec<_> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    let place = Place::new(&flags);
    let limits = json!({ "concurrent-calls": 8000, "time-ms": 300_000, "request-time-ms": 200_000 });
    let mut upstream = Upstream::start();
    let egress = format!("GET {}", upstream.url.trim_end_matches('/'));
    let grant = json!({ "egress": [egress], "config": { "hosts": ["127.0.0.1"] }, "limits": limits });
    let names = ["acme:one", "acme:two"];
    for name in names {
        let package = PackageBuilder::of(&component(&programs, "fetch")).named(name);
        place.install(&to_configured_hosts(package), &grant);
    }
    let before = place.memory();
    let body = json!({ "url": upstream.url }).to_string();
    let started = Instant::now();
    let mut calls = JoinSet::new();
    let connecting = Arc::new(Semaphore::new(CONNECTING));
    for number in 0..CALLS {
        let url = place.invoke_url(names[number % names.len()]);
        calls.spawn_on(call(url, place.token.clone(), body.clone(), connecting.clone()), RUNTIME.handle());
    }
    // As many as can be are with the upstream, and nothing moves any more.
    let mut there = 0;
    loop {
        std::thread::sleep(Duration::from_secs(3));
        let now = upstream.waiting();
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
    upstream.answer();
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
async fn call(url: String, token: String, body: String, connecting: Arc<Semaphore>) -> Result<u16, String> {
    let rest = url.trim_start_matches("http://");
    let (authority, path) = rest.split_at(rest.find('/').unwrap());
    let text = |error: std::io::Error| error.to_string();
    let mut stream = {
        let _turn = connecting.acquire().await;
        TcpStream::connect(authority).await.map_err(text)?
    };
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

fn raise_files() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

/// Another process, whose connections do not count here: it answers nobody until it is told to.
struct Upstream {
    process: Child,
    says: Lines<BufReader<ChildStdout>>,
    url: String,
}

impl Upstream {
    fn start() -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .arg(UPSTREAM)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut says = BufReader::new(process.stdout.take().unwrap()).lines();
        let url = says.next().unwrap().unwrap();
        Self { process, says, url }
    }

    fn tell(&mut self, word: &str) -> String {
        writeln!(self.process.stdin.as_mut().unwrap(), "{word}").unwrap();
        self.says.next().unwrap().unwrap()
    }

    /// How many wait.
    fn waiting(&mut self) -> usize {
        self.tell("how many").parse().unwrap()
    }

    /// Answers them all, and whoever comes later.
    fn answer(&mut self) {
        self.tell("answer");
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What the other process does.
pub fn be_upstream() {
    raise_files();
    let (waiting, answers) = (Arc::new(AtomicUsize::new(0)), watch::Sender::new(false));
    let url = RUNTIME.block_on(listen(waiting.clone(), answers.subscribe()));
    println!("{url}");
    for word in std::io::stdin().lines().map_while(Result::ok) {
        if word == "answer" {
            answers.send_replace(true);
        }
        println!("{}", waiting.load(Ordering::Relaxed));
    }
}

async fn listen(waiting: Arc<AtomicUsize>, answers: watch::Receiver<bool>) -> String {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(4_096).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (waiting, mut answers) = (waiting.clone(), answers.clone());
            tokio::spawn(async move {
                let mut buffer = [0; 4_096];
                while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    waiting.fetch_add(1, Ordering::Relaxed);
                    let told = answers.wait_for(|answers| *answers).await.is_ok();
                    if !told || stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    url
}
