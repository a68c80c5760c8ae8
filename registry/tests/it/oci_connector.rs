//! A connector namespace: staged bytes for members' eyes by every route, and versions that stay what they are.

use http::Method;
use jackfield_registry::{
    clock::SECOND,
    oci::{
        self, Repository,
        digest::{Algorithm, ContentDigest},
    },
};
use serde_json::{Value, json};

use crate::{
    kit::TestRegistry,
    oci_kit::{CONFIG, artifact, connector, digest, name},
};

#[tokio::test]
async fn what_is_staged_is_for_members_by_every_route() {
    for registry in TestRegistry::each().await {
        let owner = registry.owner("ada", "acme").await;
        let eve = registry.owner("eve", "evil").await;
        let pushed = registry.push_connector(&owner, "acme/crm", "1.0.0", b"a component").await;
        pushed.expect(201);
        let manifest = pushed.header("docker-content-digest").unwrap().to_owned();
        let component = digest(b"a component");
        let subject: jackfield_package::Digest = manifest.parse().unwrap();
        let repository = Repository::of(&name("acme:crm"));
        let mut tx = registry.shared.db.begin().await.unwrap();
        let now = registry.shared.now();
        oci::attach_statement(&mut tx, &repository, &subject, b"{\"a\":\"bundle\"}", now).await.unwrap();
        oci::attach_statement(&mut tx, &repository, &subject, b"{\"a\":\"bundle\"}", now).await.unwrap();
        tx.commit().await.unwrap();

        let paths = [
            "/v2/acme/crm/manifests/1.0.0".to_owned(),
            format!("/v2/acme/crm/manifests/{manifest}"),
            format!("/v2/acme/crm/blobs/{component}"),
            format!("/v2/acme/crm/blobs/{}", digest(CONFIG.as_bytes())),
            format!("/v2/acme/crm/blobs/{}", digest(b"{\"a\":\"bundle\"}")),
        ];
        let referrers = format!("/v2/acme/crm/referrers/{manifest}");
        let hidden = async |registry: &TestRegistry| {
            for path in &paths {
                for method in [Method::GET, Method::HEAD] {
                    for token in [None, Some(&eve)] {
                        let mut ask = registry.ask(method.clone(), path);
                        if let Some(token) = token {
                            ask = ask.token(token);
                        }
                        let answer = ask.send().await;
                        assert_eq!(answer.status, 404, "{method} {path}");
                        assert!(answer.header("docker-content-digest").is_none() && answer.header("etag").is_none());
                    }
                    registry.ask(method, path).token(&owner).send().await.expect_status(200);
                }
            }
            registry.get("/v2/acme/crm/tags/list").send().await.expect_oci(404, "NAME_UNKNOWN", "name-unknown");
            assert_eq!(registry.get(&referrers).token(&eve).send().await.expect(200)["manifests"], json!([]));
            // A mount tells nothing: what is staged is as what is nowhere, with and without saying where from.
            for digest in [&component, &digest(b"what is nowhere")] {
                for from in ["&from=acme/crm", "&from=nobody/nothing", ""] {
                    let path = format!("/v2/evil/copy/blobs/uploads/?mount={digest}{from}");
                    let answer = registry.post(&path).token(&eve).send().await;
                    answer.expect_status(202);
                    assert!(answer.header("docker-content-digest").is_none());
                    registry.delete(answer.header("location").unwrap()).token(&eve).send().await;
                }
            }
        };
        hidden(&registry).await;
        assert_eq!(
            registry.get("/v2/acme/crm/tags/list").token(&owner).send().await.expect(200)["tags"],
            json!(["1.0.0"])
        );
        assert_eq!(
            registry.get(&referrers).token(&owner).send().await.expect(200)["manifests"].as_array().unwrap().len(),
            1
        );

        let change = async |what: &str| {
            let mut tx = registry.shared.db.begin().await.unwrap();
            match what {
                "reveal" => oci::reveal(&mut tx, &repository, "1.0.0").await.unwrap(),
                "hide" => oci::hide(&mut tx, &repository, "1.0.0").await.unwrap(),
                _ => oci::unlist(&mut tx, &repository, "1.0.0").await.unwrap(),
            }
            tx.commit().await.unwrap();
        };
        change("reveal").await;
        for path in &paths {
            registry.get(path).send().await.expect_status(200);
        }
        assert_eq!(registry.get("/v2/acme/crm/tags/list").send().await.expect(200)["tags"], json!(["1.0.0"]));
        let shown = registry.get(&referrers).send().await.expect(200);
        assert_eq!(shown["manifests"][0]["artifactType"], "application/vnd.dev.sigstore.bundle.v0.3+json");
        registry.get(&paths[4]).send().await.expect_bytes(b"{\"a\":\"bundle\"}");
        // What everybody sees may be mounted, into a namespace of one's own.
        let path = format!("/v2/evil/copy/blobs/uploads/?mount={component}");
        registry.post(&path).token(&eve).send().await.expect(201);

        change("unlist").await;
        assert_eq!(registry.get("/v2/acme/crm/tags/list").send().await.expect(200)["tags"], json!([]));
        registry.get(&paths[1]).send().await.expect_status(200);
        change("hide").await;
        // By the rows alone, as another process does it: what was seen a moment ago is forgotten in two seconds.
        registry.clock.advance(2 * SECOND);
        registry.get(&paths[2]).send().await.expect_oci(404, "BLOB_UNKNOWN", "blob-unknown");
        registry.get(&paths[1]).send().await.expect_oci(404, "MANIFEST_UNKNOWN", "manifest-unknown");
        registry.get(&paths[1]).token(&owner).send().await.expect_status(200);
        change("reveal").await;
        assert_eq!(registry.get("/v2/acme/crm/tags/list").send().await.expect(200)["tags"], json!(["1.0.0"]));
    }
}

