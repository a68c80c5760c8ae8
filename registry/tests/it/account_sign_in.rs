//! Signing in at an OpenID provider: by whose word, bound to which browser, and what is believed of an answer.

use jackfield_registry::{Config, clock::SECOND, config::SignInProvider};
use serde_json::{Value, json};

use crate::{
    account_oidc::Issuer,
    kit::{Answer, PASSWORD, START, TestRegistry},
};

/// What a browser has after it left for the provider.
struct Left {
    cookie: String,
    state: String,
    nonce: String,
}

fn provider(issuer: &Issuer) -> SignInProvider {
    SignInProvider {
        id: "acme".to_owned(),
        title: "Acme".to_owned(),
        issuer: issuer.url.clone(),
        client_id: "jackfield".to_owned(),
        domains: vec!["acme.example".to_owned()],
        ..SignInProvider::default()
    }
}

async fn registries(issuer: &Issuer) -> Vec<TestRegistry> {
    TestRegistry::each_with(|config, _| config.sign_in = vec![provider(issuer)]).await
}

/// As its header sets it, without attributes.
fn set(answer: &Answer, name: &str) -> Option<String> {
    let set = answer
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|set| set.to_str().unwrap())
        .find(|set| set.starts_with(&format!("{name}=")))?;
    set.split(';').next().map(str::to_owned)
}

async fn leave(registry: &TestRegistry, next: &str) -> Left {
    let answer = registry.post("/v1/sign-in/acme/begin").json(&json!({ "next": next })).send().await;
    left(&answer)
}

fn left(answer: &Answer) -> Left {
    let url = answer.expect(200)["url"].as_str().unwrap().parse::<url::Url>().unwrap();
    let get = |name: &str| url.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
    assert_eq!((get("response_type"), get("client_id")), ("code".to_owned(), "jackfield".to_owned()));
    assert_eq!((get("code_challenge_method"), get("scope")), ("S256".to_owned(), "openid".to_owned()));
    Left { cookie: set(answer, "jf_sign_in").unwrap(), state: get("state"), nonce: get("nonce") }
}

impl Left {
    async fn back(&self, registry: &TestRegistry, query: &str) -> Answer {
        let path = format!("/v1/sign-in/acme/callback?{query}");
        registry.get(&path).header("cookie", &self.cookie).send().await
    }

    /// As whom the provider says.
    async fn as_person(&self, registry: &TestRegistry, issuer: &Issuer, claims: Value) -> Answer {
        let id_token = issuer.token(|token| {
            token["aud"] = json!("jackfield");
            token["nonce"] = json!(self.nonce);
            for (name, value) in claims.as_object().unwrap() {
                token[name] = value.clone();
            }
        });
        issuer.answers.lock().unwrap().0 = json!({ "id_token": id_token, "access_token": "at" });
        self.back(registry, &format!("code=c&state={}", self.state)).await
    }
}

/// Where the browser is sent to.
#[track_caller]
fn to(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.text());
    answer.header("location").unwrap().to_owned()
}

#[track_caller]
fn trouble(answer: &Answer, code: &str) {
    assert_eq!(to(answer), format!("/sign-in#trouble={code}"));
    assert_eq!(set(answer, "jf_session"), None);
}

async fn me(registry: &TestRegistry, session: &str) -> Value {
    registry.get("/v1/me").header("cookie", session).send().await.expect(200)
}

