//! `jackfield serve` is killed at every step of a publish, and now and then, on either database. Whoever asks again gets on, and
//! a monitor finds nothing.
//!
//! registry/tests/it/crash.rs kills oftener, where a life begins faster.

use std::{process::Stdio, thread, time::Duration};

use jackfield_db::testing::TestDb;
use jackfield_registry::fault::{CRASH_AT, Point};
use jackfield_test_kit::programs;

use crate::kit::{Desk, Ran, Server};

/// Registries that are killed beside one another: most of the time one waits for a dead one's lease to run out.
const PLACES: usize = 5;
/// Kills of each registry at a time that nobody chose, in milliseconds after its publisher began.
const SUDDEN_MS: [u64; 3] = [300, 800, 1300];

/// One registry's desk, and where it listens.
struct Place {
    desk: Desk,
    address: String,
    flags: Vec<String>,
    versions: usize,
}

impl Place {
    fn new(flags: Vec<String>) -> Self {
        let desk = Desk::new();
        let mut place = Self { desk, address: "127.0.0.1:0".to_owned(), flags, versions: 0 };
        let server = place.serve(None);
        place.desk.publisher(&server);
        place.address = server.address();
        server.kill();
        place
    }

    fn serve(&self, until: Option<Point>) -> Server {
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        self.desk.serve_by(&self.address, &flags, |command| {
            command.envs(until.map(|point| (CRASH_AT, point.as_str())));
        })
    }

    /// A new version is published while the server dies, and once more when it is back.
    fn survives(&mut self, until: Result<Point, Duration>) {
        let version = format!("1.0.{}", self.versions);
        self.versions += 1;
        self.desk.write("it.wasm", programs::ECHO, &version);
        let server = self.serve(until.ok());
        let arguments = ["publish", "it.wasm", "--key", "release", "--passphrase-file", "pass"];
        let mut publishing =
            self.desk.command("ada", &arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        match until {
            Ok(point) => assert_eq!(server.death(), Some(9), "{point:?}"),
            Err(after) => {
                thread::sleep(after);
                server.kill();
            }
        }
        let _ = publishing.kill();
        publishing.wait().unwrap();

        let server = self.serve(None);
        let ran = self.desk.publish_file("it.wasm", &[]);
        assert_eq!(ran.code, 0, "{until:?}: {ran:#?}");
        let answer = ran.answer();
        let states: Vec<_> = answer["events"].as_array().unwrap().iter().map(|event| &event["state"]).collect();
        assert_eq!(states, ["staged", "checking", "ready", "logged", "released"], "{until:?}: once, and in order");
        let watched = self.monitor(&server);
        assert_eq!(watched.code, 0, "{until:?}: {watched:#?}");
        server.kill();
    }

    /// What it remembers of the log goes on from life to life.
    fn monitor(&self, server: &Server) -> Ran {
        self.desk.run("eve", &["log", "monitor", "--registry", &server.url, "--once"])
    }
}

/// All points, and some sudden deaths, shared among registries of one kind.
fn survives_all(kind: &str, flags: &[Vec<String>]) {
    thread::scope(|scope| {
        for (number, flags) in flags.iter().enumerate() {
            scope.spawn(move || {
                let mut place = Place::new(flags.clone());
                for point in Point::ALL.iter().skip(number).step_by(PLACES) {
                    place.survives(Ok(*point));
                }
                for after_ms in SUDDEN_MS {
                    place.survives(Err(Duration::from_millis(after_ms)));
                }
            });
        }
    });
    let kills = Point::ALL.len() + PLACES * SUDDEN_MS.len();
    println!("{kind}: the server was killed {kills} times, at each of {} points", Point::ALL.len());
}

#[test]
fn killed_at_every_step_on_sqlite_it_goes_on() {
    let flags: [Vec<String>; PLACES] = Default::default();
    survives_all("sqlite", &flags);
}

#[test]
fn killed_at_every_step_on_postgresql_it_goes_on() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let databases: Option<Vec<TestDb>> = (0..PLACES).map(|_| runtime.block_on(TestDb::postgres())).collect();
    if let Some(databases) = databases {
        let flags = |database: &TestDb| vec!["--database".to_owned(), database.url.clone()];
        survives_all("postgres", &databases.iter().map(flags).collect::<Vec<_>>());
    }
}
