//! Whose a name is: made, held, shared, proven, and not taken over.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jackfield_package::key::SigningKey;
use jackfield_registry::{
    account::{
        control::{challenge, recheck},
        dns::TxtResolver,
    },
    clock::{DAY, SECOND},
};
use serde_json::json;

use crate::kit::{ORIGIN, START, TestRegistry};

#[tokio::test]
async fn a_name_is_taken_once_and_a_doubtful_one_waits_for_a_person() {
    for registry in TestRegistry::each().await {
        let ada = registry.owner("ada", "acme").await;
        let make = async |token: &str, name: &str| {
            registry.post("/v1/namespaces").token(token).json(&json!({ "name": name })).send().await
        };
        let bob = registry.user("bob").await;
        make(&bob, "acme").await.expect_problem(409, "namespace-exists");
        make(&bob, "Acme").await.expect_problem(400, "body-malformed");
        for name in ["wasi", "jackfield", "v2", "acrne", "acm", "ac-me", "acmee"] {
            let answer = make(&bob, name).await;
            if name == "acm" {
                assert_eq!(answer.expect(201)["state"], "active", "three letters are near to too many");
                continue;
            }
            let made = answer.expect(201);
            assert_eq!(made["state"], "held", "{name}");
            assert!(made["reason"].as_str().unwrap().contains(name));
        }
        let generic = json!({ "name": "plain", "class": "generic" });
        registry.post("/v1/namespaces").token(&bob).json(&generic).send().await.expect_problem(403, "forbidden");

        let operator = registry.operator();
        registry.post("/v1/namespaces").token(&operator).json(&generic).send().await.expect(201);
        let held = registry.get("/v1/moderation/namespaces").token(&operator).send().await.expect(200);
        assert_eq!(held["namespaces"].as_array().unwrap().len(), 6);
        let decide = async |token: &str, name: &str, verdict: &str| {
            let decision = json!({ "verdict": verdict, "reason": "looked at" });
            registry.post(&format!("/v1/moderation/namespaces/{name}")).token(token).json(&decision).send().await
        };
        decide(&bob, "acrne", "grant").await.expect_problem(403, "forbidden");
        decide(&operator, "acrne", "refuse").await.expect(200);
        registry.get("/v1/namespaces/acrne").send().await.expect_problem(404, "namespace-not-found");
        decide(&operator, "ac-me", "grant").await.expect(200);
        assert_eq!(registry.get("/v1/namespaces/ac-me").send().await.expect(200)["state"], "active");
        decide(&operator, "ac-me", "refuse").await.expect_problem(409, "namespace-not-held");
        decide(&operator, "acme", "refuse").await.expect_problem(409, "namespace-not-held");
        let shown = registry.get("/v1/namespaces/acme").token(&ada).send().await.expect(200);
        assert_eq!(shown["members"], json!([{ "user": "ada", "role": "owner" }]));
        assert_eq!(registry.get("/v1/namespaces/acme").send().await.expect(200)["members"], json!(null));
    }
}

