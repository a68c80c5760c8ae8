//! The distribution-spec, requirement by requirement and in the order of its conformance suite, against a registry on
//! TCP: two repositories of a generic namespace, a login, tokens fetched on challenge.

use std::collections::BTreeMap;

use http::Method;
use jackfield_registry::oci::digest::{Algorithm, ContentDigest};
use serde_json::{Map, Value, json};

use crate::{
    kit::TestRegistry,
    oci_client::{OciClient, Reply, Sent},
};

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const EXAMPLE_1: &str = "application/vnd.example.oci.conformance.v1";
const EXAMPLE_2: &str = "application/vnd.example.oci.conformance.v2";
const REPO: &str = "conformance/repo1";
const REPO_2: &str = "conformance/repo2";

struct Suite {
    client: OciClient,
    /// Requirements that were met.
    checks: usize,
    /// Makes bytes that nobody has seen.
    counter: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum By {
    PostOnly,
    PostPut,
    Chunked { put_last: bool, out_of_order: bool },
    Stream,
}

/// Content to push, and what to expect of it.
#[derive(Default)]
struct Data {
    blobs: BTreeMap<String, Vec<u8>>,
    manifests: Vec<(ContentDigest, Vec<u8>)>,
    tags: BTreeMap<String, ContentDigest>,
    /// Subject, and the descriptor that the referrers API must show.
    referrers: Vec<(String, Value)>,
    tag_parameters: bool,
}

impl Suite {
    #[track_caller]
    fn met(&mut self, what: &str, holds: bool) {
        assert!(holds, "not met: {what}");
        self.checks += 1;
    }

    #[track_caller]
    fn is(&mut self, what: &str, reply: &Reply, status: u16) {
        assert_eq!(
            reply.status,
            status,
            "{what}: {:?}",
            String::from_utf8_lossy(&reply.body[..reply.body.len().min(500)])
        );
        assert_eq!(reply.header("docker-distribution-api-version"), Some("registry/2.0"));
        if status >= 400 && !reply.body.is_empty() {
            let error = &reply.json()["errors"][0];
            assert!(error["code"].is_string() && error["message"].is_string(), "{what}: {:?}", reply.body);
        }
        self.checks += 1;
    }

    #[track_caller]
    fn has(&mut self, what: &str, reply: &Reply, name: &str, value: &str) {
        assert_eq!(reply.header(name), Some(value), "{what}: {name}");
        self.checks += 1;
    }

    fn fresh(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            self.counter += 1;
            bytes.extend(ContentDigest::of(Algorithm::Sha512, &self.counter.to_be_bytes()).as_str().as_bytes());
        }
        bytes.truncate(length);
        bytes
    }

