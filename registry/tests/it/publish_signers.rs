//! Between the verdict on a release and its place in the log its key is revoked, or replaced: what such a key has signed does
//! not come in.

use jackfield_package::{
    Package,
    key::SigningKey,
    statement::{Bundle, KeysetStatement, PublishStatement},
};
use jackfield_registry::{
    clock::{DAY, SECOND},
    log::sequencer::{Round, Sequencer},
    publish::worker::Worker,
};
use serde_json::{Value, json};

use crate::{
    kit::{TestRegistry, validated_by},
    publish_kit::{Publisher, Told, package, work},
};

/// A release that has passed, and whose statements wait for the log.
async fn ready(alice: &Publisher<'_>, version: &str) -> Package {
    let release = package("acme:weather", version, |_| {});
    alice.publish(&release).await;
    assert!(Worker::new().unwrap().check_next(&alice.registry.shared).await.unwrap());
    assert_eq!(alice.state(&release).await, "ready");
    release
}

/// What the log's writer does until nothing waits.
async fn sequence(registry: &TestRegistry) {
    registry.clock.advance(60 * SECOND);
    let mut sequencer = Sequencer::new().unwrap();
    while sequencer.round(&registry.shared).await.unwrap() != Round::Idle {}
}

async fn revoke(registry: &TestRegistry, key: &SigningKey) {
    let order = json!({ "order": { "action": "revoke", "reason": "Stolen." } });
    let path = format!("/v1/namespaces/acme/keys/{}/status", key.key_id());
    registry.post(&path).token(&registry.operator()).json(&order).send().await.expect(202);
}

/// Makes this the namespace's only key, by the word of the one before, which comes back.
async fn replace(alice: &mut Publisher<'_>, version: u64, key: SigningKey) -> SigningKey {
    let keyset = KeysetStatement {
        namespace: "acme".parse().unwrap(),
        version,
        threshold: 1,
        keys: vec![key.public_key()],
        reason: "A new key.".to_owned(),
    };
    let signers = [&alice.keys[0], &key];
    let bundles: Vec<Value> =
        signers.iter().map(|key| serde_json::from_slice(&keyset.sign(key).to_bytes()).unwrap()).collect();
    let change = alice.registry.post("/v1/namespaces/acme/keyset").token(&alice.token);
    let changed = change.json(&json!({ "bundles": bundles })).send().await;
    assert!(changed.status.is_success(), "{:?}", changed.bytes);
    std::mem::replace(&mut alice.keys, vec![key]).remove(0)
}

/// Releases that the log speaks of, in its order.
async fn logged(registry: &TestRegistry) -> Vec<String> {
    let page = registry.get("/v1/log/statements?from=0").send().await.expect(200);
    let bundles = page["statements"].as_array().unwrap().iter();
    let bundles =
        bundles.map(|bundle| jackfield_package::statement::Bundle::parse(bundle.to_string().as_bytes()).unwrap());
    let payloads = bundles.map(|bundle| bundle.envelope().unverified_payload().to_vec());
    payloads
        .filter_map(|payload| PublishStatement::from_verified_payload(&payload).ok())
        .map(|publish| publish.version.to_string())
        .collect()
}

#[tokio::test]
async fn what_a_key_signed_that_is_revoked_since_does_not_come_into_the_log() {
    for registry in TestRegistry::each_with(validated_by(Told::good())).await {
        let mut alice = Publisher::new(&registry, "acme", 1).await;
        let first = ready(&alice, "1.0.0").await;
        work(&registry).await;
        assert_eq!(alice.state(&first).await, "released");

        let stolen = ready(&alice, "1.0.1").await;
        let thief = replace(&mut alice, 2, SigningKey::from_seed([201; 32])).await;
        revoke(&registry, &thief).await;
        sequence(&registry).await;
        let progress = alice.progress(&stolen).await;
        assert_eq!(progress["state"], "rejected", "{}: {progress}", registry.kind);
        assert!(progress["reason"].as_str().unwrap().contains("was revoked before"), "{progress}");
        assert_eq!(logged(&registry).await, ["1.0.0"], "{}", registry.kind);
        work(&registry).await;
        assert!(!alice.is_out(&stolen).await);

        // Its version is free, for those who have a good key.
        alice.publish(&stolen).await;
        work(&registry).await;
        assert_eq!(alice.state(&stolen).await, "released", "{}", registry.kind);
        assert_eq!(logged(&registry).await, ["1.0.0", "1.0.1"]);
    }
}

