//! What its author takes back before anybody has seen it.

use jackfield_registry::publish::{State, Why, change};
use serde_json::json;

use crate::{
    kit::{TestRegistry, validated_by},
    publish_kit::{Publisher, Told, package, work},
};

#[tokio::test]
async fn a_staged_release_is_withdrawn_and_its_version_is_free() {
    for registry in TestRegistry::each_with(validated_by(Told::good())).await {
        let alice = Publisher::new(&registry, "acme", 1).await;
        let wrong = package("acme:weather", "1.0.0", |_| {});
        let right = package("acme:weather", "1.0.0", |m| m["title"] = json!("The right one"));
        alice.push(&wrong).await.expect(201);
        let withdrawal = Publisher::path(&wrong, "withdrawal");
        let reason = json!({ "reason": "built from the wrong branch" });
        // Not by strangers, and not in silence.
        let stranger = registry.user("stranger").await;
        registry.post(&withdrawal).json(&reason).send().await.expect_problem(401, "unauthenticated");
        registry.post(&withdrawal).token(&stranger).json(&reason).send().await.expect_problem(403, "forbidden");
        let silent = json!({ "reason": " " });
        registry.post(&withdrawal).token(&alice.token).json(&silent).send().await.expect_problem(400, "reason-missing");
        assert_eq!(alice.state(&wrong).await, "staged");

        let told = registry.post(&withdrawal).token(&alice.token).json(&reason).send().await.expect(200);
        assert_eq!(told["state"], "rejected");
        let last = told["events"].as_array().unwrap().last().unwrap().clone();
        assert_eq!(last["reason"], "withdrawn: built from the wrong branch");
        assert!(last["actor"].as_str().unwrap().starts_with("user:"), "{last}");
        let audit = registry.get("/v1/namespaces/acme/audit").token(&alice.token).send().await.expect(200);
        let audit = audit.to_string();
        assert!(audit.contains("withdraw 1.0.0"), "{audit}");
        // Once: there is nothing left to take back, and nothing to sign.
        let again = registry.post(&withdrawal).token(&alice.token).json(&reason).send().await;
        again.expect_problem(404, "release-not-found");

        // Other bytes under the same version come out; what is out is not withdrawn.
        alice.publish(&right).await;
        work(&registry).await;
        assert_eq!(alice.state(&right).await, "released", "{}", registry.kind);
        let late = registry.post(&withdrawal).token(&alice.token).json(&reason).send().await;
        late.expect_problem(409, "release-not-withdrawable");
    }
}

#[tokio::test]
async fn one_that_is_being_checked_is_withdrawn_under_the_checks_hands() {
    for registry in TestRegistry::each_with(validated_by(Told::good())).await {
        let alice = Publisher::new(&registry, "acme", 1).await;
        let release = package("acme:weather", "1.0.0", |_| {});
        alice.publish(&release).await;
        assert_eq!(alice.state(&release).await, "checking");
        let withdrawal = registry.post(&Publisher::path(&release, "withdrawal")).token(&alice.token);
        withdrawal.json(&json!({ "reason": "not yet" })).send().await.expect(200);
        work(&registry).await;
        assert_eq!(alice.state(&release).await, "rejected");
        // The same bytes again, and this time they stay.
        alice.publish(&release).await;
        work(&registry).await;
        assert_eq!(alice.state(&release).await, "released");
    }
}

#[tokio::test]
async fn what_the_log_speaks_of_keeps_its_bytes() {
    for registry in TestRegistry::each_with(validated_by(Told::good())).await {
        let alice = Publisher::new(&registry, "acme", 1).await;
        let logged = package("acme:weather", "1.0.0", |_| {});
        let other = package("acme:weather", "1.0.0", |m| m["title"] = json!("Other bytes"));
        alice.publish(&logged).await;
        let worker = jackfield_registry::publish::worker::Worker::new().unwrap();
        assert!(worker.check_next(&registry.shared).await.unwrap());
        let ready = alice.progress(&logged).await;
        assert_eq!(ready["state"], "ready");
        let withdrawal = Publisher::path(&logged, "withdrawal");
        let reason = json!({ "reason": "too late" });
        let refused = registry.post(&withdrawal).token(&alice.token).json(&reason).send().await;
        refused.expect_problem(409, "release-not-withdrawable");

        // Its key is revoked before its statement has its place: it is held, and may be withdrawn then.
        let id = ready["id"].as_str().unwrap();
        let mut tx = registry.shared.db.begin().await.unwrap();
        let why = Why { actor: "system", reason: Some("the key was revoked") };
        assert!(change(&mut tx, id, State::Ready, State::Held, why, registry.shared.now()).await.unwrap());
        tx.commit().await.unwrap();
        registry.post(&withdrawal).token(&alice.token).json(&reason).send().await.expect(200);
        alice.push(&other).await.expect_oci(409, "DENIED", "version-logged");
        alice.push(&logged).await.expect(201);
    }
}
