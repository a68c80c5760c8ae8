use std::sync::atomic::Ordering;

use jackfield_db::testing::TestDb;
use proptest::prelude::*;

use super::*;
use crate::{
    clock::SECOND,
    testing::{Does, World, new_connection, person, refusal, token_set},
};

/// The rules that hold whatever the table says, written independently of it.
#[test]
fn the_table_keeps_the_rules() {
    use Step as T;
    let steps = [
        T::Connected,
        T::RefreshBegan,
        T::Refreshed,
        T::RefreshFailed,
        T::KeptWorking,
        T::Rejected,
        T::Doubted,
        T::Proved,
        T::Disabled,
        T::Enabled,
        T::Revoked,
        T::Deleted,
    ];
    for from in State::ALL {
        for step in steps {
            let Some(to) = from.after(step) else { continue };
            assert_ne!(from, State::Deleted, "nothing follows deletion");
            if from == State::Disabled && to != State::Disabled {
                assert!(matches!(step, T::Enabled | T::Revoked | T::Deleted), "only a person switches on: {step:?}");
            }
            if from == State::Revoked {
                assert!(matches!(step, T::Connected | T::Deleted), "what was given back is made anew: {step:?}");
            }
            if to == State::NeedsReauth && from != to {
                assert_eq!(step, T::Rejected);
                assert!(from.is_usable());
            }
            if to == State::Active && from != State::Active {
                let by = [T::Connected, T::Refreshed, T::KeptWorking, T::Proved, T::Enabled];
                assert!(by.contains(&step), "{from} {step:?}");
            }
        }
        assert_eq!(from.after(T::Deleted).is_some(), from != State::Deleted, "all can be deleted: {from}");
        assert_eq!(State::parse(from.as_str()), Some(from));
    }
}

/// What people and providers do.
#[derive(Clone, Copy, Debug)]
enum Op {
    Connect,
    Disable,
    Enable,
    Revoke,
    Delete,
    RefreshFine,
    RefreshFails,
    RefreshRefused,
    TimePasses,
}

/// What should come of it: a second, much smaller account of a connection.
#[derive(Clone, Copy, Debug)]
struct Model {
    state: State,
    generation: i64,
    /// Its token works.
    valid: bool,
}

impl Model {
    /// Whether the operation goes through.
    fn does(&mut self, op: Op) -> bool {
        use State as S;
        let live = !matches!(self.state, S::Deleted | S::Revoked | S::Pending);
        let on = live && self.state != S::Disabled;
        let usable = on && self.state != S::NeedsReauth;
        match op {
            Op::TimePasses => {
                self.valid = false;
                true
            }
            Op::Connect if self.state == S::Deleted => false,
            Op::Connect => {
                if self.state != S::Disabled {
                    self.state = S::Active;
                }
                (self.generation, self.valid) = (self.generation + 1, true);
                true
            }
            Op::Disable => {
                on && {
                    self.state = S::Disabled;
                    true
                }
            }
            Op::Enable => {
                self.state == S::Disabled && {
                    self.state = S::Active;
                    true
                }
            }
            Op::Revoke => {
                live && {
                    (self.state, self.valid) = (S::Revoked, false);
                    true
                }
            }
            Op::Delete => {
                self.state != S::Deleted && {
                    self.state = S::Deleted;
                    true
                }
            }
            Op::RefreshFine => {
                usable && {
                    (self.state, self.generation, self.valid) = (S::Active, self.generation + 1, true);
                    true
                }
            }
            Op::RefreshFails => {
                if usable {
                    self.state = if self.valid { S::Active } else { S::Degraded };
                }
                false
            }
            Op::RefreshRefused => {
                if usable {
                    self.state = if self.valid { S::Active } else { S::NeedsReauth };
                }
                false
            }
        }
    }
}

