//! The process ends at every point of publishing, again and again: what comes out comes out once, with its statements.
//!
//! A future that is dropped where it waits leaves rows and bytes exactly as a killed process does: transactions that were not
//! committed never were, and nobody runs the lines that would have followed.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll},
};

use jackfield_registry::{clock::SECOND, log::sequencer::Sequencer, publish::worker::Worker};

use crate::{
    kit::{TestRegistry, validated_by},
    publish_kit::{Publisher, Told, package, work},
};

/// Runs it until it has waited that often, and drops it there. True: it had ended before.
async fn killed_after(waits: usize, work: impl Future<Output = ()>) -> bool {
    let mut work = pin!(work);
    let mut left = waits;
    std::future::poll_fn(move |context: &mut Context<'_>| match work.as_mut().poll(context) {
        Poll::Ready(()) => Poll::Ready(true),
        Poll::Pending if left == 0 => Poll::Ready(false),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

#[tokio::test]
async fn killed_at_every_point_it_is_released_once_with_its_statements() {
    let mut kills = 0;
    for registry in TestRegistry::each_with(validated_by(Told::good())).await {
        let alice = Publisher::new(&registry, "acme", 1).await;
        let mut waits = 0;
        let mut number = 0;
        loop {
            number += 1;
            let release = package("acme:weather", &format!("1.0.{number}"), |_| {});
            alice.publish(&release).await;
            // The lease of the writer before has ended.
            registry.clock.advance(3600 * SECOND);
            let round = async {
                let worker = Worker::new().unwrap();
                while worker.check_next(&registry.shared).await.unwrap() {}
                let mut sequencer = Sequencer::new().unwrap();
                for _ in 0..2 {
                    sequencer.round(&registry.shared).await.unwrap();
                }
                worker.release_passed(&registry.shared).await.unwrap();
            };
            let ended = killed_after(waits, round).await;
            kills += usize::from(!ended);
            // Never out without both statements in the log, at whatever point it ended.
            let progress = alice.progress(&release).await;
            let out = alice.is_out(&release).await;
            assert_eq!(out, progress["state"] == "released", "{}, killed after {waits}: {progress}", registry.kind);

            let again = registry.reopen_with(validated_by(Told::good())).await;
            again.clock.advance(3600 * SECOND);
            work(&again).await;
            let progress = alice.progress(&release).await;
            assert_eq!(progress["state"], "released", "{}, killed after {waits}: {progress}", registry.kind);
            let story: Vec<&str> =
                progress["events"].as_array().unwrap().iter().map(|event| event["state"].as_str().unwrap()).collect();
            assert_eq!(story, ["staged", "checking", "ready", "logged", "released"], "killed after {waits}");
            let statements = again.get(&Publisher::path(&release, "statements")).send().await.expect(200);
            let kinds = statements.to_string();
            assert!(kinds.contains("publish") && kinds.contains("checks"), "{kinds}");
            if ended {
                break;
            }
            // Every point at first, and then, where one wait follows like another, fewer.
            waits += if waits < 40 { 1 } else { 3 };
        }
    }
    assert!(kills >= 60, "only {kills} points to be killed at");
}

#[tokio::test]
async fn two_processes_release_it_once() {
    for registry in TestRegistry::each_with(validated_by(Told::good())).await {
        let alice = Publisher::new(&registry, "acme", 1).await;
        let other = registry.reopen_with(validated_by(Told::good())).await;
        for number in 0..8 {
            let release = package("acme:weather", &format!("1.0.{number}"), |_| {});
            alice.publish(&release).await;
            let (a, b) = (Worker::new().unwrap(), Worker::new().unwrap());
            let (first, second) = tokio::join!(a.check_next(&registry.shared), b.check_next(&other.shared));
            assert!(first.unwrap() ^ second.unwrap(), "one of them has the lease");
            registry.clock.advance(3600 * SECOND);
            let mut sequencer = Sequencer::new().unwrap();
            for _ in 0..2 {
                sequencer.round(&registry.shared).await.unwrap();
            }
            let (first, second) = tokio::join!(a.release_passed(&registry.shared), b.release_passed(&other.shared));
            assert_eq!(first.unwrap() + second.unwrap(), 1, "{}", registry.kind);
            assert_eq!(alice.progress(&release).await["events"].as_array().unwrap().len(), 5);
        }
    }
}
