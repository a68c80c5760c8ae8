//! What is released is read by everybody, and what is not by nobody; caches keep what they may.

use http::Method;
use jackfield_db::{Conn, on};
use jackfield_package::Digest;
use jackfield_registry::read::counts;
use serde_json::json;

use crate::{
    kit::{START, TestRegistry},
    read_rows::{self, Row},
};

async fn two_versions(registry: &TestRegistry) {
    let egress = json!([{"host": "api.acme.example", "reason": "the service", "methods": ["GET", "POST"]}]);
    let rows = [
        Row::new("acme:crm", "1.0.0").readme("# CRM\n<script>alert(1)</script>"),
        Row::new("acme:crm", "1.1.0").with(json!({ "egress": egress, "changes": "It asks the service." })),
        Row::new("acme:crm", "1.2.0").state("quarantined"),
        Row::new("acme:crm", "2.0.0").state("held"),
        Row::new("acme:secret", "1.0.0").state("checking"),
    ];
    read_rows::put_all(registry, &rows).await;
}

#[tokio::test]
async fn a_package_shows_its_releases_and_three_facts_apart() {
    for registry in TestRegistry::each().await {
        two_versions(&registry).await;
        let page = registry.get("/v1/packages/acme/crm").send().await.expect(200);
        assert_eq!(page["latest"], "1.1.0", "{}", registry.kind);
        let releases: Vec<_> =
            page["releases"].as_array().unwrap().iter().map(|r| (&r["version"], &r["state"])).collect();
        let expected = [("1.2.0", "quarantined"), ("1.1.0", "released"), ("1.0.0", "released")];
        assert_eq!(
            releases,
            expected.map(|(v, s)| (json!(v), json!(s))).iter().map(|(v, s)| (v, s)).collect::<Vec<_>>()
        );
        assert_eq!(page["trust"]["namespace_control"], json!({ "kind": "none", "proof": null, "missing_since": null }));
        assert_eq!(page["trust"]["service_owner"]["publishes"], false);
        assert_eq!(page["trust"]["audits"], json!([]));

        let mut tx = registry.shared.db.begin().await.unwrap();
        let conn: &mut Conn = &mut tx;
        on!(conn, c => sqlx::query("UPDATE namespaces SET control = 'dns:acme.example' WHERE name = 'acme'").execute(c), rows).unwrap();
        tx.commit().await.unwrap();
        let page = registry.get("/v1/packages/acme/crm").send().await.expect(200);
        assert_eq!(
            page["trust"]["namespace_control"],
            json!({ "kind": "dns", "proof": "acme.example", "missing_since": null })
        );
        assert_eq!(page["trust"]["service_owner"]["publishes"], true, "its only host is below the proven domain");

        let release = registry.get("/v1/packages/acme/crm/1.1.0").send().await.expect(200);
        assert_eq!(release["changes"], "It asks the service.");
        assert_eq!(release["component"], Row::new("acme:crm", "1.1.0").component().to_string());
        let listed = registry.get("/v1/namespaces/acme/packages").send().await.expect(200);
        assert_eq!(listed["packages"].as_array().unwrap().len(), 1);
        assert_eq!(listed["packages"][0]["name"], "acme:crm");
    }
}

#[tokio::test]
async fn permissions_are_in_plain_words_and_a_difference_says_what_widens() {
    for registry in TestRegistry::each().await {
        two_versions(&registry).await;
        let of = registry.get("/v1/packages/acme/crm/1.1.0/permissions").send().await.expect(200);
        assert_eq!(
            of["summary"], "It sends requests to api.acme.example, and changes nothing there.",
            "{}",
            registry.kind
        );
        assert_eq!(of["hosts"][0]["words"], "GET, POST requests to api.acme.example");
        assert_eq!(of["hosts"][0]["reason"], "the service");
        assert_eq!(of["operations"][0]["words"], "looks, and changes nothing at the service");
        let of = registry.get("/v1/packages/acme/crm/1.0.0/permissions").send().await.expect(200);
        assert_eq!(of["summary"], "It reaches nobody, and computes.");

        let diff = registry.get("/v1/packages/acme/crm/diff?from=1.0.0&to=1.1.0").send().await.expect(200);
        assert_eq!((&diff["needs"], &diff["widens"]), (&json!("minor"), &json!(true)));
        assert!(diff["changes"].to_string().contains("host-added"), "{diff}");
        let back = registry.get("/v1/packages/acme/crm/diff?from=1.1.0&to=1.0.0").send().await.expect(200);
        assert_eq!(back["widens"], false);
    }
}