async fn does(world: &World, broker: &Broker, id: &ConnectionId, op: Op) -> bool {
    let caller = person();
    match op {
        Op::TimePasses => {
            world.clock.advance(3_601 * SECOND);
            true
        }
        Op::Connect => broker.connected(&caller, id, None, &token_set("a", Some("r")), None).await.is_ok(),
        Op::Disable => broker.set_enabled(&caller, id, false).await.is_ok(),
        Op::Enable => broker.set_enabled(&caller, id, true).await.is_ok(),
        Op::Revoke => broker.revoke(&caller, id).await.is_ok(),
        Op::Delete => broker.delete(&caller, id).await.is_ok(),
        Op::RefreshFine | Op::RefreshFails | Op::RefreshRefused => {
            world.provider.next.lock().unwrap().clear();
            match op {
                Op::RefreshFails => world.provider.then(Does::Fails(refusal(false, true))),
                Op::RefreshRefused => world.provider.then(Does::Fails(refusal(true, true))),
                _ => {}
            }
            let held = broker.get(&caller, id).await.ok();
            let held = match held {
                Some(connection) => broker.held(&connection).await.ok().and_then(|held| held.refresh),
                None => None,
            };
            world.provider.expects(held.as_ref().map_or("", |secret| secret.expose_str().unwrap()));
            broker.refresh(&caller, id).await.is_ok()
        }
    }
}

