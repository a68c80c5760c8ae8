//! What strangers try at the door.

use std::{fs, path::Path};

use http::Method;
use jackfield_registry::clock::{DAY, SECOND};
use serde_json::json;

use crate::kit::{PASSWORD, TestRegistry};

#[tokio::test]
async fn passwords_are_not_guessed_and_names_not_found_out() {
    for registry in TestRegistry::each().await {
        registry.user("ada").await;
        let login = async |user: &str, password: &str| {
            registry.post("/v1/login").json(&json!({ "user": user, "password": password })).send().await
        };
        // Whoever there is and whoever there is not are answered alike, to the last byte.
        let known = login("ada", "wrong").await;
        let unknown = login("nobody-here", "wrong").await;
        let odd = login("NO SUCH NAME", "wrong").await;
        known.expect_problem(401, "login-failed");
        assert_eq!((known.status, known.text()), (unknown.status, unknown.text()));
        assert_eq!(known.text(), odd.text());
        login("ada", &"x".repeat(2000)).await.expect_problem(401, "login-failed");
        // The first user has no password at all.
        login("operator", "").await.expect_problem(401, "login-failed");

        let mut codes = Vec::new();
        for _ in 0..12 {
            codes.push(login("ada", "wrong again").await.status.as_u16());
        }
        assert!(codes.ends_with(&[429, 429]), "{}: {codes:?}", registry.kind);
        let held = login("ada", PASSWORD).await;
        held.expect_problem(429, "login-limited");
        assert!(held.header("retry-after").is_some_and(|wait| wait.parse::<u64>().unwrap() <= 30));
        registry.clock.advance(31 * SECOND);
        login("ada", PASSWORD).await.expect(201);
    }
}

#[tokio::test]
async fn accounts_are_made_by_operators_unless_registration_is_open() {
    for registry in TestRegistry::each().await {
        let new = |name: &str, password: &str| json!({ "name": name, "password": password });
        let post = async |token: Option<&str>, body: &serde_json::Value| {
            let ask = registry.post("/v1/users").json(body);
            match token {
                Some(token) => ask.token(token).send().await,
                None => ask.send().await,
            }
        };
        post(None, &new("eve", PASSWORD)).await.expect_problem(401, "unauthenticated");
        let ada = registry.user("ada").await;
        post(Some(&ada), &new("eve", PASSWORD)).await.expect_problem(403, "forbidden");
        let operator = registry.operator();
        for weak in ["short", "aaaaaaaaaaaaaaaa", "eve-eve-eve-eve-1"] {
            post(Some(&operator), &new("eve", weak)).await.expect_problem(400, "password-weak");
        }
        post(Some(&operator), &new("eve", &"long ".repeat(300))).await.expect_problem(400, "password-too-long");
        post(Some(&operator), &new("ada", PASSWORD)).await.expect_problem(409, "user-exists");

        let open = registry.reopen_with(|config, _| config.open_registration = true).await;
        let made = open.post("/v1/users").json(&new("bob", PASSWORD)).send().await.expect(201);
        assert_eq!(made["operator"], false);
        let mut greedy = new("mallory", PASSWORD);
        greedy["operator"] = json!(true);
        open.post("/v1/users").json(&greedy).send().await.expect_problem(401, "unauthenticated");
        open.post("/v1/users").token(&ada).json(&greedy).send().await.expect_problem(403, "forbidden");
        open.post("/v1/users").json(&json!({ "name": "eve" })).send().await.expect_problem(400, "password-missing");

        // A stolen token does not become a password.
        let change = |old: &str| json!({ "old": old, "new": "another horse battery" });
        open.put("/v1/me/password").token(&ada).json(&change("wrong")).send().await.expect_problem(401, "login-failed");
        open.put("/v1/me/password").token(&ada).json(&change(PASSWORD)).send().await.expect(204);
        open.post("/v1/login")
            .json(&json!({ "user": "ada", "password": "another horse battery" }))
            .send()
            .await
            .expect(201);
    }
}

