//! CI publishes without a stored secret: an issuer on this machine, with keys of the test's own.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Json, Router, routing::get};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jackfield_registry::clock::SECOND;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};

use crate::kit::{ORIGIN, START, TestRegistry};

/// An issuer that serves what it is told to.
pub(crate) struct Issuer {
    pub(crate) url: String,
    keys: Arc<Mutex<Value>>,
    asked: Arc<AtomicUsize>,
    es256: EncodingKey,
    /// What the next code is exchanged for, and what is then told of its person.
    pub(crate) answers: Arc<Mutex<(Value, Value)>>,
    /// The forms that came with codes.
    pub(crate) forms: Arc<Mutex<Vec<String>>>,
}

impl Issuer {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let es256 = ec_key();
        let keys = Arc::new(Mutex::new(json!({ "keys": [published(&es256, Algorithm::ES256, "one")] })));
        let asked = Arc::new(AtomicUsize::new(0));
        let discovery = json!({
            "issuer": url, "jwks_uri": format!("{url}/keys"), "authorization_endpoint": format!("{url}/authorize"),
            "token_endpoint": format!("{url}/token"), "userinfo_endpoint": format!("{url}/me"),
        });
        let answers = Arc::new(Mutex::new((Value::Null, Value::Null)));
        let forms = Arc::new(Mutex::new(Vec::new()));
        let (served, counted, exchanged, kept) = (keys.clone(), asked.clone(), answers.clone(), forms.clone());
        let told = answers.clone();
        let router =
            Router::new().route("/.well-known/openid-configuration", get(async move || Json(discovery))).route(
                "/keys",
                get(async move || {
                    counted.fetch_add(1, Ordering::SeqCst);
                    Json(served.lock().unwrap().clone())
                }),
            );
        let router = router
            .route(
                "/token",
                axum::routing::post(async move |form: String| {
                    kept.lock().unwrap().push(form);
                    Json(exchanged.lock().unwrap().0.clone())
                }),
            )
            .route("/me", get(async move || Json(told.lock().unwrap().1.clone())));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, keys, asked, es256, answers, forms }
    }

    fn claims(&self) -> Value {
        let now = START / SECOND;
        json!({
            "iss": self.url, "aud": ORIGIN, "sub": "repo:acme/crm:ref:refs/heads/main", "iat": now, "nbf": now,
            "exp": now + 600, "repository": "acme/crm", "run_number": 7, "jti": "x",
        })
    }

    pub(crate) fn token(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = self.claims();
        change(&mut claims);
        signed(&self.es256, Algorithm::ES256, "one", &claims)
    }
}

fn ec_key() -> EncodingKey {
    EncodingKey::from_ec_der(&rcgen::KeyPair::generate().unwrap().serialize_der())
}

fn published(key: &EncodingKey, algorithm: Algorithm, kid: &str) -> Value {
    let mut jwk = Jwk::from_encoding_key(key, algorithm).unwrap();
    jwk.common.key_id = Some(kid.to_owned());
    serde_json::to_value(jwk).unwrap()
}

fn signed(key: &EncodingKey, algorithm: Algorithm, kid: &str, claims: &Value) -> String {
    let header = Header { kid: Some(kid.to_owned()), ..Header::new(algorithm) };
    encode(&header, claims, key).unwrap()
}

async fn exchange(registry: &TestRegistry, token: &str) -> crate::kit::Answer {
    registry.post("/v1/token-exchange").json(&json!({ "id_token": token })).send().await
}

async fn trusted(issuer: &Issuer) -> Vec<(TestRegistry, String)> {
    let mut all = Vec::new();
    for registry in TestRegistry::each_with(|config, _| config.oidc_issuers = vec![issuer.url.clone()]).await {
        let ada = registry.owner("ada", "acme").await;
        let new = json!({
            "issuer": issuer.url, "claims": { "repository": "acme/crm", "run_number": "7" }, "pattern": "acme:crm",
        });
        registry.post("/v1/namespaces/acme/publishers").token(&ada).json(&new).send().await.expect(201);
        all.push((registry, ada));
    }
    all
}