#[tokio::test]
async fn a_person_of_a_known_domain_becomes_a_user_and_stays_the_same() {
    let issuer = Issuer::start().await;
    for registry in registries(&issuer).await {
        let shown = registry.get("/v1/sign-in").send().await.expect(200);
        assert_eq!(shown["providers"][0]["title"], "Acme");
        assert!(!shown.to_string().contains("client"), "{shown}");
        registry.user("ada").await;

        let ada =
            json!({ "sub": "1", "email": "Ada@ACME.example", "email_verified": true, "preferred_username": "Ada" });
        let answer = leave(&registry, "/packages").await.as_person(&registry, &issuer, ada).await;
        assert_eq!(to(&answer), "/sign-in?next=%2Fpackages#done");
        let session = set(&answer, "jf_session").unwrap();
        // The name was taken: nobody becomes somebody else by being called so.
        assert_eq!(me(&registry, &session).await["user"], "ada-2");
        // The verifier fits the challenge, and no client's secret was sent.
        let form = issuer.forms.lock().unwrap().last().unwrap().clone();
        assert!(form.contains("code_verifier=") && !form.contains("client_secret"), "{form}");

        // Another address and name, from now on not of the domain: still the same person.
        let moved = json!({ "sub": "1", "email": "ada@else.example", "email_verified": true });
        let answer = leave(&registry, "/").await.as_person(&registry, &issuer, moved).await;
        assert_eq!(me(&registry, &set(&answer, "jf_session").unwrap()).await["user"], "ada-2");
        // Whoever has an unverified address, another domain, or none, is nobody here; nor is who has a known user's address.
        for claims in [
            json!({ "sub": "2", "email": "bob@acme.example", "email_verified": false }),
            json!({ "sub": "2", "email": "bob@acme.example" }),
            json!({ "sub": "2", "email": "bob@acme.example.evil.example", "email_verified": true }),
            json!({ "sub": "2", "email": "ada@else.example", "email_verified": true }),
            json!({ "sub": "2" }),
        ] {
            issuer.answers.lock().unwrap().1 = json!({ "sub": "2" });
            trouble(&leave(&registry, "/").await.as_person(&registry, &issuer, claims).await, "sign-in-unknown");
        }
        // What is told apart from the token counts, if it is of the same person.
        issuer.answers.lock().unwrap().1 = json!({ "sub": "1", "email": "eve@acme.example", "email_verified": true });
        let eve = json!({ "sub": "3" });
        trouble(&leave(&registry, "/").await.as_person(&registry, &issuer, eve.clone()).await, "sign-in-failed");
        issuer.answers.lock().unwrap().1["sub"] = json!("3");
        let answer = leave(&registry, "/").await.as_person(&registry, &issuer, eve.clone()).await;
        assert_eq!(me(&registry, &set(&answer, "jf_session").unwrap()).await["user"], "eve");
        // Who is shut out stays out.
        let shut = registry.post("/v1/moderation/users/eve").token(&registry.operator());
        shut.json(&json!({ "disabled": true })).send().await.expect(204);
        trouble(&leave(&registry, "/").await.as_person(&registry, &issuer, eve).await, "sign-in-unknown");
    }
}

