//! The distribution-spec, requirement by requirement and in the order of its conformance suite: a driver that knows no more of a
//! registry than its address and a login. Two repositories of a generic namespace, tokens fetched on challenge.

mod blobs;
mod content;
mod manifests;

use jackfield_registry::oci::digest::{Algorithm, ContentDigest};
use serde_json::json;

use crate::oci_client::{OciClient, Reply};

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const EXAMPLE_1: &str = "application/vnd.example.oci.conformance.v1";
const EXAMPLE_2: &str = "application/vnd.example.oci.conformance.v2";
pub const REPO: &str = "conformance/repo1";
pub const REPO_2: &str = "conformance/repo2";

pub struct Suite {
    client: OciClient,
    /// Requirements that were met.
    checks: usize,
    /// Makes bytes that nobody has seen.
    counter: u64,
}

impl Suite {
    /// With a login, at an address such as `127.0.0.1:8787`. Tokens are kept, or fetched anew for each request.
    pub fn new(address: &str, login: (&str, &str), caching: bool) -> Self {
        let client = OciClient::new(address, Some(login), caching);
        Self { client, checks: 0, counter: u64::from(caching) << 32 }
    }

    /// All of it; panics at the first requirement that is not met. Says how many were, in how many requests.
    pub async fn run(mut self) -> (usize, usize) {
        let ping = self.client.get("/v2/").await;
        self.is("ping", &ping, 200);
        let tags = self.client.get(&format!("/v2/{REPO}/tags/list")).await;
        self.met("tags of nothing", tags.status == 404 && tags.json()["errors"][0]["code"] == "NAME_UNKNOWN");
        let nobody = ContentDigest::of(Algorithm::Sha256, b"nobody");
        let referrers = self.client.get(&format!("/v2/{REPO}/referrers/{nobody}")).await;
        self.is("referrers of nothing", &referrers, 200);
        let empty = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [] });
        self.met("referrers of nothing", referrers.json() == empty);

        self.blobs(Algorithm::Sha256).await;
        self.blobs(Algorithm::Sha512).await;
        for (name, data) in self.kinds() {
            self.content(name, &data).await;
        }
        self.bad_manifests().await;
        (self.checks, self.client.requests)
    }

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
}
