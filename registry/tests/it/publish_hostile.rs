//! What somebody with a token and no key, a key and no token, or neither, tries; each with its exact answer.

use jackfield_package::{
    key::SigningKey,
    oci::{Artifact, CONFIG_MEDIA_TYPE, LAYER_MEDIA_TYPE, MANIFEST_MEDIA_TYPE},
    statement::PublishStatement,
};
use serde_json::{Value, json};

use crate::{
    kit::{ORIGIN, TestRegistry, validated_by},
    publish_kit::{Publisher, Told, package, work},
};

#[tokio::test]
async fn a_statement_must_be_this_one_by_these_keys_for_this_registry() {
    for registry in TestRegistry::each_with(validated_by(Told::good())).await {
        let alice = Publisher::new(&registry, "acme", 1).await;
        let mallory = Publisher::new(&registry, "globex", 1).await;
        let release = package("acme:weather", "1.0.0", |_| {});
        let other = package("acme:weather", "1.1.0", |_| {});
        alice.push(&release).await.expect(201);
        alice.push(&other).await.expect(201);
        let good = alice.statement(&release).await;
        type Row = (u16, &'static str, fn(&mut PublishStatement));
        let rows: [Row; 8] = [
            (400, "audience-mismatch", |s| s.registry = Some("other.example".to_owned())),
            (400, "audience-mismatch", |s| s.registry = None),
            (400, "name-mismatch", |s| s.name = "acme:other".parse().unwrap()),
            (400, "version-mismatch", |s| s.version = "1.0.1".parse().unwrap()),
            (400, "subject-mismatch", |s| s.component = jackfield_package::Digest::of(b"other")),
            (400, "subject-mismatch", |s| s.oci_manifest = Some(jackfield_package::Digest::of(b"other"))),
            (400, "subject-mismatch", |s| s.oci_manifest = None),
            (409, "previous-mismatch", |s| s.previous = Some(jackfield_package::Digest::of(b"other"))),
        ];
        for (status, code, change) in rows {
            let mut statement = good.clone();
            change(&mut statement);
            alice.hand_in(&release, &statement, &alice.keys[0]).await.expect_problem(status, code);
        }
        // A key of nobody, a key of another namespace, a key alone, another's token.
        let stolen = SigningKey::from_seed([99; 32]);
        alice.hand_in(&release, &good, &stolen).await.expect_problem(403, "signer-unknown");
        alice.hand_in(&release, &good, &mallory.keys[0]).await.expect_problem(403, "signer-unknown");
        mallory.hand_in(&release, &good, &alice.keys[0]).await.expect_problem(403, "forbidden");
        let path = Publisher::path(&release, "statements");
        let bundle = good.sign(&alice.keys[0]).to_bytes();
        registry.post(&path).bytes(bundle.clone()).send().await.expect_problem(401, "unauthenticated");
        // A good bundle for another version, and one whose payload was changed after signing.
        let replay = registry.post(&Publisher::path(&other, "statements")).token(&alice.token);
        replay.bytes(bundle.clone()).send().await.expect_problem(400, "version-mismatch");
        let mut changed: Value = serde_json::from_slice(&bundle).unwrap();
        let other_bundle: Value =
            serde_json::from_slice(&alice.statement(&other).await.sign(&alice.keys[0]).to_bytes()).unwrap();
        changed["dsseEnvelope"]["payload"] = other_bundle["dsseEnvelope"]["payload"].clone();
        let post = |bytes: Vec<u8>| registry.post(&path).token(&alice.token).bytes(bytes).send();
        post(changed.to_string().into_bytes()).await.expect_problem(400, "signature-invalid");
        post(b"{}".to_vec()).await.expect_problem(400, "bundle-invalid");
        post(vec![b' '; 300 << 10]).await.expect_problem(413, "body-too-long");
        let absent = package("acme:weather", "7.0.0", |_| {});
        let statement = PublishStatement { previous: None, ..PublishStatement::of(&absent) };
        alice.hand_in(&absent, &statement, &alice.keys[0]).await.expect_problem(404, "release-not-found");
        work(&registry).await;
        assert_eq!((alice.state(&release).await, alice.state(&other).await), ("staged".into(), "staged".into()));

        // One at a time: the second would not know what it follows.
        alice.hand_in(&release, &good, &alice.keys[0]).await.expect(202);
        let second = alice.statement(&other).await;
        alice.hand_in(&other, &second, &alice.keys[0]).await.expect_problem(409, "publish-in-progress");
        work(&registry).await;
        assert_eq!(alice.state(&release).await, "released");
        alice.hand_in(&other, &second, &alice.keys[0]).await.expect_problem(409, "previous-mismatch");
        alice.hand_in(&release, &good, &alice.keys[0]).await.expect(202);
        assert_eq!(alice.progress(&release).await["events"].as_array().unwrap().len(), 5, "a replay changes nothing");
    }
}

#[tokio::test]
async fn a_version_is_its_bytes() {
    for registry in TestRegistry::each_with(validated_by(Told::good())).await {
        let alice = Publisher::new(&registry, "acme", 1).await;
        let first = package("acme:weather", "1.0.0", |_| {});
        let other = package("acme:weather", "1.0.0", |m| m["summary"] = json!("Other bytes."));
        // Before anybody has signed, other bytes take the place: a stolen token can't occupy a version.
        alice.push(&other).await.expect(201);
        alice.push(&first).await.expect(201);
        let statement = alice.statement(&first).await;
        let stale = PublishStatement {
            oci_manifest: Some(Artifact::of(&other).manifest_digest),
            component: other.digest(),
            ..statement.clone()
        };
        alice.hand_in(&first, &stale, &alice.keys[0]).await.expect_problem(400, "subject-mismatch");
        alice.hand_in(&first, &statement, &alice.keys[0]).await.expect(202);
        let refused = alice.push(&other).await;
        assert_eq!(refused.status.as_u16(), 409, "{:?}", refused.bytes);
        work(&registry).await;
        assert_eq!(alice.state(&first).await, "released");
        let refused = alice.push(&other).await;
        assert_eq!(refused.status.as_u16(), 409, "{:?}", refused.bytes);
        assert!(alice.push(&first).await.status.is_success(), "the same digest again is fine");
        assert!(alice.is_out(&first).await);
    }
}

#[tokio::test]
async fn a_push_that_lies_is_refused_or_rejected() {
    for registry in TestRegistry::each_with(validated_by(Told::good())).await {
        let alice = Publisher::new(&registry, "acme", 1).await;
        let mallory = Publisher::new(&registry, "globex", 1).await;
        let release = package("acme:weather", "1.0.0", |_| {});
        let artifact = Artifact::of(&release);
        let manifest: Value = serde_json::from_slice(&artifact.manifest).unwrap();
        let with = |pointer: &str, value: Value| {
            let mut manifest = manifest.clone();
            *manifest.pointer_mut(pointer).unwrap() = value;
            manifest.to_string().into_bytes()
        };
        let layer = &manifest["layers"][0];
        let shapes = [
            with("/layers", json!([layer, layer])),
            with("/layers", json!([])),
            with("/config/mediaType", json!("application/vnd.oci.image.config.v1+json")),
            with("/layers/0/mediaType", json!("application/octet-stream")),
            with("/layers/0/size", json!(release.size() + 1)),
        ];
        for shape in shapes {
            let answer = alice.push_as("acme:weather", "1.0.0", &release, &shape).await;
            assert_eq!(answer.status.as_u16(), 400, "{:?}", answer.bytes);
        }
        // Another namespace's token does not reach the repository at all.
        let path = "/v2/acme/weather/manifests/1.0.0";
        let put = registry.put(path).token(&mallory.token).header("content-type", MANIFEST_MEDIA_TYPE);
        let answer = put.bytes(artifact.manifest.clone()).send().await;
        assert!(matches!(answer.status.as_u16(), 403 | 404), "{:?}", answer.bytes);

        // What the shape can't show, the bytes do: pushed under another name or version, or with a config that lies.
        let config =
            json!({ "architecture": "wasm", "os": "wasip2", "layerDigests": [format!("sha256:{}", "0".repeat(64))],
                             "component": { "imports": [], "exports": release.exports() } })
            .to_string()
            .into_bytes();
        let config_digest = jackfield_package::Digest::of(&config);
        alice.blob("acme/weather", &config_digest.to_string(), config.clone()).await;
        let lying = json!({ "schemaVersion": 2, "mediaType": MANIFEST_MEDIA_TYPE,
            "config": { "mediaType": CONFIG_MEDIA_TYPE, "digest": config_digest, "size": config.len() },
            "layers": [{ "mediaType": LAYER_MEDIA_TYPE, "digest": release.digest(), "size": release.size() }] })
        .to_string()
        .into_bytes();
        let rows: [(&str, &str, &[u8], &str); 3] = [
            ("acme:other", "1.0.0", &artifact.manifest, "name-equal"),
            ("acme:weather", "3.0.0", &artifact.manifest, "name-equal"),
            ("acme:weather", "1.0.0", &lying, "oci-recomputed"),
        ];
        for (name, version, manifest, rule) in rows {
            alice.push_as(name, version, &release, manifest).await.expect(201);
            let statement = PublishStatement {
                name: name.parse().unwrap(),
                version: version.parse().unwrap(),
                oci_manifest: Some(jackfield_package::Digest::of(manifest)),
                registry: Some(ORIGIN.to_owned()),
                ..PublishStatement::of(&release)
            };
            let path = format!("/v1/packages/{}/{version}", name.replacen(':', "/", 1));
            let post = registry.post(&format!("{path}/statements")).token(&alice.token);
            post.bytes(statement.sign(&alice.keys[0]).to_bytes()).send().await.expect(202);
            work(&registry).await;
            let progress = registry.get(&format!("{path}/progress")).token(&alice.token).send().await.expect(200);
            assert_eq!(progress["state"], "rejected", "{rule}: {progress}");
            assert!(progress["reason"].as_str().unwrap().contains(rule), "{progress}");
        }
    }
}

#[tokio::test]
async fn bytes_that_are_no_connector_are_rejected_by_name() {
    for registry in TestRegistry::each_with(validated_by(Told::good())).await {
        let alice = Publisher::new(&registry, "acme", 1).await;
        let release = package("acme:weather", "1.0.0", |_| {});
        let artifact = Artifact::of(&release);
        let junk = b"\0asm\x01\0\0\0 a core module".to_vec();
        let digest = jackfield_package::Digest::of(&junk);
        alice.blob("acme/weather", &digest.to_string(), junk.clone()).await;
        alice.blob("acme/weather", &artifact.config_digest.to_string(), artifact.config.clone()).await;
        let mut manifest: Value = serde_json::from_slice(&artifact.manifest).unwrap();
        manifest["layers"][0]["digest"] = json!(digest);
        manifest["layers"][0]["size"] = json!(junk.len());
        let manifest = manifest.to_string().into_bytes();
        let path = "/v2/acme/weather/manifests/1.0.0";
        let put = registry.put(path).token(&alice.token).header("content-type", MANIFEST_MEDIA_TYPE);
        put.bytes(manifest.clone()).send().await.expect(201);
        let statement = PublishStatement {
            component: digest,
            oci_manifest: Some(jackfield_package::Digest::of(&manifest)),
            ..alice.statement(&release).await
        };
        alice.hand_in(&release, &statement, &alice.keys[0]).await.expect(202);
        work(&registry).await;
        let progress = alice.progress(&release).await;
        assert_eq!(progress["state"], "rejected", "{progress}");
        assert!(progress["checks"][0]["message"].as_str().unwrap().contains("component-is-a-module"), "{progress}");
    }
}
