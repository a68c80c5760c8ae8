//! What must not work under `/v2/`: names that lead elsewhere, other people's uploads, mounts that tell what exists, staged
//! bytes by any route, versions that change, more than a namespace may hold.

use std::sync::Arc;

use http::Method;
use jackfield_package::PackageName;
use jackfield_registry::{
    clock::SECOND,
    oci::{
        self, Repository,
        digest::{Algorithm, ContentDigest},
    },
};
use serde_json::{Value, json};

use crate::kit::{Answer, TestRegistry};

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const ARTIFACT: &str = "application/vnd.example.thing.v1";

impl Answer {
    /// A refusal under `/v2/`: its status, the code of the distribution-spec, and ours.
    #[track_caller]
    fn expect_oci(&self, status: u16, code: &str, own: &str) {
        assert_eq!(self.status.as_u16(), status, "{:?}", self.bytes);
        let error = &self.json::<Value>()["errors"][0];
        assert_eq!((&error["code"], &error["detail"]["code"]), (&json!(code), &json!(own)), "{error}");
    }
}

impl TestRegistry {
    async fn generic(&self, name: &str) -> String {
        let operator = self.operator();
        let wanted = json!({ "name": name, "class": "generic" });
        self.post("/v1/namespaces").token(&operator).json(&wanted).send().await.expect(201);
        operator
    }

    async fn begin(&self, token: &str, repository: &str) -> String {
        let begun = self.post(&format!("/v2/{repository}/blobs/uploads/")).token(token).send().await;
        begun.expect(202);
        begun.header("location").unwrap().to_owned()
    }

    async fn push_blob(&self, token: &str, repository: &str, bytes: &[u8]) -> String {
        let digest = digest(bytes);
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        self.post(&path).token(token).bytes(bytes.to_vec()).send().await.expect(201);
        digest
    }

    async fn push_manifest(&self, token: &str, repository: &str, reference: &str, manifest: &Value) -> Answer {
        let path = format!("/v2/{repository}/manifests/{reference}");
        self.put(&path).token(token).header("content-type", IMAGE).bytes(manifest.to_string()).send().await
    }

    /// Pushes what looks like a component; the manifest's digest.
    async fn push_connector(&self, token: &str, repository: &str, version: &str, component: &[u8]) -> Answer {
        let layer = self.push_blob(token, repository, component).await;
        let config = self.push_blob(token, repository, CONFIG.as_bytes()).await;
        self.push_manifest(token, repository, version, &connector(&config, &layer, component.len())).await
    }
}

const CONFIG: &str = "{\"architecture\":\"wasm\",\"os\":\"wasip2\"}";

fn digest(bytes: &[u8]) -> String {
    ContentDigest::of(Algorithm::Sha256, bytes).to_string()
}

fn connector(config: &str, layer: &str, size: usize) -> Value {
    json!({
        "schemaVersion": 2, "mediaType": IMAGE,
        "config": { "mediaType": "application/vnd.wasm.config.v0+json", "digest": config, "size": CONFIG.len() },
        "layers": [{ "mediaType": "application/wasm", "digest": layer, "size": size }],
    })
}

