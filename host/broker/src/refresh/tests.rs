//! Each of these faults has been a bug of some broker.

use std::{sync::atomic::AtomicUsize, sync::atomic::Ordering, time::Duration};

use futures_util::future::join_all;
use jackfield_db::testing::TestDb;

use super::*;
use crate::{
    Error,
    clock::SECOND,
    connection::State,
    probe::Point,
    testing::{Does, World, person, refusal, token_set},
};

const HOUR: i64 = 3_600 * SECOND;

/// A world on each database, with one connection whose token has just ended.
async fn worlds() -> Vec<(World, Broker, ConnectionId)> {
    let mut all = Vec::new();
    for test in TestDb::each().await {
        let world = World::on(test);
        let broker = world.broker().await;
        let id = world.connected(&broker, "access-0", Some("refresh-0")).await;
        world.provider.expects("refresh-0");
        world.clock.advance(HOUR);
        all.push((world, broker, id));
    }
    all
}

/// What a request does: it asks for the right to use the connection, and for a token that lasts.
async fn uses(broker: &Broker, id: &ConnectionId) -> Result<String> {
    let connection = broker.use_credential(&person(), id, "test").await?;
    let fresh = broker.fresh(&connection, Need::Use).await?;
    Ok(access(broker, &fresh).await)
}

async fn access(broker: &Broker, connection: &Connection) -> String {
    broker.held(connection).await.unwrap().access.unwrap().expose_str().unwrap().to_owned()
}

async fn state(broker: &Broker, id: &ConnectionId) -> (State, i64) {
    let connection = broker.get(&person(), id).await.unwrap();
    (connection.state, connection.generation)
}

