//! Browsers: signed in by a password or a link, by a cookie that no script reads, and by nobody else's page.

use serde_json::json;

use crate::kit::{PASSWORD, TestRegistry};

fn cookie(set: &str) -> String {
    set.split(';').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_browser_signs_in_acts_and_signs_out() {
    for registry in TestRegistry::each().await {
        registry.user("ada").await;
        let shown = json!({ "user": "ada", "password": PASSWORD });
        // Not from a form of another site, which can't say that it is JSON.
        registry.post("/v1/session").bytes(shown.to_string()).send().await.expect_problem(403, "csrf");
        let elsewhere = registry.post("/v1/session").header("sec-fetch-site", "cross-site").json(&shown);
        elsewhere.send().await.expect_problem(403, "csrf");
        let answer = registry.post("/v1/session").json(&shown).send().await;
        let set = answer.header("set-cookie").unwrap().to_owned();
        answer.expect(201);
        for word in ["HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(set.contains(word), "{}: {set}", registry.kind);
        }
        let cookie = cookie(&set);
        let me = registry.get("/v1/me").header("cookie", &cookie).send().await.expect(200);
        assert_eq!((&me["user"], &me["password"]), (&json!("ada"), &json!(true)));
        // A second cookie of the name, or one of another name, is a neighbour's.
        for set in [format!("jf_session=other; {cookie}"), cookie.replace("jf_session", "__Host-jf_session")] {
            registry.get("/v1/me").header("cookie", &set).send().await.expect_problem(401, "unauthenticated");
        }
        // A change needs the header that a page of another site can't send.
        let wanted = json!({ "name": "ada" });
        let made = registry.post("/v1/namespaces").header("cookie", &cookie).json(&wanted).send().await;
        made.expect_problem(403, "csrf");
        let from = registry.post("/v1/namespaces").header("cookie", &cookie).header("x-jackfield-csrf", "1");
        let made = from.header("sec-fetch-site", "cross-site").json(&wanted).send().await;
        made.expect_problem(403, "csrf");
        let from = registry.post("/v1/namespaces").header("cookie", &cookie).header("x-jackfield-csrf", "1");
        from.header("sec-fetch-site", "same-origin").json(&wanted).send().await.expect(201);

        let out = registry.delete("/v1/session").header("cookie", &cookie).header("x-jackfield-csrf", "1");
        let out = out.send().await;
        assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
        out.expect(204);
        // A browser sends what it has: it is nobody then, and public pages stay readable.
        let me = registry.get("/v1/me").header("cookie", &cookie).send().await;
        me.expect_problem(401, "unauthenticated");
        registry.get("/v1/packages").header("cookie", &cookie).send().await.expect(200);
    }
}

#[tokio::test]
async fn a_link_signs_in_once_and_soon() {
    for registry in TestRegistry::each().await {
        registry.user("ada").await;
        let operator = registry.operator();
        let invite = || registry.post("/v1/moderation/users/ada/sign-in").token(&operator).send();
        let code = invite().await.expect(201)["code"].as_str().unwrap().to_owned();
        let signed_in = registry.post("/v1/session").json(&json!({ "code": code })).send().await.expect(201);
        assert_eq!(signed_in["user"], "ada");
        let again = registry.post("/v1/session").json(&json!({ "code": code })).send().await.expect(401);
        assert_eq!(again["code"], "sign-in-code");
        let late = invite().await.expect(201)["code"].as_str().unwrap().to_owned();
        registry.clock.advance(31 * 60 * 1_000_000);
        let late = registry.post("/v1/session").json(&json!({ "code": late })).send().await.expect(401);
        assert_eq!(late["code"], "sign-in-code");

        let ada = registry.user("bob").await;
        let made = registry.post("/v1/moderation/users/ada/sign-in").token(&ada).send().await.expect(403);
        assert_eq!(made["code"], "forbidden");
        let both = json!({ "code": "x", "user": "ada", "password": PASSWORD });
        registry.post("/v1/session").json(&both).send().await.expect(400);
    }
}