#[tokio::test]
async fn nobody_takes_over_a_namespace_and_it_always_has_an_owner() {
    for registry in TestRegistry::each().await {
        let ada = registry.owner("ada", "acme").await;
        let bob = registry.user("bob").await;
        let eve = registry.owner("eve", "globex").await;
        let put = async |token: &str, user: &str, role: &str| {
            let path = format!("/v1/namespaces/acme/members/{user}");
            registry.put(&path).token(token).json(&json!({ "role": role })).send().await
        };
        let remove = async |token: &str, user: &str| {
            registry.delete(&format!("/v1/namespaces/acme/members/{user}")).token(token).send().await
        };
        put(&eve, "eve", "owner").await.expect_problem(403, "forbidden");
        put(&ada, "bob", "publisher").await.expect(204);
        // A publisher makes nobody anything, himself least.
        put(&bob, "bob", "owner").await.expect_problem(403, "forbidden");
        put(&bob, "eve", "publisher").await.expect_problem(403, "forbidden");
        remove(&bob, "ada").await.expect_problem(403, "forbidden");
        put(&ada, "nobody", "owner").await.expect_problem(404, "user-not-found");
        put(&ada, "bob", "emperor").await.expect_problem(400, "body-malformed");

        remove(&ada, "ada").await.expect_problem(409, "last-owner");
        put(&ada, "ada", "publisher").await.expect_problem(409, "last-owner");
        put(&ada, "bob", "owner").await.expect(204);
        // Each takes the other away at the same time: one of them stays.
        let (first, second) = tokio::join!(remove(&ada, "bob"), remove(&bob, "ada"));
        let mut met = [first.status.as_u16(), second.status.as_u16()];
        met.sort_unstable();
        assert!(met == [204, 403] || met == [204, 409], "{}: {met:?}", registry.kind);
        let operator = registry.operator();
        let shown = registry.get("/v1/namespaces/acme").token(&operator).send().await.expect(200);
        assert_eq!(shown["members"].as_array().unwrap().len(), 1);

        // What was done and what was denied is on record.
        let audit = registry.get("/v1/namespaces/acme/audit").token(&operator).send().await.expect(200);
        let lines = audit["audit"].as_array().unwrap();
        let has =
            |actor: &str, allowed: bool| lines.iter().any(|line| line["actor"] == actor && line["allowed"] == allowed);
        assert!(has("user:eve", false) && has("user:bob", false) && has("user:ada", true), "{audit}");
        registry.get("/v1/namespaces/acme/audit").token(&eve).send().await.expect_problem(403, "forbidden");
    }
}

/// Says what a test has put into it.
#[derive(Debug)]
struct Records(Mutex<BTreeMap<String, Vec<String>>>);

#[async_trait]
impl TxtResolver for Records {
    async fn txt(&self, name: &str) -> Result<Vec<String>, String> {
        match self.0.lock().unwrap().get(name) {
            Some(records) => Ok(records.clone()),
            None if name.contains("broken") => Err("server failure".to_owned()),
            None => Ok(Vec::new()),
        }
    }
}

#[tokio::test]
async fn control_is_proven_by_a_record_or_a_key() {
    let records = |_: &mut _, parts: &mut jackfield_registry::registry::Parts| {
        let name = |domain: &str| format!("_jackfield.{domain}");
        parts.resolver = Arc::new(Records(Mutex::new(BTreeMap::from([
            (name("acme.example.com"), vec!["other".to_owned(), "jackfield-namespace=acme".to_owned()]),
            (name("elsewhere.com"), vec!["jackfield-namespace=acme registry=other.example".to_owned()]),
            (name("here.com"), vec![format!("jackfield-namespace=acme registry={ORIGIN}")]),
            (name("near.com"), vec!["jackfield-namespace=acme-inc".to_owned(), "xjackfield-namespace=acme".to_owned()]),
        ]))));
    };
    for registry in TestRegistry::each_with(records).await {
        let ada = registry.owner("ada", "acme").await;
        let bob = registry.user("bob").await;
        let prove = async |token: &str, proof: serde_json::Value| {
            registry.post("/v1/namespaces/acme/control").token(token).json(&proof).send().await
        };
        let dns = |domain: &str| json!({ "method": "dns", "domain": domain });
        prove(&bob, dns("here.com")).await.expect_problem(403, "forbidden");
        for domain in ["nothing.com", "elsewhere.com", "near.com"] {
            prove(&ada, dns(domain)).await.expect_problem(409, "control-unproven");
        }
        for domain in ["com", "127.0.0.1", "a_b.com", "", "-a.com", "x.com/path"] {
            prove(&ada, dns(domain)).await.expect_problem(400, "domain-malformed");
        }
        prove(&ada, dns("broken.com")).await.expect_problem(503, "dns-unavailable");
        for domain in ["acme.example.com", "Here.com."] {
            prove(&ada, dns(domain)).await.expect(200);
        }
        assert_eq!(registry.get("/v1/namespaces/acme").send().await.expect(200)["control"], "dns:here.com");

        let key = SigningKey::from_seed([7; 32]);
        let signed = |user: &str, namespace: &str, at: i64| {
            let text = challenge(ORIGIN, &namespace.parse().unwrap(), user, at);
            let signature = STANDARD.encode(key.sign(text.as_bytes()));
            json!({ "method": "key", "key": key.public_key(), "at": at, "signature": signature })
        };
        let hour = 3_600_000_000;
        for proof in [signed("bob", "acme", START), signed("ada", "globex", START), signed("ada", "acme", START - hour)]
        {
            prove(&ada, proof).await.expect_problem(409, "control-unproven");
        }
        let proven = prove(&ada, signed("ada", "acme", START)).await.expect(200);
        assert_eq!(proven["control"], format!("key:{}", key.key_id()));
    }
}