#[tokio::test]
async fn what_is_staged_is_not_there_for_outsiders() {
    for registry in TestRegistry::each().await {
        let owner = registry.owner("ada", "acme").await;
        let stranger = registry.user("eve").await;
        two_versions(&registry).await;
        for path in ["", "/manifest", "/permissions", "/readme", "/wit", "/try", "/checks", "/statements"] {
            for (package, version) in [("crm", "2.0.0"), ("secret", "1.0.0"), ("crm", "9.9.9"), ("nothing", "1.0.0")] {
                let path = format!("/v1/packages/acme/{package}/{version}{path}");
                let first = registry.get(&path).send().await;
                first.expect_problem(404, "release-not-found");
                registry.get(&path).token(&stranger).send().await.expect_problem(404, "release-not-found");
            }
        }
        registry.get("/v1/packages/acme/secret").send().await.expect_problem(404, "package-not-found");
        registry.get("/v1/packages/acme/secret/reviews").send().await.expect_problem(404, "package-not-found");
        registry
            .get("/v1/packages/acme/crm/diff?from=1.0.0&to=2.0.0")
            .send()
            .await
            .expect_problem(404, "release-not-found");
        let seen = registry.get("/v1/packages/acme/crm/2.0.0").token(&owner).send().await;
        assert_eq!(seen.expect(200)["state"], "held", "{}", registry.kind);
        assert_eq!(seen.header("cache-control"), Some("private, no-store"));
    }
}

#[tokio::test]
async fn where_nobody_runs_components_none_is_tried_or_read_and_what_is_not_out_nowhere() {
    let trial = json!({ "operation": "list", "input": {} });
    for registry in TestRegistry::each().await {
        let owner = registry.owner("ada", "acme").await;
        two_versions(&registry).await;
        let at = |version: &str| format!("/v1/packages/acme/crm/{version}/try");
        registry.get(&at("1.0.0")).send().await.expect_problem(501, "sandbox-missing");
        registry.post(&at("1.0.0")).json(&trial).send().await.expect_problem(501, "sandbox-missing");
        registry.get("/v1/packages/acme/crm/1.0.0/wit").send().await.expect_problem(501, "sandbox-missing");
        // Not even by those who see it.
        registry.get(&at("2.0.0")).token(&owner).send().await.expect_problem(409, "release-not-offered");
        let staged = registry.post(&at("2.0.0")).token(&owner).json(&trial).send().await;
        staged.expect_problem(409, "release-not-offered");
        registry.post(&at("2.0.0")).json(&trial).send().await.expect_problem(404, "release-not-found");
    }
}

#[tokio::test]
async fn caches_may_keep_what_does_not_change() {
    for registry in TestRegistry::each().await {
        two_versions(&registry).await;
        for path in ["/v1/packages?q=crm", "/v1/packages/acme/crm", "/v1/packages/acme/crm/1.0.0/readme"] {
            let first = registry.get(path).send().await;
            assert_eq!(first.status, 200, "{} {path}", registry.kind);
            assert_eq!(first.header("cache-control"), Some("public, no-cache"), "{path}");
            let etag = first.header("etag").unwrap().to_owned();
            for known in [etag.clone(), format!("\"other\", W/{etag}"), "*".to_owned()] {
                let again = registry.get(path).header("if-none-match", &known).send().await;
                assert_eq!((again.status.as_u16(), again.bytes.len()), (304, 0), "{path} {known}");
                assert_eq!(again.header("etag"), Some(etag.as_str()));
            }
            assert_eq!(registry.get(path).header("if-none-match", "\"other\"").send().await.status, 200);
        }
        let readme = registry.get("/v1/packages/acme/crm/1.0.0/readme").send().await;
        assert_eq!(readme.header("content-type"), Some("text/plain; charset=utf-8"), "never HTML");
        registry.get("/v1/packages/acme/crm/1.1.0/readme").send().await.expect_problem(404, "readme-not-found");
    }
}

