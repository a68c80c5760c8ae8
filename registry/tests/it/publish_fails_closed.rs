//! Whatever keeps a rule from being answered is never a pass: no validator, a dead, slow, silent or lying one, no database, no
//! disk.

use std::time::Duration;

use jackfield_db::PoolLimits;
use jackfield_package::check::{Level, State};
use jackfield_registry::{
    clock::SECOND,
    log::sequencer::Sequencer,
    publish::{rules::DESCRIBE_EQUAL, worker::Worker},
    registry::Parts,
    validator::{Contents, Examination, Trial, Tried, ValidatorFault},
};

use crate::{
    kit::{TestRegistry, validated_by},
    publish_kit::{Publisher, Told, examine, package, work},
};

/// Tries it as often as the registry does; it must end held, and a good validator must be able to go on from there.
async fn never_released(registry: &TestRegistry, alice: &Publisher<'_>, version: &str, why: &str) {
    let release = package("acme:weather", version, |_| {});
    alice.publish(&release).await;
    for _ in 0..8 {
        work(registry).await;
        let state = alice.state(&release).await;
        assert!(matches!(state.as_str(), "checking" | "held"), "{}: {why}: {state}", registry.kind);
        registry.clock.advance(24 * 3600 * SECOND);
    }
    let progress = alice.progress(&release).await;
    assert_eq!(
        (progress["state"].as_str(), progress["next_actor"].as_str()),
        (Some("held"), Some("moderator")),
        "{why}"
    );
    assert!(!alice.is_out(&release).await, "{why}");
    let logged = registry.get(&format!("/v1/packages/acme/weather/{version}")).send().await;
    assert_eq!(logged.status.as_u16(), 404, "{why}");

    let mended = registry.reopen_with(validated_by(Told::good())).await;
    let path = format!("/v1/moderation/releases/{}", progress["id"].as_str().unwrap());
    let approve = serde_json::json!({ "decision": "approve", "reason": "The validator is back." });
    mended.post(&path).token(&mended.operator()).json(&approve).send().await.expect(200);
    work(&mended).await;
    assert_eq!(alice.state(&release).await, "released", "{why}");
}

#[tokio::test]
async fn without_a_validator_nothing_is_released() {
    for registry in TestRegistry::each().await {
        let alice = Publisher::new(&registry, "acme", 1).await;
        never_released(&registry, &alice, "1.0.0", "no validator").await;
    }
}

#[tokio::test]
async fn a_validator_that_fails_in_whatever_way_releases_nothing() {
    type Answer = fn(Vec<u8>) -> Result<Examination, ValidatorFault>;
    let rows: [(&str, Answer); 9] = [
        ("missing", |_| Err(ValidatorFault::Missing)),
        ("timed out", |_| Err(ValidatorFault::TimedOut)),
        ("killed", |_| Err(ValidatorFault::Killed("signal 9".to_owned()))),
        ("failed", |_| Err(ValidatorFault::Failed("it fell over".to_owned()))),
        ("says nothing", |_| Ok(Examination { outcomes: Vec::new(), facts: None })),
        ("forgets a rule", |bytes| {
            let mut examination = examine(bytes);
            examination.outcomes.retain(|outcome| outcome.id != "egress-hosts");
            Ok(examination)
        }),
        ("does not know", |bytes| {
            let mut examination = examine(bytes);
            examination.outcomes.retain(|outcome| outcome.id != DESCRIBE_EQUAL.id);
            examination.outcomes.push(DESCRIBE_EQUAL.unknown("the sandbox failed"));
            Ok(examination)
        }),
        ("calls a rule a warning", |bytes| {
            let mut examination = examine(bytes);
            for outcome in &mut examination.outcomes {
                outcome.level = Level::Warning;
                outcome.state = State::Pass;
            }
            Ok(examination)
        }),
        ("speaks of other bytes", |_| Ok(examine(package("acme:weather", "9.9.9", |_| {}).bytes().to_vec()))),
    ];
    for (why, answer) in rows {
        for registry in TestRegistry::each_with(validated_by(Told::new(move |_, bytes| answer(bytes)))).await {
            let alice = Publisher::new(&registry, "acme", 1).await;
            never_released(&registry, &alice, "1.0.0", why).await;
        }
    }
}

#[tokio::test]
async fn a_validator_that_never_answers_is_not_waited_for() {
    #[derive(Clone, Debug)]
    struct Silent;
    #[async_trait::async_trait]
    impl jackfield_registry::validator::Validator for Silent {
        async fn validate(&self, _: &std::path::Path) -> Result<Examination, ValidatorFault> {
            std::future::pending().await
        }

        async fn read(&self, _: &std::path::Path) -> Result<Contents, ValidatorFault> {
            std::future::pending().await
        }

        async fn try_out(&self, _: &std::path::Path, _: &Trial) -> Result<Tried, ValidatorFault> {
            std::future::pending().await
        }
    }
    let with = |config: &mut jackfield_registry::Config, parts: &mut Parts| {
        config.validator_timeout_s = 0;
        parts.validator = Some(std::sync::Arc::new(Silent));
    };
    for registry in TestRegistry::each_with(with).await {
        let alice = Publisher::new(&registry, "acme", 1).await;
        let release = package("acme:weather", "1.0.0", |_| {});
        alice.publish(&release).await;
        Worker::new().unwrap().check_next(&registry.shared).await.unwrap();
        let progress = alice.progress(&release).await;
        assert_eq!(progress["state"], "checking", "{progress}");
        assert!(progress["reason"].as_str().unwrap().contains("longer than it may"), "{progress}");
    }
}

