//! Witnesses: they cosign what only grows, remember it over a restart, and refuse the rest by the protocol's statuses.

use std::sync::Arc;

use axum::{Router, body::Body};
use http::Request;
use http_body_util::BodyExt as _;
use jackfield_package::{
    key::SigningKey,
    log::{
        Checkpoint, Policy, SignedNote, TlogProof,
        merkle::{self, leaf_hash},
        tile::Edge,
        witness::AddCheckpoint,
    },
};
use jackfield_registry::{
    clock::HeldClock,
    log::{
        self,
        witness::Witness,
        witnesses::{self, Asked, Post, ask},
    },
};
use tower::ServiceExt as _;

use crate::{
    kit::{START, TestRegistry},
    log::{entry, sequence, submit},
};

/// A witness in this process, asked through its router.
struct Here(Router);

#[async_trait::async_trait]
impl Post for Here {
    async fn post(&self, url: &str, body: String) -> Result<(u16, String), String> {
        let request = Request::post(url).body(Body::from(body)).unwrap();
        let response = self.0.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Ok((status, String::from_utf8(body.to_vec()).unwrap()))
    }
}

fn witness(registry: &TestRegistry, folder: &std::path::Path) -> Arc<Witness> {
    let logs = vec![log::verifier(&registry.shared).unwrap()];
    let clock = Arc::new(HeldClock::at(START));
    let key = SigningKey::from_seed([40; 32]);
    Witness::open("witness.example/w1".parse().unwrap(), key, logs, &folder.join("state.json"), clock).unwrap()
}

#[tokio::test]
async fn what_was_cosigned_is_in_the_proof() {
    for registry in TestRegistry::each().await {
        let folder = tempfile::tempdir().unwrap();
        let cosigner = witness(&registry, folder.path());
        let asked = witnesses::Witness { key: cosigner.verifier(), url: String::new() };
        let vkey = cosigner.verifier().to_string();
        let post = Here(cosigner.router());
        let digests = submit(&registry, 0..5).await;
        sequence(&registry).await;
        let proof = || async {
            let answer = registry.get(&format!("/v1/log/proof/{}", digests[2])).send().await;
            TlogProof::parse(&answer.bytes).unwrap()
        };
        let policy = format!("log {}\nwitness W {vkey}\nquorum W\n", log::verifier(&registry.shared).unwrap());
        let policy = Policy::parse(policy.as_bytes()).unwrap();
        assert_eq!(proof().await.verify(&entry(2), &policy).unwrap_err().code, "log-quorum", "{}", registry.kind);

        assert_eq!(ask(&registry.shared, &asked, &post).await.unwrap(), Asked::Cosigned(5), "{}", registry.kind);
        assert_eq!(ask(&registry.shared, &asked, &post).await.unwrap(), Asked::Nothing);
        let accepted = proof().await.verify(&entry(2), &policy).unwrap();
        assert_eq!(accepted.cosigned[0].1, u64::try_from(START / 1_000_000).unwrap());
        let answer = registry.get("/log/checkpoint").send().await;
        assert!(policy.accept(&SignedNote::parse(&answer.bytes).unwrap()).is_ok());

        // The next checkpoint is not cosigned yet: proofs stay with the one that is.
        submit(&registry, 5..9).await;
        sequence(&registry).await;
        assert!(proof().await.verify(&entry(2), &policy).is_ok());
        assert_eq!(ask(&registry.shared, &asked, &post).await.unwrap(), Asked::Cosigned(9));
    }
}

