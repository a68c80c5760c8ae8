//! A release is taken back by a statement in the log, by whoever may, and by nobody else.

use jackfield_package::{
    Digest,
    key::{KeyId, SigningKey},
    statement::{KeysetStatement, StatusAction, StatusStatement, StatusSubject},
};
use jackfield_registry::{
    clock::DAY,
    log::{self, NewStatement, StatementKind, sequencer::Sequencer},
    status::settle,
};
use serde_json::{Value, json};

use crate::{
    kit::{Answer, ORIGIN, START, TestRegistry},
    read_rows::Row,
};

const AT: &str = "/v1/packages/acme/crm/1.0.0/status";

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

fn status(action: StatusAction, reason: &str) -> StatusStatement {
    StatusStatement {
        registry: ORIGIN.to_owned(),
        subject: StatusSubject::Release {
            name: "acme:crm".parse().unwrap(),
            version: "1.0.0".parse().unwrap(),
            component: Row::new("acme:crm", "1.0.0").component(),
        },
        action,
        reason: reason.to_owned(),
        since_index: None,
        expires: None,
        by: "user:ada".to_owned(),
    }
}

fn signed(status: &StatusStatement, by: &SigningKey) -> Value {
    let bundle: Value = serde_json::from_slice(&status.sign(by).to_bytes()).unwrap();
    json!({ "bundle": bundle })
}

/// Lets whatever waits come into the log, and what follows from it happen.
async fn settle(registry: &TestRegistry, sequencer: &mut Sequencer) {
    for _ in 0..3 {
        sequencer.round(&registry.shared).await.unwrap();
    }
    settle::due(&registry.shared).await.unwrap();
}

async fn state(registry: &TestRegistry) -> Value {
    registry.get(AT).send().await.expect(200)["state"].clone()
}

/// `acme:crm` 1.0.0 and 1.1.0 of the user ada, whose key is number 1; her token.
async fn released(registry: &TestRegistry) -> String {
    let owner = registry.owner("ada", "acme").await;
    let keyset = KeysetStatement {
        namespace: "acme".parse().unwrap(),
        version: 1,
        threshold: 1,
        keys: vec![key(1).public_key(), key(2).public_key()],
        reason: "the first".to_owned(),
    };
    let bundles: Vec<Value> =
        [key(1), key(2)].iter().map(|key| serde_json::from_slice(&keyset.sign(key).to_bytes()).unwrap()).collect();
    let change = json!({ "bundles": bundles });
    let made = registry.post("/v1/namespaces/acme/keyset").token(&owner).json(&change).send().await;
    assert!(made.status.is_success(), "{:?}", made.bytes);
    Row::new("acme:crm", "1.0.0").put(registry).await;
    Row::new("acme:crm", "1.1.0").put(registry).await;
    owner
}

async fn post(registry: &TestRegistry, token: &str, body: Value) -> Answer {
    registry.post(AT).token(token).json(&body).send().await
}

#[tokio::test]
async fn an_owner_yanks_and_lifts_and_it_counts_once_it_is_logged() {
    for registry in TestRegistry::each().await {
        let owner = released(&registry).await;
        // One for the whole story: it holds the log's lease, and the clock stands.
        let mut sequencer = Sequencer::new().unwrap();
        let taken = post(&registry, &owner, signed(&status(StatusAction::Yank, "A slip."), &key(1))).await.expect(202);
        assert_eq!(state(&registry).await, "released", "{}: the log does not have it yet", registry.kind);
        settle(&registry, &mut sequencer).await;
        assert_eq!(state(&registry).await, "yanked");
        let shown = registry.get(AT).send().await.expect(200);
        assert_eq!(
            (&shown["statuses"][0]["effective"], &shown["statuses"][0]["authority"]),
            (&json!(true), &json!("owner"))
        );
        let statement = taken["statement"].as_str().unwrap();
        assert_eq!(registry.get(&format!("/v1/statements/{statement}")).send().await.status, 200);
        let page = registry.get("/v1/packages/acme/crm/1.0.0").send().await.expect(200);
        assert_eq!((&page["state"], &page["reason"]), (&json!("yanked"), &json!("A slip.")));
        assert_eq!(registry.get("/v1/packages/acme/crm").send().await.expect(200)["latest"], "1.1.0");

        post(&registry, &owner, signed(&status(StatusAction::Yank, "A slip."), &key(1)))
            .await
            .expect_problem(409, "status-repeated");
        post(&registry, &owner, signed(&status(StatusAction::Lift, "No slip."), &key(2))).await.expect(202);
        settle(&registry, &mut sequencer).await;
        assert_eq!(state(&registry).await, "released");
        post(&registry, &owner, signed(&status(StatusAction::Lift, "Once more."), &key(2)))
            .await
            .expect_problem(409, "status-nothing-to-lift");
    }
}