    // ── Blobs ────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Pushes a blob by one of the ways; `bytes` are not those of the digest if it must be refused.
    async fn push(&mut self, repo: &str, digest: &ContentDigest, bytes: &[u8], by: By) {
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

    async fn begin(&mut self, repo: &str) -> String {
        let location = self.client.begin(repo).await;
        self.met(
            "an upload has a place below its repository",
            location.starts_with(&format!("/v2/{repo}/blobs/uploads/")),
        );
        location
    }

    async fn push_chunks(
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

    async fn mount(&mut self, repo: &str, from: Option<&str>, digest: &ContentDigest) -> Reply {
        let mut path = format!("/v2/{repo}/blobs/uploads/?mount={digest}");
        if let Some(from) = from {
            path.push_str(&format!("&from={}", from.replace('/', "%2F")));
        }
        self.client.send(Method::POST, &path, &[], Sent::Nothing).await
    }

    async fn read_blob(&mut self, repo: &str, digest: &ContentDigest, bytes: &[u8]) {
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

    async fn delete_blob(&mut self, repo: &str, digest: &str, was_there: bool) {
        let path = format!("/v2/{repo}/blobs/{digest}");
        let gone = self.client.delete(&path).await;
        self.is("DELETE of a blob", &gone, if was_there { 202 } else { 404 });
        let head = self.client.head(&path).await;
        self.is("HEAD of a deleted blob", &head, 404);
    }

    async fn blobs(&mut self, algorithm: Algorithm) {
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

    async fn ranges(&mut self, algorithm: Algorithm) {
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

    // ── Manifests ────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Pushes, lists, reads and deletes one set of content.
    async fn content(&mut self, name: &str, data: &Data) {
        let ways = [By::PostPut, By::PostOnly, By::Stream, By::Chunked { put_last: false, out_of_order: false }];
        for (number, (digest, bytes)) in data.blobs.iter().enumerate() {
            self.push(REPO, &digest.parse().unwrap(), bytes, ways[number % ways.len()]).await;
        }
        for (digest, bytes) in &data.manifests {
            let tags: Vec<_> = data
                .tags
                .iter()
                .filter(|(_, of)| data.tag_parameters && *of == digest)
                .map(|(tag, _)| tag.clone())
                .collect();
            let query: Vec<_> = tags.iter().map(|tag| format!("tag={tag}")).collect();
            let reply = self.put(&format!("{digest}?{}", query.join("&")), digest, bytes).await;
            let told: Vec<_> = reply.headers.get_all("oci-tag").iter().map(|tag| tag.to_str().unwrap()).collect();
            self.met("every tag is told", told == tags);
        }
        for (tag, digest) in data.tags.iter().filter(|_| !data.tag_parameters) {
            let bytes = &data.manifests.iter().find(|(of, _)| of == digest).unwrap().1;
            self.put(tag, digest, bytes).await;
        }
        self.list(data).await;
        for (digest, bytes) in &data.manifests {
            let tags = data.tags.iter().filter(|(_, of)| *of == digest).map(|(tag, _)| tag.as_str());
            for reference in tags.chain([digest.as_str()]) {
                self.read_manifest(reference, digest, bytes).await;
            }
        }
        for (digest, bytes) in &data.blobs {
            self.read_blob(REPO, &digest.parse().unwrap(), bytes).await;
        }
        self.referrers(data).await;
        for tag in data.tags.keys() {
            let path = format!("/v2/{REPO}/manifests/{tag}");
            let gone = self.client.delete(&path).await;
            self.is("DELETE of a tag", &gone, 202);
            let head = self.client.head(&path).await;
            self.is("HEAD of a deleted tag", &head, 404);
        }
        for (digest, bytes) in data.manifests.iter().rev() {
            self.read_manifest(digest.as_str(), digest, bytes).await;
            let path = format!("/v2/{REPO}/manifests/{digest}");
            let gone = self.client.delete(&path).await;
            self.is("DELETE of a manifest", &gone, 202);
            let head = self.client.head(&path).await;
            self.is("HEAD of a deleted manifest", &head, 404);
        }
        for digest in data.blobs.keys() {
            self.delete_blob(REPO, digest, true).await;
        }
        let tags = self.client.get(&format!("/v2/{REPO}/tags/list")).await;
        self.met(&format!("{name}: nothing is left"), tags.status == 404 || tags.json()["tags"] == json!([]));
    }

    async fn put(&mut self, reference: &str, digest: &ContentDigest, bytes: &[u8]) -> Reply {
        let parsed: Value = serde_json::from_slice(bytes).unwrap();
        let media_type = parsed["mediaType"].as_str().unwrap();
        let reply = self.client.push_manifest(REPO, reference, media_type, bytes).await;
        self.is("PUT of a manifest", &reply, 201);
        self.has("PUT of a manifest", &reply, "docker-content-digest", digest.as_str());
        let subject = parsed["subject"]["digest"].as_str();
        assert_eq!(reply.header("oci-subject"), subject);
        let location = reply.header("location").unwrap().to_owned();
        let read = self.client.get(&location).await;
        self.is("GET of where it is", &read, 200);
        self.has("GET of where it is", &read, "content-type", media_type);
        self.met("GET of where it is: its bytes", read.body == bytes);
        reply
    }

    async fn read_manifest(&mut self, reference: &str, digest: &ContentDigest, bytes: &[u8]) {
        let parsed: Value = serde_json::from_slice(bytes).unwrap();
        let path = format!("/v2/{REPO}/manifests/{reference}");
        for method in [Method::HEAD, Method::GET] {
            let accept = [("accept", INDEX), ("accept", IMAGE)];
            let reply = self.client.send(method.clone(), &path, &accept, Sent::Nothing).await;
            self.is("a manifest", &reply, 200);
            self.has("a manifest", &reply, "content-type", parsed["mediaType"].as_str().unwrap());
            self.has("a manifest", &reply, "content-length", &bytes.len().to_string());
            self.has("a manifest", &reply, "docker-content-digest", digest.as_str());
            let expected = if method == Method::HEAD { &[][..] } else { bytes };
            self.met("a manifest: its bytes", reply.body == expected);
        }
    }

    async fn list(&mut self, data: &Data) {
        let path = format!("/v2/{REPO}/tags/list");
        let all = self.client.get(&path).await;
        self.is("tags", &all, 200);
        let all = all.json();
        self.met("the name of the repository", all["name"] == REPO);
        let mut sorted: Vec<String> = serde_json::from_value(all["tags"].clone()).unwrap();
        sorted.sort();
        self.met("tags are in the order of their bytes", json!(sorted) == all["tags"]);
        self.met("every tag is listed", data.tags.keys().all(|tag| sorted.contains(tag)));
        if sorted.len() >= 2 {
            let half = sorted.len() / 2;
            let reply = self.client.get(&format!("{path}?last={}", sorted[half - 1])).await;
            self.is("tags after one", &reply, 200);
            self.met("tags after one", reply.json()["tags"] == json!(sorted[half..]));
            let mut next = Some(format!("{path}?n=1"));
            let mut paged = Vec::new();
            while let Some(path) = next {
                let reply = self.client.get(&path).await;
                self.is("a page of tags", &reply, 200);
                let tags: Vec<String> = serde_json::from_value(reply.json()["tags"].clone()).unwrap();
                self.met("a page is as long as asked for", tags.len() == 1);
                paged.extend(tags);
                next = reply.header("link").map(|link| {
                    let (path, rest) = link.strip_prefix('<').unwrap().split_once('>').unwrap();
                    assert_eq!(rest, "; rel=\"next\"");
                    path.to_owned()
                });
            }
            self.met("the pages are the whole", paged == sorted);
        }
        let none = self.client.get(&format!("{path}?n=0")).await;
        self.is("no tags", &none, 200);
        self.met("no tags", none.json()["tags"] == json!([]));
    }

    async fn referrers(&mut self, data: &Data) {
        for (subject, _) in &data.referrers {
            let path = format!("/v2/{REPO}/referrers/{subject}");
            let reply = self.client.get(&path).await;
            self.is("referrers", &reply, 200);
            self.has("referrers", &reply, "content-type", INDEX);
            let index = reply.json();
            self.met("an index", index["schemaVersion"] == 2 && index["mediaType"] == INDEX);
            let expected: Vec<_> =
                data.referrers.iter().filter(|(of, _)| of == subject).map(|(_, goal)| goal).collect();
            let shown = index["manifests"].as_array().unwrap();
            self.met(
                "every referrer",
                expected.iter().all(|goal| shown.contains(goal)) && shown.len() == expected.len(),
            );
            for kind in [EXAMPLE_1, EXAMPLE_2, CONFIG, "application/none"] {
                let reply = self.client.get(&format!("{path}?artifactType={kind}")).await;
                self.is("filtered", &reply, 200);
                self.has("filtered", &reply, "oci-filters-applied", "artifactType");
                let shown = reply.json()["manifests"].as_array().unwrap().clone();
                let mut goals = expected.iter().filter(|goal| goal["artifactType"] == kind);
                self.met("nothing else", shown.iter().all(|descriptor| descriptor["artifactType"] == kind));
                self.met("all of that type", goals.all(|goal| shown.contains(goal)));
            }
        }
    }

    // ── Content ──────────────────────────────────────────────────────────────────────────────────────────────────────

    fn blob(&mut self, data: &mut Data, algorithm: Algorithm, media_type: &str, bytes: Vec<u8>) -> Value {
        let digest = ContentDigest::of(algorithm, &bytes).to_string();
        let descriptor = json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() });
        data.blobs.insert(digest, bytes);
        descriptor
    }

    /// An image or, with an artifact type, an artifact; `more` is merged into the manifest.
    fn image(&mut self, data: &mut Data, algorithm: Algorithm, layers: usize, more: Value) -> Value {
        let artifact = more.get("artifactType").is_some();
        let config = match artifact {
            true => self.blob(data, algorithm, EMPTY, b"{}".to_vec()),
            false => {
                let bytes = self.fresh(300);
                self.blob(data, algorithm, CONFIG, bytes)
            }
        };
        let mut shown = Vec::new();
        for _ in 0..layers {
            let bytes = self.fresh(2048);
            shown.push(self.blob(data, algorithm, if artifact { EXAMPLE_1 } else { LAYER }, bytes));
        }
        let mut manifest = json!({ "schemaVersion": 2, "mediaType": IMAGE, "config": config, "layers": shown });
        manifest.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.manifest(data, algorithm, manifest)
    }

    fn index(&mut self, data: &mut Data, algorithm: Algorithm, manifests: Vec<Value>, more: Value) -> Value {
        let mut index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
        index.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.manifest(data, algorithm, index)
    }

    fn manifest(&mut self, data: &mut Data, algorithm: Algorithm, manifest: Value) -> Value {
        let bytes = manifest.to_string().into_bytes();
        let digest = ContentDigest::of(algorithm, &bytes);
        let descriptor = json!({ "mediaType": manifest["mediaType"], "digest": digest.as_str(), "size": bytes.len() });
        if let Some(subject) = manifest["subject"]["digest"].as_str() {
            let mut goal = descriptor.clone();
            let kind = manifest.get("artifactType").or(manifest["config"].get("mediaType"));
            if let Some(kind) = kind {
                goal["artifactType"] = kind.clone();
            }
            if let Some(annotations) = manifest.get("annotations") {
                goal["annotations"] = annotations.clone();
            }
            data.referrers.push((subject.to_owned(), goal));
        }
        data.manifests.push((digest, bytes));
        descriptor
    }

    fn tag(&self, data: &mut Data, tag: &str, descriptor: &Value) {
        data.tags.insert(tag.to_owned(), descriptor["digest"].as_str().unwrap().parse().unwrap());
    }

    /// Every kind of content that the suite knows, and some that it does not.
    fn kinds(&mut self) -> Vec<(&'static str, Data)> {
        let mut all = Vec::new();
        let (sha256, sha512) = (Algorithm::Sha256, Algorithm::Sha512);
        let none = || json!({});
        let annotations = || json!({ "org.opencontainers.conformance": "hello conformance test" });

        for (name, layers) in [("image", 2), ("no-layers", 0)] {
            let mut data = Data::default();
            let image = self.image(&mut data, sha256, layers, none());
            self.tag(&mut data, name, &image);
            all.push((name, data));
        }

        let mut data = Data::default();
        let large: Map<_, _> =
            (0..390).map(|n| (format!("large-annotation-{n}"), Value::from("A".repeat(10_000)))).collect();
        let image = self.image(&mut data, sha256, 2, json!({ "annotations": large }));
        assert!(data.manifests[0].1.len() > 3_900_000);
        self.tag(&mut data, "large-manifest", &image);
        all.push(("large-manifest", data));

        for algorithm in [sha256, sha512] {
            let mut data = Data { tag_parameters: true, ..Data::default() };
            let images = (0..2).map(|_| self.image(&mut data, algorithm, 2, none())).collect();
            let index = self.index(&mut data, algorithm, images, none());
            let inner = self.index(&mut data, algorithm, vec![], none());
            let outer = self.index(&mut data, algorithm, vec![index.clone(), inner], none());
            for (tag, of) in [("index", &index), ("index-again", &index), ("index-of-index", &outer)] {
                self.tag(&mut data, tag, of);
            }
            all.push(("index, by tag parameters", data));
        }

        let mut data = Data::default();
        let artifact = self.image(&mut data, sha256, 1, json!({ "artifactType": EXAMPLE_1 }));
        let index = self.index(&mut data, sha256, vec![artifact.clone()], json!({ "artifactType": EXAMPLE_1 }));
        self.tag(&mut data, "artifact", &artifact);
        self.tag(&mut data, "artifact-index", &index);
        all.push(("artifact", data));

        let mut data = Data::default();
        let subject = self.image(&mut data, sha256, 2, none());
        self.tag(&mut data, "image", &subject);
        self.image(&mut data, sha256, 2, json!({ "subject": subject }));
        for kind in [EXAMPLE_1, EXAMPLE_2] {
            let more = json!({ "artifactType": kind, "annotations": annotations(), "subject": subject });
            let artifact = self.image(&mut data, sha256, 1, more);
            self.tag(&mut data, &format!("tagged-{}", &kind[kind.len() - 2..]), &artifact);
        }
        all.push(("artifacts with a subject", data));

        let mut data = Data::default();
        let image = self.image(&mut data, sha256, 1, none());
        let subject = self.index(&mut data, sha256, vec![image], none());
        self.tag(&mut data, "index", &subject);
        let more = json!({ "artifactType": EXAMPLE_1, "annotations": annotations(), "subject": subject });
        let index = self.index(&mut data, sha256, vec![], more);
        self.index(&mut data, sha256, vec![], json!({ "subject": subject }));
        self.tag(&mut data, "tagged-artifact", &index);
        all.push(("an index with a subject", data));

        for algorithm in [sha256, sha512] {
            let mut data = Data::default();
            let missing = ContentDigest::of(algorithm, b"missing content");
            let subject = json!({ "mediaType": IMAGE, "digest": missing.as_str(), "size": 123 });
            let more = json!({ "artifactType": EXAMPLE_1, "annotations": annotations(), "subject": subject });
            let artifact = self.image(&mut data, sha256, 1, more);
            self.tag(&mut data, "tagged-artifact", &artifact);
            all.push(("a subject that is missing", data));
        }

        let mut data = Data::default();
        let mut image: Value = json!({ "schemaVersion": 2, "mediaType": IMAGE, "layers": [] });
        image["config"] = self.blob(&mut data, sha256, CONFIG, b"{\"a\":1}".to_vec());
        image["config"]["data"] = "eyJhIjoxfQ==".into();
        image["layers"] = json!([{
            "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
            "digest": ContentDigest::of(sha256, b"elsewhere").as_str(), "size": 123_456,
            "urls": ["https://store.example.com/blobs/x"],
        }]);
        image["unknownField"] = json!({ "deep": [1, 2.5, null, "ä\u{0}"] });
        let image = self.manifest(&mut data, sha256, image);
        self.tag(&mut data, "data-and-unknown-fields", &image);
        let absent =
            json!({ "mediaType": IMAGE, "digest": ContentDigest::of(sha256, b"absent").as_str(), "size": 1024 });
        let sparse = self.index(&mut data, sha256, vec![image, absent], none());
        self.tag(&mut data, "sparse-index", &sparse);
        all.push(("data, unknown fields, and what is elsewhere", data));

        let mut data = Data::default();
        let images = (0..2).map(|_| self.image(&mut data, sha512, 1, none())).collect();
        self.index(&mut data, sha512, images, none());
        let tagged = self.image(&mut data, sha256, 1, none());
        self.tag(&mut data, "beside", &tagged);
        all.push(("sha512", data));
        all
    }

    async fn bad_manifests(&mut self) {
        let mut data = Data::default();
        self.image(&mut data, Algorithm::Sha256, 1, json!({}));
        let (digest, mut bytes) = data.manifests.remove(0);
        let bad = self.client.push_manifest(REPO, "sha256:baddigeststring", IMAGE, bytes.clone()).await;
        self.is("a digest that is none", &bad, 400);
        self.met("DIGEST_INVALID", bad.json()["errors"][0]["code"] == "DIGEST_INVALID");
        let bad = self.client.get(&format!("/v2/{REPO}/manifests/sha256:baddigeststring")).await;
        self.is("a digest that is none", &bad, 400);
        bytes.extend(b"  ");
        let bad = self.client.push_manifest(REPO, digest.as_str(), IMAGE, bytes).await;
        self.is("another digest", &bad, 400);
        self.met("DIGEST_INVALID", bad.json()["errors"][0]["code"] == "DIGEST_INVALID");
        for reference in [digest.as_str(), "missing-tag"] {
            let missing = self.client.get(&format!("/v2/{REPO}/manifests/{reference}")).await;
            self.is("a manifest that was never pushed", &missing, 404);
            self.met("MANIFEST_UNKNOWN", missing.json()["errors"][0]["code"] == "MANIFEST_UNKNOWN");
            let missing = self.client.delete(&format!("/v2/{REPO}/manifests/{reference}")).await;
            self.is("a manifest that was never pushed", &missing, 404);
        }
    }
}

#[tokio::test]
async fn every_requirement_in_the_order_of_the_suite() {
    for registry in TestRegistry::each().await {
        let wanted = json!({ "name": "conformance", "class": "generic" });
        let operator = registry.operator();
        registry.post("/v1/namespaces").token(&operator).json(&wanted).send().await.expect(201);
        // The port as it is served: with its rate limits, timeouts and headers.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let stop = tokio_util::sync::CancellationToken::new();
        let served = tokio::spawn(jackfield_registry::serve::serve(listener, registry.shared.clone(), stop.clone()));
        // Tokens kept on one database, fetched anew for each request on the other.
        for caching in [registry.kind == "sqlite"] {
            let client = OciClient::new(&address, Some(("operator", &operator)), caching);
            let mut suite = Suite { client, checks: 0, counter: u64::from(caching) << 32 };

            let ping = suite.client.get("/v2/").await;
            suite.is("ping", &ping, 200);
            let tags = suite.client.get(&format!("/v2/{REPO}/tags/list")).await;
            suite.met("tags of nothing", tags.status == 404 && tags.json()["errors"][0]["code"] == "NAME_UNKNOWN");
            let nobody = ContentDigest::of(Algorithm::Sha256, b"nobody");
            let referrers = suite.client.get(&format!("/v2/{REPO}/referrers/{nobody}")).await;
            suite.is("referrers of nothing", &referrers, 200);
            let empty = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [] });
            suite.met("referrers of nothing", referrers.json() == empty);

            suite.blobs(Algorithm::Sha256).await;
            suite.blobs(Algorithm::Sha512).await;
            for (name, data) in suite.kinds() {
                suite.content(name, &data).await;
            }
            suite.bad_manifests().await;
            println!("{}: {} checks met in {} requests", registry.kind, suite.checks, suite.client.requests);
        }
        stop.cancel();
        served.await.unwrap();
    }
}