#[tokio::test]
async fn a_witness_says_where_it_stands_and_remembers_it() {
    for registry in TestRegistry::each().await {
        let folder = tempfile::tempdir().unwrap();
        let cosigner = witness(&registry, folder.path());
        let asked = witnesses::Witness { key: cosigner.verifier(), url: String::new() };
        submit(&registry, 0..5).await;
        sequence(&registry).await;
        assert_eq!(ask(&registry.shared, &asked, &Here(cosigner.clone().router())).await.unwrap(), Asked::Cosigned(5));

        // A second witness on the same state would sign a second history.
        let logs = vec![log::verifier(&registry.shared).unwrap()];
        let second = Witness::open(
            "witness.example/w1".parse().unwrap(),
            SigningKey::from_seed([40; 32]),
            logs,
            &folder.path().join("state.json"),
            Arc::new(HeldClock::at(START)),
        );
        assert_eq!(second.unwrap_err().code, "witness-state");
        drop(cosigner);

        // After a restart it knows what it signed, though the registry has forgotten.
        let post = Here(witness(&registry, folder.path()).router());
        submit(&registry, 5..7).await;
        sequence(&registry).await;
        let mut tx = registry.shared.db.begin().await.unwrap();
        jackfield_db::on!(&mut tx, c => sqlx::query("DELETE FROM log_cosignatures").execute(c), rows).unwrap();
        tx.commit().await.unwrap();
        assert_eq!(ask(&registry.shared, &asked, &post).await.unwrap(), Asked::Cosigned(7), "{}", registry.kind);
    }
}

#[tokio::test]
async fn rollback_forks_and_strangers_are_refused() {
    let registry = TestRegistry::each().await.remove(0);
    let folder = tempfile::tempdir().unwrap();
    let post = Here(witness(&registry, folder.path()).router());
    let origin = log::origin(&registry.shared).unwrap();
    let tree = |first: u8, size: u64| {
        let mut edge = Edge::empty();
        (0..size).for_each(|index| edge.push_entry(&[first, u8::try_from(index).unwrap()]));
        Checkpoint { origin: origin.clone(), size, root: edge.root() }
    };
    let key = &registry.shared.keys.log;
    let leaves = |first: u8| {
        move |node: merkle::Node| {
            let (start, end) = (node.index << node.level, (node.index + 1) << node.level);
            let mut edge = Edge::empty();
            (start..end).for_each(|index| edge.push(leaf_hash(&[first, u8::try_from(index).unwrap()]), |_, _| {}));
            Ok(edge.root())
        }
    };
    let request = |old_size: u64, checkpoint: &Checkpoint, key: &SigningKey, first: u8| AddCheckpoint {
        old_size,
        consistency: merkle::prove_consistency(old_size, checkpoint.size, leaves(first)).unwrap_or_default(),
        checkpoint: checkpoint.sign(key).unwrap(),
    };
    let send = |request: AddCheckpoint| post.post("/add-checkpoint", request.to_text());

    assert_eq!(send(request(0, &tree(1, 5), key, 1)).await.unwrap().0, 200);
    let rollback = request(0, &tree(1, 3), key, 1);
    assert_eq!(send(rollback).await.unwrap(), (409, "5\n".to_owned()));
    assert_eq!(send(request(5, &tree(1, 3), key, 1)).await.unwrap().0, 400, "the old size is above the new");
    assert_eq!(send(request(5, &tree(2, 5), key, 2)).await.unwrap().0, 409, "another root for the same size");
    assert_eq!(send(request(5, &tree(2, 8), key, 2)).await.unwrap().0, 422, "another history");
    let unproven = AddCheckpoint { consistency: Vec::new(), ..request(5, &tree(1, 8), key, 1) };
    assert_eq!(send(unproven).await.unwrap().0, 422);
    let stranger = SigningKey::from_seed([66; 32]);
    assert_eq!(send(request(5, &tree(1, 8), &stranger, 1)).await.unwrap().0, 403);
    let elsewhere = Checkpoint { origin: "other.example".parse().unwrap(), ..tree(1, 8) };
    assert_eq!(send(request(5, &elsewhere, key, 1)).await.unwrap().0, 404);
    assert_eq!(post.post("/add-checkpoint", "old x\n\n".to_owned()).await.unwrap().0, 400);
    let flood = format!("old 0\n\n{}", "a".repeat(1 << 20));
    assert_eq!(post.post("/add-checkpoint", flood).await.unwrap().0, 413);
    // After all that it goes on where it was.
    assert_eq!(send(request(5, &tree(1, 8), key, 1)).await.unwrap().0, 200);
    assert_eq!(send(request(8, &tree(1, 8), key, 1)).await.unwrap().0, 200, "the same again is fine");
}
