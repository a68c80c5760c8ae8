//! What must not work under `/v2/`: names that lead elsewhere, tokens that say too much, more than a namespace may hold.

use http::Method;
use jackfield_registry::clock::SECOND;
use serde_json::{Value, json};

use crate::{
    kit::{Answer, TestRegistry},
    oci_kit::{ARTIFACT, IMAGE, artifact, digest},
};

#[tokio::test]
async fn names_and_digests_that_lead_elsewhere() {
    for registry in TestRegistry::each().await {
        let token = registry.generic("plain").await;
        let hex = "a".repeat(64);
        for (path, status, code, own) in [
            (format!("/v2/plain/../x/blobs/sha256:{hex}"), 400, "NAME_INVALID", "name-invalid"),
            (format!("/v2/plain/%2e%2e/x/blobs/sha256:{hex}"), 400, "NAME_INVALID", "name-invalid"),
            (format!("/v2/plain%2Fx/blobs/sha256:{hex}"), 400, "NAME_INVALID", "name-invalid"),
            (format!("/v2/plain//x/blobs/sha256:{hex}"), 400, "NAME_INVALID", "name-invalid"),
            (format!("/v2/Plain/x/blobs/sha256:{hex}"), 400, "NAME_INVALID", "name-invalid"),
            (format!("/v2//blobs/sha256:{hex}"), 400, "NAME_INVALID", "name-invalid"),
            (format!("/v2/{}/blobs/sha256:{hex}", "a".repeat(256)), 400, "NAME_INVALID", "name-invalid"),
            ("/v2/plain/x/blobs/sha256:..%2F..%2Fetc".to_owned(), 400, "DIGEST_INVALID", "digest-invalid"),
            (format!("/v2/plain/x/blobs/SHA256:{hex}"), 400, "DIGEST_INVALID", "digest-invalid"),
            (format!("/v2/plain/x/blobs/sha256:{}", hex.to_uppercase()), 400, "DIGEST_INVALID", "digest-invalid"),
            (format!("/v2/plain/x/blobs/md5:{}", &hex[..32]), 400, "DIGEST_INVALID", "digest-invalid"),
            (format!("/v2/plain/x/referrers/sha256:{}", &hex[1..]), 400, "DIGEST_INVALID", "digest-invalid"),
            ("/v2/plain/x/manifests/..".to_owned(), 400, "MANIFEST_INVALID", "tag-invalid"),
            ("/v2/plain/x/manifests/a%2Fb".to_owned(), 400, "MANIFEST_INVALID", "tag-invalid"),
            (
                "/v2/plain/x/blobs/uploads/..%2F..%2Fkeys%2Flog.pem".to_owned(),
                404,
                "BLOB_UPLOAD_UNKNOWN",
                "blob-upload-unknown",
            ),
            ("/v2/plain/x/blobs/uploads/not-an-id".to_owned(), 404, "BLOB_UPLOAD_UNKNOWN", "blob-upload-unknown"),
            ("/v2/_catalog".to_owned(), 404, "UNSUPPORTED", "no-such-route"),
            ("/v2/plain/x".to_owned(), 404, "UNSUPPORTED", "no-such-route"),
            (format!("/v2/plain/x/blobs/sha256:{hex}"), 404, "BLOB_UNKNOWN", "blob-unknown"),
            (format!("/v2/plain/x/blobs/sha256%3A{hex}"), 404, "BLOB_UNKNOWN", "blob-unknown"),
            (format!("/v2/nobody/x/manifests/sha256:{hex}"), 404, "MANIFEST_UNKNOWN", "manifest-unknown"),
            ("/v2/nobody/x/tags/list".to_owned(), 404, "NAME_UNKNOWN", "name-unknown"),
            ("/v2/plain/x/tags/list?n=-1".to_owned(), 400, "UNKNOWN", "page-invalid"),
        ] {
            let answer = registry.get(&path).token(&token).send().await;
            println!("{path}");
            answer.expect_oci(status, code, own);
        }
        for (method, path) in [
            (Method::POST, "/v2/"),
            (Method::PUT, "/v2/plain/x/tags/list"),
            (Method::PATCH, "/v2/plain/x/manifests/a"),
            (Method::POST, "/v2/plain/x/referrers/sha256:aa"),
            (Method::GET, "/v2/plain/x/blobs/uploads/"),
        ] {
            let answer = registry.ask(method.clone(), path).token(&token).send().await;
            let bad_digest = path.ends_with(":aa");
            assert_eq!(answer.status.as_u16(), if bad_digest { 400 } else { 405 }, "{method} {path}");
            assert!(bad_digest || answer.header("allow").is_some());
        }
    }
}