#[tokio::test]
async fn an_answer_counts_once_in_the_browser_that_asked() {
    let issuer = Issuer::start().await;
    for registry in registries(&issuer).await {
        let person = json!({ "sub": "1", "email": "ada@acme.example", "email_verified": true });
        let good = leave(&registry, "/").await;
        to(&good.as_person(&registry, &issuer, person.clone()).await);
        // Again; from a browser that has begun nothing, or something else; without what was said; too late.
        trouble(&good.as_person(&registry, &issuer, person.clone()).await, "sign-in-stale");
        let (one, other) = (leave(&registry, "/").await, leave(&registry, "/").await);
        trouble(&one.back(&registry, &format!("code=c&state={}", other.state)).await, "sign-in-stale");
        let nobody = Left { cookie: String::new(), ..leave(&registry, "/").await };
        trouble(&nobody.as_person(&registry, &issuer, person.clone()).await, "sign-in-stale");
        trouble(&one.back(&registry, "code=c").await, "sign-in-stale");
        let twice = format!("code=c&state={0}&state={0}", one.state);
        trouble(&one.back(&registry, &twice).await, "sign-in-stale");
        let late = leave(&registry, "/").await;
        registry.clock.advance(601 * SECOND);
        trouble(&late.as_person(&registry, &issuer, person.clone()).await, "sign-in-stale");

        // The provider's no, and answers that are another provider's.
        let no = leave(&registry, "/").await;
        let query = format!("error=access_denied&error_description=x&state={}", no.state);
        trouble(&no.back(&registry, &query).await, "sign-in-refused");
        let mixed = leave(&registry, "/").await;
        let query = format!("code=c&state={}&iss=https://other.example", mixed.state);
        trouble(&mixed.back(&registry, &query).await, "sign-in-failed");
        registry.get("/v1/sign-in/none/callback?code=c&state=s").send().await.expect_problem(404, "sign-in-provider");

        // Tokens that are another's, old, or for another.
        let now = START / SECOND + 601;
        for (claims, code) in [
            (json!({ "nonce": "other" }), "sign-in-failed"),
            (json!({ "nonce": null }), "sign-in-failed"),
            (json!({ "aud": "other" }), "id-token-audience"),
            (json!({ "aud": ["jackfield", "other"] }), "id-token-audience"),
            (json!({ "exp": now - 3600, "iat": now - 7200, "nbf": now - 7200 }), "id-token-expired"),
            (json!({ "iss": "https://other.example" }), "issuer-unknown"),
            (json!({ "sub": "" }), "sign-in-failed"),
        ] {
            let mut all = json!({ "sub": "1", "iat": now, "nbf": now, "exp": now + 600 });
            all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
            trouble(&leave(&registry, "/").await.as_person(&registry, &issuer, all).await, code);
        }
        let unsigned = leave(&registry, "/").await;
        issuer.answers.lock().unwrap().0 = json!({ "id_token": "e30.e30." });
        trouble(&unsigned.back(&registry, &format!("code=c&state={}", unsigned.state)).await, "id-token-malformed");
    }
}

#[tokio::test]
async fn nobody_else_begins_a_sign_in_or_leads_it_elsewhere() {
    let issuer = Issuer::start().await;
    for registry in registries(&issuer).await {
        let begin = || registry.post("/v1/sign-in/acme/begin");
        begin().bytes("{}").send().await.expect_problem(403, "csrf");
        begin().header("sec-fetch-site", "cross-site").json(&json!({})).send().await.expect_problem(403, "csrf");
        registry.post("/v1/sign-in/none/begin").json(&json!({})).send().await.expect_problem(404, "sign-in-provider");
        let person = json!({ "sub": "1", "email": "ada@acme.example", "email_verified": true });
        for elsewhere in ["https://evil.example/", "//evil.example", "/\\evil.example"] {
            let answer = leave(&registry, elsewhere).await.as_person(&registry, &issuer, person.clone()).await;
            assert_eq!(to(&answer), "/sign-in?next=%2Faccount#done");
        }
        for number in 0.. {
            assert!(number < 1000, "a stranger begins as many as he likes");
            if begin().json(&json!({})).send().await.status == 429 {
                break;
            }
        }
    }
}

