//! Who has used a package says how it was, once; and what must not be said does not stay.

use jackfield_package::{Digest, key::SigningKey, statement::ReceiptStatement};
use jackfield_registry::clock::DAY;
use serde_json::{Value, json};

use crate::{
    kit::{Answer, START, TestRegistry},
    read_rows::Row,
};

const REVIEWS: &str = "/v1/packages/acme/crm/reviews";

/// A receipt of a workspace, for 12 calls over two days.
fn receipt(workspace: u8, version: &str) -> ReceiptStatement {
    let today = u32::try_from(START / DAY).unwrap();
    ReceiptStatement {
        workspace: SigningKey::from_seed([workspace; 32]).public_key(),
        name: "acme:crm".parse().unwrap(),
        version: version.parse().unwrap(),
        component: Row::new("acme:crm", version).component(),
        calls: 12,
        first_day: today - 1,
        last_day: today,
    }
}

fn signed(workspace: u8, receipt: &ReceiptStatement) -> Value {
    serde_json::from_slice(&receipt.sign(&SigningKey::from_seed([workspace; 32])).to_bytes()).unwrap()
}

async fn post(registry: &TestRegistry, token: &str, receipt: Value, rating: i64, body: &str) -> Answer {
    let review = json!({ "receipt": receipt, "rating": rating, "body": body });
    registry.post(REVIEWS).token(token).json(&review).send().await
}

#[tokio::test]
async fn a_review_needs_a_receipt_and_there_is_one_for_each_workspace_and_major() {
    for registry in TestRegistry::each().await {
        let owner = registry.owner("ada", "acme").await;
        let (bob, eve) = (registry.user("bob").await, registry.user("eve").await);
        for version in ["1.0.0", "1.1.0", "2.0.0"] {
            Row::new("acme:crm", version).put(&registry).await;
        }
        Row::new("acme:crm", "3.0.0").state("staged").put(&registry).await;

        let written = post(&registry, &bob, signed(1, &receipt(1, "1.0.0")), 5, "It does what it says.\nGood.").await;
        assert_eq!(written.expect(201)["days"], 2, "{}", registry.kind);
        let again = post(&registry, &bob, signed(1, &receipt(1, "1.1.0")), 4, "Still good.").await.expect(201);
        assert_eq!(again["version"], "1.1.0", "its author says it otherwise");
        post(&registry, &bob, signed(1, &receipt(1, "2.0.0")), 3, "Another major.").await.expect(201);
        post(&registry, &eve, signed(2, &receipt(2, "1.0.0")), 1, "Did not work here.").await.expect(201);

        let listed = registry.get(REVIEWS).send().await.expect(200);
        assert_eq!(listed["rating"]["count"], 3);
        assert_eq!(listed["histogram"], json!([1, 0, 1, 1, 0]));
        assert_eq!(listed["rating"]["mean"], 2.666);
        assert_eq!(listed["rating"]["bayesian"], 3.307, "(10 × 3.5 + 8) / 13");
        let found = registry.get("/v1/packages?sort=rating").send().await.expect(200);
        assert_eq!(found["items"][0]["rating"], listed["rating"]);

        let with = |change: fn(&mut ReceiptStatement)| {
            let mut receipt = receipt(3, "1.0.0");
            change(&mut receipt);
            receipt
        };
        let good = signed(3, &receipt(3, "1.0.0"));
        let (ok, carol) = ("Fine.", registry.user("carol").await);
        let long = "x".repeat(4_001);
        for (token, receipt, rating, body, status, code) in [
            (&owner, good.clone(), 5, ok, 403, "review-own-package"),
            (&eve, signed(1, &receipt(1, "1.0.0")), 5, ok, 409, "review-exists"),
            (&bob, signed(4, &receipt(4, "1.0.0")), 5, ok, 409, "review-exists"),
            (&carol, good.clone(), 0, ok, 400, "review-rating"),
            (&carol, good.clone(), 6, ok, 400, "review-rating"),
            (&carol, good.clone(), 5, " \n ", 400, "text-missing"),
            (&carol, good.clone(), 5, &long, 400, "text-too-long"),
            (&carol, good.clone(), 5, "good\u{202e}dab", 400, "text-not-plain"),
            (&carol, good.clone(), 5, "in\u{200b}visible", 400, "text-not-plain"),
            (&carol, good.clone(), 5, "bell\u{7}", 400, "text-not-plain"),
            (&carol, good.clone(), 5, "tag\u{e0041}", 400, "text-not-plain"),
            (&carol, signed(4, &receipt(3, "1.0.0")), 5, ok, 400, "signature-invalid"),
            (&carol, signed(3, &with(|r| r.calls = 9)), 5, ok, 403, "receipt-too-small"),
            (&carol, signed(3, &with(|r| r.component = Digest::of(b"other"))), 5, ok, 403, "receipt-mismatch"),
            (&carol, signed(3, &with(|r| r.name = "acme:other".parse().unwrap())), 5, ok, 403, "receipt-mismatch"),
            (&carol, signed(3, &with(|r| r.last_day += 3)), 5, ok, 403, "receipt-mismatch"),
            (&carol, signed(3, &receipt(3, "3.0.0")), 5, ok, 404, "release-not-found"),
            (&carol, json!({}), 5, ok, 400, "bundle-invalid"),
        ] {
            let answer = post(&registry, token, receipt, rating, body).await;
            assert_eq!(
                (answer.status.as_u16(), &answer.json::<Value>()["code"]),
                (status, &json!(code)),
                "{}: {body:.20}",
                registry.kind
            );
        }
        registry
            .post(REVIEWS)
            .json(&json!({ "receipt": good, "rating": 5, "body": ok }))
            .send()
            .await
            .expect_problem(401, "unauthenticated");
        assert_eq!(registry.get(REVIEWS).send().await.expect(200)["rating"]["count"], 3, "nothing of it was written");
    }
}