#[tokio::test]
async fn an_identity_gets_a_token_for_its_packages_and_for_a_quarter_of_an_hour() {
    let issuer = Issuer::start().await;
    for (registry, ada) in trusted(&issuer).await {
        let id_token = issuer.token(|_| ());
        let issued = exchange(&registry, &id_token).await.expect(201);
        assert_eq!((&issued["pattern"], &issued["actions"]), (&json!("acme:crm"), &json!(["read", "publish"])));
        let token = issued["token"].as_str().unwrap();
        let me = registry.get("/v1/me").token(token).send().await.expect(200);
        assert!(me["name"].as_str().unwrap().starts_with("identity:repo:acme/crm"), "{me}");
        exchange(&registry, &id_token).await.expect_problem(401, "id-token-used");
        // Nor is it another for other words around its id, or at another process of the registry.
        let again = issuer.token(|claims| claims["extra"] = json!(1));
        exchange(&registry, &again).await.expect_problem(401, "id-token-used");
        let known = |config: &mut jackfield_registry::Config, _: &mut _| config.oidc_issuers = vec![issuer.url.clone()];
        let other = registry.reopen_with(known).await;
        exchange(&other, &id_token).await.expect_problem(401, "id-token-used");
        // Only what it says: no members, no tokens, no other package.
        let role = json!({ "role": "owner" });
        registry
            .put("/v1/namespaces/acme/members/ada")
            .token(token)
            .json(&role)
            .send()
            .await
            .expect_problem(403, "token-action");
        registry.post("/v1/tokens").token(token).json(&json!({})).send().await.expect_problem(403, "token-action");
        registry.clock.advance(15 * 60 * SECOND);
        registry.get("/v1/me").token(token).send().await.expect_problem(401, "token-expired");
        registry.clock.advance(-15 * 60 * SECOND);

        // Whom nobody trusts any more, loses what he was given.
        let listed = registry.get("/v1/namespaces/acme/publishers").token(&ada).send().await.expect(200);
        let id = listed["publishers"][0]["id"].as_str().unwrap().to_owned();
        registry.delete(&format!("/v1/namespaces/acme/publishers/{id}")).token(&ada).send().await.expect(204);
        registry.get("/v1/me").token(token).send().await.expect_problem(401, "token-revoked");
        exchange(&registry, &issuer.token(|claims| claims["jti"] = json!("y")))
            .await
            .expect_problem(403, "publisher-unknown");
    }
}

#[tokio::test]
async fn a_forged_token_gets_nothing() {
    let issuer = Issuer::start().await;
    let stranger = ec_key();
    let public = published(&issuer.es256, Algorithm::ES256, "one");
    let hmac = EncodingKey::from_secret(public["x"].as_str().unwrap().as_bytes());
    let raw = |header: Value, claims: &Value| {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.", part(&header), part(claims))
    };
    for (registry, _) in trusted(&issuer).await {
        let now = START / SECOND;
        let claim = |name: &'static str, value: Value| issuer.token(move |claims| claims[name] = value);
        let rows = [
            (claim("aud", json!("other.example")), 401, "id-token-audience"),
            (claim("aud", json!([ORIGIN, "other.example"])), 401, "id-token-audience"),
            (claim("aud", json!(null)), 401, "id-token-audience"),
            (claim("exp", json!(now - 61)), 401, "id-token-expired"),
            (claim("exp", json!(null)), 401, "id-token-expired"),
            (claim("nbf", json!(now + 120)), 401, "id-token-expired"),
            (claim("iat", json!(now + 120)), 401, "id-token-expired"),
            (claim("iat", json!(now - 7200)), 401, "id-token-expired"),
            (claim("iss", json!("https://other.example")), 401, "issuer-unknown"),
            (claim("iss", json!(format!("{}/", issuer.url))), 401, "issuer-unknown"),
            (claim("repository", json!("acme/crm2")), 403, "publisher-unknown"),
            (claim("repository", json!(["acme/crm"])), 403, "publisher-unknown"),
            (claim("repository", json!(null)), 403, "publisher-unknown"),
            (claim("run_number", json!(8)), 403, "publisher-unknown"),
            (signed(&stranger, Algorithm::ES256, "one", &issuer.claims()), 401, "id-token-signature"),
            (signed(&issuer.es256, Algorithm::ES256, "two", &issuer.claims()), 401, "id-token-key"),
            // The public key as a shared secret, and no signature at all.
            (signed(&hmac, Algorithm::HS256, "one", &issuer.claims()), 401, "id-token-algorithm"),
            (raw(json!({ "alg": "none", "typ": "JWT", "kid": "one" }), &issuer.claims()), 401, "id-token-malformed"),
            (raw(json!({ "alg": "ES256", "kid": "one" }), &issuer.claims()), 401, "id-token-signature"),
            (raw(json!({ "alg": "RS256", "kid": "one" }), &issuer.claims()), 401, "id-token-key"),
            ("a.b.c".to_owned(), 401, "id-token-malformed"),
            ("x".repeat(20_000), 401, "id-token-malformed"),
        ];
        for (token, status, code) in rows {
            let answer = exchange(&registry, &token).await;
            assert_eq!(
                (answer.status.as_u16(), answer.json::<Value>()["code"].as_str()),
                (status, Some(code)),
                "{}",
                answer.text()
            );
        }
        exchange(&registry, &issuer.token(|_| ())).await.expect(201);
    }
}

