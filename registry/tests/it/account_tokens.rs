//! Users sign in and make tokens; each token is good for what it says and nothing else.

use jackfield_registry::clock::{DAY, SECOND};
use serde_json::{Value, json};

use crate::kit::{PASSWORD, TestRegistry};

impl TestRegistry {
    async fn token(&self, maker: &str, wanted: Value) -> (String, String) {
        let issued = self.post("/v1/tokens").token(maker).json(&wanted).send().await.expect(201);
        (issued["token"].as_str().unwrap().to_owned(), issued["id"].as_str().unwrap().to_owned())
    }
}

#[tokio::test]
async fn the_first_start_makes_an_operator_and_the_next_does_not() {
    for registry in TestRegistry::each().await {
        let token = registry.operator();
        let me = registry.get("/v1/me").token(&token).send().await.expect(200);
        assert_eq!(me["name"], "user:operator", "{}", registry.kind);
        assert_eq!(me["operator"], true);
        let path = registry.data.path().join("operator-token");
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        std::fs::remove_file(&path).unwrap();
        let again = registry.reopen().await;
        assert!(!path.exists(), "there is a user already");
        again.get("/v1/me").token(&token).send().await.expect(200);
    }
}

#[tokio::test]
async fn a_user_signs_in_and_a_token_ends() {
    for registry in TestRegistry::each().await {
        let ada = registry.user("ada").await;
        let me = registry.get("/v1/me").token(&ada).send().await.expect(200);
        assert_eq!((&me["user"], &me["operator"], &me["pattern"]), (&json!("ada"), &json!(false), &json!("*")));

        let basic = |secret: &str| {
            use base64::Engine as _;
            format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("ada:{secret}")))
        };
        registry.get("/v1/me").header("authorization", &basic(&ada)).send().await.expect(200);
        registry.get("/v1/me").header("authorization", &basic(PASSWORD)).send().await.expect(200);
        registry
            .get("/v1/me")
            .header("authorization", &basic("wrong"))
            .send()
            .await
            .expect_problem(401, "login-failed");

        let (token, id) = registry.token(&ada, json!({ "label": "ci", "expires_in_s": 60 })).await;
        registry.get("/v1/me").token(&token).send().await.expect(200);
        let listed = registry.get("/v1/tokens").token(&ada).send().await.expect(200);
        let listed = listed["tokens"].as_array().unwrap();
        assert_eq!(listed.len(), 2);
        assert!(listed.iter().any(|token| token["label"] == "ci" && token["last_used_at"].is_number()));
        assert!(!listed.iter().any(|row| row.to_string().contains(&token)), "a token is shown once");
        registry.clock.advance(60 * SECOND);
        registry.get("/v1/me").token(&token).send().await.expect_problem(401, "token-expired");

        let (token, id_again) = registry.token(&ada, json!({})).await;
        assert_ne!(id, id_again);
        registry.delete(&format!("/v1/tokens/{id_again}")).token(&ada).send().await.expect(204);
        registry.get("/v1/me").token(&token).send().await.expect_problem(401, "token-revoked");
        registry.get("/v1/me").token("jf_nobodyhasit").send().await.expect_problem(401, "token-unknown");
        registry.get("/v1/me").token("other").send().await.expect_problem(401, "token-unknown");
        registry.get("/v1/me").token("jf_anonymous").send().await.expect_problem(401, "unauthenticated");
        registry.get("/v1/me").send().await.expect_problem(401, "unauthenticated");
        registry
            .get("/v1/me")
            .header("authorization", "Digest x")
            .send()
            .await
            .expect_problem(401, "authorization-malformed");
        let twice = registry.get("/v1/me").token(&ada).token(&ada).send().await;
        twice.expect_problem(401, "authorization-malformed");
        assert!(twice.header("www-authenticate").is_some());

        // What is in the database is of no use to whoever steals it.
        let operator = registry.operator();
        registry
            .post("/v1/moderation/users/ada")
            .token(&operator)
            .json(&json!({"disabled": true}))
            .send()
            .await
            .expect(204);
        registry.get("/v1/me").token(&ada).send().await.expect_problem(401, "user-disabled");
        let login = json!({ "user": "ada", "password": PASSWORD });
        registry.post("/v1/login").json(&login).send().await.expect_problem(401, "login-failed");
        registry
            .post("/v1/moderation/users/ada")
            .token(&operator)
            .json(&json!({"disabled": false}))
            .send()
            .await
            .expect(204);
        registry.get("/v1/me").token(&ada).send().await.expect(200);
        registry.clock.advance(91 * DAY);
        registry.get("/v1/me").token(&ada).send().await.expect_problem(401, "token-expired");
    }
}

#[tokio::test]
async fn a_token_is_never_good_for_more_than_it_says() {
    for registry in TestRegistry::each().await {
        let ada = registry.owner("ada", "acme").await;
        let member = "/v1/namespaces/acme/members/ada";
        let role = json!({ "role": "owner" });
        let (foreign, _) = registry.token(&ada, json!({ "pattern": "globex:*" })).await;
        registry.put(member).token(&foreign).json(&role).send().await.expect_problem(403, "token-pattern");
        let (narrow, _) = registry.token(&ada, json!({ "pattern": "acme:crm" })).await;
        registry.put(member).token(&narrow).json(&role).send().await.expect_problem(403, "token-pattern");
        let (publish, _) = registry.token(&ada, json!({ "pattern": "acme:*", "actions": ["publish"] })).await;
        registry.put(member).token(&publish).json(&role).send().await.expect_problem(403, "token-action");
        let (right, _) = registry.token(&ada, json!({ "pattern": "acme:*", "actions": ["namespace"] })).await;
        registry.put(member).token(&right).json(&role).send().await.expect(204);

        // Nor does it make one that is.
        registry.post("/v1/tokens").token(&publish).json(&json!({})).send().await.expect_problem(403, "token-action");
        let (account, _) = registry.token(&ada, json!({ "actions": ["account", "read"] })).await;
        let wider = json!({ "actions": ["publish"] });
        registry.post("/v1/tokens").token(&account).json(&wider).send().await.expect_problem(403, "token-wider");
        registry.token(&account, json!({ "actions": ["read"], "pattern": "acme:*" })).await;
        for (wanted, code) in [
            (json!({ "pattern": "acme" }), "pattern-malformed"),
            (json!({ "pattern": "a*:*" }), "pattern-malformed"),
            (json!({ "expires_in_s": 0 }), "token-lifetime"),
            (json!({ "expires_in_s": i64::MAX }), "token-lifetime"),
            (json!({ "label": "x".repeat(201) }), "text-too-long"),
            (json!({ "actions": ["everything"] }), "body-malformed"),
            (json!({ "admin": true }), "body-malformed"),
        ] {
            registry.post("/v1/tokens").token(&ada).json(&wanted).send().await.expect_problem(400, code);
        }
        // A user's own token may moderate as little as the user.
        registry.get("/v1/moderation/namespaces").token(&ada).send().await.expect_problem(403, "forbidden");

        // Another's token is as unknown as none.
        let bob = registry.user("bob").await;
        let (_, id) = registry.token(&ada, json!({})).await;
        for id in [id.as_str(), "0198c0de"] {
            registry
                .delete(&format!("/v1/tokens/{id}"))
                .token(&bob)
                .send()
                .await
                .expect_problem(404, "token-not-found");
        }
    }
}
