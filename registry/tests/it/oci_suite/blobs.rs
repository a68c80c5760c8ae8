//! Blobs: pushed in every way, mounted, read in ranges, deleted, refused.

use http::Method;
use jackfield_registry::oci::digest::{Algorithm, ContentDigest};

use super::{REPO, REPO_2, Suite};
use crate::oci_client::{Reply, Sent};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum By {
    PostOnly,
    PostPut,
    Chunked { put_last: bool, out_of_order: bool },
    Stream,
}

impl Suite {
    /// Pushes a blob by one of the ways; `bytes` are not those of the digest if it must be refused.
    pub(super) async fn push(&mut self, repo: &str, digest: &ContentDigest, bytes: &[u8], by: By) {
        let good = ContentDigest::of(digest.algorithm(), bytes) == *digest;
        let what = format!("{by:?} of {} bytes, good: {good}", bytes.len());
        let reply = match by {
            By::PostOnly => {
                let path = format!("/v2/{repo}/blobs/uploads/?digest={}", digest.as_str().replace(':', "%3A"));
                self.client.send(Method::POST, &path, &[], Sent::Bytes(bytes.to_vec())).await
            }
            By::PostPut => {
                let location = self.begin(repo).await;
                let path = format!("{location}?digest={digest}");
                self.client.send(Method::PUT, &path, &[], Sent::Bytes(bytes.to_vec())).await
            }
            By::Stream => {
                let location = self.begin(repo).await;
                let sent = Sent::Stream(bytes.to_vec());
                let reply = self.client.send(Method::PATCH, &location, &[], sent).await;
                self.is(&what, &reply, 202);
                let path = format!("{}?digest={digest}", reply.header("location").unwrap());
                self.client.send(Method::PUT, &path, &[], Sent::Nothing).await
            }
            By::Chunked { put_last, out_of_order } => {
                self.push_chunks(repo, digest, bytes, put_last, out_of_order).await
            }
        };
        if !good {
            self.is(&what, &reply, 400);
            self.met("DIGEST_INVALID", reply.json()["errors"][0]["code"] == "DIGEST_INVALID");
            return;
        }
        self.is(&what, &reply, 201);
        self.has(&what, &reply, "docker-content-digest", digest.as_str());
        let location = reply.header("location").expect("a location").to_owned();
        let read = self.client.get(&location).await;
        self.is(&what, &read, 200);
        self.met("what is read is what was written", read.body == bytes);
    }

    pub(super) async fn begin(&mut self, repo: &str) -> String {
        let location = self.client.begin(repo).await;
        self.met(
            "an upload has a place below its repository",
            location.starts_with(&format!("/v2/{repo}/blobs/uploads/")),
        );
        location
    }

    pub(super) async fn push_chunks(
        &mut self,
        repo: &str,
        digest: &ContentDigest,
        bytes: &[u8],
        put_last: bool,
        out_of_order: bool,
    ) -> Reply {
        let mut location = self.begin(repo).await;
        let size = (bytes.len() / 3 + 1).max(1024).min(bytes.len());
        let mut at = 0;
        while at < bytes.len() {
            if out_of_order {
                let bad = if at + size >= bytes.len() { 0 } else { at + size };
                let end = (bad + size).min(bytes.len());
                let (method, path) = match put_last && end == bytes.len() {
                    true => (Method::PUT, format!("{location}?digest={digest}")),
                    false => (Method::PATCH, location.clone()),
                };
                if bad != at {
                    let range = format!("{bad}-{}", end - 1);
                    let sent = Sent::Bytes(bytes[bad..end].to_vec());
                    let reply = self.client.send(method, &path, &[("content-range", &range)], sent).await;
                    self.is("a chunk out of order", &reply, 416);
                    let status = self.client.get(&path).await;
                    self.is("how far it is", &status, 204);
                    self.has("how far it is", &status, "range", &format!("0-{}", at.max(1) - 1));
                    location = status.header("location").unwrap().to_owned();
                }
            }
            let end = (at + size).min(bytes.len());
            let range = format!("{at}-{}", end - 1);
            let sent = Sent::Bytes(bytes[at..end].to_vec());
            if put_last && end == bytes.len() {
                let path = format!("{location}?digest={digest}");
                return self.client.send(Method::PUT, &path, &[("content-range", &range)], sent).await;
            }
            let reply = self.client.send(Method::PATCH, &location, &[("content-range", &range)], sent).await;
            self.is("a chunk", &reply, 202);
            self.has("a chunk", &reply, "range", &format!("0-{}", end - 1));
            location = reply.header("location").unwrap().to_owned();
            at = end;
        }
        let path = format!("{location}?digest={digest}");
        self.client.send(Method::PUT, &path, &[], Sent::Nothing).await
    }