#[tokio::test]
async fn an_issuer_rotates_its_keys_and_is_not_asked_for_every_stranger() {
    let issuer = Issuer::start().await;
    for (registry, _) in trusted(&issuer).await {
        exchange(&registry, &issuer.token(|_| ())).await.expect(201);
        let asked = issuer.asked.load(Ordering::SeqCst);
        let next = ec_key();
        for number in 0..20 {
            let token = signed(&next, Algorithm::ES256, &format!("kid-{number}"), &issuer.claims());
            exchange(&registry, &token).await.expect_problem(401, "id-token-key");
        }
        assert_eq!(issuer.asked.load(Ordering::SeqCst), asked, "{}", registry.kind);
        let both = json!({ "keys": [
            { "kty": "something-new", "kid": "three" },
            published(&issuer.es256, Algorithm::ES256, "one"),
            published(&next, Algorithm::ES256, registry.kind),
        ] });
        *issuer.keys.lock().unwrap() = both;
        registry.clock.advance(31 * SECOND);
        let mut claims = issuer.claims();
        claims["jti"] = json!("another");
        exchange(&registry, &signed(&next, Algorithm::ES256, registry.kind, &claims)).await.expect(201);
    }
}

#[tokio::test]
async fn owners_alone_trust_and_only_issuers_that_are_configured() {
    let issuer = Issuer::start().await;
    for (registry, ada) in trusted(&issuer).await {
        let eve = registry.owner("eve", "globex").await;
        let add = async |token: &str, issuer: &str, claims: Value, pattern: &str| {
            let new = json!({ "issuer": issuer, "claims": claims, "pattern": pattern });
            registry.post("/v1/namespaces/acme/publishers").token(token).json(&new).send().await
        };
        let url = issuer.url.as_str();
        let sub = json!({ "sub": "x" });
        add(&eve, url, sub.clone(), "acme:*").await.expect_problem(403, "forbidden");
        add(&ada, "https://evil.example", sub.clone(), "acme:*").await.expect_problem(400, "issuer-not-configured");
        for pattern in ["*", "globex:*", "globex:crm", "acme"] {
            add(&ada, url, sub.clone(), pattern).await.expect_problem(400, "pattern-malformed");
        }
        for claims in [json!({}), json!({ "aud": ORIGIN }), json!({ "sub": "" }), json!({ "sub": "x".repeat(301) })] {
            add(&ada, url, claims, "acme:*").await.expect_problem(400, "claims-malformed");
        }
        // Trusted for two: it must say for which.
        add(&ada, url, json!({ "repository": "acme/crm" }), "acme:erp").await.expect(201);
        exchange(&registry, &issuer.token(|_| ())).await.expect_problem(409, "publisher-ambiguous");
        let ask = json!({ "id_token": issuer.token(|_| ()), "packages": "acme:erp" });
        let issued = registry.post("/v1/token-exchange").json(&ask).send().await.expect(201);
        assert_eq!(issued["pattern"], "acme:erp");
        let wider = json!({ "id_token": issuer.token(|claims| claims["jti"] = json!("z")), "packages": "acme:*" });
        registry.post("/v1/token-exchange").json(&wider).send().await.expect_problem(403, "publisher-unknown");
    }
}

/// A key that `openssl` has made, as PKCS#1.
fn rsa_key(bits: &str) -> EncodingKey {
    use std::process::{Command, Stdio};
    let made = Command::new("openssl").args(["genrsa", "-traditional", bits]).stderr(Stdio::null()).output().unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), made.stdout).unwrap();
    let mut command = Command::new("openssl");
    command.args(["rsa", "-traditional", "-outform", "DER", "-in"]).arg(file.path());
    EncodingKey::from_rsa_der(&command.stderr(Stdio::null()).output().unwrap().stdout)
}

#[tokio::test]
async fn rsa_keys_count_unless_they_are_small() {
    let issuer = Issuer::start().await;
    let (good, small) = (rsa_key("2048"), rsa_key("1024"));
    let all = [published(&good, Algorithm::RS256, "rsa"), published(&small, Algorithm::RS256, "small")];
    *issuer.keys.lock().unwrap() = json!({ "keys": all });
    for (registry, _) in trusted(&issuer).await {
        let small = signed(&small, Algorithm::RS256, "small", &issuer.claims());
        exchange(&registry, &small).await.expect_problem(401, "id-token-key");
        exchange(&registry, &signed(&good, Algorithm::RS256, "rsa", &issuer.claims())).await.expect(201);
    }
}
