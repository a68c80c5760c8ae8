//! What is pushed: every kind of content that the suite knows, and some that it does not.

use std::collections::BTreeMap;

use jackfield_registry::oci::digest::{Algorithm, ContentDigest};
use serde_json::{Map, Value, json};

use super::{CONFIG, EMPTY, EXAMPLE_1, EXAMPLE_2, IMAGE, INDEX, LAYER, Suite};

/// Content to push, and what to expect of it.
#[derive(Default)]
pub(super) struct Data {
    pub(super) blobs: BTreeMap<String, Vec<u8>>,
    pub(super) manifests: Vec<(ContentDigest, Vec<u8>)>,
    pub(super) tags: BTreeMap<String, ContentDigest>,
    /// Subject, and the descriptor that the referrers API must show.
    pub(super) referrers: Vec<(String, Value)>,
    pub(super) tag_parameters: bool,
}

impl Suite {
    pub(super) fn blob(&mut self, data: &mut Data, algorithm: Algorithm, media_type: &str, bytes: Vec<u8>) -> Value {
        let digest = ContentDigest::of(algorithm, &bytes).to_string();
        let descriptor = json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() });
        data.blobs.insert(digest, bytes);
        descriptor
    }

    /// An image or, with an artifact type, an artifact; `more` is merged into the manifest.
    pub(super) fn image(&mut self, data: &mut Data, algorithm: Algorithm, layers: usize, more: Value) -> Value {
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

    pub(super) fn index(&mut self, data: &mut Data, algorithm: Algorithm, manifests: Vec<Value>, more: Value) -> Value {
        let mut index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
        index.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.manifest(data, algorithm, index)
    }

    pub(super) fn manifest(&mut self, data: &mut Data, algorithm: Algorithm, manifest: Value) -> Value {
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

    pub(super) fn tag(&self, data: &mut Data, tag: &str, descriptor: &Value) {
        data.tags.insert(tag.to_owned(), descriptor["digest"].as_str().unwrap().parse().unwrap());
    }

    /// Every kind of content that the suite knows, and some that it does not.
    pub(super) fn kinds(&mut self) -> Vec<(&'static str, Data)> {
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
}