#[tokio::test]
async fn what_a_key_signed_that_is_replaced_before_its_place_does_not_come_into_the_log() {
    for registry in TestRegistry::each_with(validated_by(Told::good())).await {
        let mut alice = Publisher::new(&registry, "acme", 1).await;
        registry.clock.advance(60 * SECOND);
        let release = ready(&alice, "1.0.0").await;
        // Another process takes the new keys in. Its clock is behind, so that they come first in the log.
        registry.clock.advance(-30 * SECOND);
        replace(&mut alice, 2, SigningKey::from_seed([202; 32])).await;
        sequence(&registry).await;
        let progress = alice.progress(&release).await;
        assert_eq!(progress["state"], "rejected", "{}: {progress}", registry.kind);
        assert!(progress["reason"].as_str().unwrap().contains("was no longer one"), "{progress}");
        assert_eq!(logged(&registry).await, [""; 0]);
        alice.publish(&release).await;
        work(&registry).await;
        assert_eq!(alice.state(&release).await, "released");

        // And what has its place before the new keys have theirs stays good.
        let release = ready(&alice, "1.1.0").await;
        registry.clock.advance(SECOND);
        replace(&mut alice, 3, SigningKey::from_seed([203; 32])).await;
        work(&registry).await;
        assert_eq!(alice.state(&release).await, "released", "{}", registry.kind);
        assert_eq!(logged(&registry).await, ["1.0.0", "1.1.0"]);
    }
}

/// Versions of the keyset that are in the log, and those that the registry serves.
async fn keysets(registry: &TestRegistry) -> (Vec<u64>, Vec<u64>) {
    let page = registry.get("/v1/log/statements?from=0").send().await.expect(200);
    let bundles = page["statements"].as_array().unwrap().iter();
    let bundles = bundles.map(|bundle| Bundle::parse(bundle.to_string().as_bytes()).unwrap());
    let mut logged: Vec<u64> = bundles
        .filter_map(|bundle| KeysetStatement::from_verified_payload(bundle.envelope().unverified_payload()).ok())
        .map(|keyset| keyset.version)
        .collect();
    logged.dedup();
    let served = registry.get("/v1/namespaces/acme/keyset").send().await.expect(200);
    let served = served["keysets"].as_array().unwrap().iter().map(|keyset| keyset["version"].as_u64().unwrap());
    (logged, served.collect())
}