#[tokio::test]
async fn tokens_say_who_may_do_what_and_until_when() {
    for registry in TestRegistry::each().await {
        let operator = registry.generic("plain").await;
        let other = registry.user("eve").await;
        let challenged = |answer: &Answer| answer.header("www-authenticate").unwrap_or_default().to_owned();

        let ping = registry.get("/v2/").send().await;
        ping.expect_oci(401, "UNAUTHORIZED", "unauthenticated");
        assert_eq!(challenged(&ping), "Bearer realm=\"http://registry.example/v2/token\",service=\"registry.example\"");
        let push = registry.post("/v2/plain/x/blobs/uploads/").send().await;
        push.expect_oci(401, "UNAUTHORIZED", "unauthenticated");
        assert!(challenged(&push).ends_with(",scope=\"repository:plain/x:pull,push\""), "{}", challenged(&push));
        let delete = registry.delete("/v2/plain/x/manifests/a").send().await;
        assert!(challenged(&delete).ends_with(",scope=\"repository:plain/x:pull,push,delete\""));

        let basic = |user: &str, secret: &str| {
            use base64::Engine as _;
            format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{secret}")))
        };
        let token = async |credentials: Option<String>, scope: &str| -> String {
            let mut ask = registry.get(&format!("/v2/token?service=registry.example&scope={scope}"));
            if let Some(credentials) = &credentials {
                ask = ask.header("authorization", credentials);
            }
            ask.send().await.expect(200)["token"].as_str().unwrap().to_owned()
        };
        // Anybody gets one that reads.
        let anonymous = token(None, "repository:plain/x:pull,push").await;
        registry.get("/v2/").token(&anonymous).send().await.expect(200);
        let push = registry.post("/v2/plain/x/blobs/uploads/").token(&anonymous).send().await;
        push.expect_oci(401, "UNAUTHORIZED", "unauthenticated");
        // A member gets one for what it was asked for, and nothing else.
        let own = token(Some(basic("operator", &operator)), "repository:plain/x:pull,push").await;
        registry.post("/v2/plain/x/blobs/uploads/").token(&own).send().await.expect(202);
        let elsewhere = registry.post("/v2/plain/y/blobs/uploads/").token(&own).send().await;
        elsewhere.expect_oci(401, "UNAUTHORIZED", "token-scope");
        assert!(challenged(&elsewhere).contains("insufficient_scope"));
        let reading = token(Some(basic("operator", &operator)), "repository:plain/x:pull").await;
        let push = registry.post("/v2/plain/x/blobs/uploads/").token(&reading).send().await;
        push.expect_oci(401, "UNAUTHORIZED", "token-scope");
        // Nor does it open anything else than repositories.
        registry.get("/v1/me").token(&own).send().await.expect_problem(401, "token-unknown");
        // Somebody else's is good for as much as he is.
        let eves = token(Some(basic("eve", &other)), "repository:plain/x:pull,push").await;
        registry.post("/v2/plain/x/blobs/uploads/").token(&eves).send().await.expect_oci(403, "DENIED", "forbidden");
        let password = token(Some(basic("eve", crate::kit::PASSWORD)), "repository:plain/x:pull,push").await;
        registry.post("/v2/plain/x/blobs/uploads/").token(&password).send().await.expect_oci(
            403,
            "DENIED",
            "forbidden",
        );
        // Basic credentials do without a token.
        let direct = registry.get("/v2/").header("authorization", &basic("eve", &other)).send().await;
        direct.expect(200);
        let wrong = registry.get("/v2/").header("authorization", &basic("eve", "jf_wrong")).send().await;
        wrong.expect_oci(401, "UNAUTHORIZED", "token-unknown");
        // OAuth2's form.
        let form =
            format!("grant_type=password&username=operator&password={operator}&scope=repository:plain/x:pull,push");
        let posted = registry.post("/v2/token").bytes(form).send().await.expect(200);
        registry
            .post("/v2/plain/x/blobs/uploads/")
            .token(posted["access_token"].as_str().unwrap())
            .send()
            .await
            .expect(202);
        registry.post("/v2/token").bytes("grant_type=magic").send().await.expect_oci(
            400,
            "UNKNOWN",
            "grant-type-unknown",
        );

        for forged in
            [format!("{own}x"), own.replacen("jfo_", "jfo_A", 1), "jfo_.".to_owned(), "jfo_e30.AAAA".to_owned()]
        {
            let answer = registry.get("/v2/").token(&forged).send().await;
            answer.expect_oci(401, "UNAUTHORIZED", "token-unknown");
        }
        // It ends with the token that it was made from.
        let me = registry.get("/v1/tokens").token(&other).send().await.expect(200);
        let id = me["tokens"].as_array().unwrap().iter().find(|token| token["current"] == true).unwrap()["id"].clone();
        registry.delete(&format!("/v1/tokens/{}", id.as_str().unwrap())).token(&other).send().await;
        let push = registry.post("/v2/plain/x/blobs/uploads/").token(&eves).send().await;
        push.expect_oci(401, "UNAUTHORIZED", "token-expired");
        registry.clock.advance(300 * SECOND);
        registry.get("/v2/").token(&own).send().await.expect_oci(401, "UNAUTHORIZED", "token-expired");
    }
}