#[tokio::test]
async fn control_ages_when_its_record_goes() {
    let records = Arc::new(Records(Mutex::default()));
    let say = |record: Option<&str>| {
        let mut all = records.0.lock().unwrap();
        all.clear();
        all.extend(record.map(|record| ("_jackfield.acme.com".to_owned(), vec![record.to_owned()])));
    };
    for registry in TestRegistry::each_with(|_, parts| parts.resolver = records.clone()).await {
        say(Some("jackfield-namespace=acme"));
        let ada = registry.owner("ada", "acme").await;
        let proof = json!({ "method": "dns", "domain": "acme.com" });
        registry.post("/v1/namespaces/acme/control").token(&ada).json(&proof).send().await.expect(200);
        let shown = async || {
            let shown = registry.get("/v1/namespaces/acme").send().await.expect(200);
            (shown["control"].clone(), !shown["control_missing_since"].is_null())
        };
        let proven = json!("dns:acme.com");
        assert_eq!(recheck(&registry.shared).await.unwrap(), 0, "it was looked up today");
        let mut days = 0;
        let mut after = async |more: i64| {
            days += more;
            registry.clock.advance(more * DAY + SECOND);
            assert_eq!(recheck(&registry.shared).await.unwrap(), 1, "{days} days later");
        };
        after(1).await;
        assert_eq!(shown().await, (proven.clone(), false), "{}", registry.kind);
        // Gone, and back in time: nothing is lost.
        say(None);
        after(1).await;
        assert_eq!(shown().await, (proven.clone(), true), "everybody sees that it is missing");
        after(13).await;
        assert_eq!(shown().await, (proven.clone(), true));
        say(Some("jackfield-namespace=acme"));
        after(1).await;
        assert_eq!(shown().await, (proven.clone(), false));
        // Another's record is none of this namespace's; two weeks, and it proves nothing.
        say(Some("jackfield-namespace=globex"));
        after(1).await;
        assert_eq!(shown().await, (proven, true));
        after(14).await;
        assert_eq!(shown().await, (json!(null), false));
        let audit = registry.get("/v1/namespaces/acme/audit").token(&ada).send().await.expect(200);
        assert!(audit.to_string().contains("dns:acme.com proves nothing any more"), "{audit}");
        assert_eq!(recheck(&registry.shared).await.unwrap(), 0, "there is nothing left to look up");
    }
}

#[tokio::test]
async fn a_resolver_that_does_not_answer_takes_no_control_away() {
    let broken = "jackfield-namespace=acme".to_owned();
    let records = Arc::new(Records(Mutex::new(BTreeMap::from([("_jackfield.broken.com".to_owned(), vec![broken])]))));
    for registry in TestRegistry::each_with(|_, parts| parts.resolver = records.clone()).await {
        let ada = registry.owner("ada", "acme").await;
        let proof = json!({ "method": "dns", "domain": "broken.com" });
        registry.post("/v1/namespaces/acme/control").token(&ada).json(&proof).send().await.expect(200);
        let kept = std::mem::take(&mut *records.0.lock().unwrap());
        for _ in 0..20 {
            registry.clock.advance(2 * DAY);
            recheck(&registry.shared).await.unwrap();
        }
        let shown = registry.get("/v1/namespaces/acme").send().await.expect(200);
        assert_eq!((&shown["control"], &shown["control_missing_since"]), (&json!("dns:broken.com"), &json!(null)));
        *records.0.lock().unwrap() = kept;
    }
}