#[tokio::test]
async fn a_change_of_keys_by_a_key_that_is_revoked_before_its_place_does_not_come_into_the_log() {
    for registry in TestRegistry::each_with(validated_by(Told::good())).await {
        let mut alice = Publisher::new(&registry, "acme", 1).await;
        work(&registry).await;
        assert_eq!(keysets(&registry).await, (vec![1], vec![1]));
        // A thief has key and token. He puts his own key in the place of hers, and another in the place of that, and publishes.
        registry.clock.advance(60 * SECOND);
        let stolen = replace(&mut alice, 2, SigningKey::from_seed([210; 32])).await;
        replace(&mut alice, 3, SigningKey::from_seed([211; 32])).await;
        let release = ready(&alice, "1.0.0").await;
        // At the same moment, at another process, an operator revokes her key. Neither sees the other; the revocation comes first.
        revoke(&registry, &stolen).await;
        let first = "UPDATE statements SET accepted_at = accepted_at - 1000000 WHERE kind = 'status'";
        let mut tx = registry.shared.db.begin().await.unwrap();
        jackfield_db::on!(&mut tx, c => sqlx::query(first).execute(c), rows).unwrap();
        tx.commit().await.unwrap();
        sequence(&registry).await;
        assert_eq!(keysets(&registry).await, (vec![1], vec![1]), "{}", registry.kind);
        assert_eq!(alice.state(&release).await, "rejected", "{}", registry.kind);
        assert_eq!(logged(&registry).await, [""; 0]);
        let audit = registry.get("/v1/namespaces/acme/audit").token(&alice.token).send().await.expect(200).to_string();
        assert!(audit.contains("version 2 of the keyset: a key that signed it was revoked"), "{audit}");

        // Nor is the next change by that key taken in at all; the registry's word for lost keys is another matter.
        let keyset = KeysetStatement {
            namespace: "acme".parse().unwrap(),
            version: 2,
            threshold: 1,
            keys: vec![SigningKey::from_seed([212; 32]).public_key()],
            reason: "Again.".to_owned(),
        };
        let signed = |key: &SigningKey| serde_json::from_slice::<Value>(&keyset.sign(key).to_bytes()).unwrap();
        let bundles = json!({ "bundles": [signed(&stolen), signed(&SigningKey::from_seed([212; 32]))] });
        let path = "/v1/namespaces/acme/keyset";
        registry.post(path).token(&alice.token).json(&bundles).send().await.expect_problem(403, "key-revoked");
        let recovery = json!({ "bundles": [signed(&SigningKey::from_seed([212; 32]))], "reason": "Stolen." });
        let path = "/v1/namespaces/acme/recovery";
        registry.post(path).token(&registry.operator()).json(&recovery).send().await.expect(201);
        registry.clock.advance(15 * DAY);
        registry.post(&format!("{path}/complete")).token(&registry.operator()).send().await.expect(200);
        sequence(&registry).await;
        assert_eq!(keysets(&registry).await, (vec![1, 2], vec![1, 2]), "{}", registry.kind);
    }
}

#[tokio::test]
async fn what_a_key_signed_that_is_revoked_after_its_place_is_held() {
    for registry in TestRegistry::each_with(validated_by(Told::good())).await {
        let alice = Publisher::new(&registry, "acme", 1).await;
        let release = ready(&alice, "1.0.0").await;
        sequence(&registry).await;
        assert_eq!(logged(&registry).await, ["1.0.0"]);
        revoke(&registry, &alice.keys[0]).await;
        work(&registry).await;
        let progress = alice.progress(&release).await;
        assert_eq!(progress["state"], "held", "{}: {progress}", registry.kind);
        assert!(!alice.is_out(&release).await);

        // Everybody can read what the version is: other bytes never take its place.
        let path = format!("/v1/moderation/releases/{}", progress["id"].as_str().unwrap());
        let decided = json!({ "decision": "reject", "reason": "The key is stolen." });
        registry.post(&path).token(&registry.operator()).json(&decided).send().await.expect(200);
        let other = package("acme:weather", "1.0.0", |value| value["title"] = json!("Another"));
        let pushed = alice.push(&other).await;
        assert_eq!(pushed.status, 409, "{:?}", pushed.bytes);
        alice.push(&release).await.expect(201);
    }
}

#[tokio::test]
async fn keysets_stand_in_the_log_in_their_order_whatever_a_clock_says() {
    for registry in TestRegistry::each_with(validated_by(Told::good())).await {
        registry.clock.advance(60 * SECOND);
        let mut alice = Publisher::new(&registry, "acme", 1).await;
        registry.clock.advance(-30 * SECOND);
        for version in 2..6 {
            replace(&mut alice, version, SigningKey::from_seed([200 + u8::try_from(version).unwrap(); 32])).await;
        }
        let release = package("acme:weather", "1.0.0", |_| {});
        registry.clock.advance(60 * SECOND);
        alice.publish(&release).await;
        work(&registry).await;
        assert_eq!(alice.state(&release).await, "released", "{}", registry.kind);
    }
}
