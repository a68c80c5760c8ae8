//! Whatever was published, taken back, given back and re-keyed, in whatever order: the state made anew from the log is the state
//! that is served. And what is changed beside the log is found.

use std::collections::BTreeMap;

use jackfield_package::{
    Package,
    key::SigningKey,
    statement::{KeysetStatement, StatusAction, StatusStatement, StatusSubject},
};
use jackfield_registry::{
    clock::{DAY, SECOND},
    log::rebuild::{compare, rebuild},
    publish::State,
    status::settle,
};
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use serde_json::{Value, json};

use crate::{
    kit::{Answer, ORIGIN, TestRegistry, validated_by},
    publish_kit::{Publisher, Told, package, work},
};

/// Histories on each database, and acts in each.
const HISTORIES: usize = 4;
const ACTS: usize = 30;

/// Something that somebody does. Numbers choose among what there is.
#[derive(Clone, Debug)]
enum Act {
    Publish {
        package: usize,
    },
    /// By the owner's key, or the registry's order.
    Status {
        release: usize,
        action: StatusAction,
        by_owner: bool,
    },
    /// So many keys from now on, one of them new; all must sign.
    Rotate {
        keys: usize,
    },
    /// Of a key that is or was the namespace's; from an index on, or wholly.
    Key {
        key: usize,
        revoke: bool,
        since: Option<u64>,
    },
    /// What waits comes into the log, and takes effect.
    Settle,
    Days(i64),
}

fn act() -> impl Strategy<Value = Act> {
    let action = prop_oneof![
        Just(StatusAction::Yank),
        Just(StatusAction::Quarantine),
        Just(StatusAction::Revoke),
        Just(StatusAction::Lift),
        Just(StatusAction::Lift),
    ];
    prop_oneof![
        6 => (0..2usize).prop_map(|package| Act::Publish { package }),
        8 => (any::<usize>(), action, any::<bool>())
            .prop_map(|(release, action, by_owner)| Act::Status { release, action, by_owner }),
        2 => (1..4usize).prop_map(|keys| Act::Rotate { keys }),
        2 => (any::<usize>(), any::<bool>(), proptest::option::of(0..60u64))
            .prop_map(|(key, revoke, since)| Act::Key { key, revoke, since }),
        5 => Just(Act::Settle),
        1 => (1..5i64).prop_map(Act::Days),
    ]
}

async fn differences(registry: &TestRegistry) -> Vec<String> {
    compare(&registry.shared, &rebuild(&registry.shared).await.unwrap()).await.unwrap()
}

/// A registry's history so far.
struct History<'a> {
    registry: &'a TestRegistry,
    alice: Publisher<'a>,
    /// All that ever were the namespace's.
    keys: Vec<u8>,
    keyset: u64,
    released: Vec<Package>,
    versions: [u64; 2],
    said: u64,
}