    pub(super) async fn mount(&mut self, repo: &str, from: Option<&str>, digest: &ContentDigest) -> Reply {
        let mut path = format!("/v2/{repo}/blobs/uploads/?mount={digest}");
        if let Some(from) = from {
            path.push_str(&format!("&from={}", from.replace('/', "%2F")));
        }
        self.client.send(Method::POST, &path, &[], Sent::Nothing).await
    }

    pub(super) async fn read_blob(&mut self, repo: &str, digest: &ContentDigest, bytes: &[u8]) {
        let path = format!("/v2/{repo}/blobs/{digest}");
        let head = self.client.head(&path).await;
        self.is("HEAD of a blob", &head, 200);
        self.has("HEAD of a blob", &head, "content-length", &bytes.len().to_string());
        self.has("HEAD of a blob", &head, "docker-content-digest", digest.as_str());
        self.met("HEAD has no body", head.body.is_empty());
        let get = self.client.get(&path).await;
        self.is("GET of a blob", &get, 200);
        self.has("GET of a blob", &get, "content-length", &bytes.len().to_string());
        self.has("GET of a blob", &get, "docker-content-digest", digest.as_str());
        self.met("GET of a blob: its bytes", get.body == bytes);
    }

    pub(super) async fn delete_blob(&mut self, repo: &str, digest: &str, was_there: bool) {
        let path = format!("/v2/{repo}/blobs/{digest}");
        let gone = self.client.delete(&path).await;
        self.is("DELETE of a blob", &gone, if was_there { 202 } else { 404 });
        let head = self.client.head(&path).await;
        self.is("HEAD of a deleted blob", &head, 404);
    }

