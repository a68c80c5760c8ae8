//! Manifests, tags and referrers: pushed, listed, read, deleted, refused.

use http::Method;
use jackfield_registry::oci::digest::{Algorithm, ContentDigest};
use serde_json::{Value, json};

use super::{CONFIG, EXAMPLE_1, EXAMPLE_2, IMAGE, INDEX, REPO, Suite, blobs::By, content::Data};
use crate::oci_client::{Reply, Sent};

impl Suite {
    /// Pushes, lists, reads and deletes one set of content.
    pub(super) async fn content(&mut self, name: &str, data: &Data) {
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

    pub(super) async fn put(&mut self, reference: &str, digest: &ContentDigest, bytes: &[u8]) -> Reply {
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

    pub(super) async fn read_manifest(&mut self, reference: &str, digest: &ContentDigest, bytes: &[u8]) {
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

    pub(super) async fn list(&mut self, data: &Data) {
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

    pub(super) async fn referrers(&mut self, data: &Data) {
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

    pub(super) async fn bad_manifests(&mut self) {
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
