//! Entries that the log takes in durably: submitted, ordered, in tiles that are synced, under a committed checkpoint.

use std::time::Instant;

use jackfield_package::{key::SigningKey, statement::Bundle};
use jackfield_registry::log::{
    self, NewStatement, StatementKind,
    sequencer::{Round, Sequencer},
};

use crate::{at_least, kit::TestRegistry};

/// Statements in one transaction of a submitter.
const SUBMITTED_AT_ONCE: u64 = 100;

pub async fn bench() {
    for registry in TestRegistry::each().await {
        let mut sequencer = Sequencer::new().unwrap();
        assert_eq!(sequencer.round(&registry.shared).await.unwrap(), Round::Grown(0));
        // One publish after the other, each alone under its checkpoint: the worst a log can meet.
        let alone = 200;
        let started = Instant::now();
        for number in 0..alone {
            submit(&registry, number..number + 1).await;
            assert_eq!(sequencer.round(&registry.shared).await.unwrap(), Round::Grown(1));
        }
        let alone_rate = rate(alone, started);
        // A backlog, as after an import.
        let backlog = 20_000;
        let started = Instant::now();
        let mut from = alone;
        while from < alone + backlog {
            submit(&registry, from..from + SUBMITTED_AT_ONCE).await;
            from += SUBMITTED_AT_ONCE;
        }
        let submitted = started.elapsed();
        let mut grown = 0;
        while let Round::Grown(entries) = sequencer.round(&registry.shared).await.unwrap() {
            grown += entries;
        }
        assert_eq!(grown, backlog);
        let whole_rate = rate(backlog, started);
        println!("log, {}: entries a second, durable", registry.kind);
        println!("  a backlog of {backlog}       {}", at_least(500.0, whole_rate));
        println!(
            "  of which submitting       {:.0} % of the time",
            100.0 * submitted.as_secs_f64() / started.elapsed().as_secs_f64()
        );
        println!("  one to a checkpoint       {alone_rate:.0}, 1/{:.0} of it", whole_rate / alone_rate);
    }
}

#[allow(clippy::cast_precision_loss)]
fn rate(entries: u64, started: Instant) -> f64 {
    entries as f64 / started.elapsed().as_secs_f64()
}

pub async fn submit(registry: &TestRegistry, numbers: std::ops::Range<u64>) {
    let key = SigningKey::from_seed([7; 32]);
    let mut tx = registry.shared.db.begin().await.unwrap();
    for number in numbers {
        let statement = NewStatement {
            bundle: Bundle::sign(format!("{{\"number\":{number}}}").into_bytes(), &key),
            kind: StatementKind::Publish,
            key: key.public_key(),
            namespace: "acme".to_owned(),
            package: None,
            version: None,
            component: None,
        };
        log::submit(&mut tx, statement, registry.shared.now() + i64::try_from(number).unwrap()).await.unwrap();
    }
    tx.commit().await.unwrap();
}