#[tokio::test]
async fn bodies_are_bounded_and_strict() {
    for registry in TestRegistry::each().await {
        let ada = registry.user("ada").await;
        let long = format!("{{\"label\":\"{}\"}}", "x".repeat(600 << 10));
        registry.post("/v1/tokens").token(&ada).bytes(long).send().await.expect_problem(413, "body-too-long");
        for body in ["", "{", "[]", "{\"label\":1}", "{\"lable\":\"\"}", "{\"label\":\"a\",\"label\":\"b\"}", "{} {}"] {
            registry.post("/v1/tokens").token(&ada).bytes(body).send().await.expect_problem(400, "body-malformed");
        }
        registry.get("/v1/nothing").send().await.expect_problem(404, "route-not-found");
        registry.ask(Method::PATCH, "/v1/tokens").token(&ada).send().await.expect_problem(405, "method-not-allowed");
        let answer = registry.get("/healthz").send().await;
        assert_eq!(answer.text(), "ok\n");
        for (name, value) in [("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer")] {
            assert_eq!(answer.header(name), Some(value));
        }
        assert!(answer.header("x-request-id").is_some());
        assert_eq!(registry.get("/v1/me").token(&ada).send().await.header("cache-control"), Some("no-store"));
        assert_eq!(registry.get("/readyz").send().await.text(), "ready\n");
    }
}

#[tokio::test]
async fn ended_tokens_and_old_lines_are_forgotten() {
    for registry in TestRegistry::each().await {
        let ada = registry.owner("ada", "acme").await;
        registry.clock.advance(100 * DAY);
        registry.get("/v1/me").token(&ada).send().await.expect_problem(401, "token-expired");
        let (tokens, lines) = jackfield_registry::account::worker::sweep(&registry.shared).await.unwrap();
        assert_eq!((tokens, lines), (0, 0), "{}", registry.kind);
        registry.clock.advance(301 * DAY);
        let (tokens, lines) = jackfield_registry::account::worker::sweep(&registry.shared).await.unwrap();
        assert!(tokens == 2 && lines >= 3, "{}: {tokens} {lines}", registry.kind);
        registry.get("/v1/me").token(&ada).send().await.expect_problem(401, "token-unknown");
    }
}

/// Every `.route("/v1/…", …)` in the sources that changes something: its path and its methods.
fn changing_routes() -> Vec<(String, Method)> {
    fn sources(folder: &Path, into: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, into);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                into.push(fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut texts = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut texts);
    let mut found = Vec::new();
    for text in &texts {
        for route in text.split(".route(").skip(1) {
            let Some((path, rest)) = route.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"')) else {
                continue;
            };
            let handlers = rest.split("\n        .").next().unwrap().split(";").next().unwrap();
            for (word, method) in
                [("post(", Method::POST), ("put(", Method::PUT), ("delete(", Method::DELETE), ("patch(", Method::PATCH)]
            {
                if handlers.contains(word) && path.starts_with("/v1/") {
                    found.push((path.to_owned(), method));
                }
            }
        }
    }
    found
}

#[tokio::test]
async fn nobody_in_particular_changes_nothing() {
    let open = ["/v1/login", "/v1/session", "/v1/users", "/v1/token-exchange", "/v1/sign-in/{provider}/begin"];
    let routes = changing_routes();
    assert!(routes.len() >= 18, "the sources are read: {routes:?}");
    for registry in TestRegistry::each().await {
        registry.owner("ada", "acme").await;
        for (path, method) in &routes {
            // A try changes nothing.
            if open.contains(&path.as_str()) || ["/installs", "/try"].iter().any(|end| path.ends_with(end)) {
                continue;
            }
            let path: String = path
                .split('/')
                .map(|part| match part {
                    "{ns}" | "{namespace}" => "acme",
                    "{version}" => "1.0.0",
                    part if part.starts_with('{') => "crm",
                    part => part,
                })
                .collect::<Vec<_>>()
                .join("/");
            let answer = registry.ask(method.clone(), &path).json(&json!({})).send().await;
            assert_eq!(answer.status.as_u16(), 401, "{method} {path}: {}", answer.text());
            // Nor does somebody without a right to it.
            let answer = registry.ask(method.clone(), &path).token("jf_anonymous").json(&json!({})).send().await;
            assert!(answer.status.is_client_error(), "{method} {path}: {}", answer.text());
        }
    }
}
