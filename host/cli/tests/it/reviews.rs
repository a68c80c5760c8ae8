//! What users say of what they have used, and how much they must have used it.

use serde_json::{Value, json};

use crate::kit::{Desk, on_each_database};

fn say<'a>(stars: &'a str, text: &'a str) -> Vec<&'a str> {
    vec!["review", "add", "acme:echo", "--stars", stars, "--text", text]
}

fn refused(code: &str) -> (i32, String) {
    (3, code.to_owned())
}

fn use_it(desk: &Desk, home: &str, times: usize) {
    for _ in 0..times {
        desk.json(home, &["invoke", "acme:echo", "run"]);
    }
}

#[test]
fn a_review_needs_use_and_says_how_much() {
    on_each_database(&["--set", "review_calls=3"], |desk, server| {
        desk.release_echo("1.0.0");
        desk.user("bob", server);
        desk.believer("bob", server);
        assert_eq!(desk.run("bob", &say("4", "Good.")).error(), (8, "not-installed".to_owned()));
        desk.json("bob", &["install", "acme:echo"]);
        assert_eq!(desk.run("bob", &say("4", "Good.")).error(), refused("not-used"));
        use_it(desk, "bob", 1);
        let early = desk.run("bob", &say("4", "Good."));
        assert_eq!(early.error(), refused("receipt-too-small"));
        assert!(early.stderr.contains("1 calls over 1 days: a review needs 3 over 1"), "{}", early.stderr);
        // Calls that came to nothing are no use.
        for _ in 0..3 {
            assert_ne!(desk.run("bob", &["invoke", "acme:echo", "no-such-operation"]).code, 0);
        }
        assert_eq!(desk.run("bob", &say("4", "Good.")).error(), refused("receipt-too-small"));
        use_it(desk, "bob", 2);
        assert_eq!(desk.run("bob", &say("6", "Good.")).code, 2);
        let review = desk.json("bob", &say("4", "Says what it is told."));
        let [author, version, rating, calls, days] =
            ["author", "version", "rating", "calls", "days"].map(|key| review[key].clone());
        assert_eq!(
            (author, version, rating, calls, days),
            (json!("bob"), json!("1.0.0"), json!(4), json!(3), json!(1)),
            "{review}"
        );
        let id = review["id"].as_str().unwrap();

        // Said otherwise, it is still one review.
        std::fs::write(desk.path("review.txt"), "Says what it is told, and fast.\n").unwrap();
        assert_eq!(desk.json("bob", &say("5", "@review.txt"))["id"], id);
        let list = ["review", "list", "acme:echo", "--registry", &server.url];
        let listed = desk.json("nobody", &list);
        assert_eq!(
            (&listed["histogram"], &listed["rating"]["count"]),
            (&json!([0, 0, 0, 0, 1]), &json!(1)),
            "{listed}"
        );
        assert_eq!(listed["items"][0]["body"], "Says what it is told, and fast.");

        // Nobody reviews his own, however much he uses it; and he answers.
        desk.believer("ada", server);
        desk.json("ada", &["install", "acme:echo"]);
        use_it(desk, "ada", 3);
        assert_eq!(desk.run("ada", &say("5", "Mine.")).error(), refused("review-own-package"));
        let reply = ["review", "reply", "acme:echo", id, "--text", "Thank you."];
        assert_eq!(desk.run("bob", &reply).error(), refused("forbidden"));
        desk.json("ada", &reply);
        assert_eq!(desk.json("nobody", &list)["items"][0]["reply"], "Thank you.");

        // Somebody objects, and a moderator decides.
        desk.user("eve", server);
        desk.json("eve", &["review", "flag", "acme:echo", id, "--reason", "bought"]);
        assert_eq!(desk.run("eve", &["review", "flags"]).error(), refused("forbidden"));
        let flags = desk.json("admin", &["review", "flags"]);
        assert_eq!((&flags["flags"][0]["review"], &flags["flags"][0]["reason"]), (&json!(id), &json!("bought")));
        desk.json("admin", &["review", "keep", "acme:echo", id, "--reason", "he used it"]);
        assert_eq!(desk.json("admin", &["review", "flags"])["flags"], json!([]));
        let remove = ["review", "remove", "acme:echo", id, "--reason", "he names a customer"];
        assert_eq!(desk.run("eve", &remove).error(), refused("forbidden"));
        desk.json("admin", &remove);
        let tombstone = &desk.json("nobody", &list)["items"][0];
        assert_eq!((&tombstone["body"], &tombstone["removed_reason"]), (&Value::Null, &json!("he names a customer")));
        assert_eq!(desk.run("bob", &say("5", "Again.")).error(), refused("review-removed"));
        let odd = desk.run("bob", &["review", "remove", "acme:echo", "../../x", "--reason", "odd"]);
        assert_eq!(odd.error(), (2, "review-id-malformed".to_owned()));
    });
}