#[tokio::test]
async fn identities_are_added_and_removed_by_their_user_alone() {
    let issuer = Issuer::start().await;
    for registry in registries(&issuer).await {
        registry.user("ada").await;
        registry.user("bob").await;
        let signed_in = async |user: &str| {
            let shown = json!({ "user": user, "password": PASSWORD });
            set(&registry.post("/v1/session").json(&shown).send().await, "jf_session").unwrap()
        };
        let (ada, bob) = (signed_in("ada").await, signed_in("bob").await);
        // Begun with one session, and finished in a browser that has this one.
        let link = async |begun: &str, finished: &str| {
            let asked = registry.post("/v1/me/identities").header("cookie", begun).header("x-jackfield-csrf", "1");
            let mut left = left(&asked.json(&json!({ "provider": "acme" })).send().await);
            left.cookie = format!("{}; {finished}", left.cookie);
            left
        };
        let nobody = registry.post("/v1/me/identities").json(&json!({ "provider": "acme" })).send().await;
        nobody.expect_problem(401, "unauthenticated");
        let person = json!({ "sub": "77" });
        issuer.answers.lock().unwrap().1 = json!({ "sub": "77", "name": "Ada" });
        // Who began it finishes it: not another user, nobody, nor a session that has been ended meanwhile.
        trouble(&link(&ada, &bob).await.as_person(&registry, &issuer, person.clone()).await, "sign-in-stale");
        trouble(&link(&ada, "x=y").await.as_person(&registry, &issuer, person.clone()).await, "sign-in-stale");
        let ended = signed_in("ada").await;
        let begun = link(&ended, &ended).await;
        let out = registry.delete("/v1/session").header("cookie", &ended).header("x-jackfield-csrf", "1");
        out.send().await.expect(204);
        trouble(&begun.as_person(&registry, &issuer, person.clone()).await, "sign-in-stale");
        let answer = link(&ada, &ada).await.as_person(&registry, &issuer, person.clone()).await;
        assert_eq!((to(&answer).as_str(), set(&answer, "jf_session")), ("/account", None));
        let own = registry.get("/v1/me/identities").header("cookie", &ada).send().await.expect(200);
        assert_eq!((&own["identities"][0]["subject"], &own["identities"][0]["label"]), (&json!("77"), &json!("Ada")));
        // It is hers now: she signs in by it, and nobody else takes it.
        let answer = leave(&registry, "/").await.as_person(&registry, &issuer, person.clone()).await;
        assert_eq!(me(&registry, &set(&answer, "jf_session").unwrap()).await["user"], "ada");
        trouble(&link(&bob, &bob).await.as_person(&registry, &issuer, person.clone()).await, "identity-taken");
        let id = own["identities"][0]["id"].as_str().unwrap();
        let remove = |session: &str| {
            let asked = registry.delete(&format!("/v1/me/identities/{id}"));
            asked.header("cookie", session).header("x-jackfield-csrf", "1").send()
        };
        remove(&bob).await.expect_problem(404, "identity-not-found");
        remove(&ada).await.expect(204);
        trouble(&leave(&registry, "/").await.as_person(&registry, &issuer, person).await, "sign-in-unknown");

        // Who has no password keeps the last way in.
        let eve = json!({ "sub": "9", "email": "eve@acme.example", "email_verified": true });
        let answer = leave(&registry, "/").await.as_person(&registry, &issuer, eve).await;
        let session = set(&answer, "jf_session").unwrap();
        let own = registry.get("/v1/me/identities").header("cookie", &session).send().await.expect(200);
        let path = format!("/v1/me/identities/{}", own["identities"][0]["id"].as_str().unwrap());
        let last = registry.delete(&path).header("cookie", &session).header("x-jackfield-csrf", "1");
        last.send().await.expect_problem(409, "identity-last");
    }
}

#[tokio::test]
async fn a_provider_that_is_not_right_keeps_the_server_from_starting() {
    let issuer = Issuer::start().await;
    let registry = TestRegistry::each().await.remove(0);
    let wrong: [&dyn Fn(&mut SignInProvider); 5] = [
        &|provider| provider.id = "No Label".to_owned(),
        &|provider| provider.issuer = "http://id.example".to_owned(),
        &|provider| provider.client_id.clear(),
        &|provider| provider.title.clear(),
        &|provider| provider.client_secret_file = Some("/does/not/exist".into()),
    ];
    for change in wrong {
        let mut provider = provider(&issuer);
        change(&mut provider);
        let problem = registry.refused(|config: &mut Config| config.sign_in = vec![provider]).await;
        assert_eq!(problem.code, "config-invalid");
    }
    let twice = vec![provider(&issuer), provider(&issuer)];
    assert_eq!(registry.refused(|config| config.sign_in = twice).await.code, "config-invalid");
}