#[tokio::test]
async fn publishers_reply_and_moderators_leave_tombstones() {
    for registry in TestRegistry::each().await {
        let owner = registry.owner("ada", "acme").await;
        let (bob, eve) = (registry.user("bob").await, registry.user("eve").await);
        let operator = registry.operator();
        Row::new("acme:crm", "1.0.0").put(&registry).await;
        let review =
            post(&registry, &bob, signed(1, &receipt(1, "1.0.0")), 1, "Call me at 555-0100.").await.expect(201);
        let at = format!("{REVIEWS}/{}", review["id"].as_str().unwrap());
        let say = |token: &str, path: String, text: &str| {
            let ask = if path.ends_with("reply") { registry.put(&path) } else { registry.post(&path) };
            ask.token(token).json(&json!({ "text": text })).send()
        };

        say(&eve, format!("{at}/reply"), "I am not theirs.").await.expect_problem(403, "forbidden");
        say(&operator, format!("{at}/reply"), "Nor am I.").await.expect_problem(403, "forbidden");
        assert_eq!(say(&owner, format!("{at}/reply"), "Sorry to hear.").await.status, 204);
        assert_eq!(registry.get(REVIEWS).send().await.expect(200)["items"][0]["reply"], "Sorry to hear.");

        assert_eq!(say(&eve, format!("{at}/flags"), "A telephone number.").await.status, 204, "{}", registry.kind);
        assert_eq!(say(&eve, format!("{at}/flags"), "Again.").await.status, 204, "once is enough");
        registry.get("/v1/review-flags").token(&owner).send().await.expect_problem(403, "forbidden");
        let queue = registry.get("/v1/review-flags").token(&operator).send().await.expect(200);
        assert_eq!(queue["flags"].as_array().unwrap().len(), 1);
        assert_eq!(queue["flags"][0]["reason"], "A telephone number.");

        say(&owner, format!("{at}/removal"), "I don't like it.").await.expect_problem(403, "forbidden");
        assert_eq!(say(&operator, format!("{at}/removal"), "Personal data.").await.status, 204);
        let listed = registry.get(REVIEWS).send().await;
        assert!(!listed.text().contains("555-0100"), "the words are gone");
        let listed = listed.expect(200);
        assert_eq!(listed["items"][0]["removed_reason"], "Personal data.");
        assert_eq!((&listed["items"][0]["author"], &listed["rating"]["count"]), (&Value::Null, &json!(0)));
        let queue = registry.get("/v1/review-flags").token(&operator).send().await.expect(200);
        assert_eq!(queue["flags"], json!([]));
        post(&registry, &bob, signed(1, &receipt(1, "1.0.0")), 5, "Once more.")
            .await
            .expect_problem(409, "review-removed");
        say(&owner, format!("{at}/reply"), "Late.").await.expect_problem(409, "review-removed");
        say(&operator, format!("{REVIEWS}/nothing/removal"), "x").await.expect_problem(404, "review-not-found");
    }
}
