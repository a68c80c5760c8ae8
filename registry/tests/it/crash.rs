//! A served registry is killed at every step of a publish, and at any time, over and over, while somebody publishes and somebody
//! else watches the log: it has one history, what was acknowledged stays, and publishing goes on.
//!
//! The server is this program once more, since that starts fast; host/cli/tests/crash.rs does the same with the real binary.

use std::{
    io::{BufRead as _, BufReader},
    os::unix::process::ExitStatusExt as _,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use jackfield_db::testing::TestDb;
use jackfield_registry::{
    Config, Registry,
    clock::{Clock, Micros, SECOND, SystemClock},
    fault::{CRASH_AT, Point},
    registry::Parts,
    serve,
};
use tokio_util::sync::CancellationToken;

use crate::{
    crash_client::{Author, Watcher},
    kit::ORIGIN,
    publish_kit::Told,
};

/// Kills of each database's server.
const KILLS: usize = 200;
/// How much later each life begins: the leases of the dead one have run out.
const BETWEEN_LIVES_S: i64 = 60;
/// How often one of two processes is paused, and for how long: longer than the lease of the log, which is 10 s.
const PAUSES: usize = 4;
const PAUSE: Duration = Duration::from_secs(12);
/// A life that was to end at a point, and did not come there, ends the test.
const LIFE: Duration = Duration::from_secs(120);

/// The machine's clock, and some time more.
#[derive(Debug)]
struct Later(Micros);

impl Clock for Later {
    fn now(&self) -> Micros {
        SystemClock.now() + self.0
    }
}

/// The child.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by the tests below as another process"]
async fn life() {
    let variable = |name: &str| std::env::var(format!("CRASH_{name}"));
    let config = Config {
        data: variable("DATA").unwrap().into(),
        database: variable("DATABASE").ok(),
        origin: ORIGIN.to_owned(),
        sequence_interval_ms: 5,
        requests_per_minute: 0,
        ..Config::default()
    };
    let later = variable("LIFE").unwrap().parse::<i64>().unwrap() * BETWEEN_LIVES_S * SECOND;
    let parts = Parts { clock: Arc::new(Later(later)), validator: Some(Arc::new(Told::good())), ..Parts::system() };
    let registry = Registry::open(config, parts).await.unwrap();
    let listener = serve::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    println!("listening on http://{}", listener.local_addr().unwrap());
    serve::serve(listener, registry, CancellationToken::new()).await;
}

/// A folder and a database, and whoever serves them now.
struct Place {
    data: tempfile::TempDir,
    database: Option<TestDb>,
    lives: usize,
}

impl Place {
    /// Serves; dies at that point. Its address.
    fn live(&mut self, until: Option<Point>) -> (Child, String) {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "crash::life", "--ignored", "--nocapture", "--test-threads=1"])
            .env("CRASH_DATA", self.data.path())
            .env("CRASH_LIFE", self.lives.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(database) = &self.database {
            command.env("CRASH_DATABASE", &database.url);
        }
        if let Some(point) = until {
            command.env(CRASH_AT, point.as_str());
        }
        self.lives += 1;
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // The test harness begins the line.
        let told = lines.map_while(Result::ok).find_map(|line| Some(line.split_once("listening on ")?.1.to_owned()));
        match told {
            Some(url) => (child, url),
            None => panic!("no life: {:?}", child.wait()),
        }
    }
}

/// A little randomness that is the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

async fn survives(kind: &str, database: Option<TestDb>) {
    let mut place = Place { data: tempfile::tempdir().unwrap(), database, lives: 0 };
    let (mut child, url) = place.live(None);
    let mut author = Author::new(&url, place.data.path()).await;
    let mut watcher = Watcher::new(&url).await;
    child.kill().unwrap();
    child.wait().unwrap();

    let mut dice = Dice(7);
    let mut reached = Vec::new();
    for kill in 0..KILLS {
        // In turn: at the next point there is, and whenever it happens.
        let until = (kill % 2 == 0).then(|| Point::ALL[kill / 2 % Point::ALL.len()]);
        let (mut child, url) = place.live(until);
        let time = match until {
            Some(_) => LIFE,
            None => Duration::from_millis(dice.below(500)),
        };
        let living = async { tokio::join!(author.publish_until_gone(&url), watcher.watch_until_gone(&url)) };
        let ended = tokio::time::timeout(time, living).await.is_ok();
        if until.is_none() {
            child.kill().unwrap();
        }
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), Some(9), "{kind}: kill {kill}, {until:?}");
        if let Some(point) = until {
            assert!(ended, "{kind}: {point:?} was not reached");
            reached.push(point);
        }
    }
    assert!(Point::ALL.iter().all(|point| reached.contains(point)), "{kind}: only {reached:?}");

    let (mut child, url) = place.live(None);
    author.finish(&url, &mut watcher).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let (released, entries) = (author.released(), watcher.size());
    assert!(released >= KILLS / 10, "{kind}: only {released} releases came out");
    println!("{kind}: {KILLS} kills, each of {} points; {released} releases, {entries} entries", Point::ALL.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_two_hundred_times_on_sqlite_it_has_one_history() {
    survives("sqlite", None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_two_hundred_times_on_postgresql_it_has_one_history() {
    if let Some(database) = TestDb::postgres().await {
        survives("postgres", Some(database)).await;
    }
}

/// Two processes serve one registry. One is stopped for longer than its lease, wherever it is, and the other writes the log; then
/// it goes on where it was, and the other is stopped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_paused_past_its_lease_does_no_harm() {
    use rustix::process::{Pid, Signal, kill_process};
    let Some(database) = TestDb::postgres().await else { return };
    let mut place = Place { data: tempfile::tempdir().unwrap(), database: Some(database), lives: 0 };
    let first = place.live(None);
    // With the clock of the first.
    place.lives = 0;
    let mut servers = [first, place.live(None)];
    let mut author = Author::new(&servers[0].1, place.data.path()).await;
    let mut watcher = Watcher::new(&servers[0].1).await;
    let mut dice = Dice(11);
    for _ in 0..PAUSES {
        servers.swap(0, 1);
        let [(paused, _), (_, awake)] = &servers;
        let paused = Pid::from_child(paused);
        // Both write as long as both can.
        let _ = tokio::time::timeout(Duration::from_millis(dice.below(1200)), author.publish_one(awake)).await;
        kill_process(paused, Signal::STOP).unwrap();
        // One that holds a row of the database holds up the other, and no longer than it is paused.
        let _ = tokio::time::timeout(PAUSE, author.publish_one(awake)).await;
        watcher.look_at(awake).await;
        kill_process(paused, Signal::CONT).unwrap();
        tokio::time::timeout(LIFE, author.publish_one(awake)).await.unwrap();
        for (_, url) in &servers {
            watcher.look_at(url).await;
        }
    }
    let url = servers[0].1.clone();
    author.finish(&url, &mut watcher).await;
    for (child, _) in &mut servers {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(author.released() >= PAUSES, "{} releases", author.released());
}
