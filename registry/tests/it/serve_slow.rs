//! Who asks and does not read, over TCP: he keeps nobody else out. Who reads slowly gets everything.

use std::{net::Ipv4Addr, time::Duration};

use jackfield_registry::serve::{self, Bounds};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::kit::TestRegistry;

/// Much more than the kernel takes for a client that does not read.
const BLOB_BYTES: usize = 4 << 20;

/// A test that hangs is to fail; no one asserts how long anything takes.
const GUARD: Duration = Duration::from_secs(60);

struct Served {
    port: u16,
    request: String,
    stop: CancellationToken,
}

impl Served {
    /// A registry on SQLite behind a port, with one large blob that anybody may read.
    async fn new(bounds: Bounds, trust_forwarded: bool) -> (TestRegistry, Self) {
        let registry = TestRegistry::each_with(|config, _| config.trust_forwarded = trust_forwarded).await.remove(0);
        let token = registry.generic("plain").await;
        let digest = registry.push_blob(&token, "plain/x", &vec![7; BLOB_BYTES]).await;
        let request = format!("GET /v2/plain/x/blobs/{digest} HTTP/1.1\r\nhost: registry.example\r\n\r\n");
        let listener = serve::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let (port, stop) = (listener.local_addr().unwrap().port(), CancellationToken::new());
        tokio::spawn(serve::serve_within(bounds, listener, registry.shared.clone(), stop.clone()));
        (registry, Self { port, request, stop })
    }

    /// A client of its own address, which takes little at a time.
    async fn connect(&self, host: u8) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(32 << 10).unwrap();
        socket.bind((Ipv4Addr::new(127, 0, 1, host), 0).into()).unwrap();
        socket.connect((Ipv4Addr::LOCALHOST, self.port).into()).await.unwrap()
    }

    /// One that asks for the blob, and reads nothing unless it is told to.
    async fn asks(&self, host: u8) -> TcpStream {
        let mut stream = self.connect(host).await;
        // One that has been closed already may not hear it any more.
        let _ = stream.write_all(self.request.as_bytes()).await;
        stream
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Everything that comes until the blob is whole, so many bytes at a time and with a pause after each.
async fn read(stream: &mut TcpStream, piece: usize, pause: Duration) -> usize {
    let (mut text, mut buffer) = (Vec::new(), vec![0; piece]);
    let end_of_headers = |text: &[u8]| text.windows(4).position(|part| part == b"\r\n\r\n").map(|at| at + 4);
    loop {
        let count = stream.read(&mut buffer).await.unwrap_or_default();
        text.extend_from_slice(&buffer[..count]);
        let body = end_of_headers(&text).map_or(0, |start| text.len() - start);
        if count == 0 || body >= BLOB_BYTES {
            return body;
        }
        sleep(pause).await;
    }
}

#[tokio::test]
async fn one_address_does_not_take_all_connections() {
    let bounds = Bounds { connections: 64, connections_per_address: 16, ..Bounds::default() };
    let (_registry, served) = Served::new(bounds, false).await;
    let mut crowd = Vec::new();
    for _ in 0..256 {
        crowd.push(served.asks(1).await);
    }
    // Nobody's patience has ended: it is the address that had its share.
    let mut honest = served.asks(2).await;
    assert_eq!(timeout(GUARD, read(&mut honest, 256 << 10, Duration::ZERO)).await.unwrap(), BLOB_BYTES);
    let mut closed = 0;
    for stream in &mut crowd[16..] {
        closed += usize::from(timeout(GUARD, read(stream, 64 << 10, Duration::ZERO)).await.unwrap() == 0);
    }
    assert_eq!(closed, 240, "whoever came too many was closed without an answer");
    // Who leaves makes room for another of the same address.
    drop(crowd);
    let again = async {
        while read(&mut served.asks(1).await, 256 << 10, Duration::ZERO).await < BLOB_BYTES {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(GUARD, again).await.unwrap();
}

#[tokio::test]
async fn readers_who_never_read_lose_their_connections_to_those_who_do() {
    let bounds = Bounds { connections: 32, stall: Duration::from_secs(1), ..Bounds::default() };
    let (_registry, served) = Served::new(bounds, false).await;
    // All slots, from many addresses; a second wave waits in the kernel's queue.
    let mut crowd = Vec::new();
    for number in 0..64 {
        crowd.push(served.asks(10 + number).await);
    }
    let mut honest = served.asks(2).await;
    assert_eq!(timeout(GUARD, read(&mut honest, 256 << 10, Duration::ZERO)).await.unwrap(), BLOB_BYTES);
    let first = timeout(GUARD, read(&mut crowd[0], 256 << 10, Duration::ZERO)).await.unwrap();
    assert!(first < BLOB_BYTES, "what it had not read in time, it never gets");
}

#[tokio::test]
async fn who_reads_slowly_gets_everything() {
    let bounds = Bounds { stall: Duration::from_secs(1), ..Bounds::default() };
    let (_registry, served) = Served::new(bounds, false).await;
    // Some five seconds in all: five times as long as nothing may happen.
    let mut slow = served.asks(1).await;
    let got = timeout(GUARD, read(&mut slow, 32 << 10, Duration::from_millis(40))).await.unwrap();
    assert_eq!(got, BLOB_BYTES);
}

#[tokio::test]
async fn who_asks_nothing_is_let_go() {
    let bounds = Bounds { connections: 4, header: Duration::from_secs(1), ..Bounds::default() };
    let (_registry, served) = Served::new(bounds, false).await;
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(served.connect(1).await);
    }
    let mut honest = served.asks(2).await;
    assert_eq!(timeout(GUARD, read(&mut honest, 256 << 10, Duration::ZERO)).await.unwrap(), BLOB_BYTES);
    // And so is whoever has asked once and keeps the line, which ends it for him without an answer.
    let mut rest = Vec::new();
    let _ = timeout(GUARD, honest.read_to_end(&mut rest)).await.unwrap();
    assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
}

#[tokio::test]
async fn behind_a_proxy_all_come_from_one_address() {
    let bounds = Bounds { connections_per_address: 2, ..Bounds::default() };
    let (_registry, served) = Served::new(bounds, true).await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(served.asks(1).await);
    }
    for client in &mut clients {
        assert_eq!(timeout(GUARD, read(client, 256 << 10, Duration::ZERO)).await.unwrap(), BLOB_BYTES);
    }
}

#[tokio::test]
async fn who_sends_too_much_hears_so_and_not_a_reset() {
    let (_registry, served) = Served::new(Bounds::default(), false).await;
    // Refused after its first megabyte, and sent on in small pieces.
    let mut stream = served.connect(1).await;
    let head = format!("POST /v1/login HTTP/1.1\r\nhost: registry.example\r\ncontent-length: {}\r\n\r\n", 3 << 20);
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..48 {
        stream.write_all(&[b' '; 64 << 10]).await.unwrap();
        sleep(Duration::from_millis(2)).await;
    }
    let mut answer = Vec::new();
    timeout(GUARD, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("body-too-long"), "{answer}");
}