#[tokio::test(flavor = "multi_thread")]
async fn many_callers_make_one_refresh() {
    for (world, broker, id) in worlds().await {
        let answers = join_all((0..50).map(|_| uses(&broker, &id))).await;
        assert!(answers.iter().all(|answer| answer.as_deref().unwrap() == "access-1"), "{answers:?}");
        assert_eq!(world.provider.calls(), 1, "on {}", world.test.kind);
        assert_eq!(state(&broker, &id).await, (State::Active, 2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_brokers_on_one_database_make_one_refresh() {
    for (world, broker, id) in worlds().await {
        let other = world.broker().await;
        let third = world.broker().await;
        let asked = [&broker, &other, &third].into_iter().cycle().take(30).map(|broker| uses(broker, &id));
        let answers = join_all(asked).await;
        assert!(answers.iter().all(|answer| answer.as_deref().unwrap() == "access-1"), "{answers:?}");
        assert_eq!(world.provider.calls(), 1, "on {}", world.test.kind);
    }
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends_and_not_earlier() {
    for test in TestDb::each().await {
        let world = World::on(test);
        let broker = world.broker().await;
        let id = world.connected(&broker, "access-0", Some("refresh-0")).await;
        world.clock.advance(HOUR - REFRESH_AHEAD_S * SECOND - 1);
        assert_eq!(uses(&broker, &id).await.unwrap(), "access-0");
        world.clock.advance(1);
        assert_eq!(uses(&broker, &id).await.unwrap(), "access-1");
    }
}

#[test]
fn a_short_life_is_renewed_at_its_half() {
    let of = |seconds| {
        let mut tokens = token_set("a", None);
        tokens.expires_in_s = seconds;
        times(&tokens, true, 0).due_at
    };
    assert_eq!(of(Some(60)), Some(30 * SECOND));
    assert_eq!(of(Some(7_200)), Some(7_200 * SECOND - REFRESH_AHEAD_S * SECOND));
    assert_eq!(of(Some(0)), Some(0));
    assert_eq!(of(None), None);
    assert!(of(Some(u64::MAX)).is_some(), "no overflow");
}

#[tokio::test]
async fn a_rotation_whose_answer_is_lost_says_so() {
    for (world, broker, id) in worlds().await {
        world.provider.then(Does::LosesTheAnswer);
        let error = uses(&broker, &id).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
        assert_eq!(state(&broker, &id).await, (State::Degraded, 1));
        // Not asked again before its time.
        assert_eq!(uses(&broker, &id).await.unwrap_err().code(), "refresh-failed");
        assert_eq!(world.provider.calls(), 1);
        world.clock.advance(10 * SECOND);
        let error = uses(&broker, &id).await.unwrap_err();
        assert_eq!((error.code(), world.provider.calls()), ("needs-reauth", 2));
        assert!(error.to_string().contains("an earlier answer of the provider was lost"), "{error}");
        assert!(matches!(&error, Error::Refused(r) if r.hint.as_deref().unwrap().contains("reconnect")), "{error:?}");
        assert_eq!(uses(&broker, &id).await.unwrap_err().code(), "needs-reauth");
        assert_eq!(world.provider.calls(), 2, "a permanent no is not asked for again");
    }
}

#[tokio::test]
async fn an_answer_that_was_persisted_although_it_seemed_to_fail_counts_once() {
    for (world, broker, id) in worlds().await {
        let failures = AtomicUsize::new(2);
        broker.break_in(move |point| match point {
            Point::Stored
                if failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok() =>
            {
                Err(Error::Fault("the connection broke after the commit".into()))
            }
            _ => Ok(()),
        });
        assert_eq!(uses(&broker, &id).await.unwrap(), "access-1");
        assert_eq!((world.provider.calls(), state(&broker, &id).await), (1, (State::Active, 2)));
    }
}

#[tokio::test]
async fn an_answer_that_the_database_did_not_take_is_written_again() {
    for (world, broker, id) in worlds().await {
        let failures = AtomicUsize::new(3);
        broker.break_in(move |point| match point {
            Point::Storing
                if failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok() =>
            {
                Err(Error::Fault("the database is away".into()))
            }
            _ => Ok(()),
        });
        assert_eq!(uses(&broker, &id).await.unwrap(), "access-1");
        assert_eq!((world.provider.calls(), state(&broker, &id).await), (1, (State::Active, 2)));
    }
}

#[tokio::test]
async fn a_crash_between_any_two_steps_leaves_something_that_the_next_one_mends() {
    for crash_at in [Point::Intended, Point::Answered, Point::Storing, Point::Stored] {
        for (world, broker, id) in worlds().await {
            broker.break_in(move |point| {
                assert!(point != crash_at, "a crash, as it should be");
                Ok(())
            });
            assert!(uses(&broker, &id).await.is_err());
            drop(broker);
            let next = world.broker().await;
            if crash_at != Point::Stored {
                // The lease of the dead holds until it ends.
                world.clock.advance(crate::limits::REFRESH_LEASE_S * SECOND);
            }
            match (crash_at, uses(&next, &id).await) {
                (Point::Intended | Point::Stored, answer) => assert_eq!(answer.unwrap(), "access-1", "{crash_at:?}"),
                // The provider has given its answer to nobody, and forgives nothing.
                (Point::Answered | Point::Storing, answer) => {
                    let error = answer.unwrap_err();
                    assert_eq!(error.code(), "needs-reauth", "{crash_at:?}");
                    assert!(error.to_string().contains("lost"), "{error}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_deleted_during_its_refresh_stays_deleted() {
    for (world, broker, id) in worlds().await {
        *world.provider.takes.lock().unwrap() = Duration::from_millis(300);
        let (asking, asked) = (broker.clone(), id.clone());
        let asking = tokio::spawn(async move { uses(&asking, &asked).await });
        while world.provider.calls() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        broker.delete(&person(), &id).await.unwrap();
        assert_eq!(asking.await.unwrap().unwrap_err().code(), "connection-not-found");
        assert_eq!(broker.get(&person(), &id).await.unwrap_err().code(), "connection-not-found");
        let revoked = world.provider.revoked.lock().unwrap().clone();
        assert_eq!(revoked, ["access-0", "access-1"], "both were given back");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_while_it_is_switched_off_is_kept_and_it_stays_off() {
    for (world, broker, id) in worlds().await {
        *world.provider.takes.lock().unwrap() = Duration::from_millis(300);
        let (asking, asked) = (broker.clone(), id.clone());
        let asking = tokio::spawn(async move { uses(&asking, &asked).await });
        while world.provider.calls() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        broker.set_enabled(&person(), &id, false).await.unwrap();
        assert_eq!(asking.await.unwrap().unwrap_err().code(), "connection-disabled");
        assert_eq!(state(&broker, &id).await, (State::Disabled, 2));
        broker.set_enabled(&person(), &id, true).await.unwrap();
        assert_eq!(uses(&broker, &id).await.unwrap(), "access-1");
        assert_eq!(world.provider.calls(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_takes_no_answer_with_it() {
    for (world, broker, id) in worlds().await {
        *world.provider.takes.lock().unwrap() = Duration::from_millis(300);
        let gone = tokio::time::timeout(Duration::from_millis(100), uses(&broker, &id)).await;
        assert!(gone.is_err(), "it waited for the provider");
        // Nor does a process that ends in order.
        crate::refresh::settled().await;
        assert_eq!(state(&broker, &id).await.1, 2, "the answer was lost");
        assert_eq!(uses(&broker, &id).await.unwrap(), "access-1");
        assert_eq!(world.provider.calls(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_slower_than_the_lease_ends_with_one_working_token() {
    for (world, broker, id) in worlds().await {
        *world.provider.takes.lock().unwrap() = Duration::from_millis(400);
        let other = world.broker().await;
        let (asking, asked) = (broker.clone(), id.clone());
        let first = tokio::spawn(async move { uses(&asking, &asked).await });
        while world.provider.calls() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // The clock jumps beyond the lease while the first still waits for its answer.
        world.clock.advance(crate::limits::REFRESH_LEASE_S * SECOND + 1);
        let second = uses(&other, &id).await;
        let first = first.await.unwrap();
        // The second was refused, since the first had spent the refresh token; it takes what the first has brought. Or it was
        // there before the first had stored anything, and says so.
        let (now, generation) = state(&broker, &id).await;
        assert_eq!(first.as_deref().unwrap(), "access-1", "{second:?}");
        assert_eq!((now, generation), (State::Active, 2), "{second:?}");
        assert_eq!(uses(&broker, &id).await.unwrap(), "access-1");
        assert_eq!(world.provider.calls(), 2);
    }
}

#[tokio::test]
async fn a_late_holder_never_overwrites_a_later_one() {
    for (world, broker, id) in worlds().await {
        let now = world.clock.as_ref();
        let now = crate::clock::Clock::now(now);
        let swap = async |base, fence, token: &str| {
            let tokens = token_set(token, None);
            let mut tx = broker.db().begin().await.unwrap();
            let stored = connections::store_generation(&mut tx, &id, base, fence, &tokens, times(&tokens, true, now))
                .await
                .unwrap();
            tx.commit().await.unwrap();
            stored
        };
        let fence = broker.get(&person(), &id).await.unwrap().fence;
        assert_eq!(swap(1, fence + 2, "of the second").await, Some(2));
        assert_eq!(swap(1, fence + 1, "of the first, late").await, None);
        assert_eq!(swap(1, fence + 2, "of the second, again").await, None);
        assert_eq!(swap(1, fence + 3, "of a third that began as early").await, Some(3));
        assert_eq!(swap(1, fence + 4, "two generations late").await, None);
    }
}

#[tokio::test]
async fn a_refresh_that_runs_while_a_person_signs_in_changes_nothing_any_more() {
    for (world, broker, id) in worlds().await {
        *world.provider.takes.lock().unwrap() = Duration::from_millis(200);
        let (asking, asked) = (broker.clone(), id.clone());
        let asking = tokio::spawn(async move { uses(&asking, &asked).await });
        while world.provider.calls() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let tokens = token_set("signed-in-anew", Some("refresh-anew"));
        let same = broker.connected(&person(), &id, None, &tokens, None).await.unwrap();
        assert_eq!(same.id, id);
        assert_eq!(asking.await.unwrap().unwrap(), "signed-in-anew");
        assert_eq!(uses(&broker, &id).await.unwrap(), "signed-in-anew");
    }
}

#[tokio::test]
async fn a_timeout_passes_and_a_refusal_stays() {
    for (world, broker, id) in worlds().await {
        world.provider.then(Does::Fails(refusal(false, false)));
        assert!(matches!(uses(&broker, &id).await.unwrap_err(), Error::Unavailable(_)));
        assert_eq!(state(&broker, &id).await.0, State::Degraded);
        world.clock.advance(10 * SECOND);
        assert_eq!(uses(&broker, &id).await.unwrap(), "access-2");
        assert_eq!(state(&broker, &id).await, (State::Active, 2));
        world.clock.advance(HOUR);
        world.provider.then(Does::Fails(refusal(true, true)));
        assert_eq!(uses(&broker, &id).await.unwrap_err().code(), "needs-reauth");
        assert_eq!(state(&broker, &id).await.0, State::NeedsReauth);
    }
}

#[tokio::test]
async fn a_failure_while_the_token_still_works_stops_nobody() {
    for test in TestDb::each().await {
        let world = World::on(test);
        let broker = world.broker().await;
        let id = world.connected(&broker, "access-0", Some("refresh-0")).await;
        world.clock.advance(HOUR - 60 * SECOND);
        world.provider.then(Does::Fails(refusal(false, true)));
        assert_eq!(uses(&broker, &id).await.unwrap(), "access-0");
        assert_eq!(state(&broker, &id).await.0, State::Degraded);
        assert_eq!(uses(&broker, &id).await.unwrap(), "access-0", "and is not asked again at once");
        assert_eq!(world.provider.calls(), 1);
    }
}

#[tokio::test]
async fn a_refresh_by_hand_that_fails_leaves_what_works() {
    for permanent in [false, true] {
        for test in TestDb::each().await {
            let world = World::on(test);
            let broker = world.broker().await;
            let id = world.connected(&broker, "access-0", Some("refresh-0")).await;
            world.provider.then(Does::Fails(refusal(permanent, true)));
            assert!(broker.refresh(&person(), &id).await.is_err());
            assert_eq!(state(&broker, &id).await, (State::Active, 1));
            assert_eq!(uses(&broker, &id).await.unwrap(), "access-0");
            assert_eq!(broker.refresh(&person(), &id).await.unwrap().generation, 2);
        }
    }
}

#[tokio::test]
async fn a_401_renews_that_generation_once_and_not_without_end() {
    for test in TestDb::each().await {
        let world = World::on(test);
        let broker = world.broker().await;
        let id = world.connected(&broker, "access-0", Some("refresh-0")).await;
        let newer = join_all((0..10).map(|_| broker.rejected(&id, 1))).await;
        for newer in newer {
            assert_eq!(newer.unwrap().unwrap().generation, 2);
        }
        assert_eq!(world.provider.calls(), 1, "ten answers of 401 to one token");
        // The service says 401 to the new one too: the token is not what is wrong.
        assert!(broker.rejected(&id, 2).await.unwrap().is_none());
        assert_eq!(world.provider.calls(), 1);
        assert_eq!(uses(&broker, &id).await.unwrap(), "access-1");
    }
}

#[tokio::test]
async fn a_401_to_a_key_that_nothing_renews_puts_it_in_doubt_until_it_works() {
    for test in TestDb::each().await {
        let world = World::on(test);
        let broker = world.broker().await;
        let new = crate::connection::NewConnection {
            terms: crate::token::Terms::default(),
            ..crate::testing::new_connection()
        };
        let id = broker.begin(&person(), new, None).await.unwrap().id;
        let key = TokenSet::of(crate::testing::secret("an-api-key"));
        broker.connected(&person(), &id, None, &key, None).await.unwrap();
        assert!(broker.rejected(&id, 1).await.unwrap().is_none());
        assert_eq!(state(&broker, &id).await.0, State::Degraded);
        let connection = broker.use_credential(&person(), &id, "test").await.unwrap();
        let fresh = broker.fresh(&connection, Need::Use).await.unwrap();
        assert_eq!(access(&broker, &fresh).await, "an-api-key", "it is still tried");
        broker.proved(&fresh).await.unwrap();
        assert_eq!(state(&broker, &id).await.0, State::Active);
    }
}

#[tokio::test]
async fn a_clock_that_jumps_loses_no_connection() {
    for (world, broker, id) in worlds().await {
        // A holder has died, and the clock is set back by a day: its lease seems to last a day.
        broker.break_in(|point| {
            assert!(point != Point::Intended, "a crash, as it should be");
            Ok(())
        });
        assert!(uses(&broker, &id).await.is_err());
        world.clock.advance(-24 * HOUR);
        let next = world.broker().await;
        assert_eq!(next.rejected(&id, 1).await.unwrap().unwrap().generation, 2, "the lease counts for nothing");
        // And forward by a year: it is renewed, not lost.
        world.clock.advance(365 * 24 * HOUR);
        assert_eq!(uses(&next, &id).await.unwrap(), "access-2");
    }
}

#[tokio::test]
async fn without_a_refresh_token_the_end_needs_a_person() {
    for test in TestDb::each().await {
        let world = World::on(test);
        let broker = world.broker().await;
        let id = world.connected(&broker, "access-0", None).await;
        world.clock.advance(HOUR);
        let error = uses(&broker, &id).await.unwrap_err();
        assert_eq!((error.code(), world.provider.calls()), ("needs-reauth", 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_is_renewed_ahead_of_use() {
    for test in TestDb::each().await {
        let world = World::on(test);
        let broker = world.broker().await;
        *world.provider.takes.lock().unwrap() = Duration::from_millis(1);
        world.provider.forgiving.store(true, Ordering::SeqCst);
        let mut ids = Vec::new();
        for nth in 0..5 {
            ids.push(world.connected(&broker, "access-0", (nth < 3).then_some("refresh-0")).await);
        }
        assert_eq!(broker.refresh_due().await.unwrap(), 0, "nothing is due");
        world.clock.advance(HOUR - 60 * SECOND);
        assert_eq!((broker.refresh_due().await.unwrap(), world.provider.calls()), (3, 3));
        for (nth, id) in ids.iter().enumerate() {
            assert_eq!(state(&broker, id).await, (State::Active, if nth < 3 { 2 } else { 1 }));
        }
        // What nothing renews is known to have ended when it ends, before anybody needs it.
        world.clock.advance(60 * SECOND);
        broker.refresh_due().await.unwrap();
        assert_eq!(state(&broker, &ids[4]).await.0, State::NeedsReauth);
    }
}

/// One process of several: refreshes the connection that the environment names, with a provider that writes each call to a file.
#[tokio::test]
async fn a_child_process_refreshes() {
    let Ok(url) = std::env::var("JACKFIELD_TEST_REFRESH_URL") else { return };
    let id: ConnectionId = std::env::var("JACKFIELD_TEST_REFRESH_ID").unwrap().parse().unwrap();
    let calls = std::env::var("JACKFIELD_TEST_REFRESH_CALLS").unwrap();
    let broker = processes::broker(&url, calls.into()).await;
    let answers = join_all((0..10).map(|_| uses(&broker, &id))).await;
    assert!(answers.iter().all(|answer| answer.as_deref().unwrap() == "access-of-a-process"), "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_on_one_database_make_one_refresh() {
    for test in TestDb::each().await {
        let world = World::on(test);
        let broker = world.broker().await;
        let id = world.connected(&broker, "access-0", Some("refresh-0")).await;
        let calls = tempfile::NamedTempFile::new().unwrap();
        let children: Vec<_> = (0..3)
            .map(|_| {
                tokio::process::Command::new(std::env::current_exe().unwrap())
                    .args(["--exact", "refresh::tests::a_child_process_refreshes", "--nocapture"])
                    .env("JACKFIELD_TEST_REFRESH_URL", &world.test.url)
                    .env("JACKFIELD_TEST_REFRESH_ID", id.as_str())
                    .env("JACKFIELD_TEST_REFRESH_CALLS", calls.path())
                    .output()
            })
            .collect();
        for child in join_all(children).await {
            let child = child.unwrap();
            assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
            assert!(String::from_utf8_lossy(&child.stdout).contains("1 passed"));
        }
        assert_eq!(std::fs::read_to_string(calls.path()).unwrap(), "called\n", "on {}", world.test.kind);
    }
}

/// What stands in the other processes.
mod processes {
    use std::{io::Write as _, path::PathBuf, sync::Arc};

    use async_trait::async_trait;

    use crate::{
        Broker, Parts,
        clock::{HeldClock, SECOND},
        testing::{FakeReceiver, START, master_key, token_set},
        token::{Held, Revocation, Terms, TokenError, TokenSet, TokenSource},
        vault::MasterKeys,
    };

    struct Counting(PathBuf);

    #[async_trait]
    impl TokenSource for Counting {
        async fn renew(&self, _: &Terms, _: &Held) -> Result<TokenSet, TokenError> {
            let mut file = std::fs::File::options().append(true).open(&self.0).unwrap();
            file.write_all(b"called\n").unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            Ok(token_set("access-of-a-process", Some("refresh-1")))
        }

        async fn revoke(&self, _: &Terms, _: &Held) -> Result<Revocation, TokenError> {
            Ok(Revocation::NotOffered)
        }
    }

    pub(super) async fn broker(url: &str, calls: PathBuf) -> Broker {
        let db = jackfield_db::Db::open(url, jackfield_db::PoolLimits::default()).await.unwrap();
        let parts = Parts {
            db,
            keys: Arc::new(MasterKeys::parse(&master_key(1)).unwrap()),
            clock: Arc::new(HeldClock::at(START + 3_600 * SECOND)),
            source: Arc::new(Counting(calls)),
            sender: Arc::new(FakeReceiver::default()),
            events: None,
        };
        Broker::open(parts).await.unwrap()
    }
}
