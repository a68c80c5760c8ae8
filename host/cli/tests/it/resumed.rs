//! An upload that breaks goes on where it was: within one command, and in the next one.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
};

use jackfield_test_kit::{PackageBuilder, programs};

use crate::{kit::Desk, publish::publisher};

/// Bytes of the component: several pieces.
const SIZE: u64 = 15 << 20;

/// A way to the registry that breaks.
struct Wire {
    url: String,
    /// Bytes that came from the client.
    carried: Arc<AtomicU64>,
    /// Bytes after which a connection is cut.
    cut_after: Arc<AtomicU64>,
    cuts: mpsc::Receiver<()>,
}

impl Wire {
    fn to(registry: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let registry = registry.trim_start_matches("http://").to_owned();
        let (carried, cut_after) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(u64::MAX)));
        let (cut, cuts) = mpsc::channel();
        let wire = Self { url, carried: carried.clone(), cut_after: cut_after.clone(), cuts };
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), TcpStream::connect(&registry).unwrap());
                let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || std::io::copy(&mut from, &mut to));
                let (carried, cut_after, cut) = (carried.clone(), cut_after.clone(), cut.clone());
                std::thread::spawn(move || carry(client, server, &carried, &cut_after, &cut));
            }
        });
        wire
    }

    fn take_carried(&self) -> u64 {
        self.carried.swap(0, Ordering::SeqCst)
    }
}

fn carry(
    mut client: TcpStream,
    mut server: TcpStream,
    carried: &AtomicU64,
    cut_after: &AtomicU64,
    cut: &mpsc::Sender<()>,
) {
    let mut buffer = vec![0; 64 << 10];
    let mut here = 0;
    while let Ok(count) = client.read(&mut buffer) {
        here += count as u64;
        if count == 0 || server.write_all(&buffer[..count]).is_err() {
            break;
        }
        carried.fetch_add(count as u64, Ordering::SeqCst);
        if here >= cut_after.load(Ordering::SeqCst) {
            let _ = cut.send(());
            break;
        }
    }
    for end in [client, server] {
        let _ = end.shutdown(Shutdown::Both);
    }
}

/// Bytes that do not shrink, for a component of [`SIZE`].
fn write_large(desk: &Desk, file: &str, version: &str) {
    let mut state = version.bytes().fold(1u64, |state, byte| state * 31 + u64::from(byte));
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let pad: Vec<u8> = (0..SIZE).map(|_| next()).collect();
    desk.write_package(file, version, PackageBuilder::of(programs::ECHO).section("pad", pad));
}

#[test]
fn an_upload_that_breaks_goes_on_where_it_was() {
    let (desk, server) = publisher();
    let wire = Wire::to(&server.url);
    let token =
        desk.json("ada", &["token", "create", "--packages", "acme:*", "--action", "publish", "--action", "read"]);
    std::fs::write(desk.path("token"), token["token"].as_str().unwrap()).unwrap();
    desk.json("far", &["login", "--registry", &wire.url, "--token-file", "token"]);

    // Cut again and again, in the middle of pieces: one command is enough.
    write_large(&desk, "cut.wasm", "1.0.0");
    wire.take_carried();
    wire.cut_after.store(3 << 20, Ordering::SeqCst);
    let staged = desk.json("far", &["publish", "cut.wasm", "--stage"]);
    assert_eq!(staged["state"], "staged");
    assert!(wire.cuts.try_iter().count() >= 4, "it was cut");
    // What had arrived was not sent again: twice the whole would be less than beginning anew each time.
    let carried = wire.take_carried();
    assert!(carried < SIZE + (SIZE / 2), "{carried} bytes for {SIZE}");

    // The command itself is killed in the middle; the next one goes on.
    write_large(&desk, "killed.wasm", "1.1.0");
    wire.cut_after.store(9 << 20, Ordering::SeqCst);
    let mut publishing = desk.command("far", &["publish", "killed.wasm", "--stage", "--output", "json"]);
    let mut publishing = publishing.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wire.cuts.recv().unwrap();
    publishing.kill().unwrap();
    publishing.wait().unwrap();
    let before = wire.take_carried();
    wire.cut_after.store(u64::MAX, Ordering::SeqCst);
    let staged = desk.json("far", &["publish", "killed.wasm", "--stage"]);
    assert_eq!(staged["state"], "staged");
    let after = wire.take_carried();
    assert!(before > SIZE / 3 && after < SIZE - (SIZE / 3), "{before} bytes, then {after}, of {SIZE}");
    assert_eq!(std::fs::read_dir(desk.path("far/uploads")).unwrap().count(), 0, "nothing is left of it");

    // One that the registry has forgotten begins anew.
    write_large(&desk, "forgotten.wasm", "1.2.0");
    wire.cut_after.store(9 << 20, Ordering::SeqCst);
    let mut publishing = desk.command("far", &["publish", "forgotten.wasm", "--stage", "--output", "json"]);
    let mut publishing = publishing.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wire.cuts.recv().unwrap();
    publishing.kill().unwrap();
    publishing.wait().unwrap();
    wire.cut_after.store(u64::MAX, Ordering::SeqCst);
    let note = std::fs::read_dir(desk.path("far/uploads")).unwrap().next().unwrap().unwrap().path();
    let location = std::fs::read_to_string(&note).unwrap();
    let (known, id) = location.rsplit_once('/').unwrap();
    std::fs::write(&note, format!("{known}/{}", id.chars().rev().collect::<String>())).unwrap();
    assert_eq!(desk.json("far", &["publish", "forgotten.wasm", "--stage"])["state"], "staged");
}
