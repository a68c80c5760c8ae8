//! Killed at every step, again and again: never two roots for a size, and nothing that was acknowledged is lost.

use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
};

use jackfield_package::log::{Checkpoint, SignedNote};
use jackfield_registry::{
    Config, Registry,
    log::{
        self,
        sequencer::{Round, Sequencer},
    },
    registry::Parts,
};

use crate::{
    kit::{ORIGIN, TestRegistry},
    log::{entries, entry, sequence, statement},
};

/// Kills per database: with both, more than 200.
const KILLS: u64 = 110;
/// Statements submitted in each life: enough that tiles fill up now and then.
const PER_LIFE: u64 = 7;

/// The child: submits, says so on stdout, sequences, and dies by SIGKILL at the step that it was told.
#[tokio::test]
#[ignore = "run by the test below as another process"]
async fn life() {
    let variable = |name: &str| std::env::var(format!("LOG_CRASH_{name}")).unwrap();
    let (step, first): (u64, u64) = (variable("STEP").parse().unwrap(), variable("FIRST").parse().unwrap());
    let config = Config {
        data: variable("DATA").into(),
        origin: ORIGIN.to_owned(),
        database: Some(variable("DATABASE")),
        ..Config::default()
    };
    let registry = Registry::open(config, Parts::system()).await.unwrap();
    let mut tx = registry.db.begin().await.unwrap();
    for number in first..first + PER_LIFE {
        log::submit(&mut tx, statement(number), registry.now() + i64::try_from(number - first).unwrap()).await.unwrap();
    }
    tx.commit().await.unwrap();
    println!("submitted {first}");
    let passed = AtomicU64::new(0);
    let mut sequencer = Sequencer::new().unwrap().watched(move |at| {
        println!("{at:?}");
        if passed.fetch_add(1, Ordering::SeqCst) == step {
            // No destructor, no flush, no goodbye: as the kernel does it.
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
    });
    loop {
        match sequencer.round(&registry).await {
            Ok(Round::Idle) => break,
            // The lease of the one before, which died with it, runs out.
            _ => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
        }
    }
    println!("lived");
}

#[tokio::test]
async fn killed_at_every_step_the_log_has_one_history() {
    for registry in TestRegistry::each().await {
        let mut roots: BTreeMap<u64, String> = BTreeMap::new();
        let mut acknowledged: u64 = 0;
        let mut first: u64 = 0;
        let mut kills = 0;
        let mut step = 0;
        while kills < KILLS {
            // What a dead writer held is not held for ever; the test does not wait for it.
            free_the_lease(&registry).await;
            let output = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "log_crash::life", "--ignored", "--nocapture", "--test-threads=1"])
                .env("LOG_CRASH_DATA", registry.data.path())
                .env("LOG_CRASH_DATABASE", registry.shared.config.database.clone().unwrap())
                .env("LOG_CRASH_STEP", step.to_string())
                .env("LOG_CRASH_FIRST", first.to_string())
                .stderr(Stdio::null())
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            if said.contains(&format!("submitted {first}")) {
                acknowledged = first + PER_LIFE;
            }
            first += PER_LIFE;
            if said.contains("lived") {
                // It has fewer steps than that: begin again at the first.
                step = 0;
            } else {
                assert!(!output.status.success(), "{}: {said}", registry.kind);
                kills += 1;
                step += 1;
            }
            remember(&registry, &mut roots).await;
        }
        // The last writer finishes, and everything is there, in one order, under roots that were never contradicted.
        free_the_lease(&registry).await;
        sequence(&registry).await;
        remember(&registry, &mut roots).await;
        let logged = entries(&registry).await;
        assert_eq!(logged.len() as u64, acknowledged, "{}", registry.kind);
        for number in 0..acknowledged {
            assert!(logged.contains(&entry(number)), "{}: {number} is lost", registry.kind);
        }
        let mut edge = jackfield_package::log::tile::Edge::empty();
        for entry in &logged {
            edge.push_entry(entry);
            if let Some(root) = roots.get(&edge.size()) {
                assert_eq!(*root, edge.root().to_string(), "{}: size {}", registry.kind, edge.size());
            }
        }
        assert!(roots.len() > 20, "{}: many sizes were published", registry.kind);
    }
}

async fn free_the_lease(registry: &TestRegistry) {
    let mut tx = registry.shared.db.begin().await.unwrap();
    jackfield_db::on!(&mut tx, c => sqlx::query("UPDATE log_lease SET expires_at = 0").execute(c), rows).unwrap();
    tx.commit().await.unwrap();
}

/// Looks at what a client would be shown, and at every note that was ever signed: one root a size, for ever.
async fn remember(registry: &TestRegistry, roots: &mut BTreeMap<u64, String>) {
    let mut conn = registry.shared.db.read().await.unwrap();
    let notes: Vec<String> =
        jackfield_db::on!(&mut conn, c => sqlx::query_scalar("SELECT note FROM log_checkpoints").fetch_all(c)).unwrap();
    let key = log::verifier(&registry.shared).unwrap();
    let published = log::checkpoint(&registry.shared).await.unwrap().map(|newest| newest.note.to_string());
    for note in notes.iter().chain(&published) {
        let checkpoint = Checkpoint::open(&SignedNote::parse(note.as_bytes()).unwrap(), &key).unwrap();
        let root = checkpoint.root.to_string();
        let before = roots.entry(checkpoint.size).or_insert_with(|| root.clone());
        assert_eq!(*before, root, "{}: two roots for size {}", registry.kind, checkpoint.size);
    }
}