#[tokio::test]
async fn a_quarantine_ends_by_itself_and_the_registry_alone_lifts_its_own() {
    for registry in TestRegistry::each().await {
        let owner = released(&registry).await;
        // One for the whole story: it holds the log's lease, and the clock stands.
        let mut sequencer = Sequencer::new().unwrap();
        let operator = registry.operator();
        let order = |action: &str, days: Option<i64>| json!({ "order": { "action": action, "reason": format!("{action} {days:?}"), "days": days } });
        post(&registry, &owner, order("quarantine", None)).await.expect_problem(403, "forbidden");
        post(&registry, &operator, order("quarantine", Some(8))).await.expect_problem(400, "quarantine-too-long");
        post(&registry, &operator, order("quarantine", Some(0))).await.expect_problem(400, "quarantine-too-long");
        post(&registry, &owner, signed(&status(StatusAction::Yank, "A slip."), &key(1))).await.expect(202);
        post(&registry, &operator, order("quarantine", Some(2))).await.expect(202);
        settle(&registry, &mut sequencer).await;
        assert_eq!(state(&registry).await, "quarantined", "{}", registry.kind);
        post(&registry, &owner, signed(&status(StatusAction::Lift, "Let it go."), &key(1))).await.expect(202);
        settle(&registry, &mut sequencer).await;
        assert_eq!(state(&registry).await, "quarantined", "an owner lifts what owners said");
        post(&registry, &owner, signed(&status(StatusAction::Lift, "Please."), &key(1)))
            .await
            .expect_problem(403, "status-by-registry");
        registry.clock.advance(2 * DAY - 1);
        settle(&registry, &mut sequencer).await;
        assert_eq!(state(&registry).await, "quarantined");
        registry.clock.advance(1);
        settle(&registry, &mut sequencer).await;
        assert_eq!(state(&registry).await, "released", "it has ended, and the yank was lifted meanwhile");

        post(&registry, &operator, order("revoke", None)).await.expect(202);
        settle(&registry, &mut sequencer).await;
        assert_eq!(state(&registry).await, "revoked");
        let found = registry.get("/v1/packages?q=crm").send().await.expect(200);
        assert_eq!(found["items"][0]["version"], "1.1.0");
        post(&registry, &operator, order("lift", None)).await.expect(202);
        settle(&registry, &mut sequencer).await;
        assert_eq!(state(&registry).await, "released");
    }
}