use crate::Broker;

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn a_connection_does_what_its_model_does(ops in prop::collection::vec(
        prop::sample::select(&[
            Op::Connect, Op::Disable, Op::Enable, Op::Revoke, Op::Delete, Op::RefreshFine, Op::RefreshFails,
            Op::RefreshRefused, Op::TimePasses,
        ][..]), 1..24))
    {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::on(TestDb::sqlite().await);
            *world.provider.takes.lock().unwrap() = std::time::Duration::ZERO;
            let broker = world.broker().await;
            let id = broker.begin(&person(), new_connection(), None).await.unwrap().id;
            let mut model = Model { state: State::Pending, generation: 0, valid: false };
            for op in ops {
                let expected = model.does(op);
                prop_assert_eq!(does(&world, &broker, &id, op).await, expected, "{:?} in {:?}", op, model);
                let row = store::connection(&mut broker.db().read().await.unwrap(), &id).await.unwrap().unwrap();
                prop_assert_eq!((row.state, row.generation), (model.state, model.generation), "after {:?}", op);
            }
            // The events tell the same story: each begins where the one before ended.
            let mut at = "pending".to_owned();
            for event in store::events_of(&mut broker.db().read().await.unwrap(), &id).await.unwrap() {
                let event: serde_json::Value = serde_json::from_str(&event).unwrap();
                let (from, to) = (&event["data"]["from"], event["data"]["to"].as_str().unwrap());
                prop_assert_eq!(from.as_str().unwrap(), &at);
                prop_assert_ne!(&at, to);
                at = to.to_owned();
            }
            prop_assert_eq!(at, model.state.as_str());
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn every_use_leaves_a_row_also_one_that_was_refused() {
    for test in TestDb::each().await {
        let world = World::on(test);
        let broker = world.broker().await;
        let id = world.connected(&broker, "access-0", None).await;
        let connector = Caller::local_connector("acme:crm".parse().unwrap());
        broker.use_credential(&connector, &id, "GET https://api.example.com").await.unwrap();
        let stranger = Caller::local_connector("evil:crm".parse().unwrap());
        let refused = broker.use_credential(&stranger, &id, "GET https://api.example.com").await.unwrap_err();
        assert_eq!(refused.code(), "connection-not-found");
        let elsewhere = Caller { tenant: "elsewhere".to_owned(), who: connector.who.clone() };
        assert!(broker.use_credential(&elsewhere, &id, "x").await.is_err());
        assert!(broker.get(&connector, &id).await.is_err(), "a connector sees no connection");
        broker.set_enabled(&person(), &id, false).await.unwrap();
        broker.use_credential(&connector, &id, "POST https://api.example.com").await.unwrap_err();
        let rows = broker.audit(&person(), &id).await.unwrap();
        let mut said: Vec<_> =
            rows.iter().map(|row| (row.caller.as_str(), row.action.as_str(), row.outcome.as_str())).collect();
        said.sort_unstable();
        assert_eq!(
            said,
            [
                ("connector acme:crm", "use", "connection-disabled"),
                ("connector acme:crm", "use", "connection-not-found"),
                ("connector acme:crm", "use", "done"),
                ("connector evil:crm", "use", "connection-not-found"),
                ("person ada", "begin", "done"),
                ("person ada", "connect", "done"),
                ("person ada", "disable", "done"),
            ],
            "on {}",
            world.test.kind
        );
    }
}

#[tokio::test]
async fn events_are_signed_and_sent_until_they_are_taken() {
    for test in TestDb::each().await {
        let world = World::on(test);
        let broker = world.broker().await;
        world.connected(&broker, "access-0", None).await;
        world.receiver.fails.store(1, Ordering::SeqCst);
        assert_eq!(broker.deliver_events().await.unwrap(), 0);
        assert_eq!(broker.deliver_events().await.unwrap(), 0, "not before its time");
        assert_eq!(world.receiver.got.lock().unwrap().len(), 1);
        world.clock.advance(5 * SECOND);
        assert_eq!(broker.deliver_events().await.unwrap(), 1);
        world.clock.advance(86_400 * SECOND);
        assert_eq!(broker.deliver_events().await.unwrap(), 0, "taken is taken");
        let got = world.receiver.got.lock().unwrap();
        let [first, second] = &got[..] else { panic!("two tries") };
        assert_eq!(first.headers()["webhook-id"], second.headers()["webhook-id"]);
        assert_ne!(first.headers()["webhook-timestamp"], second.headers()["webhook-timestamp"]);
        assert_ne!(first.headers()["webhook-signature"], second.headers()["webhook-signature"]);
        let body: serde_json::Value = serde_json::from_slice(second.body()).unwrap();
        assert_eq!((&body["type"], &body["data"]["from"]), (&"connection.active".into(), &"pending".into()));
        assert!(!String::from_utf8_lossy(second.body()).contains("access-0"));
    }
}

/// What "sign function works" expects, a test of each of the reference libraries
/// (github.com/standard-webhooks/standard-webhooks, libraries/javascript/src/webhook.test.ts). The specification itself has no
/// example that can be computed.
#[test]
fn signatures_are_those_of_standard_webhooks() {
    let secret = crate::testing::secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let endpoint = EventEndpoint::new("https://example.com", &secret).unwrap();
    let signature =
        endpoint.signatures("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#).unwrap();
    assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    let plain = EventEndpoint::new("http://example.com", &secret).err().unwrap();
    assert_eq!(plain.code(), "event-endpoint-malformed");
    let valid = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    let long = format!("whsec_{}", "MDEy".repeat(22));
    let many = [valid; 4].join("\n");
    for malformed in ["whsec_c2hvcnQ=", &long, &many, "\n", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="] {
        let malformed = EventEndpoint::new("https://example.com", &crate::testing::secret(malformed));
        assert_eq!(malformed.err().unwrap().code(), "event-secret-malformed");
    }
    // While a receiver changes from one secret to the other, both sign.
    let both = crate::testing::secret(&format!("{valid}\nwhsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"));
    let both = EventEndpoint::new("https://example.com", &both).unwrap();
    let signatures = both.signatures("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#).unwrap();
    let (first, second) = signatures.split_once(' ').unwrap();
    assert!(first.starts_with("v1,") && first != signature);
    assert_eq!(second, signature);
}

#[tokio::test]
async fn tokens_are_given_back_until_the_provider_takes_them_and_then_forgotten() {
    for test in TestDb::each().await {
        let world = World::on(test);
        let broker = world.broker().await;
        let id = world.connected(&broker, "access-0", Some("refresh-0")).await;
        let connection = broker.get(&person(), &id).await.unwrap();
        world.provider.revocations_fail.store(1, Ordering::SeqCst);
        broker.delete(&person(), &id).await.unwrap();
        assert!(world.provider.revoked.lock().unwrap().is_empty());
        assert!(broker.held(&connection).await.is_ok(), "kept, to be given back");
        broker.revoke_due().await.unwrap();
        assert!(world.provider.revoked.lock().unwrap().is_empty(), "not before its time");
        world.clock.advance(30 * SECOND);
        broker.revoke_due().await.unwrap();
        assert_eq!(*world.provider.revoked.lock().unwrap(), ["access-0"]);
        assert!(broker.held(&connection).await.is_err(), "nothing is left");
    }
}