fn artifact(subject: Option<&str>) -> Value {
    let empty = json!({ "mediaType": "application/vnd.oci.empty.v1+json", "digest": digest(b"{}"), "size": 2 });
    let mut manifest = json!({
        "schemaVersion": 2, "mediaType": IMAGE, "artifactType": ARTIFACT, "config": empty, "layers": [empty],
    });
    if let Some(subject) = subject {
        manifest["subject"] = json!({ "mediaType": IMAGE, "digest": subject, "size": 2 });
    }
    manifest
}

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
async fn uploads_are_their_makers_and_go_on_where_they_were() {
    for registry in TestRegistry::each().await {
        let token = registry.generic("plain").await;
        let other = registry.user("eve").await;
        let place = registry.begin(&token, "plain/x").await;

        // Not for others, not for nobody, not in another repository.
        for method in [Method::GET, Method::PATCH, Method::PUT, Method::DELETE] {
            let path = format!("{place}?digest={}", digest(b"x"));
            let foreign = registry.ask(method.clone(), &path).token(&other).send().await;
            foreign.expect_oci(404, "BLOB_UPLOAD_UNKNOWN", "blob-upload-unknown");
            let nobody = registry.ask(method.clone(), &path).send().await;
            nobody.expect_oci(401, "UNAUTHORIZED", "unauthenticated");
            let elsewhere = registry.ask(method, &path.replace("plain/x", "plain/y")).token(&token).send().await;
            elsewhere.expect_oci(404, "BLOB_UPLOAD_UNKNOWN", "blob-upload-unknown");
        }

        let patch = async |range: &str, bytes: &'static str| -> Answer {
            registry.ask(Method::PATCH, &place).token(&token).header("content-range", range).bytes(bytes).send().await
        };
        patch("0-4", "hello").await.expect(202);
        for range in
            ["0-4", "6-10", "4-8", "5", "5-", "-5", "5-4", "bytes 5-9", "5-9/10", "x-y", "99999999999999999999-5"]
        {
            let refused = patch(range, "world").await;
            refused.expect_oci(416, "BLOB_UPLOAD_INVALID", "upload-range");
            assert_eq!((refused.header("range"), refused.header("location")), (Some("0-4"), Some(place.as_str())));
        }
        patch("5-9", "wo").await.expect_oci(400, "SIZE_INVALID", "size-invalid");
        // What was refused left nothing behind, and a restart forgets nothing.
        let again = registry.reopen().await;
        let status = again.get(&place).token(&token).send().await;
        assert_eq!((status.status.as_u16(), status.header("range")), (204, Some("0-4")));
        // A crash may leave bytes that do not count.
        let id = place.rsplit('/').next().unwrap();
        let file = registry.data.path().join("uploads").join(id);
        std::fs::write(&file, b"hello garbage").unwrap();
        again.ask(Method::PATCH, &place).token(&token).bytes(" world").send().await.expect(202);
        let whole = digest(b"hello world");
        let bad = again.put(&place).token(&token).send().await;
        bad.expect_oci(400, "DIGEST_INVALID", "digest-invalid");
        again.put(&format!("{place}?digest={whole}")).token(&token).send().await.expect(201);
        let read = again.get(&format!("/v2/plain/x/blobs/{whole}")).send().await;
        assert_eq!(read.text(), "hello world");
        assert!(!file.exists());
        assert_eq!(
            std::fs::read(registry.data.path().join("blobs/blobs/sha256").join(&whole[7..])).unwrap(),
            b"hello world"
        );
        again.put(&format!("{place}?digest={whole}")).token(&token).send().await.expect_oci(
            404,
            "BLOB_UPLOAD_UNKNOWN",
            "blob-upload-unknown",
        );

        // A body that is not what it should be leaves no blob and no upload.
        let place = registry.begin(&token, "plain/x").await;
        let refused = registry.put(&format!("{place}?digest={whole}")).token(&token).bytes("other").send().await;
        refused.expect_oci(400, "DIGEST_INVALID", "digest-mismatch");
        registry.get(&place).token(&token).send().await.expect_oci(404, "BLOB_UPLOAD_UNKNOWN", "blob-upload-unknown");

        // What nobody goes on with is swept, and so are bytes that no repository shows.
        let idle = registry.begin(&token, "plain/x").await;
        registry.ask(Method::PATCH, &idle).token(&token).bytes("half").send().await.expect(202);
        registry.delete(&format!("/v2/plain/x/blobs/{whole}")).token(&token).send().await.expect(202);
        let kept = registry.push_blob(&token, "plain/x", b"kept").await;
        assert_eq!(oci::worker::sweep(&registry.shared).await.unwrap(), (0, 0));
        registry.clock.advance(25 * 3600 * SECOND);
        assert_eq!(oci::worker::sweep(&registry.shared).await.unwrap(), (1, 1));
        assert_eq!(std::fs::read_dir(registry.data.path().join("uploads")).unwrap().count(), 0);
        assert!(!registry.data.path().join("blobs/blobs/sha256").join(&whole[7..]).exists());
        registry.get(&format!("/v2/plain/x/blobs/{kept}")).send().await.expect_bytes(b"kept");
        registry.push_blob(&token, "plain/x", b"hello world").await;
    }
}

impl Answer {
    #[track_caller]
    fn expect_bytes(&self, bytes: &[u8]) {
        assert_eq!((self.status.as_u16(), self.bytes.as_ref()), (200, bytes));
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
        registry.get(&paths[2]).send().await.expect_oci(404, "BLOB_UNKNOWN", "blob-unknown");
        registry.get(&paths[1]).send().await.expect_oci(404, "MANIFEST_UNKNOWN", "manifest-unknown");
        registry.get(&paths[1]).token(&owner).send().await.expect_status(200);
        change("reveal").await;
        assert_eq!(registry.get("/v2/acme/crm/tags/list").send().await.expect(200)["tags"], json!(["1.0.0"]));
    }
}

impl Answer {
    #[track_caller]
    fn expect_status(&self, status: u16) {
        assert_eq!(self.status.as_u16(), status, "{:?}", self.bytes);
    }
}

fn name(text: &str) -> PackageName {
    text.parse().unwrap()
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

#[tokio::test]
async fn bytes_may_stand_in_an_object_store() {
    for registry in TestRegistry::each_with(|config, _| config.blobs = Some("memory:".to_owned())).await {
        let token = registry.generic("plain").await;
        let bytes: Arc<[u8]> = (0..600_000_u32).map(|n| (n % 251) as u8).collect();
        let digest = registry.push_blob(&token, "plain/x", &bytes).await;
        let path = format!("/v2/plain/x/blobs/{digest}");
        registry.get(&path).send().await.expect_bytes(&bytes);
        let part = registry.get(&path).header("range", "bytes=100-299999").send().await;
        assert_eq!((part.status.as_u16(), part.bytes.as_ref()), (206, &bytes[100..300_000]));
        let object = format!("blobs/{}", digest.replace(':', "/"));
        let file = registry.shared.blobs.local_file(&object).await.unwrap().unwrap();
        assert_eq!(std::fs::read(file.path()).unwrap(), bytes.as_ref());
        registry.push_blob(&token, "plain/x", b"").await;
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
async fn a_client_that_goes_away_goes_on_later() {
    use tokio::io::AsyncWriteExt as _;
    for registry in TestRegistry::each().await {
        let token = registry.generic("plain").await;
        let place = registry.begin(&token, "plain/x").await;
        let mut stream = tokio::net::TcpStream::connect(registry.listen().await).await.unwrap();
        let head = format!(
            "PATCH {place} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 100\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&[7; 40]).await.unwrap();
        stream.flush().await.unwrap();
        drop(stream);
        // What came counts, once it is on the disk.
        let mut arrived = String::new();
        for _ in 0..500 {
            let status = registry.get(&place).token(&token).send().await;
            arrived = status.header("range").unwrap().to_owned();
            if arrived != "0-0" {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert_eq!(arrived, "0-39");
        let rest = registry.ask(Method::PATCH, &place).token(&token).header("content-range", "40-99");
        rest.bytes(vec![7; 60]).send().await.expect(202);
        let whole = digest(&[7; 100]);
        registry.put(&format!("{place}?digest={whole}")).token(&token).send().await.expect(201);
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