#[tokio::test]
async fn a_revoked_key_takes_with_it_what_it_signed_since() {
    for registry in TestRegistry::each().await {
        let owner = released(&registry).await;
        // One for the whole story: it holds the log's lease, and the clock stands.
        let mut sequencer = Sequencer::new().unwrap();
        for (version, seed) in [("1.0.0", 1), ("1.1.0", 2)] {
            let bundle = status(StatusAction::Yank, version).sign(&key(seed));
            let statement = NewStatement {
                bundle,
                kind: StatementKind::Publish,
                key: key(seed).public_key(),
                namespace: "acme".to_owned(),
                package: Some("acme:crm".parse().unwrap()),
                version: Some(version.to_owned()),
                component: None,
            };
            let mut tx = registry.shared.db.begin().await.unwrap();
            log::submit(&mut tx, statement, START).await.unwrap();
            tx.commit().await.unwrap();
        }
        settle(&registry, &mut sequencer).await;
        let at = |key: KeyId| format!("/v1/namespaces/acme/keys/{key}/status");
        let revoke = json!({ "order": { "action": "revoke", "reason": "Stolen.", "since_index": 0 } });
        registry
            .post(&at(key(9).key_id()))
            .token(&registry.operator())
            .json(&revoke)
            .send()
            .await
            .expect_problem(404, "key-not-found");
        registry.post(&at(key(1).key_id())).token(&owner).json(&revoke).send().await.expect_problem(403, "forbidden");
        registry.post(&at(key(1).key_id())).token(&registry.operator()).json(&revoke).send().await.expect(202);
        settle(&registry, &mut sequencer).await;
        assert_eq!(state(&registry).await, "revoked", "{}", registry.kind);
        let other = registry.get("/v1/packages/acme/crm/1.1.0/status").send().await.expect(200);
        assert_eq!(other["state"], "released", "signed with another key");
        post(&registry, &owner, signed(&status(StatusAction::Yank, "By a thief."), &key(1)))
            .await
            .expect_problem(403, "status-signer");
        let lift = json!({ "order": { "action": "lift", "reason": "Found again." } });
        registry.post(&at(key(1).key_id())).token(&registry.operator()).json(&lift).send().await.expect(202);
        settle(&registry, &mut sequencer).await;
        assert_eq!(state(&registry).await, "released");
    }
}

#[tokio::test]
async fn what_is_not_said_by_whoever_may_is_refused() {
    for registry in TestRegistry::each().await {
        let owner = released(&registry).await;
        // One for the whole story: it holds the log's lease, and the clock stands.
        let mut sequencer = Sequencer::new().unwrap();
        let eve = registry.user("eve").await;
        let good = status(StatusAction::Yank, "A slip.");
        let with = |change: fn(&mut StatusStatement)| {
            let mut status = status(StatusAction::Yank, "A slip.");
            change(&mut status);
            signed(&status, &key(1))
        };
        let another = |status: &mut StatusStatement| {
            let StatusSubject::Release { component, .. } = &mut status.subject else { unreachable!() };
            *component = Digest::of(b"another");
        };
        for (body, code, http) in [
            (signed(&good, &key(9)), "status-signer", 403),
            (with(|s| s.registry = "other.example".to_owned()), "audience-mismatch", 403),
            (with(another), "status-mismatch", 403),
            (with(|s| s.by = "user:eve".to_owned()), "status-mismatch", 403),
            (with(|s| s.expires = Some(START + DAY)), "status-mismatch", 403),
            (
                with(|s| (s.action, s.expires) = (StatusAction::Quarantine, Some(START + 8 * DAY))),
                "quarantine-too-long",
                400,
            ),
            (with(|s| (s.action, s.expires) = (StatusAction::Quarantine, Some(START))), "quarantine-too-long", 400),
            (with(|s| s.reason = "a\u{202e}b".to_owned()), "text-not-plain", 400),
            (json!({}), "status-body", 400),
            (json!({ "bundle": {} }), "bundle-invalid", 400),
            (json!({ "order": { "action": "delete", "reason": "x" } }), "body-malformed", 400),
        ] {
            let answer = post(&registry, &owner, body).await;
            assert_eq!(
                (answer.json::<Value>()["code"].clone(), answer.status.as_u16()),
                (json!(code), http),
                "{}",
                registry.kind
            );
        }
        registry.post(AT).json(&signed(&good, &key(1))).send().await.expect_problem(401, "unauthenticated");
        post(&registry, &eve, signed(&good, &key(1))).await.expect_problem(403, "forbidden");
        let staged = "/v1/packages/acme/crm/9.0.0/status";
        registry
            .post(staged)
            .token(&owner)
            .json(&signed(&good, &key(1)))
            .send()
            .await
            .expect_problem(404, "release-not-found");
        settle(&registry, &mut sequencer).await;
        assert_eq!(state(&registry).await, "released", "nothing of it was taken in");
    }
}