#[tokio::test]
async fn a_fault_that_passes_holds_nothing_up_for_ever() {
    let flaky = Told::new(|asked, bytes| if asked < 3 { Err(ValidatorFault::TimedOut) } else { Ok(examine(bytes)) });
    for registry in TestRegistry::each_with(validated_by(flaky.clone())).await {
        flaky.asked.store(0, std::sync::atomic::Ordering::SeqCst);
        let alice = Publisher::new(&registry, "acme", 1).await;
        let release = package("acme:weather", "1.0.0", |_| {});
        alice.publish(&release).await;
        work(&registry).await;
        let waiting = alice.progress(&release).await;
        assert_eq!(waiting["state"], "checking");
        assert!(waiting["retry_at"].as_i64().is_some(), "{waiting}");
        work(&registry).await;
        assert_eq!(flaky.asked.load(std::sync::atomic::Ordering::SeqCst), 1, "not before its time");
        for _ in 0..2 {
            registry.clock.advance(60 * SECOND);
            work(&registry).await;
        }
        assert_eq!(alice.state(&release).await, "released", "{}", registry.kind);
    }
}

#[tokio::test]
async fn an_exhausted_pool_releases_nothing_and_loses_nothing() {
    for registry in TestRegistry::each_with(validated_by(Told::good())).await {
        let alice = Publisher::new(&registry, "acme", 1).await;
        let release = package("acme:weather", "1.0.0", |_| {});
        alice.publish(&release).await;
        let narrow = registry
            .reopen_with(|_, parts| {
                parts.validator = Some(std::sync::Arc::new(Told::good()));
                parts.pool = PoolLimits { connections: 1, acquire_timeout: Duration::from_secs(3) };
            })
            .await;
        let worker = Worker::new().unwrap();
        let taken = narrow.shared.db.begin().await.unwrap();
        let problem = worker.check_next(&narrow.shared).await.unwrap_err();
        assert_eq!(problem.code, "database-unavailable", "{}", registry.kind);
        narrow
            .post(&Publisher::path(&release, "statements"))
            .token(&alice.token)
            .send()
            .await
            .expect_problem(503, "database-unavailable");
        drop(taken);
        registry.clock.advance(3600 * SECOND);
        work(&registry).await;
        assert_eq!(alice.state(&release).await, "released", "{}", registry.kind);
    }
}

#[tokio::test]
async fn bytes_that_can_not_be_read_or_written_release_nothing() {
    for registry in TestRegistry::each_with(validated_by(Told::good())).await {
        let alice = Publisher::new(&registry, "acme", 1).await;
        let release = package("acme:weather", "1.0.0", |_| {});
        alice.publish(&release).await;
        // The component is gone from the disk.
        let hex = release.digest().hex();
        let blob = registry.data.path().join("blobs/blobs/sha256").join(&hex);
        let aside = registry.data.path().join("aside");
        std::fs::rename(&blob, &aside).unwrap();
        work(&registry).await;
        let waiting = alice.progress(&release).await;
        assert_eq!(waiting["state"], "checking", "{waiting}");
        assert!(waiting["reason"].as_str().unwrap().contains("bytes are gone"), "{waiting}");
        std::fs::rename(&aside, &blob).unwrap();

        // It passes, and the log's tiles can't be written: as on a full disk.
        registry.clock.advance(3600 * SECOND);
        let worker = Worker::new().unwrap();
        while worker.check_next(&registry.shared).await.unwrap() {}
        assert_eq!(alice.state(&release).await, "ready");
        let log = registry.data.path().join("blobs/log");
        let kept = registry.data.path().join("log-aside");
        let was_there = std::fs::rename(&log, &kept).is_ok();
        std::fs::write(&log, b"in the way").unwrap();
        let mut sequencer = Sequencer::new().unwrap();
        registry.clock.advance(3600 * SECOND);
        let _ = sequencer.round(&registry.shared).await;
        let round = sequencer.round(&registry.shared).await;
        assert_eq!(worker.release_passed(&registry.shared).await.unwrap(), 0, "{round:?}");
        assert_eq!(alice.state(&release).await, "ready", "{}: {round:?}", registry.kind);
        assert!(!alice.is_out(&release).await);
        std::fs::remove_file(&log).unwrap();
        if was_there {
            std::fs::rename(&kept, &log).unwrap();
        }
        registry.clock.advance(3600 * SECOND);
        work(&registry).await;
        assert_eq!(alice.state(&release).await, "released", "{}", registry.kind);
    }
}
