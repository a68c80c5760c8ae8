//! Which keys sign for a namespace, and how they change.

use jackfield_package::{
    key::SigningKey,
    statement::{Bundle, KeysetStatement},
};
use jackfield_registry::clock::DAY;
use serde_json::{Value, json};

use crate::kit::TestRegistry;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

fn keyset(namespace: &str, version: u64, threshold: u64, keys: &[&SigningKey], signers: &[&SigningKey]) -> Value {
    let statement = KeysetStatement {
        namespace: namespace.parse().unwrap(),
        version,
        threshold,
        keys: keys.iter().map(|key| key.public_key()).collect(),
        reason: "because".to_owned(),
    };
    let json = |bundle: Bundle| serde_json::from_slice::<Value>(&bundle.to_bytes()).unwrap();
    json!({ "bundles": signers.iter().map(|key| json(statement.sign(key))).collect::<Vec<_>>() })
}

#[tokio::test]
async fn keys_change_by_the_keys_before_and_each_new_one() {
    for registry in TestRegistry::each().await {
        let ada = registry.owner("ada", "acme").await;
        let eve = registry.owner("eve", "globex").await;
        let post = async |token: &str, body: &Value| {
            registry.post("/v1/namespaces/acme/keyset").token(token).json(body).send().await
        };
        let (a, b, c) = (key(1), key(2), key(3));
        let first = keyset("acme", 1, 1, &[&a], &[&a]);
        post(&eve, &first).await.expect_problem(403, "forbidden");
        post(&ada, &json!({ "bundles": [] })).await.expect_problem(400, "signature-missing");
        post(&ada, &keyset("acme", 2, 1, &[&a], &[&a])).await.expect_problem(400, "keyset-version");
        post(&ada, &keyset("acme", 1, 1, &[&a, &b], &[&a])).await.expect_problem(400, "keyset-proof-missing");
        post(&ada, &keyset("globex", 1, 1, &[&a], &[&a])).await.expect_problem(400, "keyset-namespace");
        assert_eq!(post(&ada, &first).await.expect(201)["version"], 1);
        post(&ada, &first).await.expect_problem(400, "keyset-version");

        // A stolen token without a key, and a new key without the old one, change nothing.
        post(&ada, &keyset("acme", 2, 1, &[&b], &[&b])).await.expect_problem(400, "keyset-threshold");
        let second = keyset("acme", 2, 2, &[&b, &c], &[&a, &b, &c]);
        assert_eq!(post(&ada, &second).await.expect(201)["threshold"], 2);
        post(&ada, &keyset("acme", 3, 1, &[&a], &[&b, &a])).await.expect_problem(400, "keyset-threshold");

        // A key is one namespace's for ever, and never the registry's.
        let other = registry.post("/v1/namespaces/globex/keyset").token(&eve);
        other.json(&keyset("globex", 1, 1, &[&a], &[&a])).send().await.expect_problem(409, "key-in-use");

        let shown = registry.get("/v1/namespaces/acme/keyset").send().await.expect(200);
        let versions: Vec<_> = shown["keysets"].as_array().unwrap().iter().map(|set| &set["version"]).collect();
        assert_eq!(versions, [1, 2]);
        let now = registry.get("/v1/namespaces/acme").send().await.expect(200);
        assert_eq!(now["keyset"]["keys"].as_array().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn lost_keys_are_replaced_in_public_and_late() {
    for registry in TestRegistry::each().await {
        let ada = registry.owner("ada", "acme").await;
        let operator = registry.operator();
        let (a, b, c) = (key(1), key(2), key(3));
        let recover = async |token: &str, mut body: Value| {
            body["reason"] = json!("the laptop is in the sea");
            registry.post("/v1/namespaces/acme/recovery").token(token).json(&body).send().await
        };
        let complete =
            async |token: &str| registry.post("/v1/namespaces/acme/recovery/complete").token(token).send().await;
        recover(&operator, keyset("acme", 1, 1, &[&b], &[&b])).await.expect_problem(409, "keyset-none");
        let first = keyset("acme", 1, 1, &[&a], &[&a]);
        registry.post("/v1/namespaces/acme/keyset").token(&ada).json(&first).send().await.expect(201);

        let wanted = keyset("acme", 2, 1, &[&b], &[&b]);
        recover(&ada, wanted.clone()).await.expect_problem(403, "forbidden");
        recover(&operator, keyset("acme", 2, 1, &[&b, &c], &[&b])).await.expect_problem(400, "keyset-proof-missing");
        recover(&operator, wanted.clone()).await.expect(201);
        recover(&operator, wanted.clone()).await.expect_problem(409, "recovery-exists");
        let shown = registry.get("/v1/namespaces/acme").send().await.expect(200);
        assert_eq!(shown["recovery"]["requested_by"], "user:operator", "everybody sees it coming");
        registry.clock.advance(13 * DAY);
        complete(&operator).await.expect_problem(409, "recovery-waits");
        // An owner who is there after all stops it.
        registry.delete("/v1/namespaces/acme/recovery").token(&ada).send().await.expect(204);
        registry.clock.advance(2 * DAY);
        complete(&operator).await.expect_problem(404, "recovery-none");

        recover(&operator, wanted).await.expect(201);
        registry.clock.advance(14 * DAY);
        complete(&ada).await.expect_problem(403, "forbidden");
        assert_eq!(complete(&operator).await.expect(200)["version"], 2);
        let shown = registry.get("/v1/namespaces/acme").send().await.expect(200);
        assert_eq!((&shown["recovery"], &shown["keyset"]["version"]), (&json!(null), &json!(2)));
    }
}