impl History<'_> {
    /// Does it, as far as the registry lets it: what is refused is no part of the history.
    async fn act(&mut self, act: &Act) {
        // Two acts are never at the same time.
        self.registry.clock.advance(SECOND);
        match act {
            Act::Publish { package: number } => {
                let version = format!("1.{}.0", self.versions[*number]);
                self.versions[*number] += 1;
                let release = package(&format!("acme:weather{number}"), &version, |_| {});
                if self.alice.push(&release).await.status != 201 {
                    return;
                }
                let statement = self.alice.statement(&release).await;
                for key in &self.alice.keys {
                    self.alice.hand_in(&release, &statement, key).await;
                }
                self.released.push(release);
            }
            Act::Status { release, action, by_owner } => {
                let Some(release) = self.released.get(release % self.released.len().max(1)) else { return };
                let path = Publisher::path(release, "status");
                self.said += 1;
                let reason = format!("Because of {}.", self.said);
                if *by_owner {
                    let statement = StatusStatement {
                        registry: ORIGIN.to_owned(),
                        subject: StatusSubject::Release {
                            name: release.manifest().name.clone(),
                            version: release.manifest().version.clone(),
                            component: release.digest(),
                        },
                        action: *action,
                        reason,
                        since_index: None,
                        expires: None,
                        by: "user:acme-owner".to_owned(),
                    };
                    let bundle: Value =
                        serde_json::from_slice(&statement.sign(&self.alice.keys[0]).to_bytes()).unwrap();
                    let _ = self.send(&path, &self.alice.token, json!({ "bundle": bundle })).await;
                } else {
                    let order = json!({ "order": { "action": action.as_str(), "reason": reason } });
                    let _ = self.send(&path, &self.registry.operator(), order).await;
                }
            }
            Act::Rotate { keys } => self.rotate(*keys).await,
            Act::Key { key, revoke, since } => {
                let key = SigningKey::from_seed([self.keys[key % self.keys.len()]; 32]);
                let path = format!("/v1/namespaces/acme/keys/{}/status", key.key_id());
                self.said += 1;
                let (action, since) = if *revoke { ("revoke", *since) } else { ("lift", None) };
                let reason = format!("Because of {}.", self.said);
                let order = json!({ "order": { "action": action, "reason": reason, "since_index": since } });
                let _ = self.send(&path, &self.registry.operator(), order).await;
            }
            Act::Settle => self.settle().await,
            Act::Days(days) => self.registry.clock.advance(days * DAY),
        }
    }

    async fn send(&self, path: &str, token: &str, body: Value) -> Answer {
        let answer = self.registry.post(path).token(token).json(&body).send().await;
        assert!(!answer.status.is_server_error(), "{path}: {body}: {:?}", answer.bytes);
        answer
    }

    async fn rotate(&mut self, count: usize) {
        let seed = 100 + u8::try_from(self.keys.len()).unwrap();
        let mut seeds: Vec<u8> = self.keys.iter().rev().take(count - 1).copied().collect();
        seeds.push(seed);
        let keys: Vec<_> = seeds.iter().map(|seed| SigningKey::from_seed([*seed; 32])).collect();
        let keyset = KeysetStatement {
            namespace: "acme".parse().unwrap(),
            version: self.keyset + 1,
            threshold: keys.len() as u64,
            keys: keys.iter().map(SigningKey::public_key).collect(),
            reason: "Other keys.".to_owned(),
        };
        let mut bundles = BTreeMap::new();
        for key in self.alice.keys.iter().chain(&keys) {
            let bundle: Value = serde_json::from_slice(&keyset.sign(key).to_bytes()).unwrap();
            bundles.insert(key.key_id().to_string(), bundle);
        }
        let bundles: Vec<_> = bundles.into_values().collect();
        let token = self.alice.token.clone();
        let answer = self.send("/v1/namespaces/acme/keyset", &token, json!({ "bundles": bundles })).await;
        if answer.status.is_success() || self.recover(&keyset, &keys).await {
            self.keyset += 1;
            self.keys.push(seed);
            self.alice.keys = keys;
        }
    }

    /// What revoked keys can't sign, the registry signs two weeks later.
    async fn recover(&self, keyset: &KeysetStatement, keys: &[SigningKey]) -> bool {
        let bundles: Vec<Value> =
            keys.iter().map(|key| serde_json::from_slice(&keyset.sign(key).to_bytes()).unwrap()).collect();
        let (operator, path) = (self.registry.operator(), "/v1/namespaces/acme/recovery");
        let recovery = json!({ "bundles": bundles, "reason": "They are revoked." });
        if !self.send(path, &operator, recovery).await.status.is_success() {
            return false;
        }
        self.registry.clock.advance(15 * DAY);
        self.send(&format!("{path}/complete"), &operator, json!({})).await.status.is_success()
    }

    async fn settle(&self) {
        work(self.registry).await;
        while settle::due(&self.registry.shared).await.unwrap() > 0 {}
    }

    /// State by package and version, as everybody is told.
    async fn served(&self) -> BTreeMap<(String, String), State> {
        let mut served = BTreeMap::new();
        for release in &self.released {
            let state: State = self.alice.state(release).await.parse().unwrap();
            if state.is_public() {
                let manifest = release.manifest();
                served.insert((manifest.name.to_string(), manifest.version.to_string()), state);
            }
        }
        served
    }
}

