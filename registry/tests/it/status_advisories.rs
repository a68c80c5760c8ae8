//! Faults are told with the versions that have them, and packages are given up in words.

use serde_json::json;

use crate::{kit::TestRegistry, read_rows::Row};

const ADVISORIES: &str = "/v1/packages/acme/crm/advisories";

#[tokio::test]
async fn an_advisory_is_shown_with_the_versions_it_is_about() {
    for registry in TestRegistry::each().await {
        let (owner, eve) = (registry.owner("ada", "acme").await, registry.user("eve").await);
        for version in ["1.0.0", "1.2.0", "2.0.0"] {
            Row::new("acme:crm", version).put(&registry).await;
        }
        let wanted = |affected: &str, url: &str, body: &str| json!({ "affected": affected, "severity": "high", "title": "Leaks rows", "body": body, "url": url });
        let good = wanted(">=1.1.0, <1.3.0 || =2.0.0", "https://acme.example/a", "Update to 2.0.1.");
        registry.post(ADVISORIES).json(&good).send().await.expect_problem(401, "unauthenticated");
        registry.post(ADVISORIES).token(&eve).json(&good).send().await.expect_problem(403, "forbidden");
        let made = registry.post(ADVISORIES).token(&owner).json(&good).send().await.expect(201);
        assert_eq!(made["id"], "JFA-2026-0001", "{}", registry.kind);
        let second = registry.post(ADVISORIES).token(&registry.operator()).json(&good).send().await.expect(201);
        assert_eq!(second["id"], "JFA-2026-0002");
        for (affected, url, body, code) in [
            ("everything", "https://a.example", "x", "advisory-range"),
            ("", "https://a.example", "x", "advisory-range"),
            ("=1.0.0", "http://a.example", "x", "advisory-url"),
            ("=1.0.0", "javascript:alert(1)", "x", "advisory-url"),
            ("=1.0.0", "https://a.example", "a\u{202e}b", "text-not-plain"),
            ("=1.0.0", "https://a.example", "", "text-missing"),
        ] {
            let body = wanted(affected, url, body);
            registry.post(ADVISORIES).token(&owner).json(&body).send().await.expect_problem(400, code);
        }
        for (version, count) in [("1.0.0", 0), ("1.2.0", 2), ("2.0.0", 2)] {
            let page = registry.get(&format!("/v1/packages/acme/crm/{version}")).send().await.expect(200);
            assert_eq!(page["advisories"].as_array().unwrap().len(), count, "{version}");
        }
        let withdrawal = format!("{ADVISORIES}/JFA-2026-0001/withdrawal");
        registry.post(&withdrawal).token(&eve).send().await.expect_problem(403, "forbidden");
        assert_eq!(registry.post(&withdrawal).token(&owner).send().await.status, 204);
        registry.post(&withdrawal).token(&owner).send().await.expect_problem(404, "advisory-not-found");
        let page = registry.get("/v1/packages/acme/crm/1.2.0").send().await.expect(200);
        assert_eq!(page["advisories"].as_array().unwrap().len(), 1);
        let all = registry.get(ADVISORIES).send().await.expect(200);
        assert_eq!(all["advisories"].as_array().unwrap().len(), 2, "what was withdrawn is still told");
    }
}

#[tokio::test]
async fn a_package_is_deprecated_in_words_and_stays_installable() {
    for registry in TestRegistry::each().await {
        let (owner, eve) = (registry.owner("ada", "acme").await, registry.user("eve").await);
        Row::new("acme:crm", "1.0.0").put(&registry).await;
        let at = "/v1/packages/acme/crm/deprecation";
        let say = json!({ "message": "Use acme:crm-next." });
        registry.put(at).token(&eve).json(&say).send().await.expect_problem(403, "forbidden");
        registry
            .put(at)
            .token(&owner)
            .json(&json!({ "message": "\u{200b}" }))
            .send()
            .await
            .expect_problem(400, "text-not-plain");
        assert_eq!(registry.put(at).token(&owner).json(&say).send().await.status, 204, "{}", registry.kind);
        let page = registry.get("/v1/packages/acme/crm").send().await.expect(200);
        assert_eq!((&page["deprecated"], &page["latest"]), (&json!("Use acme:crm-next."), &json!("1.0.0")));
        let found = registry.get("/v1/packages?q=crm").send().await.expect(200);
        assert_eq!(found["items"][0]["deprecated"], "Use acme:crm-next.");
        assert_eq!(registry.delete(at).token(&owner).send().await.status, 204);
        let page = registry.get("/v1/packages/acme/crm").send().await.expect(200);
        assert!(page["deprecated"].is_null());
    }
}