    pub(super) async fn blobs(&mut self, algorithm: Algorithm) {
        let missing = ContentDigest::of(algorithm, &self.fresh(512));
        let reply = self.client.get(&format!("/v2/{REPO}/blobs/{missing}")).await;
        self.is("a blob that was never pushed", &reply, 404);
        self.met("BLOB_UNKNOWN", reply.json()["errors"][0]["code"] == "BLOB_UNKNOWN");

        let chunked = |put_last, out_of_order| By::Chunked { put_last, out_of_order };
        let ways = [
            (By::PostOnly, 512),
            (By::PostPut, 512),
            (chunked(false, false), 512),
            (By::Stream, 512),
            (chunked(false, false), 3067),
            (chunked(true, false), 3067),
            (chunked(false, true), 3067),
            (chunked(true, true), 3067),
        ];
        for (by, length) in ways {
            let bytes = self.fresh(length);
            let digest = ContentDigest::of(algorithm, &bytes);
            self.push(REPO, &digest, &bytes, by).await;
            self.read_blob(REPO, &digest, &bytes).await;
            self.delete_blob(REPO, digest.as_str(), true).await;
        }

        for from in [Some(REPO_2), None] {
            let bytes = self.fresh(512);
            let digest = ContentDigest::of(algorithm, &bytes);
            self.push(REPO_2, &digest, &bytes, By::PostPut).await;
            let reply = self.mount(REPO, from, &digest).await;
            self.is("a mount", &reply, 201);
            self.has("a mount", &reply, "location", &format!("/v2/{REPO}/blobs/{digest}"));
            self.has("a mount", &reply, "docker-content-digest", digest.as_str());
            self.read_blob(REPO, &digest, &bytes).await;
            self.delete_blob(REPO, digest.as_str(), true).await;
            self.read_blob(REPO_2, &digest, &bytes).await;
            self.delete_blob(REPO_2, digest.as_str(), true).await;
        }
        for from in [Some(REPO_2), None, Some("conformance/none"), Some("No/Name")] {
            let bytes = self.fresh(512);
            let digest = ContentDigest::of(algorithm, &bytes);
            let reply = self.mount(REPO, from, &digest).await;
            self.is("a mount of what is not there", &reply, 202);
            let path = format!("{}?digest={digest}", reply.header("location").unwrap());
            let reply = self.client.send(Method::PUT, &path, &[], Sent::Bytes(bytes.clone())).await;
            self.is("… is an upload", &reply, 201);
            self.delete_blob(REPO, digest.as_str(), true).await;
        }

        let location = self.begin(REPO).await;
        let reply = self.client.delete(&location).await;
        self.is("an upload is cancelled", &reply, 204);
        let reply = self.client.get(&location).await;
        self.is("a cancelled upload is gone", &reply, 404);
        self.met("BLOB_UPLOAD_UNKNOWN", reply.json()["errors"][0]["code"] == "BLOB_UPLOAD_UNKNOWN");

        self.ranges(algorithm).await;

        for bytes in [&b""[..], b"{}"] {
            let digest = ContentDigest::of(algorithm, bytes);
            for by in [By::PostOnly, By::PostPut, By::Stream, chunked(false, false)] {
                self.push(REPO, &digest, bytes, by).await;
                self.read_blob(REPO, &digest, bytes).await;
                self.delete_blob(REPO, digest.as_str(), true).await;
            }
        }

        for by in [By::PostOnly, By::PostPut, chunked(false, false), chunked(true, false), By::Stream] {
            let mut bytes = self.fresh(3067);
            let digest = ContentDigest::of(algorithm, &bytes);
            bytes.extend(b"oh no");
            self.push(REPO, &digest, &bytes, by).await;
            self.delete_blob(REPO, digest.as_str(), false).await;
        }
    }

    pub(super) async fn ranges(&mut self, algorithm: Algorithm) {
        let bytes = self.fresh(2048);
        let digest = ContentDigest::of(algorithm, &bytes);
        self.push(REPO, &digest, &bytes, By::PostPut).await;
        let path = format!("/v2/{REPO}/blobs/{digest}");
        for (asked, first, end) in
            [("500-1499", 500, 1500), ("500-", 500, 2048), ("-500", 1548, 2048), ("2000-5000", 2000, 2048)]
        {
            for method in [Method::GET, Method::HEAD] {
                let range = format!("bytes={asked}");
                let reply = self.client.send(method.clone(), &path, &[("range", &range)], Sent::Nothing).await;
                self.is(asked, &reply, 206);
                self.has(asked, &reply, "content-length", &(end - first).to_string());
                self.has(asked, &reply, "content-range", &format!("bytes {first}-{}/2048", end - 1));
                self.met(asked, method == Method::HEAD || reply.body == bytes[first..end]);
            }
        }
        for asked in ["bytes=500-0", "bytes=5000-10000", "bytes=2048-"] {
            let reply = self.client.send(Method::GET, &path, &[("range", asked)], Sent::Nothing).await;
            self.is(asked, &reply, 416);
            self.has(asked, &reply, "content-range", "bytes */2048");
        }
        for asked in ["bytes=0-1,5-6", "pages=1-2"] {
            let reply = self.client.send(Method::GET, &path, &[("range", asked)], Sent::Nothing).await;
            self.is(asked, &reply, 200);
            self.met(asked, reply.body == bytes);
        }
        self.delete_blob(REPO, digest.as_str(), true).await;
    }
}