async fn lived<'a>(registry: &'a TestRegistry, acts: &[Act]) -> History<'a> {
    let alice = Publisher::new(registry, "acme", 1).await;
    // The key that `Publisher` chose can't be named by its seed: the history begins with one that can.
    let mut history =
        History { registry, alice, keys: Vec::new(), keyset: 1, released: Vec::new(), versions: [0, 0], said: 0 };
    history.rotate(1).await;
    history.settle().await;
    for act in acts {
        history.act(act).await;
    }
    history.settle().await;
    history
}

#[tokio::test]
async fn the_state_made_from_the_log_is_the_state_that_is_served() {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[23; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = proptest::collection::vec(act(), ACTS);
    let mut met: BTreeMap<State, usize> = BTreeMap::new();
    for number in 0..HISTORIES {
        let mut acts = strategy.new_tree(&mut runner).unwrap().current();
        // What ends by itself is there at the end.
        acts.push(Act::Status { release: number, action: StatusAction::Quarantine, by_owner: false });
        for registry in TestRegistry::each_with(validated_by(Told::good())).await {
            let history = lived(&registry, &acts).await;
            let found = differences(&registry).await;
            assert!(found.is_empty(), "{}, history {number}: {found:#?}\n{acts:#?}", registry.kind);
            let rebuilt = rebuild(&registry.shared).await.unwrap().releases(registry.shared.now());
            let rebuilt: BTreeMap<_, _> = rebuilt.into_iter().map(|(name, (_, state))| (name, state)).collect();
            let served = history.served().await;
            for (name, state) in &served {
                assert_eq!(rebuilt.get(name), Some(state), "{}, history {number}: {name:?}\n{acts:#?}", registry.kind);
                *met.entry(*state).or_default() += 1;
            }
        }
    }
    let all = [State::Released, State::Yanked, State::Quarantined, State::Revoked];
    assert!(all.iter().all(|state| met.contains_key(state)), "the histories led to all states: {met:?}");
}

#[tokio::test]
async fn what_is_changed_beside_the_log_is_found() {
    for registry in TestRegistry::each_with(validated_by(Told::good())).await {
        let acts = [Act::Publish { package: 0 }, Act::Settle, Act::Publish { package: 1 }];
        let history = lived(&registry, &acts).await;
        assert_eq!(history.served().await.len(), 2);
        assert_eq!(differences(&registry).await, [""; 0], "{}", registry.kind);
        // One on top of the other.
        let changes = [
            ("UPDATE keysets SET threshold = 9 WHERE version = 2", "keyset 2 of acme"),
            ("DELETE FROM keysets WHERE version = 1", "keyset 1 of acme"),
            (
                "UPDATE releases SET state = 'yanked' WHERE package = 'acme:weather1'",
                "is yanked, and released by the log",
            ),
            (
                "UPDATE releases SET component = 'sha256:00' WHERE package = 'acme:weather0'",
                "is sha256:00, and sha256:",
            ),
            ("UPDATE releases SET version = '9.9.9' WHERE package = 'acme:weather0'", "the log does not release it"),
            ("UPDATE releases SET version = '9.9.9' WHERE package = 'acme:weather0'", "is not served"),
            ("UPDATE statements SET bundle = entry WHERE kind = 'checks'", "entry "),
        ];
        for (change, expected) in changes {
            let mut tx = registry.shared.db.begin().await.unwrap();
            jackfield_db::on!(&mut tx, c => sqlx::query(change).execute(c), rows).unwrap();
            tx.commit().await.unwrap();
            let found = differences(&registry).await;
            assert!(found.iter().any(|line| line.contains(expected)), "{}: {change}: {found:?}", registry.kind);
        }
        // And a tile of the log itself.
        let size = rebuild(&registry.shared).await.unwrap().size;
        let tile = registry.data.path().join(format!("blobs/log/tile/entries/000.p/{size}"));
        let mut bytes = std::fs::read(&tile).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&tile, bytes).unwrap();
        let found = differences(&registry).await;
        assert!(found.iter().any(|line| line.contains("do not make the root")), "{}: {found:?}", registry.kind);
    }
}