#[tokio::test]
async fn connector_namespaces_take_connectors_and_keep_them() {
    for registry in TestRegistry::each().await {
        let owner = registry.owner("ada", "acme").await;
        let eve = registry.owner("eve", "evil").await;
        let layer = registry.push_blob(&owner, "acme/crm", b"a component").await;
        let config = registry.push_blob(&owner, "acme/crm", CONFIG.as_bytes()).await;
        let good = connector(&config, &layer, 11);
        let with = |pointer: &str, value: Value| {
            let mut manifest = good.clone();
            *manifest.pointer_mut(pointer).unwrap() = value;
            manifest
        };
        let mut more = good.clone();
        more["layers"].as_array_mut().unwrap().push(good["layers"][0].clone());
        for (reference, manifest, status, code, own) in [
            ("latest", good.clone(), 400, "MANIFEST_INVALID", "tag-not-a-version"),
            ("v1.0.0", good.clone(), 400, "MANIFEST_INVALID", "tag-not-a-version"),
            ("1.0", good.clone(), 400, "MANIFEST_INVALID", "tag-not-a-version"),
            (
                "1.0.0",
                with("/config/mediaType", json!("application/json")),
                400,
                "MANIFEST_INVALID",
                "manifest-not-a-connector",
            ),
            (
                "1.0.0",
                with("/layers/0/mediaType", json!("application/zip")),
                400,
                "MANIFEST_INVALID",
                "manifest-not-a-connector",
            ),
            ("1.0.0", with("/layers", json!([])), 400, "MANIFEST_INVALID", "manifest-not-a-connector"),
            ("1.0.0", more, 400, "MANIFEST_INVALID", "manifest-not-a-connector"),
            (
                "1.0.0",
                with("/layers/0/digest", json!(ContentDigest::of(Algorithm::Sha512, b"a component").as_str())),
                400,
                "MANIFEST_INVALID",
                "manifest-not-a-connector",
            ),
            ("1.0.0", with("/layers/0/size", json!(12)), 400, "SIZE_INVALID", "size-invalid"),
            ("1.0.0", with("/config/size", json!(2 << 20)), 400, "MANIFEST_INVALID", "manifest-not-a-connector"),
            ("1.0.0", with("/layers/0/size", json!(65 << 20)), 413, "SIZE_INVALID", "blob-too-large"),
            (
                "1.0.0",
                with("/layers/0/digest", json!(digest(b"not there"))),
                404,
                "MANIFEST_BLOB_UNKNOWN",
                "manifest-blob-unknown",
            ),
            ("1.0.0", artifact(Some(&layer)), 403, "DENIED", "connector-referrer"),
        ] {
            registry.push_manifest(&owner, "acme/crm", reference, &manifest).await.expect_oci(status, code, own);
        }
        let by_digest = digest(good.to_string().as_bytes());
        registry.push_manifest(&owner, "acme/crm", &by_digest, &good).await.expect_oci(
            400,
            "MANIFEST_INVALID",
            "manifest-not-a-connector",
        );
        for repository in ["acme", "acme/a/b", "acme/a_b", "acme/0a"] {
            let refused = registry.post(&format!("/v2/{repository}/blobs/uploads/")).token(&owner).send().await;
            refused.expect_oci(400, "NAME_INVALID", "name-invalid");
        }
        registry.push_manifest(&owner, "acme/crm", "1.0.0", &good).await.expect(201);
        registry.push_manifest(&owner, "acme/crm", "1.0.0", &good).await.expect(201);

        let mut tx = registry.shared.db.begin().await.unwrap();
        oci::reveal(&mut tx, &Repository::of(&name("acme:crm")), "1.0.0").await.unwrap();
        tx.commit().await.unwrap();
        registry.push_manifest(&owner, "acme/crm", "1.0.0", &good).await.expect(201);
        let mut changed = good.clone();
        changed["annotations"] = json!({ "a": "b" });
        registry.push_manifest(&owner, "acme/crm", "1.0.0", &changed).await.expect_oci(409, "DENIED", "tag-immutable");
        let tag = registry.get("/v2/acme/crm/manifests/1.0.0").send().await;
        assert_eq!(tag.text(), good.to_string());
        for path in [
            "/v2/acme/crm/manifests/1.0.0".to_owned(),
            format!("/v2/acme/crm/manifests/{by_digest}"),
            format!("/v2/acme/crm/blobs/{layer}"),
        ] {
            registry.delete(&path).token(&owner).send().await.expect_oci(405, "UNSUPPORTED", "connector-undeletable");
            registry.delete(&path).token(&eve).send().await.expect_oci(403, "DENIED", "forbidden");
            registry.delete(&path).send().await.expect_oci(401, "UNAUTHORIZED", "unauthenticated");
            registry.get(&path).send().await.expect_status(200);
        }
        registry.push_manifest(&eve, "acme/crm", "2.0.0", &good).await.expect_oci(403, "DENIED", "forbidden");
        registry.push_manifest(&eve, "acme/crm", "2.0.0", &artifact(Some(&by_digest))).await.expect_oci(
            403,
            "DENIED",
            "forbidden",
        );
        let nobody = registry.post("/v2/nobody/x/blobs/uploads/").token(&eve).send().await;
        assert!(matches!(nobody.status.as_u16(), 403 | 404));
    }
}
