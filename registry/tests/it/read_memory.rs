//! What is read again is answered from memory, and memory never shows what the rows no longer do.

use jackfield_registry::{clock::SECOND, status::settle};
use serde_json::json;

use crate::{
    kit::{TestRegistry, validated_by},
    oci_kit::digest,
    publish_kit::{Publisher, Told, package, work},
};

#[tokio::test]
async fn what_is_taken_back_is_gone_at_once_here_and_soon_elsewhere() {
    for registry in TestRegistry::each().await {
        let other = registry.reopen().await;
        let token = registry.generic("plain").await;
        // A small one stays in memory, of a large one only that it may be seen.
        for bytes in [vec![1; 4 << 10], vec![2; 200 << 10]] {
            let blob = registry.push_blob(&token, "plain/x", &bytes).await;
            let path = format!("/v2/plain/x/blobs/{blob}");
            for process in [&registry, &other] {
                for _ in 0..2 {
                    process.get(&path).send().await.expect_bytes(&bytes);
                }
                let part = process.get(&path).header("range", "bytes=1-3").send().await;
                assert_eq!((part.status.as_u16(), part.bytes.as_ref()), (206, &bytes[1..4]));
                let head = process.ask(http::Method::HEAD, &path).send().await;
                assert_eq!(head.header("content-length"), Some(bytes.len().to_string().as_str()));
            }
            registry.delete(&path).token(&token).send().await.expect(202);
            registry.get(&path).send().await.expect_oci(404, "BLOB_UNKNOWN", "blob-unknown");
            // The other process hears nothing of it, and forgets what it saw within two seconds.
            other.clock.advance(2 * SECOND);
            other.get(&path).send().await.expect_oci(404, "BLOB_UNKNOWN", "blob-unknown");
            // That bytes are in memory says nothing about who may see them.
            let elsewhere = format!("/v2/plain/y/blobs/{blob}");
            registry.get(&elsewhere).send().await.expect_oci(404, "BLOB_UNKNOWN", "blob-unknown");
        }
    }
}

#[tokio::test]
async fn what_is_staged_or_hidden_is_not_seen_whoever_read_it_before() {
    for registry in TestRegistry::each_with(validated_by(Told::good())).await {
        let alice = Publisher::new(&registry, "acme", 1).await;
        let release = package("acme:weather", "1.0.0", |_| {});
        alice.push(&release).await.expect(201);
        let component = digest(release.bytes());
        let path = format!("/v2/acme/weather/blobs/{component}");
        // Its members read it, again and again, and nobody else does.
        for _ in 0..3 {
            registry.get(&path).token(&alice.token).send().await.expect_bytes(release.bytes());
            registry.get(&path).send().await.expect_oci(404, "BLOB_UNKNOWN", "blob-unknown");
        }
        alice.publish(&release).await;
        work(&registry).await;
        // It is out, and seen at once: that there was nothing is not remembered.
        for _ in 0..3 {
            registry.get(&path).send().await.expect_bytes(release.bytes());
        }
        let order = json!({ "order": { "action": "quarantine", "reason": "A look at it.", "days": 2 } });
        let status = "/v1/packages/acme/weather/1.0.0/status";
        registry.post(status).token(&registry.operator()).json(&order).send().await.expect(202);
        work(&registry).await;
        settle::due(&registry.shared).await.unwrap();
        registry.get(&path).send().await.expect_oci(404, "BLOB_UNKNOWN", "blob-unknown");
        registry.get(&path).token(&alice.token).send().await.expect_bytes(release.bytes());
    }
}

#[tokio::test]
async fn an_index_that_another_process_signed_is_the_one_that_is_served() {
    for registry in TestRegistry::each_with(validated_by(Told::good())).await {
        let other = registry.reopen().await;
        let alice = Publisher::new(&registry, "acme", 1).await;
        alice.publish(&package("acme:weather", "1.0.0", |_| {})).await;
        work(&registry).await;
        let path = "/v1/index/acme/weather";
        for number in 0..8 {
            let (here, there) = (registry.get(path).send().await, other.get(path).send().await);
            assert_eq!((here.status.as_u16(), &here.bytes), (200, &there.bytes), "{}", registry.kind);
            let etag = here.header("etag").unwrap();
            assert_eq!(other.get(path).header("if-none-match", etag).send().await.status.as_u16(), 304);
            // The clock stands: it is the very next moment.
            let message = json!({ "message": format!("Use another, for the reason number {number}.") });
            let deprecation = "/v1/packages/acme/weather/deprecation";
            registry.put(deprecation).token(&alice.token).json(&message).send().await.expect(204);
            let signed = registry.get(path).send().await;
            assert_ne!(signed.bytes, here.bytes, "{}: it was signed anew", registry.kind);
            assert_eq!(other.get(path).send().await.bytes, signed.bytes, "{}", registry.kind);
        }
    }
}