#[tokio::test]
async fn more_than_there_is_room_for() {
    for registry in TestRegistry::each_with(|config, _| config.namespace_quota_bytes = 1000).await {
        let token = registry.generic("plain").await;
        let first = registry.push_blob(&token, "plain/x", &[1; 600]).await;
        let path = format!("/v2/plain/y/blobs/uploads/?digest={}", digest(&[2; 600]));
        let over = registry.post(&path).token(&token).bytes(vec![2; 600]).send().await;
        over.expect_oci(403, "DENIED", "quota-exceeded");
        // Neither in pieces nor by mounting nor in a manifest.
        let place = registry.begin(&token, "plain/y").await;
        registry.ask(Method::PATCH, &place).token(&token).bytes(vec![2; 300]).send().await.expect(202);
        let over = registry.ask(Method::PATCH, &place).token(&token).bytes(vec![2; 300]).send().await;
        over.expect_oci(403, "DENIED", "quota-exceeded");
        let mount =
            registry.post(&format!("/v2/plain/y/blobs/uploads/?mount={first}&from=plain/x")).token(&token).send().await;
        mount.expect_oci(403, "DENIED", "quota-exceeded");
        let mut manifest = artifact(None);
        manifest["annotations"] = json!({ "long": "x".repeat(500) });
        registry.push_manifest(&token, "plain/x", "a", &manifest).await.expect_oci(403, "DENIED", "quota-exceeded");
        registry.get("/v2/plain/x/manifests/a").send().await.expect_oci(404, "MANIFEST_UNKNOWN", "manifest-unknown");
        // What goes makes room.
        registry.delete(&format!("/v2/plain/x/blobs/{first}")).token(&token).send().await.expect(202);
        registry.delete(&place).token(&token).send().await;
        registry.push_blob(&token, "plain/y", &[2; 600]).await;
    }
    for registry in TestRegistry::each().await {
        let token = registry.generic("plain").await;
        let large = json!({ "schemaVersion": 2, "mediaType": "application/x", "pad": "x".repeat(4 << 20) });
        registry.push_manifest(&token, "plain/x", "a", &large).await.expect_oci(
            413,
            "SIZE_INVALID",
            "manifest-too-large",
        );
        for bad in [
            json!([]),
            json!({ "schemaVersion": 1, "mediaType": IMAGE, "config": null, "layers": [] }),
            json!({ "schemaVersion": 2, "mediaType": IMAGE, "layers": [] }),
            json!({ "schemaVersion": 2, "mediaType": IMAGE, "config": { "digest": "sha256:x", "size": 1 }, "layers": [] }),
            json!({ "schemaVersion": 2, "mediaType": IMAGE, "config": { "digest": digest(b""), "size": -1 }, "layers": [] }),
            json!({ "schemaVersion": 2, "mediaType": "application/other" }),
        ] {
            registry.push_manifest(&token, "plain/x", "a", &bad).await.expect_oci(
                400,
                "MANIFEST_INVALID",
                "manifest-invalid",
            );
        }
        let path = "/v2/plain/x/manifests/a";
        for twice in [r#"{"subject":null,"subject":null}"#, r#"{"a":1}garbage"#, "\u{feff}{}", "{\"a\":\"\\ud800\"}"] {
            let answer =
                registry.put(path).token(&token).header("content-type", IMAGE).bytes(twice.to_owned()).send().await;
            answer.expect_oci(400, "MANIFEST_INVALID", "manifest-invalid");
        }
        let tags: Vec<_> = (0..33).map(|n| format!("tag=t{n}")).collect();
        let thing = artifact(None);
        let reference = format!("{}?{}", digest(thing.to_string().as_bytes()), tags.join("&"));
        registry.push_manifest(&token, "plain/x", &reference, &thing).await.expect_oci(400, "UNKNOWN", "tags-too-many");
    }
}