#[tokio::test]
async fn statements_are_served_by_digest_once_they_are_in_the_log() {
    for registry in TestRegistry::each().await {
        two_versions(&registry).await;
        let (logged, waiting) = (Digest::of(b"logged"), Digest::of(b"waiting"));
        let mut tx = registry.shared.db.begin().await.unwrap();
        let conn: &mut Conn = &mut tx;
        for (digest, index) in [(logged, Some(7_i64)), (waiting, None)] {
            on!(conn, c => sqlx::query(
                "INSERT INTO statements (digest, leaf, entry, kind, key_id, namespace, package, version, bundle, accepted_at, log_index)
                 VALUES ($1, $1, $2, 'publish', 'key', 'acme', 'acme:crm', '1.0.0', $2, $3, $4)",
            ).bind(digest.to_string()).bind(b"{}".as_slice()).bind(START).bind(index).execute(c), rows).unwrap();
        }
        tx.commit().await.unwrap();
        let served = registry.get(&format!("/v1/statements/{logged}")).send().await;
        assert_eq!(served.text(), "{}", "{}", registry.kind);
        assert_eq!(served.header("cache-control"), Some("public, max-age=31536000, immutable"));
        registry.get(&format!("/v1/statements/{waiting}")).send().await.expect_problem(404, "statement-not-found");
        let listed = registry.get("/v1/packages/acme/crm/1.0.0/statements").send().await.expect(200);
        assert_eq!(listed["statements"].as_array().unwrap().len(), 1);
        assert_eq!(listed["statements"][0]["log_index"], 7);
    }
}

#[tokio::test]
async fn reading_writes_nothing_until_counts_are_written() {
    for registry in TestRegistry::each().await {
        two_versions(&registry).await;
        registry.shared.counts.download(&"acme:crm".parse().unwrap());
        registry.shared.counts.download(&"acme:crm".parse().unwrap());
        registry.shared.counts.download(&"acme:unheard-of".parse().unwrap());
        let installs = registry.post("/v1/packages/acme/crm/1.0.0/installs").send().await;
        assert_eq!(installs.status, 204, "{}", registry.kind);
        registry.post("/v1/packages/acme/crm/2.0.0/installs").send().await.expect_problem(404, "release-not-found");
        let before = registry.get("/v1/packages/acme/crm").send().await.expect(200);
        assert_eq!((&before["downloads"], &before["installs"]), (&json!(0), &json!(0)));
        counts::write(&registry.shared).await.unwrap();
        counts::write(&registry.shared).await.unwrap();
        let after = registry.get("/v1/packages/acme/crm").send().await.expect(200);
        assert_eq!((&after["downloads"], &after["installs"]), (&json!(2), &json!(1)));
        let found = registry.get("/v1/packages?sort=installs").send().await.expect(200);
        assert_eq!(found["items"][0]["installs"], 1);
    }
}

#[tokio::test]
async fn paths_that_name_nothing_are_refused_in_words() {
    for registry in TestRegistry::each().await {
        two_versions(&registry).await;
        for (path, status, code) in [
            ("/v1/packages/Acme/crm", 400, "name-malformed"),
            ("/v1/packages/acme/cr%00m", 400, "path-malformed"),
            ("/v1/packages/acme/crm:x", 400, "name-malformed"),
            ("/v1/packages/acme/%FF", 400, "path-malformed"),
            ("/v1/packages/acme/..%2Fcrm", 400, "name-malformed"),
            ("/v1/packages/acme/crm/1.0", 400, "version-malformed"),
            ("/v1/packages/acme/crm/1.0.0+build", 400, "version-malformed"),
            ("/v1/packages/acme/crm/1.0.0%27--", 400, "version-malformed"),
            ("/v1/packages/acme/crm/1.0.0/nothing", 404, ""),
            ("/v1/packages/acme/crm/diff", 400, "parameter-missing"),
            ("/v1/packages/acme/crm/diff?from=1.0.0&to=x", 400, "version-malformed"),
            ("/v1/packages/acme/crm/diff?from=1.0.0&until=1.1.0", 400, "parameter-unknown"),
            ("/v1/statements/abc", 400, "digest-malformed"),
            ("/v1/statements/sha256:ABCDEF", 400, "digest-malformed"),
            ("/v1/namespaces/nobody/packages", 404, "namespace-not-found"),
            ("/v1/namespaces/acme/packages?after=%00", 400, "name-malformed"),
            ("/v1/namespaces/acme/packages?page=2", 400, "parameter-unknown"),
            ("/v1/packages/acme/crm/reviews?cursor=%00", 400, "cursor-invalid"),
        ] {
            let answer = registry.get(path).send().await;
            match code {
                "" => assert_eq!(answer.status.as_u16(), status, "{path}"),
                code => answer.expect_problem(status, code),
            }
        }
        let head = registry.ask(Method::HEAD, "/v1/packages/acme/crm").send().await;
        assert_eq!((head.status.as_u16(), head.bytes.len()), (200, 0));
    }
}
