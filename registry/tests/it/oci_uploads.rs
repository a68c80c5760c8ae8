//! Uploads: their makers' own, going on where they were, into a folder or an object store.

use std::sync::Arc;

use axum::body::Body;
use futures_util::{future::join_all, stream};
use http::Method;
use jackfield_registry::{clock::SECOND, oci};

use crate::{
    kit::{Answer, TestRegistry},
    oci_kit::digest,
};

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
async fn one_whose_bytes_have_gone_into_the_store_in_a_crash_is_over() {
    for registry in TestRegistry::each().await {
        let token = registry.generic("plain").await;
        // The last step renames the file before a row says so: a crash between the two leaves the row alone.
        for ask_first in [true, false] {
            let place = registry.begin(&token, "plain/x").await;
            registry.ask(Method::PATCH, &place).token(&token).bytes(vec![7; 100]).send().await.expect(202);
            let id = place.rsplit('/').next().unwrap().split('?').next().unwrap();
            std::fs::remove_file(registry.data.path().join("uploads").join(id)).unwrap();
            if ask_first {
                assert_eq!(registry.get(&place).token(&token).send().await.status, 404, "{}", registry.kind);
            }
            let whole = digest(&[7; 100]);
            let put = registry.put(&format!("{place}?digest={whole}")).token(&token).send().await;
            assert_eq!(put.status, 404, "{}: {}", registry.kind, put.text());
        }
    }
}

/// An upload belongs to a person, and a token of his that is for something else is not good for going on with it.
#[tokio::test]
async fn a_token_for_another_package_does_not_go_on_with_an_upload() {
    for registry in crate::kit::TestRegistry::each().await {
        let ada = registry.owner("ada", "acme").await;
        let begun = registry.post("/v2/acme/crm/blobs/uploads/").token(&ada).send().await;
        begun.expect(202);
        let path = begun.header("location").unwrap().to_owned();
        let path = path.find("/v2/").map_or(path.as_str(), |at| &path[at..]);
        let narrow = serde_json::json!({ "pattern": "acme:other", "actions": ["publish", "read"] });
        let issued = registry.post("/v1/tokens").token(&ada).json(&narrow).send().await.expect(201);
        let narrow = issued["token"].as_str().unwrap();
        for method in [http::Method::GET, http::Method::PATCH, http::Method::DELETE] {
            let answer = registry.ask(method.clone(), path).token(narrow).bytes("evil").send().await;
            assert_eq!(answer.status.as_u16(), 403, "{} {method}: {:?}", registry.kind, answer.bytes);
        }
        registry.ask(http::Method::PATCH, path).token(&ada).bytes("good").send().await.expect(202);
    }
}

#[tokio::test]
async fn side_by_side_they_store_no_more_than_the_quota() {
    const QUOTA: i64 = 1_000_000;
    const PART: usize = 100_000;
    for registry in TestRegistry::each_with(|config, _| config.namespace_quota_bytes = QUOTA).await {
        let token = registry.generic("plain").await;
        for announced in [true, false] {
            let mut places = Vec::new();
            for _ in 0..8 {
                places.push(registry.begin(&token, "plain/x").await);
            }
            // Each has sent a third of its bytes before any sends the rest: what was looked at once would hold for all of them.
            let barrier = Arc::new(tokio::sync::Barrier::new(places.len()));
            let sent = join_all(places.iter().map(|place| {
                let parts = stream::unfold((0, barrier.clone()), |(number, barrier)| async move {
                    if number == 1 {
                        barrier.wait().await;
                    }
                    (number < 3).then(|| (Ok::<_, std::io::Error>(vec![7; PART]), (number + 1, barrier)))
                });
                let ask = registry.ask(Method::PATCH, place).token(&token).body(Body::from_stream(parts));
                let length = (3 * PART).to_string();
                if announced { ask.header("content-length", &length).send() } else { ask.send() }
            }))
            .await;
            let taken: Vec<_> = places.iter().zip(&sent).filter(|(_, answer)| answer.status == 202).collect();
            for refused in sent.iter().filter(|answer| answer.status != 202) {
                refused.expect_oci(403, "DENIED", "quota-exceeded");
            }
            let fit = taken.len();
            // Who does not say how much comes may be in the way of others, and they in his.
            assert!(if announced { fit == 3 } else { fit <= 3 }, "{}: {fit}", registry.kind);
            let folder = std::fs::read_dir(registry.data.path().join("uploads")).unwrap();
            let bytes: u64 = folder.map(|file| file.unwrap().metadata().unwrap().len()).sum();
            assert_eq!(bytes, (fit * 3 * PART) as u64, "{}: what was refused leaves nothing", registry.kind);
            // What they have is theirs: nobody else takes the room before they end.
            let room = usize::try_from(QUOTA).unwrap() - fit * 3 * PART;
            let other = vec![8; room + 1];
            let path = format!("/v2/plain/y/blobs/uploads/?digest={}", digest(&other));
            registry.post(&path).token(&token).bytes(other).send().await.expect_oci(403, "DENIED", "quota-exceeded");
            let whole = digest(&vec![7; 3 * PART]);
            for (place, _) in taken {
                registry.put(&format!("{place}?digest={whole}")).token(&token).send().await.expect(201);
            }
            // Those that did not say how much comes may all have been in one another's way.
            if fit == 0 {
                registry.push_blob(&token, "plain/x", &vec![7; 3 * PART]).await;
            }
            // The same bytes are stored once; the rest is free again, to the last byte.
            let rest =
                registry.push_blob(&token, "plain/y", &vec![9; usize::try_from(QUOTA).unwrap() - 3 * PART]).await;
            let path = format!("/v2/plain/y/blobs/uploads/?digest={}", digest(b"x"));
            registry.post(&path).token(&token).bytes("x").send().await.expect_oci(403, "DENIED", "quota-exceeded");
            for (repository, blob) in [("y", rest), ("x", whole)] {
                registry.delete(&format!("/v2/plain/{repository}/blobs/{blob}")).token(&token).send().await.expect(202);
            }
        }
    }
}