#[tokio::test]
async fn referrers_come_in_pages() {
    for registry in TestRegistry::each().await {
        let token = registry.generic("plain").await;
        let subject = digest(b"subject");
        for number in 0..205 {
            let mut manifest = artifact(Some(&subject));
            let long = if number < 3 { 3 << 20 } else { 1 };
            manifest["annotations"] = json!({ "number": number.to_string(), "long": "x".repeat(long) });
            registry.push_manifest(&token, "plain/x", &format!("t{number}"), &manifest).await.expect(201);
        }
        let mut path = Some(format!("/v2/plain/x/referrers/{subject}?artifactType={}", ARTIFACT.replace('/', "%2F")));
        let (mut seen, mut pages) = (std::collections::BTreeSet::new(), 0);
        while let Some(next) = path {
            let page = registry.get(&next).send().await;
            assert!(page.bytes.len() < 8 << 20);
            assert_eq!(page.header("oci-filters-applied"), Some("artifactType"));
            for shown in page.expect(200)["manifests"].as_array().unwrap() {
                assert!(seen.insert(shown["digest"].as_str().unwrap().to_owned()));
            }
            pages += 1;
            path = page.header("link").map(|link| link[1..link.find('>').unwrap()].to_owned());
        }
        assert!(seen.len() == 205 && pages >= 3, "{} on {pages} pages", seen.len());
    }
}

#[tokio::test]
async fn wkg_is_told_where_packages_are() {
    for registry in TestRegistry::each().await {
        let told = registry.get("/.well-known/wasm-pkg/registry.json").send().await.expect(200);
        assert_eq!(told["preferredProtocol"], "oci");
        assert_eq!(told["oci"]["registry"], "registry.example");
        let others = told.as_object().unwrap().iter().filter(|(key, _)| *key != "preferredProtocol");
        assert!(others.map(|(_, value)| value).all(Value::is_object), "{told}");
    }
}

#[tokio::test]
async fn everything_that_grows_is_bounded() {
    for registry in TestRegistry::each_with(|config, _| config.namespace_quota_bytes = 1 << 40).await {
        let token = registry.generic("plain").await;
        // Tags in one answer.
        let thing = artifact(None);
        let reference = digest(thing.to_string().as_bytes());
        for round in 0..32 {
            let tags: Vec<_> = (0..32).map(|n| format!("tag=t{round:02}-{n:02}")).collect();
            let pushed =
                registry.push_manifest(&token, "plain/x", &format!("{reference}?{}", tags.join("&")), &thing).await;
            pushed.expect(201);
        }
        for query in ["", "?n=1000000"] {
            let page = registry.get(&format!("/v2/plain/x/tags/list{query}")).send().await;
            assert_eq!(page.expect(200)["tags"].as_array().unwrap().len(), 1000);
            let next = page.header("link").unwrap();
            let rest = registry.get(&next[1..next.find('>').unwrap()]).send().await;
            assert_eq!(rest.expect(200)["tags"].as_array().unwrap().len(), 24);
            assert!(rest.header("link").is_none());
        }
        // Bytes of a blob, said beforehand.
        let place = registry.begin(&token, "plain/x").await;
        let large =
            registry.ask(Method::PATCH, &place).token(&token).header("content-length", "10737418241").send().await;
        large.expect_oci(413, "SIZE_INVALID", "blob-too-large");
        // Uploads that are open.
        for _ in 1..256 {
            registry.begin(&token, "plain/x").await;
        }
        let more = registry.post("/v2/plain/x/blobs/uploads/").token(&token).send().await;
        more.expect_oci(429, "TOOMANYREQUESTS", "uploads-too-many");
        registry.delete(&place).token(&token).send().await.expect_status(204);
        registry.begin(&token, "plain/x").await;
        // Scopes of a token.
        let scopes: Vec<_> = (0..17).map(|n| format!("scope=repository:plain/r{n}:pull,push")).collect();
        let ask = registry.get(&format!("/v2/token?{}", scopes.join("&"))).token(&token);
        let issued = ask.send().await.expect(200);
        let issued = issued["token"].as_str().unwrap();
        registry.post("/v2/plain/r16/blobs/uploads/").token(issued).send().await.expect_oci(
            401,
            "UNAUTHORIZED",
            "token-scope",
        );
        let known = registry.post("/v2/plain/r15/blobs/uploads/").token(issued).send().await;
        known.expect_oci(429, "TOOMANYREQUESTS", "uploads-too-many");
    }
}
